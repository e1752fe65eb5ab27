//! A run goes on with what it began with, or not at all: settings, photographs and weights are known
//! again by their digests.

use std::path::PathBuf;

use model::WeightsRecord;
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{
    DataConfig, DeviceConfig, Job, RunConfig, Start, State, TrainConfig, TrainError, WeightsChoice,
};

/// Checks that a run is resumed with the settings, images and weights that it began with.
pub(crate) fn check_same(
    job: &Job<'_>,
    state: &State,
    weights: &WeightsRecord,
) -> Result<(), TrainError> {
    if state.settings != digest_of_settings(job.config) {
        return Err(TrainError::OtherSettings(job.run.config()));
    }
    if state.photographs != job.data.digest() {
        let data = &job.config.data;
        let place = data.features.as_ref().map_or_else(|| data.path.clone(), PathBuf::from);
        return Err(TrainError::OtherPhotographs(place));
    }
    if weights.digest != job.weights.digest() {
        let (found, expected) = (job.weights.digest().to_owned(), weights.digest.clone());
        return Err(TrainError::OtherWeights { found, expected });
    }
    Ok(())
}

/// The digest of the settings that a run can't go on without: not when it ends, how often it is saved, whether
/// TensorBoard is written for, where files lie, how much memory photographs may take and which device computes
/// in the same precision. Weights and photographs are known by their content, and what the run has started from
/// is in its first checkpoint.
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
    same.data.cache_dir = None;
    same.data.cache_gb = DataConfig::CACHE_GB;
    // Features that memory does not hold are shown in an order which follows from how many fit.
    if same.data.features.is_none() {
        same.data.cache_mb = 0;
    }
    same.data.features = same.data.features.map(|_| String::new());
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
