//! The libraries of the workspace, and text files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Returns the names of the packages in `crates` that are libraries, sorted.
pub(crate) fn libraries(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("crates");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("could not read `{}`", folder.display()))?;
    let crates: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let libraries = crates.iter().filter(|path| path.join("src/lib.rs").is_file());
    let names = libraries.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    ensure!(!names.is_empty(), "expected libraries in `{}`, found none", folder.display());
    Ok(names)
}

/// Returns the text of a file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))
}

/// Writes a file and creates its folder.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("could not write `{}`", path.display()))
}
