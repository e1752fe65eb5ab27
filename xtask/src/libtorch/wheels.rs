//! A libtorch put together from the wheels of PyTorch and of the libraries of NVIDIA's that it requires.
//!
//! Wheels are zip archives. The headers and the wanted libraries are unpacked into one folder as the official
//! archive has them; its libraries look for others beside them, so no more is needed.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

use super::folder::version_in_python;
use super::index::Index;
use super::link::link;
use crate::download::{Unavailable, download};
use crate::manifest::{Libtorch, PublishedFile};
use crate::part::Part;
use crate::unpack::unpack_chosen;

/// A description or a version in a wheel is a few kilobytes.
const LONGEST_TEXT: u64 = 4 << 20;

/// Brings `libtorch` from the package index into the new folder `into`. The wheels are kept in `data` until
/// all are there.
///
/// # Errors
/// `Unavailable` if a wheel can't be had. Another error if one is not as expected, or this machine is at
/// fault.
pub(crate) fn bring(
    libtorch: &Libtorch,
    index: &Index<'_>,
    data: &Path,
    into: &Path,
) -> Result<()> {
    let file = index.wheel("torch", &libtorch.version)?;
    let torch = download_wheel(&file, data, index.pace)?;
    let others = required(torch.path(), libtorch)
        .with_context(|| format!("`{}` is not as expected", file.name))
        .and_then(|packages| bring_others(&packages, index, data));
    let others = match others {
        Ok(others) => others,
        Err(error) => {
            // The next fetch finds it whole.
            if error.is::<Unavailable>() {
                torch.leave();
            }
            return Err(error);
        }
    };
    let unpack = |part: &Part| {
        let place = |path: &Path| place(path, libtorch.libraries.as_deref());
        unpack_chosen(part.path(), libtorch.unpacked_at_most, into, place)
            .with_context(|| format!("`{}` is not as expected", part.path().display()))
    };
    let python = text_in(torch.path(), |name| name == "torch/version.py")?;
    let version = version_in_python(&python).context("expected a version in `version.py`")?;
    fs::write(into.join("build-version"), version + "\n")?;
    unpack(&torch)?;
    // Each is removed once it is unpacked: all together have gigabytes.
    drop(torch);
    for part in others {
        let files = unpack(&part)?;
        ensure!(files > 0, "expected libraries in `{}`, found none", part.path().display());
    }
    // The wheel's own `libtorch.so` does nothing but need the others, those for CUDA as well.
    let name = into.join("lib/libtorch.so");
    if !name.exists() {
        link(Path::new("libtorch_cpu.so"), &name)?;
    }
    Ok(())
}

/// The parts that are there stay for the next fetch, if a later one can't be had.
fn bring_others(
    packages: &[(String, String)],
    index: &Index<'_>,
    data: &Path,
) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (package, version) in packages {
        let part =
            index.wheel(package, version).and_then(|file| download_wheel(&file, data, index.pace));
        match part {
            Ok(part) => parts.push(part),
            Err(error) => {
                if error.is::<Unavailable>() {
                    parts.into_iter().for_each(Part::leave);
                }
                return Err(error);
            }
        }
    }
    Ok(parts)
}

fn download_wheel(file: &PublishedFile, data: &Path, pace: f64) -> Result<Part> {
    let (part, _) = download(file, None, &data.join(&file.path), "", pace)?;
    Ok(part)
}

/// Names and versions of the packages that PyTorch's wheel requires and `libtorch` wants.
fn required(wheel: &Path, libtorch: &Libtorch) -> Result<Vec<(String, String)>> {
    let description = text_in(wheel, |name| name.ends_with(".dist-info/METADATA"))?;
    let wanted = |package: &str| match &libtorch.packages {
        Some(packages) => packages.iter().any(|name| name == package),
        None => package.starts_with("nvidia-"),
    };
    Ok(requirements(&description).filter(|(package, _)| wanted(package)).collect())
}

/// What is required in an exact version: lines such as `Requires-Dist: nvidia-nccl-cu12==2.27.5; ...`.
fn requirements(description: &str) -> impl Iterator<Item = (String, String)> {
    description.lines().filter_map(|line| {
        let requirement = line.strip_prefix("Requires-Dist: ")?.split(';').next()?;
        let (package, version) = requirement.split_once("==")?;
        Some((package.trim().to_owned(), version.trim().to_owned()))
    })
}

/// The text of the first file in a zip archive whose name `is_it`.
fn text_in(zip: &Path, is_it: impl Fn(&str) -> bool) -> Result<String> {
    let mut zip = ZipArchive::new(File::open(zip)?)?;
    let name = zip.file_names().flatten().find(|name| is_it(name)).map(|name| name.into_owned());
    let name = name.context("expected a wheel of PyTorch, found another archive")?;
    let mut text = String::new();
    zip.by_name(&name)?.take(LONGEST_TEXT).read_to_string(&mut text)?;
    Ok(text)
}

/// Where a file of a wheel goes; none for what is not wanted.
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
    fn packages_are_required_in_the_versions_that_pytorch_names() {
        let description = "Name: torch\nRequires-Dist: filelock\nRequires-Dist: sympy>=1.13.3\n\
            Requires-Dist: nvidia-nccl-cu12==2.27.5; platform_system == \"Linux\"\n";
        let requirements: Vec<_> = requirements(description).collect();
        assert_eq!(requirements, [("nvidia-nccl-cu12".to_owned(), "2.27.5".to_owned())]);
    }

    #[test]
    fn headers_and_wanted_libraries_have_a_place_and_nothing_else_has() {
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
