//! Reader of a run's `history.csv`.

use std::path::Path;

use anyhow::Context;
use quoting::Shown;
use report::Epoch;

/// Metrics of a run's epochs, and their duration.
pub(crate) struct History {
    pub(crate) epochs: Vec<Epoch>,
    /// Duration of all epochs in seconds.
    pub(crate) seconds: f64,
}

impl History {
    /// Name of the file in the run directory.
    pub(crate) const FILE: &str = "history.csv";

    /// Reads the history of the run in the directory `run`.
    pub(crate) fn read(run: &Path) -> anyhow::Result<Self> {
        let path = run.join(Self::FILE);
        let broken =
            || format!("`{}` is not a valid history\nhint: restore the file", path.shown());
        let mut history = Self { epochs: vec![], seconds: 0.0 };
        for row in csv::Reader::from_path(&path).with_context(broken)?.into_records() {
            let row = row.with_context(broken)?;
            let number = |at: usize| -> anyhow::Result<f64> {
                row.get(at).unwrap_or_default().parse().with_context(broken)
            };
            history.epochs.push(Epoch {
                epoch: number(0)? as usize,
                training: [number(1)?, number(2)?],
                validation: [number(3)?, number(4)?],
            });
            history.seconds += number(5)?;
        }
        Ok(history)
    }
}
