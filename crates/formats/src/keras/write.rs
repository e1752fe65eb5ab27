//! Writes whole models for Keras 3. A `.keras` file is a zip archive of `metadata.json`, `config.json` and
//! `model.weights.h5`.
//!
//! Keras finds a layer's weights by class and count, not by name. The second convolution has the arrays
//! `layers/conv2d_1/vars/0` and `1` (`keras/src/saving/saving_lib.py`).

use std::io::{self, Write};
use std::path::Path;

use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::group_names::GroupNames;
use super::model::WEIGHTS;
use super::write_config::{class, config};
use crate::atomic::write_atomic_with;
use crate::container::KERAS_CONFIG as CONFIG;
use crate::sequential::INPUT;
use crate::{Array, FormatError, SequentialModel};

/// Version of Keras whose file layout is written. Keras does not check it.
const KERAS_VERSION: &str = "3.15.1";

/// Writes `chain` to `path` atomically, as a model for `keras.models.load_model` of Keras 3.6 or later. Keras requires
/// that the file name ends in `.keras`.
///
/// The model takes RGB images as 32-bit floats 0..=255, (N, height, width, 3), and is not compiled. The bytes of the
/// file depend only on the chain.
///
/// # Errors
///
/// Returns an error if the folder is missing or the system refuses to write there.
///
/// # Panics
///
/// Panics if the chain breaks a rule of [`SequentialModel`].
///
/// # Examples
///
/// ```
/// use formats::{Activation, Array, SequentialLayer, SequentialLayerKind, SequentialModel};
///
/// // The probability that an image is red, from its mean color.
/// let kernel = Array::new(vec![3, 1], vec![0.1, 0.0, -0.1]);
/// let bias = Array::new(vec![1], vec![0.5]);
/// let dense = SequentialLayerKind::Dense { kernel: &kernel, bias: &bias, activation: Activation::Sigmoid };
/// let layer = |name: &str, kind| SequentialLayer { name: name.into(), frozen: false, kind };
/// let chain = SequentialModel {
///     name: "redness".into(),
///     size: [180, 180],
///     layers: vec![
///         layer("pooling", SequentialLayerKind::GlobalAveragePooling),
///         layer("predictions", dense),
///     ],
///     classes: vec!["other".into(), "red".into()],
/// };
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("redness.keras");
/// formats::write_keras(&path, &chain)?;
/// assert_eq!(formats::read_arrays(&path)?["predictions/kernel"], kernel);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "keras.models.save_model")]
#[doc(alias = "save_model")]
pub fn write_keras(path: impl AsRef<Path>, chain: &SequentialModel) -> Result<(), FormatError> {
    let path = path.as_ref();
    let config = config(chain, &chain.output_shapes());
    write_atomic_with(path, |file| {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            // Lengths of entries otherwise have 32 bits. An entry holds more than the weights, hence the margin.
            .large_file(chain.weight_bytes() > u64::from(u32::MAX / 2));
        let mut archive = ZipWriter::new(file);
        // Each entry is written in one call, because the archive passes every write on to the file.
        archive.start_file("metadata.json", options)?;
        archive.write_all(&serde_json::to_vec(&json!({ "keras_version": KERAS_VERSION }))?)?;
        archive.start_file(CONFIG, options)?;
        archive.write_all(&serde_json::to_vec(&config)?)?;
        archive.start_file(WEIGHTS, options)?;
        weights(chain).finish_to(&mut archive).map_err(io::Error::other)?;
        archive.finish()?;
        Ok(())
    })
}

/// Builds the weights file: a group for every layer, even without weights, and one for the model.
fn weights(chain: &SequentialModel) -> FileBuilder {
    let mut file = FileBuilder::new();
    let mut groups = Groups { layers: file.create_group("layers"), names: GroupNames::default() };
    groups.add("InputLayer", INPUT, &[]);
    for layer in &chain.layers {
        groups.add(class(&layer.kind), &layer.name, &layer.kind.arrays());
    }
    file.add_group(groups.layers.finish());
    let mut model = file.create_group("vars");
    model.set_attr("name", AttrValue::VarLenString(chain.name.clone()));
    file.add_group(model.finish());
    file
}

struct Groups {
    layers: GroupBuilder,
    names: GroupNames,
}

impl Groups {
    fn add(&mut self, class: &str, name: &str, arrays: &[&Array]) {
        let mut layer = self.layers.create_group(&self.names.next(class));
        let mut variables = layer.create_group("vars");
        variables.set_attr("name", AttrValue::VarLenString(name.to_owned()));
        for (index, array) in arrays.iter().enumerate() {
            let shape: Vec<u64> = array.shape.iter().map(|&length| length as u64).collect();
            let dataset = variables.create_dataset(&index.to_string());
            dataset.with_f32_data(&array.data).with_shape(&shape);
        }
        layer.add_group(variables.finish());
        self.layers.add_group(layer.finish());
    }
}
