//! A folder to build programs against: headers in `include`, libraries in `lib`, and a version.
//!
//! The version is read from `build-version`, as in the official archive, or from `version.py`, as in an installed
//! PyTorch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::elf;

/// Contents of such a folder.
pub(crate) struct Found {
    /// Full version, such as `2.9.0+cpu`.
    pub(crate) version: String,
    /// True if it supports NVIDIA GPUs.
    pub(crate) has_cuda: bool,
}

/// Name of a file next to `build-version`. It marks a folder that was linked by `--from`, and contains its path.
pub(crate) const TAKEN_FROM: &str = "taken-from";

/// Main C++ header of PyTorch.
const HEADER: &str = "include/torch/csrc/api/include/torch/torch.h";

/// Libraries of every Linux that can build a C++ program, and of NVIDIA's driver.
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
    /// Examines `folder`.
    ///
    /// On Linux, dependencies are followed from the libraries that programs are linked with.
    ///
    /// # Errors
    /// Returns an error if headers, the version or a needed library are missing, or a library is truncated.
    pub(crate) fn examine(folder: &Path) -> Result<Self> {
        ensure!(folder.is_dir(), "expected a folder, found none");
        for part in ["include", "lib"] {
            ensure!(folder.join(part).is_dir(), "expected the folder `{part}`, found none");
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

    /// Returns true if the release is `expected`, such as `2.9.0`, for any platform.
    pub(crate) fn is_of(&self, expected: &str) -> bool {
        release(&self.version) == expected
    }
}

/// Returns the version without the platform, which follows `+`.
pub(crate) fn release(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// Returns the version in the text of PyTorch's `version.py`.
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
        .context("expected the version in `build-version` or `version.py`, found neither file")
}

/// Checks that `lib` contains the libraries `roots` and everything that they need.
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
    fn version_is_read_from_version_py() {
        let text = "from typing import Optional\n\n__version__ = '2.9.0+cu128'\ndebug = False\n";
        assert_eq!(version_in_python(text).as_deref(), Some("2.9.0+cu128"));
        assert_eq!(version_in_python("debug = False\n"), None);
        assert_eq!((release("2.9.0+cu128"), release("2.9.0")), ("2.9.0", "2.9.0"));
    }
}
