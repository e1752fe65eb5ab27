//! Errors of networks, their weights and their engines.

use std::path::PathBuf;

use quoting::Shown;

use crate::Variant;

/// Error in the configuration, the weights or the computation of a network.
#[derive(Debug, thiserror::Error)]
pub enum VggError {
    /// The images are too small for five poolings, or too large for any memory.
    #[error(
        "the image size is {height} x {width}, expected 32 x 32 to 1024 x 1024\nhint: use 180, the default, or 224, the size of the ImageNet training"
    )]
    Size {
        /// Requested height.
        height: usize,
        /// Requested width.
        width: usize,
    },
    /// The network does not have the named layer.
    #[error(
        "`{}` has no layer `{layer}`\nhint: its layers are {}",
        .variant.name(), .known.join(", "),
        layer = .layer.shown()
    )]
    UnknownLayer {
        /// Variant of the network.
        variant: Variant,
        /// Requested layer.
        layer: String,
        /// Names of the existing layers.
        known: Vec<String>,
    },
    /// No layer from the named one on has weights that could be trained.
    #[error(
        "no layer from `{}` on has trainable weights\nhint: name an earlier convolution or block",
        .0.shown()
    )]
    NothingTrainable(String),
    /// The classifier on top needs the whole base, without pooling and frozen.
    #[error(
        "the classifier on top needs the base up to `block5_pool`, frozen and without pooling\nhint: use the default last layer, no pooling and no unfrozen layers"
    )]
    TopOnPart,
    /// A frozen base returns features and does not support the classifier on top.
    #[error("a frozen base has no classifier on top\nhint: use `ImageNet` for the 1000 classes")]
    FrozenTop,
    /// The 1000 classes need the classifier on top.
    #[error(
        "the network has no classifier on top\nhint: set `include_top` for the 1000 classes, or use `FrozenBase` for features"
    )]
    NoTop,
    /// The device of the engine failed.
    #[error("`{engine}` can't compute features: {reason}\nhint: {hint}", engine = .engine.shown(), reason = .reason.shown())]
    Engine {
        /// Name of the engine.
        engine: String,
        /// Cause of the failure.
        reason: String,
        /// Hint for the user.
        hint: &'static str,
    },
    /// An output of the network is NaN or infinite.
    #[error(
        "the output for image {index} is NaN or infinite\nhint: the training diverged, or the weights do not belong to this base: use another model"
    )]
    Output {
        /// Index of the image in the batch.
        index: usize,
    },
    /// The weights file can't be read.
    #[error(transparent)]
    File(#[from] formats::FormatError),
    /// The model in the weights file changes pixel values before its base.
    #[error(
        "`{}` changes pixel values before its base: expected no such layer, found {found}\nhint: {hint}",
        .path.shown(),
        found = .found.shown()
    )]
    ChangesPixels {
        /// Path of the file.
        path: PathBuf,
        /// Layer or array that changes them.
        found: String,
        /// Hint for the user.
        hint: &'static str,
    },
    /// The weights file contains several networks, such as one and its moving average.
    #[error(
        "`{}` holds more than one network, expected one: the arrays below `{}` and `{}` differ\nhint: save the state dict of only one of them: `torch.save(model.state_dict(), \"model.pth\")`",
        .path.shown(), .lists[0].shown(), .lists[1].shown()
    )]
    SeveralNetworks {
        /// Path of the file.
        path: PathBuf,
        /// Prefixes of the names of two of the networks.
        lists: [String; 2],
    },
    /// The weights file does not say which preprocessing its weights expect.
    #[error(
        "`{}` does not say which preprocessing its weights expect: expected layers under the name `features`, as in torchvision, found `{found}`\nhint: if they expect torchvision's (RGB from 0 to 1, minus the mean, divided by the standard deviation), save them with its names: `torch.save({{\"features.\" + name{}: value for name, value in state.items()}}, \"features.pth\")`",
        .path.shown(),
        if .prefix.is_empty() { String::new() } else { format!(".removeprefix(\"{prefix}\")") },
        found = .found.shown()
    )]
    UnknownPreprocessing {
        /// Path of the file.
        path: PathBuf,
        /// Name of the first kernel.
        found: String,
        /// Prefix of the layer numbers in the names.
        prefix: String,
    },
    /// The arrays in the weights file do not match the network.
    #[error(
        "`{}` does not hold the weights of `{}` {extent}:\n  {}",
        .path.shown(), .variant.name(), .problems.iter().map(|problem| problem.shown().to_string()).collect::<Vec<_>>().join("\n  "),
        extent = .extent.shown()
    )]
    Mismatch {
        /// Path of the file.
        path: PathBuf,
        /// Variant of the network.
        variant: Variant,
        /// Part of the network that is needed.
        extent: String,
        /// All differences.
        problems: Vec<String>,
        /// Likely content of the file.
        suspicion: Suspicion,
    },
}

/// Likely content of a weights file that does not match a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// Weights of another network, or of the base alone although the dense layers are needed.
    OtherNetwork,
    /// Weights of another network, or of the base up to an earlier layer.
    ShorterBase,
    /// Weights of the base with a head whose position the file does not record.
    HeadWithoutPlace,
}
