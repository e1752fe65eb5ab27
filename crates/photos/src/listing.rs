//! Lists the files below a folder. It follows symbolic links and terminates even if they form a cycle.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::{ImageFileError, PhotosError, UnreadableFile};

/// Contents of a folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// Files, sorted by path.
    pub(crate) files: Vec<PathBuf>,
    /// Folders that can't be listed, sorted by path.
    pub(crate) unreadable: Vec<UnreadableFile>,
}

impl Listing {
    /// Lists the files below `folder`, at any depth, except hidden files and folders. Each folder is listed once, even
    /// if several links lead to it. Folders in `outer` are not listed.
    ///
    /// # Errors
    ///
    /// Returns an error if `folder` itself can't be listed, or if the operating system fails to list a folder in it.
    pub(crate) fn below(folder: &Path, outer: &HashSet<Identity>) -> Result<Self, PhotosError> {
        let mut seen = outer.clone();
        seen.extend(with_ancestors(folder)?);
        let mut listing = Self::default();
        let mut pending = entries(folder).map_err(|source| PhotosError::io(folder, source))?;
        pending.reverse();
        while let Some(Entry { path, is_folder }) = pending.pop() {
            if !is_folder {
                listing.files.push(path);
                continue;
            }
            let list = |folder| if seen.insert(folder) { entries(&path) } else { Ok(vec![]) };
            match identity(&path).and_then(list) {
                Ok(entries) => pending.extend(entries.into_iter().rev()),
                Err(error) => match error.into() {
                    ImageFileError::System(error) => return Err(PhotosError::io(&path, error)),
                    fault => {
                        listing.unreadable.push(UnreadableFile { path, reason: fault.to_string() });
                    }
                },
            }
        }
        listing.files.sort();
        listing.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }
}

/// Returns all files below `folder`, at any depth, sorted by path. Hidden files and folders are skipped.
///
/// # Errors
///
/// Returns an error if the folder is missing, or if it or a folder in it can't be listed.
///
/// # Examples
///
/// ```
/// # let data = tempfile::tempdir()?;
/// # for (class, level) in [("cat", 40), ("dog", 200)] {
/// #     std::fs::create_dir(data.path().join(class))?;
/// #     for at in 0..2 {
/// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
/// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
/// #     }
/// # }
/// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
/// std::fs::write(data.path().join(".hidden"), "")?;
/// let files = photos::files_below(data.path())?;
/// assert_eq!(files.len(), 4);
/// assert_eq!(files[3], data.path().join("dog/1.png"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "glob")]
#[doc(alias = "walkdir")]
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, PhotosError> {
    let mut listing = Listing::below(folder, &HashSet::new())?;
    match listing.unreadable.pop() {
        Some(UnreadableFile { path, reason }) => {
            Err(PhotosError::Io { path, reason: io::Error::other(reason) })
        }
        None => Ok(listing.files),
    }
}

/// Returns the identities of `folder` and of all folders that contain it.
pub(crate) fn with_ancestors(folder: &Path) -> Result<HashSet<Identity>, PhotosError> {
    let real = fs::canonicalize(folder).map_err(|source| PhotosError::io(folder, source))?;
    Ok(real.ancestors().filter_map(|path| identity(path).ok()).collect())
}

/// Identity of a folder, whatever path leads to it: device and inode.
#[cfg(unix)]
pub(crate) type Identity = (u64, u64);

/// Identity of a folder, whatever path leads to it: canonical path.
#[cfg(not(unix))]
pub(crate) type Identity = PathBuf;

#[cfg(unix)]
pub(crate) fn identity(folder: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;

    fs::metadata(folder).map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
pub(crate) fn identity(folder: &Path) -> io::Result<Identity> {
    fs::canonicalize(folder)
}

/// File or folder in a folder.
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// True for a folder or a link to one.
    pub(crate) is_folder: bool,
}

/// Returns the files and folders in `folder`, sorted by name, except hidden ones.
pub(crate) fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = vec![];
    for entry in fs::read_dir(folder)? {
        let (kind, path) = entry.and_then(|entry| Ok((entry.file_type()?, entry.path())))?;
        if !is_hidden(&path) {
            let is_folder = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
            entries.push(Entry { path, is_folder });
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Names that systems give to their internal files and folders, in lower case: macOS, Windows, Linux, and the network
/// storage of Synology and QNAP.
const OF_SYSTEMS: [&str; 11] = [
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "@eadir",
    "@recycle",
    "#recycle",
    "#snapshot",
];

/// Returns true if the file or folder `path` is hidden or internal to a system.
///
/// Its name begins with a dot, or is one that macOS, Windows, Linux or network storage uses internally, ignoring case.
///
/// # Examples
///
/// ```
/// use photos::is_hidden;
/// use std::path::Path;
///
/// assert!(is_hidden(Path::new("pets/.DS_Store")));
/// assert!(is_hidden(Path::new("pets/Thumbs.db")));
/// assert!(!is_hidden(Path::new(".cache/pets"))); // only the last component counts
/// ```
pub fn is_hidden(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || OF_SYSTEMS.contains(&name.to_lowercase().as_str())
}
