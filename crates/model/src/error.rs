//! Error of a model on disk.

use std::borrow::Cow;
use std::path::PathBuf;

use quoting::Shown;

use crate::HeadFault;

/// Error of reading, writing or using a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The folder does not contain a bundle.
    #[error("no model at `{}`: it has no `model.json`", .0.shown())]
    Missing(PathBuf),
    /// A file of the bundle can't be read or written.
    #[error(transparent)]
    File(#[from] formats::FormatError),
    /// The base can't be built, or its output is NaN or infinite.
    #[error(transparent)]
    Base(#[from] vgg::VggError),
    /// An image file can't be read or decoded.
    #[cfg(feature = "photos")]
    #[error("`{}`: {reason}", .path.shown())]
    ImageFile {
        /// Path of the file.
        path: PathBuf,
        /// Error of the file.
        reason: photos::ImageFileError,
    },
    /// An image in memory has no pixels or too many.
    #[cfg(feature = "photos")]
    #[error("image {index}: {reason}")]
    Image {
        /// Index in the batch.
        index: usize,
        /// Error of the image.
        reason: photos::DecodeError,
    },
    /// `model.json` can't be parsed.
    #[error("`{}` is not a model card: {reason}", .path.shown(), reason = .reason.to_string().shown())]
    Card {
        /// Path of the file.
        path: PathBuf,
        /// Error of the parser.
        reason: serde_json::Error,
    },
    /// `model.json` has fewer than two classes.
    #[error("`{}` has {count} class(es), expected two or more", .path.shown())]
    Classes {
        /// Path of the file.
        path: PathBuf,
        /// Number of classes.
        count: usize,
    },
    /// `model.json` has an unsupported version.
    #[error("`{}` has format {found}, expected 2 to {expected}", .path.shown())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Version of the file.
        found: u64,
        /// Version that this crate writes.
        expected: u32,
    },
    /// A value of `model.json` is out of its range.
    #[error("`{}`: `{name}` is {found}, expected {expected}", .path.shown(), found = .found.shown())]
    CardValue {
        /// Path of the file.
        path: PathBuf,
        /// Name of the value.
        name: &'static str,
        /// Invalid value.
        found: String,
        /// Valid values.
        expected: &'static str,
    },
    /// The digest of the arrays differs from the digest in `model.json`.
    #[error("`{}` has the SHA-256 {found}, expected {expected}", .path.shown(), expected = .expected.shown())]
    OtherArrays {
        /// Path of the arrays.
        path: PathBuf,
        /// Digest of the arrays.
        found: String,
        /// Digest in `model.json`.
        expected: String,
    },
    /// An array holds values that are NaN or infinite.
    #[error("`{}`: the array `{name}` holds values that are NaN or infinite", .path.shown(), name = .name.shown())]
    NonFinite {
        /// Path of the file.
        path: PathBuf,
        /// Name of the array.
        name: String,
    },
    /// The arrays do not fit the model card.
    #[error("`{}` does not fit `model.json`: {fault}", .path.shown(), fault = .fault.shown())]
    Arrays {
        /// Path of the arrays.
        path: PathBuf,
        /// Reason.
        fault: String,
    },
    /// The parts of a classifier in memory do not fit its card.
    #[error("the card does not fit: {what} is {found}, expected {expected}", found = .found.shown(), expected = .expected.shown())]
    Parts {
        /// Property that differs or is out of its range.
        what: String,
        /// Value of the card.
        found: String,
        /// Value of the base or the trainable layers, or valid values.
        expected: String,
    },
    /// A `.keras` file does not contain a head that this crate supports.
    #[error("`{}` does not contain a supported head, expected Dense (linear), Dropout, Dense (1 unit with sigmoid for two classes, else softmax) on a VGG base: {fault}", .path.shown(), fault = .fault.to_string().shown())]
    KerasHead {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        fault: HeadFault,
    },
    /// `model.json` and the weights have different preprocessing.
    #[error("`model.json` has the preprocessing {found}, but the weights expect {expected}")]
    Preprocessing {
        /// Preprocessing of the card.
        found: &'static str,
        /// Preprocessing of the weights.
        expected: &'static str,
    },
    /// The weights file that the user names differs from the weights that the model was trained on.
    #[error(
        "`{}` holds other weights than this model was trained on: digest {found}, expected {expected}",
        .path.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    DifferentWeights {
        /// Path of the file.
        path: PathBuf,
        /// Digest of the file's weights.
        found: String,
        /// Digest in `model.json`.
        expected: String,
    },
    /// No file contains the weights that the model was trained on.
    #[error(
        "the weights of this model's base (digest {digest}) were not found{}",
        .tried.iter().map(|(path, reason)| format!("\n  `{}`: {}", path.shown(), reason.shown())).collect::<String>(),
        digest = .digest.shown()
    )]
    WeightsNotFound {
        /// Digest in `model.json`.
        digest: String,
        /// Files that were tried, each with the reason why it was rejected.
        tried: Vec<(PathBuf, String)>,
        /// Folder that was searched.
        folder: PathBuf,
    },
    /// The seed gives other weights than in the version that trained the model.
    #[error(
        "the random weights of this model's base can't be reproduced: seed {seed} gives the digest {found}, expected {expected}",
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherSeeded {
        /// Seed in `model.json`.
        seed: u64,
        /// Digest of the weights that the seed gives.
        found: String,
        /// Digest in `model.json`.
        expected: String,
    },
}

impl ModelError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::load_card;
    ///
    /// let error = load_card("no/such/folder").expect_err("no model");
    /// assert_eq!(error.to_string(), "no model at `no/such/folder`: it has no `model.json`");
    /// assert_eq!(error.hint().as_deref(), Some("use the folder `best` or `last` of a run"));
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::Base(error) => return error.hint(),
            Self::Missing(_) => "use the folder `best` or `last` of a run".into(),
            Self::Card { .. } => "the file may be damaged or from another version".into(),
            Self::Classes { .. } | Self::CardValue { .. } => {
                "the file may be damaged; copy the whole folder again".into()
            }
            Self::Format { .. } => "update the program: the model is from another version".into(),
            Self::OtherArrays { .. } => {
                "the file is damaged or belongs to another model; copy the whole folder again"
                    .into()
            }
            Self::NonFinite { .. } => {
                "the training diverged, or the file is damaged: use another model".into()
            }
            Self::Arrays { .. } => "the two files belong together; copy the whole folder".into(),
            Self::Parts { .. } => {
                "pass the base, the weights and the layers that the card describes".into()
            }
            Self::KerasHead { .. } => "models of other architectures can't be imported".into(),
            Self::Preprocessing { .. } => {
                "the file was changed; copy the whole folder again".into()
            }
            Self::OtherSeeded { .. } => {
                "the model is from another version of this program; train it again".into()
            }
            #[cfg(feature = "photos")]
            Self::ImageFile { reason: photos::ImageFileError::Decode(_), .. } => {
                "convert the file to PNG or JPEG".into()
            }
            #[cfg(feature = "photos")]
            Self::ImageFile { .. } | Self::Image { .. } => return None,
            Self::DifferentWeights { .. } | Self::WeightsNotFound { .. } => return None,
        })
    }
}
