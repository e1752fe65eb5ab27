//! Support for BMP files of OS/2 2.x, which the `image` crate refuses.
//!
//! Their header begins with the fields of the Windows header, so the file is rewritten with that.
//!
//! Source: "Graphics Programming in OS/2", `BITMAPINFOHEADER2`.

use std::borrow::Cow;

use crate::decode_error::{DecodeError, cut_short, unread};

/// Length of the OS/2 2.x header in bytes.
const OS2: u32 = 64;

/// Length of the Windows header in bytes. The OS/2 header begins with the same fields.
const WINDOWS: u32 = 40;

/// Returns `bytes` with a Windows header instead of an OS/2 2.x header. Other files are returned unchanged.
///
/// # Errors
///
/// Returns an error if the header is truncated, or if the file uses a compression that only OS/2 defines.
pub(crate) fn with_windows_header(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeError> {
    let number = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
    if number(14) != Some(OS2.to_le_bytes()) {
        return Ok(Cow::Borrowed(bytes));
    }
    let cut = || cut_short("a part of the BMP's header is missing");
    let data = u32::from_le_bytes(number(10).ok_or_else(cut)?);
    let rest = bytes.get(14 + OS2 as usize..).ok_or_else(cut)?;
    // From 3 on, Windows uses the same numbers for other compressions.
    if let Some(compression @ 3..) = number(30).map(u32::from_le_bytes) {
        return Err(unread(format!("it is BMP of the OS/2 compression {compression}")));
    }
    let offset = data.saturating_sub(OS2 - WINDOWS).to_le_bytes();
    let header = &bytes[18..14 + WINDOWS as usize];
    Ok([&bytes[..10], &offset, &WINDOWS.to_le_bytes(), header, rest].concat().into())
}
