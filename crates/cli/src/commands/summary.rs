//! `permafrost summary`: prints the network's layers as a table. Needs no weights.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use head::HeadConfig;
use vgg::{ImageNet, Summary, VggConfig};

use crate::arguments::BaseArguments;
use crate::printed::stdout;

/// Print the layers of a network with output shapes and parameter counts
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost summary
  permafrost summary --whole --unfreeze block5")]
pub(crate) struct SummaryArguments {
    #[command(flatten)]
    base: BaseArguments,
    /// Count the base as frozen
    #[arg(long)]
    frozen: bool,
    /// Count the base as frozen before this layer or block
    #[arg(long, alias = "thaw", value_name = "LAYER", conflicts_with_all = ["frozen", "include_top"])]
    unfreeze: Option<String>,
    /// Include the classifier of 1000 classes, for images of 224 x 224
    #[arg(long, conflicts_with = "whole")]
    include_top: bool,
    /// Print the model that `train` builds for two classes, with its trainable weights
    #[arg(long, conflicts_with = "frozen")]
    whole: bool,
    /// Name of the input layer
    #[arg(long, value_name = "NAME", default_value = "input_1")]
    input_name: String,
}

pub(crate) fn run(arguments: &SummaryArguments) -> anyhow::Result<ExitCode> {
    let default = VggConfig {
        unfreeze: arguments.unfreeze.clone(),
        include_top: arguments.include_top,
        image_size: if arguments.include_top {
            ImageNet::SIZE
        } else {
            VggConfig::default().image_size
        },
        ..VggConfig::default()
    };
    let base = arguments.base.config(default);
    let mut out = stdout();
    if arguments.whole {
        let head = HeadConfig::default();
        writeln!(out, "{}", model::summary(&base, &head, 2, &arguments.input_name)?)?;
        let weights = model::trainable_weights(&base, &head, 2)?;
        writeln!(out, "Trainable weights: {}", weights.len())?;
        for (name, shape) in weights {
            writeln!(out, " {name} {shape:?}")?;
        }
    } else {
        let frozen = arguments.frozen || arguments.unfreeze.is_some();
        writeln!(out, "{}", Summary::of(&base, &arguments.input_name, frozen)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
