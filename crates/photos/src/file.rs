//! Reads files that may be pictures, and of others no more than it takes to see that they aren't.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Format;
use crate::decode_error::DecodeError;

/// Why a file gives no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It holds no picture.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is not there, or may not be read: so it stays until someone does something about it.
    #[error(transparent)]
    Closed(io::Error),
    /// It is a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is longer than a picture is read.
    #[error("it is too long: {length} bytes, at most {most} are read")]
    TooLong {
        /// Its number of bytes.
        length: u64,
        /// Number of bytes that are read at most.
        most: u64,
    },
    /// An object store has nothing of its name.
    #[error("it is not there")]
    Missing,
    /// The system could not read it, which may go well another time.
    #[error(transparent)]
    System(io::Error),
}

/// What the system says of a link that leads to itself.
const LOOP: i32 = match () {
    () if cfg!(windows) => 1921,
    () if cfg!(target_os = "linux") => 40,
    () => 62,
};

impl From<io::Error> for PictureError {
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

/// The longest file that is read, 1 GiB: more than [`MAX_PIXELS`](crate::MAX_PIXELS) take up uncompressed in
/// any mode but 16 bits with alpha.
const MAX_BYTES: u64 = 1 << 30;

/// The SHA-256 of the content of the file at `path`, which begins as a picture does but is not decoded.
///
/// # Errors
///
/// It can't be read or is no picture.
pub fn digest_of_picture(path: &Path) -> Result<[u8; 32], PictureError> {
    Ok(Sha256::digest(read_picture(path)?).into())
}

/// The content of the file at `path`, which begins as a picture does.
///
/// # Errors
///
/// It can't be read or is no picture.
pub(crate) fn read_picture(path: &Path) -> Result<Vec<u8>, PictureError> {
    // Asked before it is opened, which waits for ever where it is a pipe that nobody writes to.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(PictureError::NotRegular);
    }
    if about.len() == 0 {
        return Err(DecodeError::Empty.into());
    }
    let mut file = File::open(path)?;
    let mut bytes = Vec::with_capacity(Format::HEAD);
    file.by_ref().take(Format::HEAD as u64).read_to_end(&mut bytes)?;
    Format::require(&bytes)?;
    if about.len() > MAX_BYTES {
        return Err(PictureError::TooLong { length: about.len(), most: MAX_BYTES });
    }
    bytes.reserve_exact(about.len() as usize);
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Linux says.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_may_be_read_another_time_is_told_from_one_that_stays_as_it_is() {
        let is_of_system = |code| {
            let error = PictureError::from(io::Error::from_raw_os_error(code));
            matches!(error, PictureError::System(_))
        };
        // No such file, permission denied, not a directory, is a directory, too long a name, a link to itself.
        assert!([2, 13, 20, 21, 36, 40].into_iter().all(|code| !is_of_system(code)));
        // Input/output error, out of memory, too many open files, not connected, timed out, stale handle.
        assert!([5, 12, 23, 24, 107, 110, 116].into_iter().all(is_of_system));
    }
}
