//! How a run ended.

use crate::Best;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// All epochs are done, or patience has run out.
    Complete {
        /// The best epoch.
        best: Best,
        /// The epochs.
        epochs: usize,
    },
    /// It was stopped with this many epochs complete.
    Stopped {
        /// The complete epochs.
        epochs: usize,
    },
}
