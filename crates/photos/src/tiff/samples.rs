//! The layout of a page's values.

use super::photometric::{Alpha, Photometric};

/// The samples of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    /// Width and height of the page in pixels.
    pub(super) size: [usize; 2],
    /// Number of samples of a pixel.
    pub(super) count: usize,
    pub(super) bits: u8,
    pub(super) photometric: Photometric,
    pub(super) alpha: Alpha,
    /// True if the bits of each byte are stored from the lowest up.
    pub(super) is_reversed: bool,
}
