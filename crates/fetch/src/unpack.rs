//! Unpacks selected files from an untrusted zip archive.
//!
//! Links and paths that leave the target folder are errors, and the number of written bytes is bounded. From an archive
//! of images, only `.jpg` files directly in the folders of the manifest are unpacked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use quoting::Shown;
use zip::ZipArchive;

use crate::error::Error;
use crate::manifest::Archive;

/// Unpacks the images of `zip` into the new folder `into`.
///
/// # Errors
/// If the archive is damaged, contains links or paths that leave `into`, exceeds its size limit, or does not contain
/// the expected number of images.
pub(crate) fn unpack(zip: &Path, archive: &Archive, into: &Path) -> Result<(), Error> {
    for folder in archive.folders.keys() {
        let folder = into.join(folder);
        fs::create_dir_all(&folder).map_err(Error::io("create the folder", &folder))?;
    }
    unpack_chosen(zip, archive.unpacked_at_most, into, |path| expected_place(path, archive))?;
    check_counts(into, archive)
}

/// Unpacks the files of `zip` for which `place` returns a path relative to `into`, and returns their number.
///
/// # Errors
/// If the archive is damaged, contains links or paths that leave `into`, or exceeds `at_most` unpacked bytes.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// # let folder = tempfile::tempdir()?;
/// let zip = folder.path().join("library.zip");
/// let mut writer = zip::ZipWriter::new(std::fs::File::create(&zip)?);
/// for name in ["lib/one.so", "docs/readme.txt"] {
///     writer.start_file(name, zip::write::SimpleFileOptions::default())?;
///     writer.write_all(b"content")?;
/// }
/// writer.finish()?;
///
/// let only_libraries = |path: &std::path::Path| path.strip_prefix("lib").ok().map(Into::into);
/// let count = fetch::unpack_chosen(&zip, 1_000_000, folder.path(), only_libraries)?;
/// assert_eq!(count, 1);
/// assert_eq!(std::fs::read(folder.path().join("one.so"))?, b"content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "extractall")]
#[doc(alias = "unzip")]
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
            return Err(Error::unexpected("paths inside the target folder", found));
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

/// Checks that each folder contains the number of images that the manifest states. Empty files do not count.
///
/// # Errors
/// If a number differs or a folder can't be read. The error names the first such folder.
pub(crate) fn check_counts(folder: &Path, archive: &Archive) -> Result<(), Error> {
    for (name, &expected) in &archive.folders {
        let images = folder.join(name);
        let found = count_images(&images).map_err(Error::io("read the folder", &images))?;
        if found != expected {
            let expected = format!("{expected} images in `{name}`");
            return Err(Error::unexpected(expected, found.to_string()));
        }
    }
    Ok(())
}

/// Returns the path of an entry in the unpacked folder, or `None` if the entry is not unpacked.
fn expected_place(path: &Path, archive: &Archive) -> Option<PathBuf> {
    let place = path.strip_prefix(&archive.inside).ok()?;
    let folder = place.parent()?;
    let wanted = archive.folders.keys().any(|name| Path::new(name) == folder);
    (wanted && is_image_file(place)).then(|| place.to_path_buf())
}

fn is_image_file(path: &Path) -> bool {
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

fn count_images(folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::metadata(&path)?;
        if is_image_file(&path) && metadata.is_file() && metadata.len() > 0 {
            count += 1;
        }
    }
    Ok(count)
}
