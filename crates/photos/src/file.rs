//! Reads image files. Of other files it reads only the first bytes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Format;
use crate::decode_error::DecodeError;

/// Error of reading an image from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageFileError {
    /// The content is not a readable image.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The file does not exist or may not be read. A retry does not help.
    #[error(transparent)]
    Closed(io::Error),
    /// The path is a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotRegular,
    /// The file is longer than the limit.
    #[error("it is too long: {length} bytes, expected at most {most}")]
    TooLong {
        /// Length of the file in bytes.
        length: u64,
        /// Maximum length in bytes.
        most: u64,
    },
    /// An object store has no object of this name.
    #[error("it does not exist")]
    Missing,
    /// The operating system failed to read the file. A retry may succeed.
    #[error(transparent)]
    System(io::Error),
}

/// Operating system error for a symbolic link that leads to itself.
const LOOP: i32 = match () {
    () if cfg!(windows) => 1921,
    () if cfg!(target_os = "linux") => 40,
    () => 62,
};

impl From<io::Error> for ImageFileError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{
            InvalidFilename, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        };

        match error.kind() {
            NotFound | PermissionDenied | NotADirectory | IsADirectory | InvalidFilename => {
                Self::Closed(error)
            }
            _ if error.raw_os_error() == Some(LOOP) => Self::Closed(error),
            _ => Self::System(error),
        }
    }
}

/// Maximum length of a file, 1 GiB. An uncompressed image of [`MAX_PIXELS`](crate::MAX_PIXELS) is shorter in every mode
/// except 16 bits with alpha.
const MAX_BYTES: u64 = 1 << 30;

/// Returns the SHA-256 digest of the file at `path`. The file must begin like an image; it is not decoded.
///
/// # Errors
///
/// Returns an error if the file can't be read or does not begin like an image.
///
/// # Examples
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("cat.png");
/// image::RgbImage::new(4, 2).save(&path)?;
/// assert_eq!(photos::image_file_digest(&path)?.len(), 32);
///
/// std::fs::write(&path, "some text")?;
/// assert!(photos::image_file_digest(&path).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn image_file_digest(path: impl AsRef<Path>) -> Result<[u8; 32], ImageFileError> {
    let path = path.as_ref();
    Ok(Sha256::digest(read_image(path)?).into())
}

/// Reads the file at `path`, which must begin like an image.
///
/// # Errors
///
/// Returns an error if the file can't be read or does not begin like an image.
pub(crate) fn read_image(path: &Path) -> Result<Vec<u8>, ImageFileError> {
    // The type is checked first, because opening a pipe without a writer blocks forever.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(ImageFileError::NotRegular);
    }
    if about.len() == 0 {
        return Err(DecodeError::Empty.into());
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(Format::HEAD);
    file.by_ref().take(Format::HEAD as u64).read_to_end(&mut bytes)?;
    Format::require(&bytes)?;
    if about.len() > MAX_BYTES {
        return Err(ImageFileError::TooLong { length: about.len(), most: MAX_BYTES });
    }
    bytes.reserve_exact(about.len() as usize);
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses the error codes of Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn transient_and_permanent_read_errors_are_distinguished() {
        let is_of_system = |code| {
            let error = ImageFileError::from(io::Error::from_raw_os_error(code));
            matches!(error, ImageFileError::System(_))
        };
        // ENOENT, EACCES, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP.
        assert!([2, 13, 20, 21, 36, 40].into_iter().all(|code| !is_of_system(code)));
        // EIO, ENOMEM, ENFILE, EMFILE, ENOTCONN, ETIMEDOUT, ESTALE.
        assert!([5, 12, 23, 24, 107, 110, 116].into_iter().all(is_of_system));
    }
}
