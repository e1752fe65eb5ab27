//! What can stop a run.

use std::path::{Path, PathBuf};

use formats::FormatError;
use quoting::Shown;

/// A run that can't start, go on or be resumed, and why.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The folder already holds a run.
    #[error("`{}` already holds a run", .0.shown())]
    RunExists(PathBuf),
    /// The folder holds something else.
    #[error("`{}` is not empty and holds no run", .0.shown())]
    NotEmpty(PathBuf),
    /// The folder holds no run.
    #[error("no run at `{}`: it has no `config.toml`", .0.shown())]
    NoRun(PathBuf),
    /// The run has done all its epochs.
    #[error("the run in `{}` is complete after {epochs} epochs\nhint: its best model is in `{}`", .path.shown(), .path.join("best").shown())]
    Complete {
        /// The run's folder.
        path: PathBuf,
        /// How many epochs it has.
        epochs: usize,
    },
    /// Another program writes to the run's folder.
    #[error("another program is at work on the run in `{}`", .0.shown())]
    Locked(PathBuf),
    /// `config.toml` is no such file.
    #[error("`{}` can't be read: {reason}\nhint: a run is resumed with its own settings; put the file back as it was", .path.shown())]
    Config {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The checkpoint does not fit the run.
    #[error("`{}` {fault}\nhint: the run can't be resumed from there; start a new one", .path.shown(), fault = .fault.shown())]
    Checkpoint {
        /// The file or folder.
        path: PathBuf,
        /// What does not fit, as the end of a sentence that begins with its name.
        fault: String,
    },
    /// `config.toml` was changed since the run began.
    #[error("the settings in `{}` are not those that this run began with", .0.shown())]
    OtherSettings(PathBuf),
    /// The run's folder, or what else is written, would be among the photographs.
    #[error("`{}` lies in the folder of photographs `{}`, which is only read", .path.shown(), .data.shown())]
    RunInData {
        /// The folder.
        path: PathBuf,
        /// The folder of photographs.
        data: PathBuf,
    },
    /// The photographs are not those that the run began with.
    #[error("the photographs in `{}` are not those that this run began with\nhint: a resumed run needs the same files; put them back, or start a new run", .0.shown())]
    OtherPhotographs(PathBuf),
    /// The run was on another engine before, or does not say on which.
    #[error(
        "the run was on the engine `{expected}`, this machine has `{found}`: the result may have other last digits\nhint: resume it on a machine with the same instruction set, or allow another one",
        expected = .expected.shown()
    )]
    OtherEngine {
        /// The engine here.
        found: String,
        /// The engine before.
        expected: String,
    },
    /// The base's weights are not those that the run began with.
    #[error(
        "the weights have the digest {found}, but this run began with {expected}\nhint: a resumed run needs the same weights; put the file back, or start a new run",
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherWeights {
        /// The digest of the weights now.
        found: String,
        /// The digest of those it began with.
        expected: String,
    },
    /// The model to start from is of other classes or another base.
    #[error(
        "the model in `{}` has the {what} {found}, this run {expected}\nhint: a model is trained further on the same base, with photographs of the same classes; start without it for others",
        .path.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherStart {
        /// The model's folder.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the model has.
        found: String,
        /// What the run has.
        expected: String,
    },
    /// What to start from does not fit the run.
    #[error("`{}` does not fit this run: {fault}", .path.shown(), fault = .fault.shown())]
    Start {
        /// The folder or file.
        path: PathBuf,
        /// What does not fit.
        fault: String,
    },
    /// The run would freeze what the model to start from has trained.
    #[error("the model in `{}` has trained `{name}`, which this run would freeze", .path.shown(), name = .name.shown())]
    FreezesTrained {
        /// The model's folder.
        path: PathBuf,
        /// The array.
        name: String,
    },
    /// A path can't be written into `config.toml`.
    #[error("the path `{}` is not UTF-8\nhint: rename the file or folder", .0.shown())]
    PathText(PathBuf),
    /// The head would not fit into memory.
    #[error(
        "a head with {hidden} hidden units on {inputs} features has more than {limit} parameters"
    )]
    HeadTooLarge {
        /// The values that the base gives for a picture.
        inputs: usize,
        /// The hidden units.
        hidden: usize,
        /// How many parameters a head may have.
        limit: usize,
    },
    /// A share to keep for validation is named where there are folders.
    #[error("the features are of photographs in a folder to train and one to validate on")]
    SplitOfFolders,
    /// No photograph of a class is left to train or to validate on.
    #[error(
        "no features of the class `{class}` are there to be {what} on\nhint: see which photographs were skipped: the `skipped` of the JSON files beside the features",
        class = .class.shown()
    )]
    NoFeatures {
        /// The class.
        class: String,
        /// `trained` or `validated`.
        what: &'static str,
    },
    /// The features were computed with another base or other weights.
    #[error(
        "the features were computed with {found}, this run has {expected}\nhint: take the base and weights that they were computed with, or compute them again",
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherFeatures {
        /// What the features have.
        found: String,
        /// What the run has.
        expected: String,
    },
    /// The loss is NaN or infinite.
    #[error("the loss is NaN or infinite after epoch {epoch}, step {step}")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The step, from 1.
        step: usize,
        /// The folder with the state before.
        last: PathBuf,
    },
    /// What is to be saved holds values that are NaN or infinite.
    #[error(
        "`{name}` holds values that are NaN or infinite after epoch {epoch}, step {step}, and is not saved\nhint: start a new run with a lower learning rate; the state before is in `{}`",
        .last.shown(),
        name = .name.shown()
    )]
    NonFinite {
        /// The array.
        name: String,
        /// The epoch at hand, from 1.
        epoch: usize,
        /// How many of its steps were made.
        step: usize,
        /// The folder with the state before.
        last: PathBuf,
    },
    /// Training failed, and its state before that could not be saved either.
    #[error(
        "training failed, and the state before that can't be saved ({})",
        .unsaved.to_string().lines().next().unwrap_or_default()
    )]
    Unsaved {
        /// Why training failed.
        #[source]
        cause: Box<TrainError>,
        /// Why the state can't be saved.
        unsaved: Box<TrainError>,
    },
    /// A setting is out of its range.
    #[error(
        "`{name}` is {value}, expected {expected}\nhint: leave it out to take the value of the Keras example",
        value = .value.shown()
    )]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Augmentation settings are out of range.
    #[error(transparent)]
    Augment(#[from] augment::AugmentError),
    /// A file of the run can't be read or written.
    #[error(transparent)]
    File(#[from] FormatError),
    /// A model of the run can't be read or written.
    #[error(transparent)]
    Model(#[from] model::ModelError),
    /// The base can't be built.
    #[error(transparent)]
    Base(#[from] vgg::VggError),
    /// The photographs can't be used.
    #[error(transparent)]
    Photos(#[from] photos::PhotosError),
    /// Features can't be computed or kept.
    #[error(transparent)]
    Features(#[from] features::FeaturesError),
    /// Features that were computed elsewhere can't be used.
    #[error(transparent)]
    Shards(#[from] shards::ShardsError),
}

impl From<features::Cancelled> for TrainError {
    fn from(cancelled: features::Cancelled) -> Self {
        features::FeaturesError::from(cancelled).into()
    }
}

impl TrainError {
    /// Returns true if nothing failed, but the run was cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        use features::FeaturesError;
        use shards::ShardsError;

        matches!(
            self,
            Self::Features(FeaturesError::Cancelled(_)) | Self::Shards(ShardsError::Cancelled(_))
        )
    }

    pub(crate) fn unsaved(cause: Self, unsaved: Self) -> Self {
        Self::Unsaved { cause: Box::new(cause), unsaved: Box::new(unsaved) }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        FormatError::io(path, source).into()
    }
}
