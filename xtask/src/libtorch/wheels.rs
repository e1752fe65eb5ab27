//! Assembles libtorch from pinned wheels: PyTorch, and the NVIDIA libraries that it requires.
//!
//! Wheels are zip archives. The headers and the listed libraries are unpacked into one folder, laid out like the
//! official archive. Its libraries search for others in their own folder, so no other files are needed.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fetch::{Download, Downloader, Libtorch, UnfinishedFile, unpack_chosen};
use zip::ZipArchive;

use super::folder::version_in_python;
use super::index::Index;
use super::link::link;
use crate::unavailable::Unavailable;

/// Maximum size in bytes of `version.py`, which has a few hundred.
const LONGEST_TEXT: u64 = 1 << 16;

/// Downloads the wheels of `libtorch` and unpacks them into the new folder `into`. Until all are downloaded, they stay
/// in `data`.
///
/// # Errors
/// Returns `Unavailable` if a wheel can't be downloaded. Returns another error if a wheel is invalid, or for a fault of
/// this machine.
pub(crate) fn bring(
    libtorch: &Libtorch,
    index: &Index<'_>,
    data: &Path,
    into: &Path,
) -> Result<()> {
    for (name, part) in download_all(libtorch, index, data)? {
        // Each wheel is removed after unpacking, as together they take gigabytes.
        let unpack = || -> Result<()> {
            let place = |path: &Path| place(path, libtorch.libraries.as_deref());
            let files = unpack_chosen(part.path(), libtorch.unpacked_at_most, into, place)?;
            ensure!(files > 0, "expected libraries, found none");
            if Some(name) == libtorch.torch_wheel() {
                let version = version_in_python(&text_in(part.path(), "torch/version.py")?);
                let version = version.context("expected a version in `version.py`")?;
                fs::write(into.join("build-version"), version + "\n")?;
            }
            Ok(())
        };
        unpack().with_context(|| format!("the wheel `{name}` is invalid"))?;
    }
    // The wheel's own `libtorch.so` only loads the other libraries, including those for CUDA. A link replaces it.
    let name = into.join("lib/libtorch.so");
    if !name.exists() {
        link(Path::new("libtorch_cpu.so"), &name)?;
    }
    Ok(())
}

/// Downloads all wheels. If one is unavailable, the downloaded parts are saved for the next fetch.
fn download_all<'a>(
    libtorch: &'a Libtorch,
    index: &Index<'_>,
    data: &Path,
) -> Result<Vec<(&'a str, UnfinishedFile)>> {
    let mut parts = Vec::new();
    for (name, digest) in &libtorch.wheels {
        let download = index.wheel(name, digest).and_then(|file| {
            // The URL comes from the index.
            let downloader = Downloader { source: None, ..*index.downloader };
            let download = downloader.download(&file, &data.join(name));
            download.map_err(|error| Unavailable::or_other(error, ""))
        });
        match download {
            Ok(Download { part, .. }) => parts.push((name.as_str(), part)),
            Err(error) => {
                if error.is::<Unavailable>() {
                    parts.into_iter().for_each(|(_, part)| part.leave());
                }
                return Err(error);
            }
        }
    }
    Ok(parts)
}

/// Returns the text of a file in a zip archive.
fn text_in(zip: &Path, name: &str) -> Result<String> {
    let mut zip = ZipArchive::new(File::open(zip)?)?;
    let file = zip.by_name(name).with_context(|| format!("expected the file `{name}`"))?;
    let mut text = String::new();
    file.take(LONGEST_TEXT).read_to_string(&mut text)?;
    Ok(text)
}

/// Returns the target of a file in a wheel, or `None` if the file is not needed.
///
/// Headers are in `torch/include`, libraries in `torch/lib` and `nvidia/*/lib`.
fn place(path: &Path, libraries: Option<&[String]>) -> Option<PathBuf> {
    if let Ok(header) = path.strip_prefix("torch/include") {
        return Some(Path::new("include").join(header));
    }
    let name = path.file_name()?.to_str()?;
    let is_wanted = match libraries {
        Some(libraries) => libraries.iter().any(|library| library == name),
        None => name.contains(".so"),
    };
    let folders: Vec<_> = path.parent()?.iter().map(|folder| folder.to_str()).collect();
    let is_library = matches!(
        folders.as_slice(),
        [Some("torch"), Some("lib")] | [Some("nvidia"), _, Some("lib")]
    );
    (is_wanted && is_library).then(|| Path::new("lib").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_and_wanted_libraries_are_extracted() {
        let wanted = ["libc10.so".to_owned(), "libcudart.so.12".to_owned()];
        let place = |path: &str, wanted| place(Path::new(path), wanted);
        let libraries = Some(&wanted[..]);
        for (path, expected) in [
            ("torch/include/torch/torch.h", "include/torch/torch.h"),
            ("torch/lib/libc10.so", "lib/libc10.so"),
            ("nvidia/cuda_runtime/lib/libcudart.so.12", "lib/libcudart.so.12"),
        ] {
            assert_eq!(place(path, libraries), Some(expected.into()));
            assert_eq!(place(path, None), Some(expected.into()));
        }
        assert_eq!(place("torch/lib/libtorch_cuda.so", libraries), None);
        assert_eq!(place("torch/_C/libc10.so", libraries), None);
        assert_eq!(place("nvidia/cuda_runtime/include/cuda.h", None), None);
        assert_eq!(place("nvidia/nccl/lib/libnccl_static.a", None), None);
    }
}
