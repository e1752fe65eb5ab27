//! Outcome of a run.

use crate::Best;

/// Outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainingOutcome {
    /// All epochs are complete, or patience has run out.
    Complete {
        /// Best epoch.
        best: Best,
        /// Number of complete epochs.
        epochs: usize,
    },
    /// The run was cancelled and can be resumed.
    Stopped {
        /// Number of complete epochs.
        epochs: usize,
    },
}
