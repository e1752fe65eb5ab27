//! Metrics of every epoch in `history.csv`.

use std::fs;

use formats::write_atomic;
use model::Metrics;

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
        Ok(Self { rows })
    }

    /// Appends a row and writes the file.
    pub(crate) fn push(
        &mut self,
        run: &RunDirectory,
        metrics: &Metrics,
        seconds: f64,
        learning_rate: f64,
    ) -> Result<(), TrainError> {
        let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = metrics;
        self.rows.push(format!(
            "{epoch},{loss},{accuracy},{val_loss},{val_accuracy},{seconds:.3},{learning_rate}"
        ));
        let text = format!("{HEADER}\n{}\n", self.rows.join("\n"));
        Ok(write_atomic(&run.history(), text.as_bytes())?)
    }
}
