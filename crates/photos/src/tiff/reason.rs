//! Errors of the `tiff` crate as reasons.

use std::io;

/// Returns what the `tiff` crate says, as the reason why a file is not read.
pub(super) fn reason(error: tiff::TiffError) -> String {
    match error {
        tiff::TiffError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it is cut short: a part of the TIFF's data is missing".into()
        }
        other => format!("it is damaged, or TIFF of a layout that is not read: {other}"),
    }
}
