//! Checks that a run resumes with the settings, images and weights that it began with. Digests identify all three.

use std::path::PathBuf;

use model::WeightsRecord;
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{
    DataConfig, DeviceConfig, InitialWeights, RunConfig, TrainConfig, TrainError, TrainingJob,
    TrainingState, WeightsChoice,
};

/// Checks that a run resumes with the settings, images and weights that it began with.
pub(crate) fn check_same(
    job: &TrainingJob<'_>,
    state: &TrainingState,
    weights: &WeightsRecord,
) -> Result<(), TrainError> {
    if state.settings_digest != digest_of_settings(job.config) {
        return Err(TrainError::OtherSettings(job.run.config()));
    }
    if state.data_digest != job.data.digest() {
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

/// Hashes the settings that must not change when a run resumes.
///
/// Excluded are the number of epochs, patience, checkpoint interval, TensorBoard, paths, memory and cache limits, and
/// the device apart from its precision. Weights and images have their own digests, and the first checkpoint contains
/// the initial weights.
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
    // Features that do not fit into memory are read in an order that depends on the memory limit.
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
        InitialWeights::Random => {}
        InitialWeights::Model(path) | InitialWeights::Head(path) => *path = PathBuf::new(),
    }
    let text = toml::to_string(&same);
    hex(Sha256::digest(text.expect("valid settings are plain data")))
}
