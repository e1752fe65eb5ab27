//! Writes checkpoints and the best model into the run directory, and reads checkpoints back.
//!
//! `last` holds the newest checkpoint and `previous` the one before it. `digests.json` names the SHA-256 of every other
//! file, so that a damaged checkpoint is detected and the run resumes from `previous`.

use std::collections::BTreeMap;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use burn::tensor::Device;
use formats::{
    FormatError, read_arrays, read_regular, recover_folder, replace_folder,
    replace_folder_with_backup, write_atomic, write_safetensors,
};
use model::{ModelCard, ModelError, TrainableLayers, load_bundle, save_bundle};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{Optimizer, RunConfig, RunDirectory, TrainError, TrainingState};

const STATE: &str = "state.json";
const OPTIMIZER: &str = "optimizer.safetensors";
const DIGESTS: &str = "digests.json";

/// Files whose digests are in [`DIGESTS`], sorted.
const FILES: [&str; 4] = [MODEL_FILES[0], MODEL_FILES[1], OPTIMIZER, STATE];

/// Files of a bundle.
const MODEL_FILES: [&str; 2] = ["model.json", "model.safetensors"];

/// SHA-256 of files in hexadecimal, by file name.
type Digests = BTreeMap<&'static str, String>;

/// State of a run after a step: trainable layers, optimizer and counters.
pub(crate) struct Checkpoint {
    pub(crate) trainable: TrainableLayers,
    pub(crate) optimizer: Optimizer,
    pub(crate) state: TrainingState,
}

/// Last checkpoint of a run. Its files matched their digests when it was opened.
#[doc(alias = "BackupAndRestore")]
#[doc(alias = "ModelCheckpoint")]
#[derive(Clone, Debug)]
pub struct SavedCheckpoint {
    run: PathBuf,
    folder: PathBuf,
    state: TrainingState,
    /// Reason why the newest checkpoint is damaged, if this is the previous one.
    pub(crate) fault: Option<String>,
}

impl SavedCheckpoint {
    /// Opens the last checkpoint of a run that is not complete. Returns `None` if the run stopped before it wrote its
    /// first checkpoint.
    ///
    /// # Errors
    ///
    /// Returns an error if the run is complete, or if both checkpoints are damaged or missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunDirectory, SavedCheckpoint, TrainError, fit};
    /// # use burn::tensor::Device;
    /// # use train::{Cancellation, Data, FeatureArrays, LabeledRows, Pooling, RunConfig, TrainingJob, WeightsChoice};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
    /// # config.base.image_size = [32, 32];
    /// # config.base.last_layer = "block1_pool".into();
    /// # config.base.pooling = Pooling::Average;
    /// # config.head.hidden_units = vec![8];
    /// # config.train.epochs = 2;
    /// # let values = (0..20 * 64).map(|at| (at / 64 % 2) as f32).collect();
    /// # let rows = LabeledRows { values, labels: (0..20).map(|row| row % 2).collect() };
    /// # let data = FeatureArrays::divide(["cats", "dogs"], rows, 0.2, 1)?;
    /// # let weights = config.load_weights()?;
    /// let run = RunDirectory::create(folder.path().join("run"), &config)?;
    /// assert!(SavedCheckpoint::resumable(&run, &config)?.is_none()); // nothing is saved yet
    /// # let job = TrainingJob {
    /// #     config: &config,
    /// #     run: &run,
    /// #     weights: &weights,
    /// #     data: Data::Arrays(&data),
    /// #     device: &Device::flex(),
    /// #     strict_engine: false,
    /// #     cancellation: &Cancellation::NEVER,
    /// # };
    /// fit(&job, |_| {})?;
    /// let refused = SavedCheckpoint::resumable(&run, &config);
    /// assert!(matches!(refused, Err(TrainError::Complete { epochs: 2, .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "load_checkpoint")]
    pub fn resumable(run: &RunDirectory, config: &RunConfig) -> Result<Option<Self>, TrainError> {
        recover_folder(run.best())?;
        let (last, previous) = (run.last(), run.previous());
        if !last.exists() && !previous.exists() {
            // The first checkpoint precedes all other files. Starting again would overwrite the epochs of this run.
            if run.history().exists() || run.best().exists() {
                let fault = "is missing, but the run has complete epochs".to_owned();
                return Err(TrainError::Checkpoint { path: last, fault });
            }
            return Ok(None);
        }
        let read = match verified_state(&last) {
            Ok(state) => Self { run: run.path().to_owned(), folder: last, state, fault: None },
            // If the previous checkpoint is damaged or missing too, report the fault of the newest one.
            Err(fault) => match verified_state(&previous) {
                Ok(state) => Self {
                    run: run.path().to_owned(),
                    folder: previous,
                    state,
                    fault: Some(match fault.hint() {
                        Some(hint) => format!("{fault}\nhint: {hint}"),
                        None => fault.to_string(),
                    }),
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

    /// Returns true if the checkpoint belongs to this run.
    pub(crate) fn is_of(&self, run: &RunDirectory) -> bool {
        self.run == run.path()
    }

    /// Reads the checkpoint onto a device with autodiff, and returns it with its model card.
    pub(crate) fn read(
        &self,
        config: &RunConfig,
        device: &Device,
    ) -> Result<(Checkpoint, ModelCard), TrainError> {
        let state = self.state.clone();
        let (card, trainable) = load_bundle(&self.folder, device)?;
        let path = self.folder.join(OPTIMIZER);
        let update = |name: &str| config.optimizer.update(config.train.rate_of(name));
        let arrays = read_arrays(&path)?;
        let optimizer = Optimizer::with_arrays(update, &trainable, arrays, &device.clone().inner());
        let optimizer = optimizer.map_err(|reason| {
            checkpoint_fault(&path, format!("does not match the model of the checkpoint: {reason}"))
        })?;
        Ok((Checkpoint { trainable, optimizer, state }, card))
    }
}

impl Checkpoint {
    /// Writes the checkpoint to `last` and moves the old one to `previous`.
    pub(crate) fn save(&self, run: &RunDirectory, card: &ModelCard) -> Result<(), TrainError> {
        replace_folder_with_backup(&run.last(), &run.previous(), |folder| {
            // The model and the state of the optimizer are large. Two threads copy, write and hash them.
            let (optimizer, model) = thread::scope(|scope| {
                let optimizer = scope.spawn(|| self.save_optimizer(run, folder));
                let model = save_model(run, &self.state, folder, card, &self.trainable)
                    .and_then(|()| Ok(digests(folder, &MODEL_FILES)?));
                (optimizer.join().unwrap_or_else(|panic| resume_unwind(panic)), model)
            });
            // If both fail, the error of the model is reported.
            let mut digests_of_all = model?;
            digests_of_all.extend(optimizer?);
            let state = serde_json::to_vec_pretty(&self.state).expect("a state is plain data");
            write_atomic(folder.join(STATE), &state)?;
            digests_of_all.extend(digests(folder, &[STATE])?);
            let digests =
                serde_json::to_vec_pretty(&digests_of_all).expect("digests are plain data");
            write_atomic(folder.join(DIGESTS), &digests)?;
            tracing::debug!(epoch = self.state.epoch, step = self.state.step, "checkpoint");
            Ok(())
        })
    }

    /// Writes the state of the optimizer into `folder`, and returns the digest of the file by its name.
    fn save_optimizer(&self, run: &RunDirectory, folder: &Path) -> Result<Digests, TrainError> {
        let optimizer = self.optimizer.to_arrays();
        if let Some((name, _)) = optimizer.iter().find(|(_, array)| !array.is_finite()) {
            return Err(non_finite(run, &self.state, name.clone()));
        }
        write_safetensors(folder.join(OPTIMIZER), &optimizer)?;
        Ok(digests(folder, &[OPTIMIZER])?)
    }
}

/// Checks the digest of every file in `folder`, then reads the state.
pub(crate) fn verified_state(folder: &Path) -> Result<TrainingState, TrainError> {
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
            let reason = "is damaged: its digest differs from `digests.json`";
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

/// Returns the SHA-256 of some files in a folder, by file name.
fn digests(folder: &Path, files: &[&'static str]) -> Result<Digests, FormatError> {
    let digest = |&name| Ok((name, hex(Sha256::digest(read_regular(folder.join(name))?))));
    files.iter().map(digest).collect()
}

/// Writes a model into `folder`. Returns [`TrainError::NonFinite`] if training has diverged.
fn save_model(
    run: &RunDirectory,
    state: &TrainingState,
    folder: &Path,
    card: &ModelCard,
    trainable: &TrainableLayers,
) -> Result<(), TrainError> {
    save_bundle(folder, card, trainable).map_err(|error| match error {
        ModelError::NonFinite { name, .. } => non_finite(run, state, name),
        error => error.into(),
    })
}

/// Returns the error for an array that is NaN or infinite.
fn non_finite(run: &RunDirectory, state: &TrainingState, name: String) -> TrainError {
    TrainError::NonFinite { name, epoch: state.epoch + 1, step: state.step, last: run.last() }
}

/// Writes the best model to `best`.
pub(crate) fn save_best(
    run: &RunDirectory,
    state: &TrainingState,
    card: &ModelCard,
    trainable: &TrainableLayers,
) -> Result<(), TrainError> {
    replace_folder(&run.best(), |folder| save_model(run, state, folder, card, trainable))
}

/// Renames a damaged checkpoint to `last.damaged`, and removes an older one of that name.
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
