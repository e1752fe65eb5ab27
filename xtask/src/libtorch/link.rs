//! Creates symbolic links, which are used instead of copies.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};

/// Creates the symbolic link `name` to `target`.
pub(crate) fn link(target: &Path, name: &Path) -> Result<()> {
    symlink(target, name).with_context(|| {
        format!("could not create the link `{}` to `{}`", name.display(), target.display())
    })
}

#[cfg(unix)]
fn symlink(target: &Path, name: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, name)
}

#[cfg(windows)]
fn symlink(target: &Path, name: &Path) -> io::Result<()> {
    if target.is_dir() {
        std::os::windows::fs::symlink_dir(target, name)
    } else {
        std::os::windows::fs::symlink_file(target, name)
    }
}
