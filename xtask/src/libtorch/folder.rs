//! A folder that programs can be built against: headers in `include`, libraries in `lib`, and a version.
//!
//! The version is in `build-version` as in the official archive, else in `version.py` as in an installed
//! PyTorch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::elf;

/// What such a folder holds.
pub(crate) struct Found {
    /// Such as `2.9.0+cpu`.
    pub(crate) version: String,
    /// Whether it can use NVIDIA's cards.
    pub(crate) has_cuda: bool,
}

/// Says that the folder was named by `--from`, and which one it was; beside `build-version`.
pub(crate) const TAKEN_FROM: &str = "taken-from";

/// The header that programs begin with.
const HEADER: &str = "include/torch/csrc/api/include/torch/torch.h";

/// What every Linux has that can build a C++ program, and what comes with NVIDIA's driver.
const OF_THE_SYSTEM: [&str; 11] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libcuda.so.1",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "linux-vdso.so.1",
];

const SYSTEM_FOLDERS: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

impl Found {
    /// Looks at `folder`.
    ///
    /// On Linux this follows what each library needs, from those that programs are linked with.
    ///
    /// # Errors
    /// If headers, libraries or the version are missing, or a library is cut short or needs one that is
    /// not there.
    pub(crate) fn examine(folder: &Path) -> Result<Self> {
        ensure!(folder.is_dir(), "expected a folder, found none");
        for part in ["include", "lib"] {
            ensure!(folder.join(part).is_dir(), "expected the folder `{part}` in it, found none");
        }
        ensure!(folder.join(HEADER).is_file(), "expected the header `{HEADER}`, found none");
        let version = version(folder)?;
        let lib = folder.join("lib");
        if cfg!(target_os = "linux") {
            let mut roots = vec!["libtorch.so", "libtorch_cpu.so", "libc10.so"];
            let has_cuda = lib.join("libtorch_cuda.so").exists();
            if has_cuda {
                roots.push("libtorch_cuda.so");
            }
            check_libraries(&lib, &roots)?;
            return Ok(Self { version, has_cuda });
        }
        let names = if cfg!(windows) {
            ["torch_cpu.dll", "c10.dll"]
        } else {
            ["libtorch_cpu.dylib", "libc10.dylib"]
        };
        for name in names {
            ensure!(lib.join(name).is_file(), "expected the library `lib/{name}`, found none");
        }
        Ok(Self { version, has_cuda: lib.join("torch_cuda.dll").exists() })
    }

    /// Whether it is of `expected`, such as `2.9.0`, whatever it was built for.
    pub(crate) fn is_of(&self, expected: &str) -> bool {
        release(&self.version) == expected
    }
}

/// The version without what it was built for, which follows `+`.
pub(crate) fn release(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// The version in the text of PyTorch's `version.py`.
pub(crate) fn version_in_python(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(value.trim().trim_matches(['\'', '"']).to_owned())
}

fn version(folder: &Path) -> Result<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Ok(text.trim().to_owned());
    }
    let text = fs::read_to_string(folder.join("version.py")).ok();
    text.and_then(|text| version_in_python(&text))
        .context("expected its version in `build-version` or `version.py`, found neither")
}

/// Checks that the libraries `roots` are in `lib`, and that all they need is there.
fn check_libraries(lib: &Path, roots: &[&str]) -> Result<()> {
    let mut folders = vec![lib.to_owned()];
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<_> =
        roots.iter().map(|root| ((*root).to_owned(), String::from("programs"))).collect();
    while let Some((name, user)) = waiting.pop() {
        if OF_THE_SYSTEM.contains(&name.as_str()) || !seen.insert(name.clone()) {
            continue;
        }
        let Some(path) = find(&name, &folders) else {
            ensure!(
                SYSTEM_FOLDERS.iter().any(|folder| Path::new(folder).join(&name).exists()),
                "expected the library `{name}`, which {user} need, found none"
            );
            continue;
        };
        let needs =
            elf::needs(&path).with_context(|| format!("the library `{name}` is damaged"))?;
        let own_folder = path.parent().unwrap_or(lib).display().to_string();
        for folder in needs.search_path.split(':').filter(|folder| !folder.is_empty()) {
            let folder = PathBuf::from(folder.replace("$ORIGIN", &own_folder));
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        let user = format!("`{name}` and others");
        waiting.extend(needs.libraries.into_iter().map(|name| (name, user.clone())));
    }
    Ok(())
}

fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_as_pytorch_writes_it() {
        let text = "from typing import Optional\n\n__version__ = '2.9.0+cu128'\ndebug = False\n";
        assert_eq!(version_in_python(text).as_deref(), Some("2.9.0+cu128"));
        assert_eq!(version_in_python("debug = False\n"), None);
        assert_eq!((release("2.9.0+cu128"), release("2.9.0")), ("2.9.0", "2.9.0"));
    }
}
