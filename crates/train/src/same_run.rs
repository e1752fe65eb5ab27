//! A run goes on with what it began with, or not at all: settings, photographs and weights are known
//! again by their digests.

use std::path::PathBuf;

use model::WeightsRecord;
use photos::Photos;
use sha2::{Digest, Sha256};

use crate::{DeviceConfig, Job, RunConfig, Start, State, TrainConfig, TrainError, WeightsChoice};

/// Checks that a run goes on with what it began with, and is not complete.
pub(crate) fn check_same(
    job: &Job<'_>,
    state: &State,
    photographs: &str,
    weights: &WeightsRecord,
) -> Result<(), TrainError> {
    if state.is_complete(&job.config.train) {
        let (path, epochs) = (job.run.path().to_owned(), state.epoch);
        return Err(TrainError::Complete { path, epochs });
    }
    if state.settings != digest_of_settings(job.config) {
        return Err(TrainError::OtherSettings(job.run.config()));
    }
    if state.photographs != photographs {
        return Err(TrainError::OtherPhotographs(job.config.data.path.clone()));
    }
    if weights.digest != job.weights.digest() {
        let (found, expected) = (job.weights.digest().to_owned(), weights.digest.clone());
        return Err(TrainError::OtherWeights { found, expected });
    }
    Ok(())
}

/// The digest of the settings that a run can't go on without: not when it ends, how often it
/// is saved, whether TensorBoard is written for, where files lie, how much memory may be taken and which device computes in the same precision.
/// Weights and photographs are known by their content,
/// and what the run has started from is in its first checkpoint.
pub(crate) fn digest_of_settings(config: &RunConfig) -> String {
    let mut same = config.clone();
    same.train = TrainConfig {
        epochs: 0,
        patience: None,
        save_every: None,
        tensorboard: false,
        ..same.train
    };
    same.data.path = PathBuf::new();
    (same.data.cache_mb, same.data.cache_dir) = (0, None);
    let DeviceConfig { precision, tf32, .. } = same.device;
    same.device = DeviceConfig { precision, tf32, ..DeviceConfig::default() };
    if let WeightsChoice::File(path) = &mut same.weights {
        *path = PathBuf::new();
    }
    match &mut same.start {
        Start::Random => {}
        Start::Model(path) | Start::Head(path) => *path = PathBuf::new(),
    }
    let text = toml::to_string(&same);
    hex(Sha256::digest(text.expect("valid settings are plain data")))
}

/// The digest of the photographs' pixels, labels and addresses, in their order.
pub(crate) fn digest_of_photographs<const SETS: usize>(sets: [&Photos; SETS]) -> String {
    let mut hash = Sha256::new();
    for photos in sets {
        for (at, &label) in photos.labels().iter().enumerate() {
            hash.update((label as u64).to_le_bytes());
            hash.update(photos.digest(at));
            hash.update(photos.address(at).to_le_bytes());
        }
        hash.update(u64::MAX.to_le_bytes());
    }
    hex(hash.finalize())
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
