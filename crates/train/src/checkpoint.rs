//! Writes models into a run's folder, and reads back what is needed to go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use formats::{
    FormatError, read_arrays, read_regular, recover_folder, replace_folder, replace_folder_keeping,
    write_safetensors, write_whole,
};
use model::{ModelCard, ModelError, Tail, load_tail, save_bundle};
use sha2::{Digest, Sha256};

use crate::same_run::hex;
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
    match Checkpoint::open(run, config, &device.clone().autodiff())? {
        Some(Opened { checkpoint: Checkpoint { state, .. }, .. })
            if state.is_complete(&config.train) =>
        {
            Err(TrainError::Complete { path: run.path().to_owned(), epochs: state.epoch })
        }
        _ => Ok(()),
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

    /// Reads the newest whole state onto a device with autodiff, the card beside it, and why it is not that in
    /// `last`, if it is not; `None` where the run stopped before its first state was written.
    pub(crate) fn open(
        run: &RunFolder,
        config: &RunConfig,
        device: &Device,
    ) -> Result<Option<Opened>, TrainError> {
        recover_folder(&run.best())?;
        let (last, previous) = (run.last(), run.previous());
        if last.exists() || previous.exists() {
            let read = |folder: &Path| Self::read(folder, config, device);
            return match read(&last) {
                Ok((checkpoint, card)) => Ok(Some(Opened { checkpoint, card, fault: None })),
                // The older state may be damaged too, or not be there; the newer one's fault is told then.
                Err(fault) => match read(&previous) {
                    Ok((checkpoint, card)) => {
                        let fault = Some(fault.to_string());
                        Ok(Some(Opened { checkpoint, card, fault }))
                    }
                    Err(_) => Err(fault),
                },
            };
        }
        // Nothing else is written before it: what is there without it would be lost.
        if run.history().exists() || run.best().exists() {
            let fault = "is missing, but the run has complete epochs".to_owned();
            return Err(TrainError::Checkpoint { path: last, fault });
        }
        Ok(None)
    }

    /// Reads the state in `folder`, where every file has its digest.
    fn read(
        folder: &Path,
        config: &RunConfig,
        device: &Device,
    ) -> Result<(Self, ModelCard), TrainError> {
        let fault = |path: &Path, fault| TrainError::Checkpoint { path: path.to_owned(), fault };
        let digests_path = folder.join(DIGESTS);
        let expected: BTreeMap<String, String> =
            serde_json::from_slice(&read_regular(&digests_path)?)
                .map_err(|error| fault(&digests_path, format!("can't be read: {error}")))?;
        if !expected.keys().eq(&FILES) {
            let found: Vec<&str> = expected.keys().map(String::as_str).collect();
            let reason =
                format!("names `{}`, expected `{}`", found.join("`, `"), FILES.join("`, `"));
            return Err(fault(&digests_path, reason));
        }
        for (name, digest) in &expected {
            let path = folder.join(name);
            if hex(Sha256::digest(read_regular(&path)?)) != *digest {
                let reason = "is not the file that was written there: its digest differs";
                return Err(fault(&path, reason.to_owned()));
            }
        }

        let state_path = folder.join(STATE);
        let state: State = serde_json::from_slice(&read_regular(&state_path)?)
            .map_err(|error| fault(&state_path, format!("can't be read: {error}")))?;
        let (card, tail) = load_tail(folder, device)?;
        let optimizer_path = folder.join(OPTIMIZER);
        let arrays = read_arrays(&optimizer_path)?;
        let rule = |name: &str| config.rule(name, state.plateau.factor);
        let optimizer = Optimizer::with_arrays(rule, &tail, arrays, &device.clone().inner());
        let optimizer = optimizer.map_err(|reason| {
            fault(&optimizer_path, format!("does not fit the model beside it: {reason}"))
        })?;
        Ok((Self { tail, optimizer, state }, card))
    }
}

/// A state to go on from.
pub(crate) struct Opened {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) card: ModelCard,
    /// Why it is the one before the last.
    pub(crate) fault: Option<String>,
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
