//! Unpacks what is wanted out of a zip archive, trusting nothing that it says.
//!
//! Names that lead outside and links are errors, and all that is written is bounded in size. Of
//! photographs, only `.jpg` files directly in the folders of the manifest are written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use quoting::Shown;
use zip::ZipArchive;

use crate::manifest::Archive;

/// Unpacks `zip` into the new folder `into`.
///
/// # Errors
/// If the archive is damaged, tries to write elsewhere, is too large when unpacked, or does not
/// hold the expected number of photographs.
pub fn unpack(zip: &Path, archive: &Archive, into: &Path) -> Result<()> {
    for folder in archive.folders.keys() {
        let folder = into.join(folder);
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not make the folder `{}`", folder.shown()))?;
    }
    unpack_chosen(zip, archive.unpacked_at_most, into, |path| expected_place(path, archive))?;
    check_counts(into, archive)
}

/// Unpacks the files of `zip` for which `place` names a place below `into`; returns how many.
///
/// # Errors
/// If the archive is damaged, names places outside, holds links, or more than `at_most` bytes would be
/// written.
pub fn unpack_chosen(
    zip: &Path,
    at_most: u64,
    into: &Path,
    place: impl Fn(&Path) -> Option<PathBuf>,
) -> Result<usize> {
    let mut zip = ZipArchive::new(File::open(zip)?)?;
    let (mut bytes_left, mut files) = (at_most, 0);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let Some(path) = entry.enclosed_name() else {
            bail!("expected names that stay inside, found `{name}`");
        };
        ensure!(!entry.is_symlink(), "expected no links, found `{name}`");
        let Some(place) = place(&path) else { continue };
        if entry.is_dir() {
            continue;
        }
        let written = write_new(&mut entry.by_ref().take(bytes_left + 1), &into.join(place))
            .with_context(|| format!("could not unpack `{name}`"))?;
        bytes_left = bytes_left
            .checked_sub(written)
            .with_context(|| format!("expected at most {at_most} bytes unpacked, found more"))?;
        files += 1;
    }
    Ok(files)
}

/// Checks that `folder` holds as many photographs as the manifest says, none of them empty.
///
/// # Errors
/// If it does not, naming the first folder that is wrong.
pub(crate) fn check_counts(folder: &Path, archive: &Archive) -> Result<()> {
    for (name, &expected) in &archive.folders {
        let found = count_photographs(&folder.join(name))
            .with_context(|| format!("could not read the folder `{name}`"))?;
        ensure!(found == expected, "expected {expected} photographs in `{name}`, found {found}");
    }
    Ok(())
}

/// Where an entry goes below the unpacked folder; none for what is not wanted.
fn expected_place(path: &Path, archive: &Archive) -> Option<PathBuf> {
    let place = path.strip_prefix(&archive.inside).ok()?;
    let folder = place.parent()?;
    let wanted = archive.folders.keys().any(|name| Path::new(name) == folder);
    (wanted && is_photograph(place)).then(|| place.to_path_buf())
}

fn is_photograph(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jpg")
}

fn write_new(reader: &mut impl Read, path: &Path) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(path)?;
    let written = io::copy(reader, &mut file)?;
    file.sync_all()?;
    Ok(written)
}

fn count_photographs(folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::metadata(&path)?;
        if is_photograph(&path) && metadata.is_file() && metadata.len() > 0 {
            count += 1;
        }
    }
    Ok(count)
}
