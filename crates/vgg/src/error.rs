//! What can be wrong with a network's description or its weights.

use std::path::PathBuf;

use quoting::Shown;

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
        .variant.name(), .known.join(", "),
        layer = .layer.shown()
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
        "no layer of the base from `{}` on has weights that could learn\nhint: name an earlier convolution or block",
        .0.shown()
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
    #[error("`{engine}` can't compute features: {reason}\nhint: {hint}", engine = .engine.shown(), reason = .reason.shown())]
    Engine {
        /// What it runs on.
        engine: String,
        /// What went wrong there.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A network gives no number for an image.
    #[error(
        "the output for image {index} is NaN or infinite\nhint: the model has diverged in training, or its weights are not for its base; take another model"
    )]
    Output {
        /// Index of the image in the batch.
        index: usize,
    },
    /// The weights file can't be read.
    #[error(transparent)]
    File(#[from] formats::FormatError),
    /// The model in the weights file changes pixel values before its base takes them.
    #[error(
        "`{}` changes pixel values before its base takes them: expected no layer that does, found {found}\nhint: {hint}",
        .path.shown(),
        found = .found.shown()
    )]
    ChangesPixels {
        /// The file.
        path: PathBuf,
        /// The layer or array that does.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The weights file holds several networks, such as one and its moving average.
    #[error(
        "`{}` holds more than one network, expected one: the arrays below `{}` and `{}` differ\nhint: save the state dict of one of them alone: `torch.save(model.state_dict(), \"model.pth\")`",
        .path.shown(), .lists[0].shown(), .lists[1].shown()
    )]
    SeveralNetworks {
        /// The file.
        path: PathBuf,
        /// The beginnings of the names of two of them.
        lists: [String; 2],
    },
    /// The weights file does not say which preprocessing its weights expect.
    #[error(
        "`{}` does not say which preprocessing its weights expect: expected layers below the name `features`, as torchvision writes them, found `{found}`\nhint: if they expect torchvision's (RGB from 0 to 1, less the mean, divided by the deviation), save them with its names: `torch.save({{\"features.\" + name{}: value for name, value in state.items()}}, \"features.pth\")`",
        .path.shown(),
        if .prefix.is_empty() { String::new() } else { format!(".removeprefix(\"{prefix}\")") },
        found = .found.shown()
    )]
    UnknownPreprocessing {
        /// The file.
        path: PathBuf,
        /// The name of the first kernel.
        found: String,
        /// What stands before the number in the names.
        prefix: String,
    },
    /// The weights file holds other arrays than the network needs.
    #[error(
        "`{}` does not hold the weights of `{}` {extent}:\n  {}",
        .path.shown(), .variant.name(), .problems.iter().map(|problem| problem.shown().to_string()).collect::<Vec<_>>().join("\n  "),
        extent = .extent.shown()
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
        /// What the file may be.
        suspicion: Suspicion,
    },
}

/// What a weights file that does not fit a network may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// That of another network, or of the base alone where the dense layers are needed as well.
    OtherNetwork,
    /// That of another network, or of the base up to an earlier layer.
    ShorterBase,
    /// That of the base with a head whose place the file does not tell.
    HeadWithoutPlace,
}
