//! `permafrost summary`: prints the network's layers as a table. Needs no weights.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use head::HeadConfig;
use vgg::{ImageNet, Summary, VggConfig};

use crate::arguments::BaseArguments;
use crate::printed::stdout;

/// Print a network's layers, their output shapes and numbers of parameters
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost summary
  permafrost summary --whole --thaw block5")]
pub(crate) struct SummaryArguments {
    #[command(flatten)]
    base: BaseArguments,
    /// Count the base as frozen
    #[arg(long)]
    frozen: bool,
    /// Count the base as frozen up to this layer or block, from which on it learns
    #[arg(long, value_name = "LAYER", conflicts_with_all = ["frozen", "include_top"])]
    thaw: Option<String>,
    /// Add the classifier of 1000 classes that the network was trained with, on pictures of 224
    #[arg(long, conflicts_with = "whole")]
    include_top: bool,
    /// Print the whole model that `train` makes for two classes, and the tensors that learn
    #[arg(long, conflicts_with = "frozen")]
    whole: bool,
    /// The name of the input
    #[arg(long, value_name = "NAME", default_value = "input_1")]
    input_name: String,
}

pub(crate) fn run(arguments: &SummaryArguments) -> anyhow::Result<ExitCode> {
    let default = VggConfig {
        thaw: arguments.thaw.clone(),
        include_top: arguments.include_top,
        size: if arguments.include_top { ImageNet::SIZE } else { VggConfig::default().size },
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
        let frozen = arguments.frozen || arguments.thaw.is_some();
        writeln!(out, "{}", Summary::of(&base, &arguments.input_name, frozen)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
