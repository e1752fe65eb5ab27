//! Metrics of every epoch in `history.csv`.

use std::fs;

use formats::write_atomic;
use model::Metrics;

use crate::outcome::EpochRecord;
use crate::{RunDirectory, TrainError};

const HEADER: &str = "epoch,loss,accuracy,val_loss,val_accuracy,seconds,learning_rate";

/// Last column, in runs that monitor the AUC.
const AUC: &str = "val_auc";

/// Rows of `history.csv`, in memory and on disk.
pub(crate) struct History {
    records: Vec<EpochRecord>,
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
        let record = |row: &str| {
            record_of(row).ok_or_else(|| {
                let fault = format!("has the row `{row}`, expected an epoch, 6 numbers and, if it is monitored, the AUC");
                TrainError::Checkpoint { path: path.clone(), fault }
            })
        };
        let records: Vec<EpochRecord> =
            text.lines().skip(1).take(epochs).map(record).collect::<Result<_, _>>()?;
        if records.len() < epochs {
            let fault = format!("has {} rows, expected {epochs}", records.len());
            return Err(TrainError::Checkpoint { path, fault });
        }
        Ok(Self { records })
    }

    /// Returns the metrics of every epoch.
    pub(crate) fn into_records(self) -> Vec<EpochRecord> {
        self.records
    }

    /// Appends a row and writes the file.
    pub(crate) fn push(
        &mut self,
        run: &RunDirectory,
        record: EpochRecord,
    ) -> Result<(), TrainError> {
        self.records.push(record);
        Ok(write_atomic(run.history(), self.text().as_bytes())?)
    }

    fn text(&self) -> String {
        let has_auc = self.records.iter().any(|record| record.val_auc.is_some());
        let mut text = HEADER.to_owned();
        if has_auc {
            text += &format!(",{AUC}");
        }
        text.push('\n');
        for EpochRecord { metrics, seconds, learning_rate, val_auc } in &self.records {
            let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = metrics;
            text += &format!(
                "{epoch},{loss},{accuracy},{val_loss},{val_accuracy},{seconds:.3},{learning_rate}"
            );
            if has_auc {
                // Empty for epochs of an earlier version, which did not record it.
                text += &format!(",{}", val_auc.map(|auc| auc.to_string()).unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }
}

/// Parses a row.
fn record_of(row: &str) -> Option<EpochRecord> {
    let values: Vec<&str> = row.split(',').collect();
    let (&[epoch, loss, accuracy, val_loss, val_accuracy, seconds, rate], rest) =
        values.split_first_chunk()?;
    let number = |text: &str| text.parse::<f64>().ok();
    let val_auc = match rest {
        [] | [""] => None,
        [auc] => Some(number(auc)?),
        _ => return None,
    };
    let metrics = Metrics {
        epoch: epoch.parse().ok()?,
        loss: number(loss)?,
        accuracy: number(accuracy)?,
        val_loss: number(val_loss)?,
        val_accuracy: number(val_accuracy)?,
    };
    Some(EpochRecord { metrics, seconds: number(seconds)?, learning_rate: number(rate)?, val_auc })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, WeightsChoice};

    #[test]
    fn row_of_a_history_is_parsed_or_refused() {
        let metrics =
            Metrics { epoch: 3, loss: 0.1, accuracy: 0.5, val_loss: 1.0 / 3.0, val_accuracy: 1.0 };
        let record = EpochRecord { metrics, seconds: 2.5, learning_rate: 1e-5, val_auc: None };
        let row = "3,0.1,0.5,0.3333333333333333,1,2.500,0.00001";
        assert_eq!(record_of(row), Some(record));
        assert_eq!(record_of(&format!("{row},")), Some(record));
        let with_auc = EpochRecord { val_auc: Some(0.75), ..record };
        assert_eq!(record_of(&format!("{row},0.75")), Some(with_auc));
        for row in ["", "3,0.1,0.5,0.3,1,2.5", "3,0.1,0.5,0.3,1,2.5,x", "x,0,0,0,0,0,0"] {
            assert_eq!(record_of(row), None, "{row}");
        }
        for rest in [",x", ",0.5,", ",0.5,0.5"] {
            assert_eq!(record_of(&format!("{row}{rest}")), None, "{rest}");
        }
    }

    /// A resumed run may have begun before the AUC was recorded.
    #[test]
    fn auc_column_appears_with_its_first_value() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = RunConfig::new("photos", WeightsChoice::Seed(1));
        let run = RunDirectory::create(folder.path().join("run"), &config).expect("a free folder");
        let row = "1,0.1,0.5,0.3,1,2.500,0.001";
        std::fs::write(run.history(), format!("{HEADER}\n{row}\n")).expect("a writable folder");

        let mut history = History::open(&run, 1).expect("its own format");
        let EpochRecord { mut metrics, .. } = history.records[0];
        metrics.epoch = 2;
        let record = EpochRecord { metrics, val_auc: Some(0.75), ..history.records[0] };
        history.push(&run, record).expect("a writable folder");
        let text = std::fs::read_to_string(run.history()).expect("a history");
        assert_eq!(text, format!("{HEADER},val_auc\n{row},\n2{},0.75\n", &row[1..]));
        let records = History::open(&run, 2).expect("its own format").into_records();
        assert_eq!((records[0].val_auc, records[1]), (None, record));
    }
}
