//! Checks that a run resumes with the settings, images and weights that it began with. Digests identify all three.

use std::path::PathBuf;

use model::WeightsRecord;
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{
    DataConfig, DeviceConfig, InitialWeights, RunConfig, Schedule, TrainConfig, TrainError,
    TrainingJob, TrainingState, WeightsChoice,
};

/// Checks that a run resumes with the settings, images and weights that it began with.
pub(crate) fn check_same(
    job: &TrainingJob<'_>,
    state: &TrainingState,
    weights: &WeightsRecord,
) -> Result<(), TrainError> {
    if state.settings_digest != digest_of_settings(job.config) {
        return Err(TrainError::DifferentSettings(job.run.config()));
    }
    if state.data_digest != job.data.digest() {
        let data = &job.config.data;
        let place = data.features.as_ref().map_or_else(|| data.path.clone(), PathBuf::from);
        return Err(TrainError::DifferentImages(place));
    }
    if weights.digest != job.weights.digest() {
        let (found, expected) = (job.weights.digest().to_owned(), weights.digest.clone());
        return Err(TrainError::DifferentWeights { found, expected });
    }
    Ok(())
}

/// Renamed settings and their first names. Digests use the first names, so that the digests of older runs still match.
const FIRST_NAMES: [(&str, &str); 5] = [
    ("image_size = ", "size = "),
    ("last_layer = ", "until = "),
    ("unfreeze = ", "thaw = "),
    ("hidden_units = ", "hidden = "),
    ("base_learning_rate = ", "thaw_learning_rate = "),
];

/// Returns a line of `config.toml` with the first name of its setting.
fn with_first_name(line: &str) -> String {
    let renamed = FIRST_NAMES
        .iter()
        .find_map(|(name, first)| Some(format!("{first}{}", line.strip_prefix(name)?)));
    renamed.unwrap_or_else(|| line.to_owned())
}

/// Hashes the settings that must not change when a run resumes.
///
/// Excluded are the number of epochs (unless the learning rate has a schedule), patience, checkpoint interval, calibration, TensorBoard, paths, memory and cache limits, and
/// the device apart from its precision. Weights and images have their own digests, and the first checkpoint contains
/// the initial weights.
pub(crate) fn digest_of_settings(config: &RunConfig) -> String {
    let mut same = config.clone();
    // A schedule depends on the number of epochs.
    let is_constant = config.optimizer.schedule == Schedule::Constant;
    same.train = TrainConfig {
        epochs: if is_constant { 0 } else { config.train.epochs },
        patience: None,
        save_every: None,
        calibrate: false,
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
    let text = toml::to_string(&same).expect("valid settings are plain data");
    hex(Sha256::digest(text.split_inclusive('\n').map(with_first_name).collect::<String>()))
}
