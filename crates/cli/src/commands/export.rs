//! `permafrost export`: writes a trained model as one file for other programs.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use model::ExportFormat;
use quoting::Shown;

use crate::arguments::{ModelArguments, one_of};
use crate::device;
use crate::printed::{listed, stdout};

/// Write a model as one file for Keras, ONNX Runtime and others
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost export runs/train/best --format keras --out model.keras
  permafrost export runs/train/best --format onnx --out model.onnx")]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The kind of file: `keras`, which `keras.models.load_model` opens, and `onnx`, of opset 17, hold base
    /// and head and take RGB pictures in 0..255; `safetensors` holds all kernels and biases in Keras's
    /// layout, and the preprocessing as the 1x1 convolution that comes first
    #[arg(long, value_name = "FORMAT", value_parser = one_of::<ExportFormat>(&["keras", "safetensors", "onnx"]))]
    format: ExportFormat,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let ExportArguments { model, format, out } = arguments;
    anyhow::ensure!(
        !out.exists(),
        "`{}` is there already\nhint: remove it, or name another file with `--out`",
        out.shown()
    );
    anyhow::ensure!(
        *format != ExportFormat::Keras || out.extension().is_some_and(|ending| ending == "keras"),
        "`{}` does not end in `.keras`, without which Keras opens no such file\nhint: name it `{}`",
        out.shown(),
        out.with_extension("keras").shown()
    );
    let card = model::export(&model.model, &model.search(), *format, out, &device::cpu())?;
    let mut lines = stdout();
    writeln!(lines, "Wrote {}.", out.shown())?;
    if *format == ExportFormat::Safetensors {
        return Ok(ExitCode::SUCCESS);
    }
    let [height, width] = card.base.size;
    writeln!(lines, "Takes RGB in 0..255, float32 (N, {height}, {width}, 3).")?;
    match card.classes.as_slice() {
        [_, second] => writeln!(
            lines,
            "Gives the probability of `{}`, which it is above {}.",
            second.shown(),
            card.threshold
        )?,
        classes => writeln!(lines, "Gives the probabilities of {}.", listed(classes))?,
    }
    Ok(ExitCode::SUCCESS)
}
