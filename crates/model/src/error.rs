//! What can be wrong with a model on disk.

use std::path::PathBuf;

use quoting::Shown;

use crate::HeadFault;

/// A model that can't be read or written, and why.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no bundle at this path.
    #[error(
        "no model at `{}`: it has no `model.json`\nhint: a run keeps its models in its folders `best` and `last`",
        .0.shown()
    )]
    Missing(PathBuf),
    /// A file of the bundle can't be read or written.
    #[error(transparent)]
    File(#[from] formats::FormatError),
    /// The base can't be built.
    #[error(transparent)]
    Base(#[from] vgg::VggError),
    /// `model.json` is no such file.
    #[error("`{}` is no model card: {reason}\nhint: the file may be damaged, or of another version", .path.shown(), reason = .reason.to_string().shown())]
    Card {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: serde_json::Error,
    },
    /// `model.json` has too few classes to tell apart.
    #[error("`{}` has {count} class(es), expected two or more\nhint: the file may be damaged; copy the whole folder again", .path.shown())]
    Classes {
        /// The file.
        path: PathBuf,
        /// How many it has.
        count: usize,
    },
    /// `model.json` is of another version.
    #[error("`{}` has format {found}, expected {expected}\nhint: it is from another version of this program", .path.shown())]
    Format {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u64,
        /// The version read here.
        expected: u32,
    },
    /// A value of `model.json` is out of its range.
    #[error("`{}`: `{name}` is {found}, expected {expected}\nhint: the file may be damaged; copy the whole folder again", .path.shown(), found = .found.shown())]
    CardValue {
        /// The file.
        path: PathBuf,
        /// The value's name.
        name: &'static str,
        /// The value found.
        found: String,
        /// The values that are valid.
        expected: &'static str,
    },
    /// The arrays are not those that were written with the card.
    #[error("`{}` has the SHA-256 {found}, expected {expected}\nhint: the file is damaged, or of another model than `model.json`; copy the whole folder again", .path.shown(), expected = .expected.shown())]
    OtherArrays {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The digest in the card.
        expected: String,
    },
    /// An array of a model holds values that are no use.
    #[error("`{}`: the array `{name}` holds values that are NaN or infinite\nhint: its training has diverged, or the file is damaged; take another model", .path.shown(), name = .name.shown())]
    NonFinite {
        /// The file.
        path: PathBuf,
        /// The array.
        name: String,
    },
    /// The arrays do not fit the card.
    #[error("`{}` does not fit `model.json`: {fault}\nhint: the two files belong together; copy the whole folder", .path.shown(), fault = .fault.shown())]
    Arrays {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        fault: String,
    },
    /// A `.keras` file holds no head of our shape.
    #[error("`{}` holds no head of the shape Dense (linear), Dropout, Dense (1 unit with sigmoid for two classes, else softmax) on a VGG base: {fault}\nhint: models of another architecture can't be brought in", .path.shown(), fault = .fault.to_string().shown())]
    KerasHead {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        fault: HeadFault,
    },
    /// `model.json` names another preprocessing than its weights have.
    #[error(
        "the model's card has the preprocessing {found}, but its weights come with {expected}\nhint: `model.json` was changed; copy the whole folder again"
    )]
    Preprocessing {
        /// That of the card.
        found: &'static str,
        /// That of the weights.
        expected: &'static str,
    },
    /// The weights named are not those that the model was trained on.
    #[error(
        "`{}` holds other weights than this model was trained on: digest {found}, expected {expected}",
        .path.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherWeights {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The digest in the card.
        expected: String,
    },
    /// The weights are nowhere to be found.
    #[error(
        "the weights of this model's base (digest {digest}) were not found{}",
        .tried.iter().map(|(path, reason)| format!("\n  `{}`: {}", path.shown(), reason.shown())).collect::<String>(),
        digest = .digest.shown()
    )]
    WeightsNotFound {
        /// The digest in the card.
        digest: String,
        /// Each file that was looked at, and why it is not the one.
        tried: Vec<(PathBuf, String)>,
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// The same seed no longer gives the same weights.
    #[error(
        "the random weights of this model's base can't be drawn again: seed {seed} gives the digest {found}, expected {expected}\nhint: the model is from another version of this program; train it again",
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherSeeded {
        /// The seed in the card.
        seed: u64,
        /// The digest that it gives.
        found: String,
        /// The digest in the card.
        expected: String,
    },
}
