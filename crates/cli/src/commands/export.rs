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

/// Export a model for Keras, ONNX Runtime and other programs
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost export runs/train/best --format keras --out model.keras
  permafrost export runs/train/best --format onnx --out model.onnx")]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// File format
    ///
    /// `keras` (for `keras.models.load_model`) and `onnx` (opset 17) contain base and head, and accept RGB images with
    /// values from 0 to 255. `safetensors` contains all kernels and biases in Keras's layout, and the preprocessing as a
    /// 1x1 convolution before the first layer.
    #[arg(long, value_name = "FORMAT", value_parser = one_of::<ExportFormat>(&["keras", "safetensors", "onnx"]))]
    format: ExportFormat,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let ExportArguments { model, format, out } = arguments;
    anyhow::ensure!(
        !out.exists(),
        "`{}` already exists\nhint: remove it, or name another file with `--out`",
        out.shown()
    );
    anyhow::ensure!(
        *format != ExportFormat::Keras || out.extension().is_some_and(|ending| ending == "keras"),
        "`{}` does not end in `.keras`, which Keras requires\nhint: name it `{}`",
        out.shown(),
        out.with_extension("keras").shown()
    );
    let card = model::export(&model.model, &model.search(), *format, out, &device::cpu())?;
    let mut lines = stdout();
    writeln!(lines, "Wrote {}.", out.shown())?;
    if *format == ExportFormat::Safetensors {
        return Ok(ExitCode::SUCCESS);
    }
    let [height, width] = card.base.image_size;
    writeln!(lines, "Takes RGB in 0..255, float32 (N, {height}, {width}, 3).")?;
    match card.classes.as_slice() {
        [_, second] => writeln!(
            lines,
            "Returns the probability of `{}` (threshold {}).",
            second.shown(),
            card.threshold
        )?,
        classes => writeln!(lines, "Returns the probabilities of {}.", listed(classes))?,
    }
    Ok(ExitCode::SUCCESS)
}
