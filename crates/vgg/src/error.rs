//! What can be wrong with a network's description or its weights.

use std::path::PathBuf;

use crate::Variant;

/// A network that can't be built, and why.
#[derive(Debug, thiserror::Error)]
pub enum VggError {
    /// The pictures are too small to pass five poolings, or too large for any memory.
    #[error(
        "the picture size is {height} x {width}, expected 32 x 32 to 1024 x 1024\nhint: 180 is the usual size; the network was trained on 224"
    )]
    Size {
        /// The height asked for.
        height: usize,
        /// The width asked for.
        width: usize,
    },
    /// The base is to end after a layer that the network has not.
    #[error(
        "`{}` has no layer `{layer}`\nhint: its layers are {}",
        .variant.name(), .known.join(", ")
    )]
    UnknownLayer {
        /// The network.
        variant: Variant,
        /// The layer asked for.
        layer: String,
        /// The layers that there are.
        known: Vec<String>,
    },
    /// The base is to learn from a layer on after which nothing learns.
    #[error(
        "no layer of the base from `{0}` on has weights that could learn\nhint: name an earlier convolution or block"
    )]
    NothingToThaw(String),
    /// The classifier on top needs the whole base, unpooled.
    #[error(
        "the classifier on top needs the base up to `block5_pool`, unpooled and frozen\nhint: leave the end of the base, the pooling and thawing out"
    )]
    TopOnPart,
    /// A frozen base gives features, not classes.
    #[error("a frozen base has no classifier on top\nhint: use `ImageNet` for the 1000 classes")]
    FrozenTop,
    /// The 1000 classes need the classifier on top.
    #[error(
        "the network has no classifier on top\nhint: set `include_top` for the 1000 classes, or use `FrozenBase` for features"
    )]
    NoTop,
    /// The device that the base runs on has failed.
    #[error("`{engine}` can't compute features: {reason}\nhint: {hint}")]
    Engine {
        /// What it runs on.
        engine: String,
        /// What went wrong there.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The weights file can't be read.
    #[error(transparent)]
    File(#[from] formats::FormatError),
    /// The weights file holds other arrays than the network needs.
    #[error(
        "`{}` does not hold the weights of `{}` {extent}:\n  {}\nhint: {hint}",
        .path.display(), .variant.name(), .problems.join("\n  ")
    )]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// The network.
        variant: Variant,
        /// How much of it is needed.
        extent: String,
        /// Every difference.
        problems: Vec<String>,
        /// What to do about it.
        hint: &'static str,
    },
}
