//! Writes models into a run's folder, and reads back what is needed to go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use formats::{
    FormatError, read_arrays, read_regular, recover_folder, replace_folder, replace_folder_keeping,
    write_safetensors, write_whole,
};
use model::{ModelCard, ModelError, Tail, load_tail, save_bundle};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{Optimizer, RunConfig, RunFolder, State, TrainError};

const STATE: &str = "state.json";
const OPTIMIZER: &str = "optimizer.safetensors";
const DIGESTS: &str = "digests.json";

/// The files that [`DIGESTS`] names, sorted.
const FILES: [&str; 4] = ["model.json", "model.safetensors", OPTIMIZER, STATE];

/// What of a run changes from step to step.
pub(crate) struct Checkpoint {
    pub(crate) tail: Tail,
    pub(crate) optimizer: Optimizer,
    pub(crate) state: State,
}

/// Last state of a run. When it was opened, each of its files was the one that was written.
#[derive(Debug)]
pub struct LastState {
    run: PathBuf,
    folder: PathBuf,
    state: State,
    /// What is wrong with the last state, if this is the one before it.
    pub(crate) fault: Option<String>,
}

impl LastState {
    /// Reads the last state of a run that may be resumed. Returns none if the run stopped before its first state was
    /// written.
    ///
    /// # Errors
    ///
    /// All epochs are done, or the state is damaged or missing.
    pub fn resumable(run: &RunFolder, config: &RunConfig) -> Result<Option<Self>, TrainError> {
        recover_folder(&run.best())?;
        let (last, previous) = (run.last(), run.previous());
        if !last.exists() && !previous.exists() {
            // Nothing else is written before it: what is there without it would be lost.
            if run.history().exists() || run.best().exists() {
                let fault = "is missing, but the run has complete epochs".to_owned();
                return Err(TrainError::Checkpoint { path: last, fault });
            }
            return Ok(None);
        }
        let read = match verified_state(&last) {
            Ok(state) => Self { run: run.path().to_owned(), folder: last, state, fault: None },
            // If the older state is damaged or missing too, the fault of the newer one is reported.
            Err(fault) => match verified_state(&previous) {
                Ok(state) => Self {
                    run: run.path().to_owned(),
                    folder: previous,
                    state,
                    fault: Some(fault.to_string()),
                },
                Err(_) => return Err(fault),
            },
        };
        if read.state.is_complete(&config.train) {
            let (path, epochs) = (run.path().to_owned(), read.state.epoch);
            return Err(TrainError::Complete { path, epochs });
        }
        Ok(Some(read))
    }

    /// Returns true if it is a state of this run.
    pub(crate) fn is_of(&self, run: &RunFolder) -> bool {
        self.run == run.path()
    }

    /// Reads the checkpoint onto a device with autodiff, and its model's card.
    pub(crate) fn read(
        &self,
        config: &RunConfig,
        device: &Device,
    ) -> Result<(Checkpoint, ModelCard), TrainError> {
        let state = self.state.clone();
        let (card, tail) = load_tail(&self.folder, device)?;
        let path = self.folder.join(OPTIMIZER);
        let rule = |name: &str| config.rule(name, state.plateau.factor);
        let arrays = read_arrays(&path)?;
        let optimizer = Optimizer::with_arrays(rule, &tail, arrays, &device.clone().inner());
        let optimizer = optimizer.map_err(|reason| {
            checkpoint_fault(&path, format!("does not fit the model beside it: {reason}"))
        })?;
        Ok((Checkpoint { tail, optimizer, state }, card))
    }
}

impl Checkpoint {
    /// Writes `last`, and keeps what was there as `previous`.
    pub(crate) fn save(&self, run: &RunFolder, card: &ModelCard) -> Result<(), TrainError> {
        let optimizer = self.optimizer.to_arrays();
        if let Some((name, _)) = optimizer.iter().find(|(_, array)| !array.is_finite()) {
            return Err(non_finite(run, &self.state, name.clone()));
        }
        replace_folder_keeping(&run.last(), &run.previous(), |folder| {
            save_model(run, &self.state, folder, card, &self.tail)?;
            write_safetensors(&folder.join(OPTIMIZER), &optimizer)?;
            let state = serde_json::to_vec_pretty(&self.state).expect("a state is plain data");
            write_whole(&folder.join(STATE), &state)?;
            let digests = digests(folder)?;
            let digests = serde_json::to_vec_pretty(&digests).expect("digests are plain data");
            write_whole(&folder.join(DIGESTS), &digests)?;
            tracing::debug!(epoch = self.state.epoch, step = self.state.step, "checkpoint");
            Ok(())
        })
    }
}

/// Reads the state in `folder`, where every file has its digest.
fn verified_state(folder: &Path) -> Result<State, TrainError> {
    let digests_path = folder.join(DIGESTS);
    let expected: BTreeMap<String, String> = serde_json::from_slice(&read_regular(&digests_path)?)
        .map_err(|error| checkpoint_fault(&digests_path, format!("can't be read: {error}")))?;
    if !expected.keys().eq(&FILES) {
        let found: Vec<&str> = expected.keys().map(String::as_str).collect();
        let reason = format!("names `{}`, expected `{}`", found.join("`, `"), FILES.join("`, `"));
        return Err(checkpoint_fault(&digests_path, reason));
    }
    for (name, digest) in &expected {
        let path = folder.join(name);
        if hex(Sha256::digest(read_regular(&path)?)) != *digest {
            let reason = "is not the file that was written there: its digest differs";
            return Err(checkpoint_fault(&path, reason.to_owned()));
        }
    }
    let path = folder.join(STATE);
    serde_json::from_slice(&read_regular(&path)?)
        .map_err(|error| checkpoint_fault(&path, format!("can't be read: {error}")))
}

fn checkpoint_fault(path: &Path, fault: String) -> TrainError {
    TrainError::Checkpoint { path: path.to_owned(), fault }
}

/// The digests of the files in a folder, by name, but for that of the digests themselves.
fn digests(folder: &Path) -> Result<BTreeMap<&'static str, String>, FormatError> {
    let digest = |name| Ok((name, hex(Sha256::digest(read_regular(&folder.join(name))?))));
    FILES.into_iter().map(digest).collect()
}

/// Writes a model into `folder`, unless training has diverged.
fn save_model(
    run: &RunFolder,
    state: &State,
    folder: &Path,
    card: &ModelCard,
    tail: &Tail,
) -> Result<(), TrainError> {
    save_bundle(folder, card, tail).map_err(|error| match error {
        ModelError::NonFinite { name, .. } => non_finite(run, state, name),
        error => error.into(),
    })
}

/// The error of an array that is not saved.
fn non_finite(run: &RunFolder, state: &State, name: String) -> TrainError {
    TrainError::NonFinite { name, epoch: state.epoch + 1, step: state.step, last: run.last() }
}

/// Writes `best`.
pub(crate) fn save_best(
    run: &RunFolder,
    state: &State,
    card: &ModelCard,
    tail: &Tail,
) -> Result<(), TrainError> {
    replace_folder(&run.best(), |folder| save_model(run, state, folder, card, tail))
}

/// Puts a state that can't be gone on from out of the way, as `last.damaged`, in place of an older one.
pub(crate) fn set_aside(folder: &Path) -> Result<(), TrainError> {
    let aside = folder.with_extension("damaged");
    let set_aside = || {
        if folder.exists() {
            if aside.exists() {
                fs::remove_dir_all(&aside)?;
            }
            fs::rename(folder, &aside)?;
        }
        Ok(())
    };
    set_aside().map_err(|error| TrainError::io(folder, error))
}
