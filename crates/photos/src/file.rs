//! Reads files that may be pictures, and of others no more than it takes to see that they aren't.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::Format;

/// The longest file that is read, 1 GiB: more than [`MAX_PIXELS`](crate::MAX_PIXELS) take up uncompressed in
/// any mode but 16 bits with alpha.
const MAX_BYTES: u64 = 1 << 30;

/// The reason why a file without bytes is no picture.
pub(crate) const EMPTY: &str = "it is empty";

/// The content of the file at `path`, which begins as a picture does.
///
/// # Errors
///
/// The reason, as text, why it can't be read or is no picture.
pub(crate) fn read_picture(path: &Path) -> Result<Vec<u8>, String> {
    let text = |error: io::Error| error.to_string();
    // Asked before it is opened, which waits for ever where it is a pipe that nobody writes to.
    let about = fs::metadata(path).map_err(text)?;
    if !about.is_file() {
        return Err("it is not a regular file".into());
    }
    if about.len() == 0 {
        return Err(EMPTY.into());
    }
    let mut file = File::open(path).map_err(text)?;
    let mut bytes = Vec::with_capacity(Format::HEAD);
    file.by_ref().take(Format::HEAD as u64).read_to_end(&mut bytes).map_err(text)?;
    Format::require(&bytes)?;
    if about.len() > MAX_BYTES {
        return Err(format!("it is too long: {} bytes, at most {MAX_BYTES} are read", about.len()));
    }
    bytes.reserve_exact(about.len() as usize);
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(text)?;
    Ok(bytes)
}
