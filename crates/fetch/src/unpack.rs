//! Unpacks chosen files of a zip archive and trusts nothing that it says.
//!
//! Links and names that lead outside are errors, and the bytes written are bounded. Of photographs, only `.jpg` files
//! directly in the folders of the manifest are written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use quoting::Shown;
use zip::ZipArchive;

use crate::error::Error;
use crate::manifest::Archive;

/// Unpacks the photographs of `zip` into the new folder `into`.
///
/// # Errors
/// If the archive is damaged, tries to write elsewhere, is too large when unpacked, or does not
/// hold the expected number of photographs.
pub(crate) fn unpack(zip: &Path, archive: &Archive, into: &Path) -> Result<(), Error> {
    for folder in archive.folders.keys() {
        let folder = into.join(folder);
        fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
    }
    unpack_chosen(zip, archive.unpacked_at_most, into, |path| expected_place(path, archive))?;
    check_counts(into, archive)
}

/// Unpacks the files of `zip` for which `place` returns a path below `into`, and returns their number.
///
/// # Errors
/// If the archive is damaged, names paths outside, holds links, or more than `at_most` bytes would be written.
pub fn unpack_chosen(
    zip: &Path,
    at_most: u64,
    into: &Path,
    place: impl Fn(&Path) -> Option<PathBuf>,
) -> Result<usize, Error> {
    let mut zip = ZipArchive::new(File::open(zip).map_err(Error::System)?)?;
    let (mut bytes_left, mut files) = (at_most, 0);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index)?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let Some(path) = entry.enclosed_name() else {
            let found = format!("`{}`", name.shown());
            return Err(Error::unexpected("names that stay inside", found));
        };
        if entry.is_symlink() {
            return Err(Error::unexpected("no links", format!("`{}`", name.shown())));
        }
        let Some(place) = place(&path) else { continue };
        if entry.is_dir() {
            continue;
        }
        let written = write_new(&mut entry.by_ref().take(bytes_left + 1), &into.join(place))
            .map_err(|source| Error::Unpack { name, source })?;
        bytes_left = bytes_left.checked_sub(written).ok_or_else(|| {
            Error::unexpected(format!("at most {at_most} bytes unpacked"), "more")
        })?;
        files += 1;
    }
    Ok(files)
}

/// Checks that `folder` holds as many photographs as the manifest says, none of them empty.
///
/// # Errors
/// If it does not, naming the first folder that is wrong.
pub(crate) fn check_counts(folder: &Path, archive: &Archive) -> Result<(), Error> {
    for (name, &expected) in &archive.folders {
        let found = count_photographs(&folder.join(name))
            .map_err(Error::io("read the folder", Path::new(name)))?;
        if found != expected {
            let expected = format!("{expected} photographs in `{name}`");
            return Err(Error::unexpected(expected, found.to_string()));
        }
    }
    Ok(())
}

/// Returns the path of an entry in the unpacked folder; none if it is not unpacked.
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
