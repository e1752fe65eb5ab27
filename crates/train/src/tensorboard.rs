//! The curves of a run for TensorBoard, as Keras's callback `TensorBoard` lays them out: the folders `train`
//! and `validation`, so that both lines of a metric are drawn into one chart. Steps are epochs, from 1.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use formats::EventFile;
use model::Metrics;

use crate::{RunFolder, TrainError};

/// The two event files that a run writes while it goes on.
pub(crate) struct TensorBoard {
    training: EventFile,
    validation: EventFile,
}

impl TensorBoard {
    /// Begins files for what follows the first `epochs` epochs, beside those that the run has from before;
    /// what a crash left of later epochs counts no more.
    pub(crate) fn open(run: &RunFolder, epochs: usize) -> Result<Self, TrainError> {
        let (time, first) = (now(), epochs as u64 + 1);
        // In the order of their names, as readers take them.
        let name = format!("events.out.tfevents.{:010}.{first:06}", time as u64);
        let begin = |set: &str| -> Result<EventFile, TrainError> {
            let folder = run.tensorboard().join(set);
            fs::create_dir_all(&folder).map_err(|error| TrainError::io(&folder, error))?;
            Ok(EventFile::create(&folder.join(&name), time, first)?)
        };
        Ok(Self { training: begin("train")?, validation: begin("validation")? })
    }

    /// Adds an epoch.
    pub(crate) fn push(&mut self, metrics: &Metrics, learning_rate: f64) -> Result<(), TrainError> {
        let Metrics { epoch, loss, accuracy, val_loss, val_accuracy } = *metrics;
        let (time, step) = (now(), epoch as u64);
        let [training, validation] =
            [[loss, accuracy], [val_loss, val_accuracy]].map(|[loss, accuracy]| {
                [("epoch_loss", loss as f32), ("epoch_accuracy", accuracy as f32)]
            });
        let rate = ("epoch_learning_rate", learning_rate as f32);
        self.training.append(time, step, &[&training[..], &[rate]].concat())?;
        Ok(self.validation.append(time, step, &validation)?)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
