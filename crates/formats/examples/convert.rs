//! Converts a weights file of Keras or PyTorch, by default a small sample, to safetensors and lists the arrays of both:
//!
//!     cargo run -p formats --example convert -- [INPUT OUTPUT.safetensors]

use std::error::Error;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use formats::{
    Activation, Array, FormatError, SequentialLayer, SequentialLayerKind, SequentialModel,
};
use quoting::Shown;

/// Writes a Keras model that returns the probability that an image is red, from its mean color.
fn write_redness(path: &Path) -> Result<(), FormatError> {
    let kernel = &Array::new(vec![3, 1], vec![0.1, 0.0, -0.1]);
    let bias = &Array::new(vec![1], vec![0.5]);
    let dense = SequentialLayerKind::Dense { kernel, bias, activation: Activation::Sigmoid };
    let layer = |name: &str, kind| SequentialLayer { name: name.into(), frozen: false, kind };
    let pooling = layer("pooling", SequentialLayerKind::GlobalAveragePooling);
    let layers = vec![pooling, layer("predictions", dense)];
    let (name, size, classes) = ("redness".into(), [180, 180], vec![]);
    formats::write_keras(path, &SequentialModel { name, size, layers, classes })
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, output] = match arguments.as_slice() {
        [input, output] => [input.clone(), output.clone()],
        [] => ["redness.keras", "redness.safetensors"].map(|name| folder.path().join(name)),
        _ => return Err("usage: convert [INPUT OUTPUT.safetensors]".into()),
    };
    if arguments.is_empty() {
        write_redness(&input)?;
    }
    formats::write_safetensors(&output, &formats::read_arrays(&input)?)?;
    for path in [&input, &output] {
        writeln!(stdout(), "{}", path.shown())?;
        for (name, info) in formats::list_arrays(path)? {
            writeln!(stdout(), "    {} {:?} {}", name.shown(), info.shape, info.element_type)?;
        }
    }
    Ok(())
}
