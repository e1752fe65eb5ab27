//! Writes models into a run's folder, and reads back what is needed to go on.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use formats::{read_arrays, recover_folder, replace_folder, write_safetensors, write_whole};
use model::{ModelCard, Tail, load_tail, save_bundle};

use crate::{Optimizer, RmsProp, RunConfig, RunFolder, State, TrainError};

const STATE: &str = "state.json";
const OPTIMIZER: &str = "optimizer.safetensors";

/// What of a run changes from step to step.
pub(crate) struct Checkpoint {
    pub(crate) tail: Tail,
    pub(crate) optimizer: Optimizer,
    pub(crate) state: State,
}

/// Checks that the run in a folder is not complete and can be gone on with, before anything that
/// takes long.
///
/// # Errors
///
/// All epochs are done, or its last state is damaged or missing.
pub fn check_resumable(
    run: &RunFolder,
    config: &RunConfig,
    device: &Device,
) -> Result<(), TrainError> {
    let checkpoint = Checkpoint::open(run, |_| RmsProp::default(), &device.clone().autodiff())?;
    match checkpoint {
        Some((checkpoint, _)) if checkpoint.state.epoch >= config.train.epochs => {
            Err(TrainError::Complete { path: run.path().to_owned(), epochs: config.train.epochs })
        }
        _ => Ok(()),
    }
}

impl Checkpoint {
    /// Writes `last`.
    pub(crate) fn save(&self, run: &RunFolder, card: &ModelCard) -> Result<(), TrainError> {
        replace_folder(&run.last(), |folder| {
            save_bundle(folder, card, &self.tail)?;
            write_safetensors(&folder.join(OPTIMIZER), &self.optimizer.to_arrays())?;
            let state = serde_json::to_vec_pretty(&self.state).expect("a state is plain data");
            write_whole(&folder.join(STATE), &state)?;
            tracing::debug!(epoch = self.state.epoch, step = self.state.step, "checkpoint");
            Ok(())
        })
    }

    /// Reads `last`, onto a device with autodiff, and the card in it; `None` where the run stopped
    /// before it was first written.
    pub(crate) fn open(
        run: &RunFolder,
        rule: impl Fn(&str) -> RmsProp,
        device: &Device,
    ) -> Result<Option<(Self, ModelCard)>, TrainError> {
        let last = run.last();
        recover_folder(&last)?;
        recover_folder(&run.best())?;
        if !last.exists() {
            // Nothing else is written before it: what is there without it would be lost.
            return if run.history().exists() || run.best().exists() {
                let fault = "is missing, but the run has complete epochs".to_owned();
                Err(TrainError::Checkpoint { path: last, fault })
            } else {
                Ok(None)
            };
        }
        let (card, tail) = load_tail(&last, device)?;
        let optimizer_path = last.join(OPTIMIZER);
        let arrays = read_arrays(&optimizer_path)?;
        let optimizer = Optimizer::with_arrays(rule, &tail, arrays, &device.clone().inner());
        let fault = |path: &Path, fault| TrainError::Checkpoint { path: path.to_owned(), fault };
        let optimizer = optimizer.map_err(|reason| {
            fault(&optimizer_path, format!("does not fit the model beside it: {reason}"))
        })?;
        let state_path = last.join(STATE);
        let text = fs::read(&state_path).map_err(|error| TrainError::io(&state_path, error))?;
        let state = serde_json::from_slice(&text)
            .map_err(|error| fault(&state_path, format!("can't be read: {error}")))?;
        Ok(Some((Self { tail, optimizer, state }, card)))
    }
}

/// Writes `best`.
pub(crate) fn save_best(run: &RunFolder, card: &ModelCard, tail: &Tail) -> Result<(), TrainError> {
    replace_folder(&run.best(), |folder| Ok(save_bundle(folder, card, tail)?))
}
