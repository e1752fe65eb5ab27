//! Event files for TensorBoard, laid out like those of Keras's `TensorBoard` callback: `train` and `validation`
//! folders, so that both curves of a metric share a chart. Steps are epochs, from 1.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use formats::EventFile;
use model::Metrics;

use crate::{RunDirectory, TrainError};

/// Event files that a run appends to.
pub(crate) struct TensorBoard {
    training: EventFile,
    validation: EventFile,
}

impl TensorBoard {
    /// Creates event files for the epochs after the first `epochs`, next to those written earlier in the run. They
    /// replace the entries of later epochs that a crash may have left.
    pub(crate) fn open(run: &RunDirectory, epochs: usize) -> Result<Self, TrainError> {
        let (time, first) = (now(), epochs as u64 + 1);
        // Readers process the files in the order of their names.
        let name = format!("events.out.tfevents.{:010}.{first:06}", time as u64);
        let begin = |set: &str| -> Result<EventFile, TrainError> {
            let folder = run.tensorboard().join(set);
            fs::create_dir_all(&folder).map_err(|error| TrainError::io(&folder, error))?;
            Ok(EventFile::create(folder.join(&name), time, first)?)
        };
        Ok(Self { training: begin("train")?, validation: begin("validation")? })
    }

    /// Appends the metrics of an epoch.
    pub(crate) fn push(
        &mut self,
        metrics: &Metrics,
        learning_rate: f64,
        val_auc: Option<f64>,
    ) -> Result<(), TrainError> {
        let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = *metrics;
        let (time, step) = (now(), epoch as u64);
        let [training, validation] =
            [[loss, accuracy], [val_loss, val_accuracy]].map(|[loss, accuracy]| {
                [("epoch_loss", loss as f32), ("epoch_accuracy", accuracy as f32)]
            });
        let rate = ("epoch_learning_rate", learning_rate as f32);
        self.training.append(time, step, &[&training[..], &[rate]].concat())?;
        let auc = val_auc.map(|auc| ("epoch_auc", auc as f32));
        let validation: Vec<_> = validation.into_iter().chain(auc).collect();
        Ok(self.validation.append(time, step, &validation)?)
    }
}

/// Returns the time in seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
