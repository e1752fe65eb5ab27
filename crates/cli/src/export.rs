//! `permafrost export`: a trained model as one file for other programs.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use model::ExportFormat;

use crate::arguments::ModelArguments;
use crate::device;

/// Write a model as one file for Keras, ONNX Runtime and others
#[derive(Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The kind of file
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// `keras.models.load_model` opens it: base and head, RGB pictures in 0..255
    Keras,
    /// All kernels and biases in Keras's layout, and what to subtract from RGB and divide by
    Safetensors,
    /// Opset 17: base and head, RGB pictures in 0..255
    Onnx,
}

pub(crate) fn run(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let ExportArguments { model, format, out } = arguments;
    anyhow::ensure!(
        !out.exists(),
        "`{}` is there already\nhint: remove it, or name another file with `--out`",
        out.display()
    );
    anyhow::ensure!(
        !matches!(format, Format::Keras) || out.extension().is_some_and(|ending| ending == "keras"),
        "`{}` does not end in `.keras`, without which Keras opens no such file\nhint: name it `{}`",
        out.display(),
        out.with_extension("keras").display()
    );
    let export_format = match format {
        Format::Keras => ExportFormat::Keras,
        Format::Safetensors => ExportFormat::Safetensors,
        Format::Onnx => ExportFormat::Onnx,
    };
    let card = model::export(&model.model, &model.search(), export_format, out, &device::cpu())?;
    let mut lines = stdout();
    writeln!(lines, "Wrote {}.", out.display())?;
    if export_format == ExportFormat::Safetensors {
        return Ok(ExitCode::SUCCESS);
    }
    let [height, width] = card.base.size;
    writeln!(lines, "Takes RGB in 0..255, float32 (N, {height}, {width}, 3).")?;
    match card.classes.as_slice() {
        [_, second] => writeln!(
            lines,
            "Gives the probability of `{second}`, which it is above {}.",
            card.threshold
        )?,
        classes => writeln!(lines, "Gives the probabilities of `{}`.", classes.join("`, `"))?,
    }
    Ok(ExitCode::SUCCESS)
}
