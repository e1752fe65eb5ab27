//! BMP files of OS/2, which `image` refuses: the header of OS/2 2.x begins with that of Windows.
//!
//! Source: "Graphics Programming in OS/2", `BITMAPINFOHEADER2`.

use std::borrow::Cow;

use crate::decode_error::{DecodeError, cut_short, unread};

/// The length of the header of OS/2 2.x.
const OS2: u32 = 64;

/// The length of the header of Windows, whose fields are the first of OS/2's too.
const WINDOWS: u32 = 40;

/// Returns the file `bytes` with a header of Windows where it has one of OS/2 2.x.
///
/// # Errors
///
/// The header is cut short, or the file is compressed in a way that OS/2 alone knows.
pub(crate) fn with_windows_header(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    let number = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
    if number(14) != Some(OS2.to_le_bytes()) {
        return Ok(Cow::Borrowed(bytes));
    }
    let cut = || cut_short("a part of the BMP's header is missing");
    let data = u32::from_le_bytes(number(10).ok_or_else(cut)?);
    let rest = bytes.get(14 + OS2 as usize..).ok_or_else(cut)?;
    // Windows has the same numbers for other compressions.
    if let Some(compression @ 3..) = number(30).map(u32::from_le_bytes) {
        return Err(unread(format!("it is BMP of the OS/2 compression {compression}")));
    }
    let offset = data.saturating_sub(OS2 - WINDOWS).to_le_bytes();
    let header = &bytes[18..14 + WINDOWS as usize];
    Ok([&bytes[..10], &offset, &WINDOWS.to_le_bytes(), header, rest].concat().into())
}
