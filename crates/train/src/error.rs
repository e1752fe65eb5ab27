//! Error of training.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use formats::FormatError;
use quoting::Shown;

/// Error of a run that can't start, continue or resume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The folder already holds a run.
    #[error("`{}` already holds a run", .0.shown())]
    RunExists(PathBuf),
    /// The folder holds other files.
    #[error("`{}` is not empty and is not a run directory", .0.shown())]
    NotEmpty(PathBuf),
    /// The folder does not hold a run.
    #[error("no run at `{}`: it has no `config.toml`", .0.shown())]
    NoRun(PathBuf),
    /// All epochs of the run are complete.
    #[error("the run in `{}` is complete after {epochs} epochs", .path.shown())]
    Complete {
        /// Run directory.
        path: PathBuf,
        /// Number of complete epochs.
        epochs: usize,
    },
    /// Another program has locked the run directory.
    #[error("another program is using the run in `{}`", .0.shown())]
    Locked(PathBuf),
    /// `config.toml` can't be parsed.
    #[error("`{}` can't be read: {reason}", .path.shown())]
    Config {
        /// Path of the file.
        path: PathBuf,
        /// Message of the parser.
        reason: String,
    },
    /// The checkpoint is damaged or does not fit the run.
    #[error("`{}` {fault}", .path.shown(), fault = .fault.shown())]
    Checkpoint {
        /// Path of the file or folder.
        path: PathBuf,
        /// Reason. It completes a sentence whose subject is the path.
        fault: String,
    },
    /// `config.toml` was changed after the run began.
    #[error("the settings in `{}` have changed since the run began", .0.shown())]
    DifferentSettings(PathBuf),
    /// The output path is inside the data directory.
    #[error("`{}` is inside the data directory `{}`, which is read-only for permafrost", .path.shown(), .data.shown())]
    RunInData {
        /// Output path.
        path: PathBuf,
        /// Data directory.
        data: PathBuf,
    },
    /// The images have changed since the run began.
    #[error("the images in `{}` have changed since the run began", .0.shown())]
    DifferentImages(PathBuf),
    /// The engine differs from the run's last one, or the run does not record its engine.
    #[error(
        "engine is `{found}`, but the run used `{expected}`: results may differ in the last digits",
        expected = .expected.shown()
    )]
    OtherEngine {
        /// Current engine.
        found: String,
        /// Engine that the run used last.
        expected: String,
    },
    /// The weights of the base have changed since the run began.
    #[error(
        "the weights have the digest {found}, but the run used {expected}",
        found = .found.shown(),
        expected = .expected.shown()
    )]
    DifferentWeights {
        /// Digest of the current weights.
        found: String,
        /// Digest of the weights that the run began with.
        expected: String,
    },
    /// The initial model has other classes, another base or other weights of the base.
    #[error(
        "the model in `{}` has {what} {found}, expected {expected}",
        .path.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherStart {
        /// Folder of the model.
        path: PathBuf,
        /// Name of the property that differs.
        what: &'static str,
        /// Value of the model.
        found: String,
        /// Value of the run.
        expected: String,
    },
    /// The initial model or head does not fit the run.
    #[error("`{}` does not fit this run: {fault}", .path.shown(), fault = .fault.shown())]
    InitialWeights {
        /// Path of the folder or file.
        path: PathBuf,
        /// Reason.
        fault: String,
    },
    /// The run would freeze a layer that the initial model has trained.
    #[error("the model in `{}` has trained `{name}`, which this run would freeze", .path.shown(), name = .name.shown())]
    FreezesTrained {
        /// Folder of the model.
        path: PathBuf,
        /// Name of the array.
        name: String,
    },
    /// A path can't be written into `config.toml`.
    #[error("the path `{}` is not UTF-8", .0.shown())]
    PathText(PathBuf),
    /// The head is too large for memory.
    #[error(
        "a head with {hidden} hidden units on {inputs} features has more than {limit} parameters"
    )]
    HeadTooLarge {
        /// Number of features of an image, the inputs of the head.
        inputs: usize,
        /// Numbers of hidden units, such as `256,64`.
        hidden: String,
        /// Maximum number of parameters.
        limit: usize,
    },
    /// A class weight is set for a class that the data do not have.
    #[error("`{}` is not a class of the data: {}", .name.shown(), .classes.join(", "))]
    UnknownClass {
        /// Name in the settings.
        name: String,
        /// Classes of the data, quoted for display.
        classes: Vec<String>,
    },
    /// A threshold is set, but there are more than two classes.
    #[error("a threshold needs two classes, but the data have {classes}")]
    ThresholdOfMany {
        /// Number of classes.
        classes: usize,
    },
    /// A class has no image in one of the splits.
    #[error(
        "class `{class}` has no {what} features",
        class = .class.shown()
    )]
    NoFeatures {
        /// Name of the class.
        class: String,
        /// `training` or `validation`.
        what: &'static str,
    },
    /// The features were computed with another base, other weights or other augmentation.
    #[error(
        "the features were computed with {what} {found}, expected {expected}",
        found = .found.shown(),
        expected = .expected.shown()
    )]
    DifferentFeatures {
        /// Name of the property that differs: a setting such as `augment.rotation`, or the digest of the weights.
        what: String,
        /// Value of the features.
        found: String,
        /// Value of the run.
        expected: String,
    },
    /// The loss is NaN or infinite.
    #[error("the loss is NaN or infinite after epoch {epoch}, step {step}")]
    Diverged {
        /// Epoch, from 1.
        epoch: usize,
        /// Step, from 1.
        step: usize,
        /// Folder of the last checkpoint.
        last: PathBuf,
    },
    /// The loss of a head that is trained in memory is NaN or infinite.
    #[error("the loss is NaN or infinite after epoch {epoch}, step {step}")]
    HeadDiverged {
        /// Epoch, from 1.
        epoch: usize,
        /// Step, from 1.
        step: usize,
    },
    /// The features for a linear head or a cross-validation do not fit into memory.
    #[error("the features take {} MB, more than the memory limit of {} MB, and a linear head or a cross-validation needs them at once", .bytes.div_ceil(1_000_000), .limit / 1_000_000)]
    FeaturesMemory {
        /// Size of the features in bytes.
        bytes: usize,
        /// Memory limit in bytes.
        limit: usize,
    },
    /// A class has too few images for the folds of a cross-validation. Near duplicates that are kept together count as one.
    #[error("class `{class}` has {found} image(s), and the cross-validation needs {needed}; near duplicates that are kept together count as one", class = .class.shown())]
    FewForFolds {
        /// Name of the class.
        class: String,
        /// Number of its images or groups.
        found: usize,
        /// Number that the cross-validation needs.
        needed: usize,
    },
    /// A linear head can't be solved.
    #[error(transparent)]
    Linear(linear::LinearError),
    /// Features and labels in memory do not fit together.
    #[error(transparent)]
    Arrays(#[from] crate::FeatureArraysError),
    /// An array to save holds values that are NaN or infinite.
    #[error(
        "`{name}` holds values that are NaN or infinite after epoch {epoch}, step {step}, and is not saved",
        name = .name.shown()
    )]
    NonFinite {
        /// Name of the array.
        name: String,
        /// Current epoch, from 1.
        epoch: usize,
        /// Number of its steps that are complete.
        step: usize,
        /// Folder of the last checkpoint.
        last: PathBuf,
    },
    /// Training failed, and so did saving the last valid state.
    #[error(
        "training failed, and the last valid state can't be saved ({})",
        .unsaved.to_string().lines().next().unwrap_or_default()
    )]
    Unsaved {
        /// Error of training.
        #[source]
        cause: Box<TrainError>,
        /// Error of saving.
        unsaved: Box<TrainError>,
    },
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {expected}", value = .value.shown())]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Invalid value.
        value: String,
        /// Valid values.
        expected: &'static str,
    },
    /// Augmentation settings are invalid.
    #[error(transparent)]
    Augment(#[from] augment::AugmentError),
    /// A file of the run can't be read or written.
    #[error(transparent)]
    File(#[from] FormatError),
    /// A model can't be read or written.
    #[error(transparent)]
    Model(#[from] model::ModelError),
    /// The base can't be built.
    #[error(transparent)]
    Base(#[from] vgg::VggError),
    /// The images can't be used.
    #[error(transparent)]
    Photos(#[from] photos::PhotosError),
    /// Features can't be computed or stored, or the run was cancelled.
    #[error(transparent)]
    Features(#[from] features::FeaturesError),
    /// Precomputed features can't be used, or the run was cancelled.
    #[error(transparent)]
    #[cfg(feature = "shards")]
    Shards(#[from] shards::ShardsError),
}

impl From<features::Cancelled> for TrainError {
    fn from(cancelled: features::Cancelled) -> Self {
        features::FeaturesError::from(cancelled).into()
    }
}

impl From<linear::LinearError> for TrainError {
    fn from(error: linear::LinearError) -> Self {
        match error {
            linear::LinearError::Cancelled => features::Cancelled.into(),
            error => Self::Linear(error),
        }
    }
}

impl TrainError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, WeightsChoice};
    ///
    /// let mut config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// config.train.epochs = 0;
    /// let error = config.validate().expect_err("no epochs");
    /// assert_eq!(error.hint().as_deref(), Some("remove the setting to use its default"));
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Augment(error) => return error.hint(),
            Self::File(error) => return error.hint(),
            Self::Model(error) => return error.hint(),
            Self::Base(error) => return error.hint(),
            Self::Photos(error) => return error.hint(),
            Self::Features(error) => return error.hint(),
            #[cfg(feature = "shards")]
            Self::Shards(error) => return error.hint(),
            Self::Unsaved { cause, unsaved } => return cause.hint().or_else(|| unsaved.hint()),
            Self::Complete { path, .. } => {
                format!("its best model is in `{}`", path.join("best").shown()).into()
            }
            Self::Config { .. } => {
                "a run resumes with its own settings; restore the original file".into()
            }
            Self::Checkpoint { .. } => {
                "the run can't resume from this checkpoint; start a new run".into()
            }
            Self::DifferentImages(_) => "restore the files, or start a new run".into(),
            Self::OtherEngine { .. } => {
                "resume on a machine with the same instruction set, or allow another engine".into()
            }
            Self::DifferentWeights { .. } => "restore the weights file, or start a new run".into(),
            Self::OtherStart { .. } => {
                "use a model with the same base and classes, or start without one".into()
            }
            Self::PathText(_) => "rename the file or folder".into(),
            Self::NoFeatures { .. } => {
                "see the skipped files (`skipped`) in the JSON files of the features".into()
            }
            Self::DifferentFeatures { .. } => {
                "use the settings and weights of the features, or compute the features again".into()
            }
            Self::NonFinite { last, .. } => format!(
                "start a new run with a lower learning rate; the last valid state is in `{}`",
                last.shown()
            )
            .into(),
            Self::HeadDiverged { .. } => "use a lower learning rate".into(),
            Self::UnknownClass { .. } => "correct the name in the class weights".into(),
            Self::ThresholdOfMany { .. } => "remove the threshold; with more than two classes, the most likely class is predicted".into(),
            Self::FeaturesMemory { .. } => "raise `data.cache_mb`, or use fewer features".into(),
            Self::FewForFolds { .. } => "add images, or use fewer folds".into(),
            Self::Linear(linear::LinearError::NotConverged { .. }) => "use a smaller C".into(),
            Self::Setting { .. } => "remove the setting to use its default".into(),
            _ => return None,
        })
    }

    /// Returns true if the error is a cancellation.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = train::TrainError::NoRun("runs/train".into());
    /// assert!(!error.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Features(features::FeaturesError::Cancelled(_)) => true,
            #[cfg(feature = "shards")]
            Self::Shards(shards::ShardsError::Cancelled(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn unsaved(cause: Self, unsaved: Self) -> Self {
        Self::Unsaved { cause: Box::new(cause), unsaved: Box::new(unsaved) }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        FormatError::io(path, source).into()
    }
}
