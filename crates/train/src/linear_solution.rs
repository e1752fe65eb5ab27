//! Solution of a linear head.

use std::path::Path;

use formats::{FormatError, read_regular, write_atomic};
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// Solution of a linear head; stored in `linear.json` of the run directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearSolution {
    /// Inverse strength C of the L2 penalty.
    pub c: f64,
    /// Number of iterations of the solver.
    pub iterations: usize,
    /// Number of folds of the cross-validation that chose C; 0 if C was given.
    pub folds: usize,
    /// Results of the cross-validation that chose C; empty if C was given.
    pub candidates: Vec<Candidate>,
}

/// Result of a cross-validation for a strength of the L2 penalty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Inverse strength C.
    pub c: f64,
    /// Mean loss of the images that the model was not trained on.
    pub loss: f64,
    /// Accuracy of the images that the model was not trained on.
    pub accuracy: f64,
}

impl LinearSolution {
    const FILE: &str = "linear.json";

    /// Reads the solution of the run in a folder.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is missing or can't be read.
    pub fn read(run: impl AsRef<Path>) -> Result<Self, TrainError> {
        let path = run.as_ref().join(Self::FILE);
        serde_json::from_slice(&read_regular(&path)?).map_err(|error| {
            let fault = format!("can't be read: {error}");
            TrainError::Checkpoint { path, fault }
        })
    }

    /// Writes the solution into a run directory.
    pub(crate) fn write(&self, run: &Path) -> Result<(), FormatError> {
        let text = serde_json::to_string_pretty(self).expect("plain data");
        write_atomic(run.join(Self::FILE), text.as_bytes())
    }
}
