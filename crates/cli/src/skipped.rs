//! Messages about skipped files and ignored folders: unreadable files, files that are not images, images outside a
//! class's folder, and folders of no split.

use std::io::Write;
use std::path::PathBuf;

use photos::{SkippedFiles, has_image_extension};
use quoting::Shown;

use crate::pipe::stderr;

/// Description of ignored folders.
pub(crate) const UNUSED: &str = "folder(s) that belong to no split";

/// Maximum number of ignored folders in a message.
const UNUSED_NAMED: usize = 10;

/// Prints the skipped files and the ignored folders to standard error.
pub(crate) fn print_skipped_files(skipped: &SkippedFiles) -> anyhow::Result<()> {
    let mut out = stderr();
    for file in &skipped.unreadable {
        writeln!(out, "skipped `{}`: {}", file.path.shown(), file.reason.shown())?;
    }
    let (outside, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        skipped.ignored.iter().partition(|path| has_image_extension(path));
    for (files, what) in
        [(outside, "image(s) outside every class folder"), (others, "file(s) that are not images")]
    {
        if let Some(first) = files.first() {
            writeln!(out, "ignored {} {what}, such as `{}`", files.len(), first.shown())?;
        }
    }
    print_ignored_folders(&skipped.unused)
}

/// Prints the ignored folders to standard error.
pub(crate) fn print_ignored_folders(folders: &[PathBuf]) -> anyhow::Result<()> {
    if folders.is_empty() {
        return Ok(());
    }
    let named = folders.iter().take(UNUSED_NAMED);
    let mut names: Vec<String> = named.map(|folder| format!("`{}`", folder.shown())).collect();
    if folders.len() > UNUSED_NAMED {
        names.push(format!("{} more", folders.len() - UNUSED_NAMED));
    }
    writeln!(stderr(), "ignored {} {UNUSED}: {}", folders.len(), names.join(", "))?;
    Ok(())
}
