//! Errors of networks, their weights and their engines.

use std::borrow::Cow;
use std::path::PathBuf;

use quoting::Shown;

use crate::Variant;

/// Error in the configuration, the weights or the computation of a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VggError {
    /// The images are too small for five poolings, or too large for any memory.
    #[error("the image size is {height} x {width}, expected 32 x 32 to 1024 x 1024")]
    Size {
        /// Requested height.
        height: usize,
        /// Requested width.
        width: usize,
    },
    /// The network does not have the named layer.
    #[error("`{}` has no layer `{layer}`", .variant.name(), layer = .layer.shown())]
    UnknownLayer {
        /// Variant of the network.
        variant: Variant,
        /// Requested layer.
        layer: String,
        /// Names of the existing layers.
        known: Vec<String>,
    },
    /// No layer from the named one on has weights that could be trained.
    #[error("no layer from `{}` on has trainable weights", .0.shown())]
    NothingTrainable(String),
    /// The classifier on top needs the whole base, without pooling and frozen.
    #[error("the classifier on top needs the base up to `block5_pool`, frozen and without pooling")]
    TopOnPart,
    /// A frozen base returns features and does not support the classifier on top.
    #[error("a frozen base has no classifier on top")]
    FrozenTop,
    /// The 1000 classes need the classifier on top.
    #[error("the network has no classifier on top")]
    NoTop,
    /// The device of the engine failed.
    #[error("`{engine}` can't compute features: {reason}", engine = .engine.shown(), reason = .reason.shown())]
    Engine {
        /// Name of the engine.
        engine: String,
        /// Cause of the failure.
        reason: String,
        /// Hint for the user.
        hint: &'static str,
    },
    /// An output of the network is NaN or infinite.
    #[error("the output for image {index} is NaN or infinite")]
    Output {
        /// Index of the image in the batch.
        index: usize,
    },
    /// The weights file can't be read.
    #[error(transparent)]
    File(#[from] formats::FormatError),
    /// The model in the weights file changes pixel values before its base.
    #[error(
        "`{}` changes pixel values before its base: expected no such layer, found {found}",
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
        "`{}` holds more than one network, expected one: the arrays below `{}` and `{}` differ",
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
        "`{}` does not say which preprocessing its weights expect: expected layers under the name `features`, as in torchvision, found `{found}`",
        .path.shown(),
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
    /// Arrays in memory do not match the network.
    #[error(
        "the arrays do not hold the weights of `{}` {extent}:\n  {}",
        .variant.name(), .problems.iter().map(|problem| problem.shown().to_string()).collect::<Vec<_>>().join("\n  "),
        extent = .extent.shown()
    )]
    Arrays {
        /// Variant of the network.
        variant: Variant,
        /// Part of the network that is needed.
        extent: String,
        /// All differences.
        problems: Vec<String>,
    },
}

impl VggError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::VggConfig;
    ///
    /// let config = VggConfig { last_layer: "block6_pool".into(), ..VggConfig::default() };
    /// let error = config.layers().expect_err("VGG16 has five blocks");
    /// assert_eq!(error.to_string(), "`vgg16` has no layer `block6_pool`");
    /// assert!(error.hint().is_some_and(|hint| hint.starts_with("its layers are block1_conv1, ")));
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::Size { .. } => {
                "use 180, the default, or 224, the size of the ImageNet training".into()
            }
            Self::UnknownLayer { known, .. } => {
                format!("its layers are {}", known.join(", ")).into()
            }
            Self::NothingTrainable(_) => "name an earlier convolution or block".into(),
            Self::TopOnPart => {
                "use the default last layer, no pooling and no unfrozen layers".into()
            }
            Self::FrozenTop => "use `ImageNet` for the 1000 classes".into(),
            Self::NoTop => {
                "set `include_top` for the 1000 classes, or use `FrozenBase` for features".into()
            }
            Self::Engine { hint, .. } | Self::ChangesPixels { hint, .. } => (*hint).into(),
            Self::Output { .. } => {
                "the training diverged, or the weights do not belong to this base: use another model".into()
            }
            Self::SeveralNetworks { .. } => {
                "save the state dict of only one of them: `torch.save(model.state_dict(), \"model.pth\")`".into()
            }
            Self::UnknownPreprocessing { prefix, .. } => {
                let removed = match prefix.as_str() {
                    "" => String::new(),
                    prefix => format!(".removeprefix(\"{prefix}\")"),
                };
                format!(
                    "if they expect torchvision's (RGB from 0 to 1, minus the mean, divided by the standard deviation), save them with its names: `torch.save({{\"features.\" + name{removed}: value for name, value in state.items()}}, \"features.pth\")`"
                )
                .into()
            }
            Self::Arrays { .. } => {
                "the names and shapes are those of `Layer::arrays` of each layer in `VggConfig::layers`".into()
            }
            Self::Mismatch { .. } => return None,
        })
    }
}

/// Likely content of a weights file that does not match a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Suspicion {
    /// Weights of another network, or of the base alone although the dense layers are needed.
    OtherNetwork,
    /// Weights of another network, or of the base up to an earlier layer.
    ShorterBase,
    /// Weights of the base with a head whose position the file does not record.
    HeadWithoutPlace,
}
