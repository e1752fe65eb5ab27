//! Opens cache files. What is computed of photographs may show them, so a cache is no more open to other users than
//! the folder of the photographs; and it is never written through a symbolic link.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::Path;

/// Opens the cache file at `path` for reading and writing, and makes it if it is not there. Group and others may do
/// with it at most what they may do with the folder `photographs`.
///
/// # Errors
///
/// It is a symbolic link or no regular file, or the system refuses.
pub fn open_cache(path: &Path, photographs: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    if path.is_symlink() {
        return Err(io::Error::other("it is a symbolic link, which is not written through"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // For a link that is made just now.
        options.custom_flags(libc::O_NOFOLLOW).mode(mode_of(photographs)? & 0o666);
    }
    if path.exists() && !path.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // An earlier version made it, or the folder has been closed since.
        let mut permissions = file.metadata()?.permissions();
        let (mode, most) = (permissions.mode() & 0o777, mode_of(photographs)?);
        if mode & !most != 0 {
            permissions.set_mode(mode & most);
            file.set_permissions(permissions)?;
        }
    }
    Ok(file)
}

/// Opens the cache file at `path` for reading, if a regular file is there and not a link to one.
///
/// # Errors
///
/// Something else is there or nothing, or the system refuses.
pub fn open_kept_cache(path: &Path) -> io::Result<File> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut options = File::options();
    options.read(true);
    // For a link or a named pipe that is made just now.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK,
    );
    options.open(path)
}

/// Makes the folder `path` for caches if it is not there, with the same bound on who may use it.
///
/// # Errors
///
/// The system refuses.
pub(crate) fn create_cache_folder(path: &Path, photographs: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode_of(photographs)?);
    builder.recursive(true).create(path)
}

/// The permissions of a folder, all of them for its owner.
#[cfg(unix)]
fn mode_of(folder: &Path) -> io::Result<u32> {
    use std::os::unix::fs::MetadataExt;

    Ok(0o700 | fs::metadata(folder)?.mode() & 0o077)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_cache_is_no_more_open_than_the_folder_of_the_photographs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [photographs, caches] = ["photographs", "caches"].map(|name| folder.path().join(name));
        fs::create_dir(&photographs).expect("a writable folder");
        let set_mode = |path: &Path, mode| {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("permissions");
        };
        let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
        set_mode(&photographs, 0o700);
        create_cache_folder(&caches, &photographs).expect("a writable folder");
        assert_eq!(mode(&caches), 0o700);
        let (new, old) = (caches.join("new"), caches.join("old"));
        fs::write(&old, "rows").expect("a writable folder");
        set_mode(&old, 0o644);
        for path in [&new, &old] {
            open_cache(path, &photographs).expect("a writable folder");
            assert_eq!(mode(path), 0o600);
        }
        set_mode(&photographs, 0o750);
        open_cache(&caches.join("shared"), &photographs).expect("a writable folder");
        assert_eq!(mode(&caches.join("shared")) & !0o640, 0);
        assert_eq!(fs::read_to_string(old).expect("the file"), "rows");
    }

    #[test]
    fn a_cache_is_read_from_a_regular_file_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, "rows").expect("a writable folder");
        symlink(&file, &link).expect("a link");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        assert!(open_kept_cache(&file).is_ok());
        for other in [&link, &pipe, folder.path(), &folder.path().join("missing")] {
            assert!(open_kept_cache(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_cache_is_not_written_through_a_symbolic_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [made, link] = ["made", "link"].map(|name| folder.path().join(name));
        symlink(&made, &link).expect("a link");
        let error = open_cache(&link, folder.path()).expect_err("a link").to_string();
        assert!(error.contains("symbolic link") && !made.exists(), "{error}");
        assert!(open_cache(folder.path(), folder.path()).is_err());
    }
}
