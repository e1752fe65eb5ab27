//! Metrics of every epoch in `history.csv`.

use std::fs;

use formats::write_atomic;
use model::Metrics;

use crate::outcome::EpochRecord;
use crate::{RunDirectory, TrainError};

const HEADER: &str = "epoch,loss,accuracy,val_loss,val_accuracy,seconds,learning_rate";

/// Rows of `history.csv`, in memory and on disk.
pub(crate) struct History {
    rows: Vec<String>,
}

impl History {
    /// Reads the rows of the first `epochs` epochs. Later rows, which a crash may leave, are dropped.
    pub(crate) fn open(run: &RunDirectory, epochs: usize) -> Result<Self, TrainError> {
        let path = run.history();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(TrainError::io(&path, error)),
        };
        let rows: Vec<String> = text.lines().skip(1).take(epochs).map(String::from).collect();
        if rows.len() < epochs {
            let fault = format!("has {} rows, expected {epochs}", rows.len());
            return Err(TrainError::Checkpoint { path, fault });
        }
        let history = Self { rows };
        history.records(run)?;
        Ok(history)
    }

    /// Returns the metrics of every epoch, as the file has them.
    pub(crate) fn records(&self, run: &RunDirectory) -> Result<Vec<EpochRecord>, TrainError> {
        let record = |row: &String| {
            record_of(row).ok_or_else(|| {
                let fault = format!("has the row `{row}`, expected an epoch and 6 numbers");
                TrainError::Checkpoint { path: run.history(), fault }
            })
        };
        self.rows.iter().map(record).collect()
    }

    /// Appends a row and writes the file.
    pub(crate) fn push(
        &mut self,
        run: &RunDirectory,
        record: &EpochRecord,
    ) -> Result<(), TrainError> {
        let EpochRecord { metrics, seconds, learning_rate } = record;
        let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = metrics;
        self.rows.push(format!(
            "{epoch},{loss},{accuracy},{val_loss},{val_accuracy},{seconds:.3},{learning_rate}"
        ));
        let text = format!("{HEADER}\n{}\n", self.rows.join("\n"));
        Ok(write_atomic(run.history(), text.as_bytes())?)
    }
}

/// Parses a row.
fn record_of(row: &str) -> Option<EpochRecord> {
    let (epoch, numbers) = row.split_once(',')?;
    let numbers: Vec<f64> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[loss, accuracy, val_loss, val_accuracy, seconds, learning_rate] = numbers.as_slice()
    else {
        return None;
    };
    let epoch = epoch.parse().ok()?;
    let metrics = Metrics { epoch, loss, accuracy, val_loss, val_accuracy };
    Some(EpochRecord { metrics, seconds, learning_rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_of_a_history_is_parsed_or_refused() {
        let metrics =
            Metrics { epoch: 3, loss: 0.1, accuracy: 0.5, val_loss: 1.0 / 3.0, val_accuracy: 1.0 };
        let record = EpochRecord { metrics, seconds: 2.5, learning_rate: 1e-5 };
        let row = "3,0.1,0.5,0.3333333333333333,1,2.500,0.00001";
        assert_eq!(record_of(row), Some(record));
        for row in ["", "3,0.1,0.5,0.3,1,2.5", "3,0.1,0.5,0.3,1,2.5,x", "x,0,0,0,0,0,0"] {
            assert_eq!(record_of(row), None, "{row}");
        }
    }
}
