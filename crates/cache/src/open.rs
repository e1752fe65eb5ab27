//! Creates and opens the files and folders of a cache. Only their owner can access them, and links are not followed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

use quoting::Shown;

/// Creates a folder of the cache if it is missing. A symbolic link in its stead is an error.
pub(crate) fn create_own_folder(path: &Path) -> io::Result<()> {
    create_folder(path)?;
    if fs::symlink_metadata(path)?.is_dir() {
        Ok(())
    } else {
        Err(io::Error::other(format!("`{}` is a symbolic link", path.shown())))
    }
}

/// Creates a folder and its parents, accessible to their owner only.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens the regular file at `path` with these options. A symbolic link or a named pipe is an error.
pub(crate) fn regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).mode(0o600);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}
