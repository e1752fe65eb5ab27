//! Keras's `.h5` weights files: a group for each layer, in it the layer's arrays.
//!
//! Two naming schemes are about: `block1_conv1/block1_conv1_W_1:0` in the files that Keras
//! publishes, and `block1_conv1/block1_conv1/kernel:0` in those that Keras 2 writes. Both become
//! `block1_conv1/kernel`.

use std::path::Path;

use hdf5_pure::{DType, Dataset, File, Group};

use crate::{Array, Arrays, FormatError};

/// Groups in a weights file are a layer or a model within a model deep.
const DEEPEST: usize = 8;

pub(crate) fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89HDF\r\n\x1a\n")
}

pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Arrays, FormatError> {
    let size = bytes.len();
    let reader = Reader { path, size };
    let file = File::from_bytes(bytes).map_err(|error| reader.damaged(&error))?;
    let mut arrays = Arrays::new();
    reader.collect(&file.root(), "", DEEPEST, &mut arrays)?;
    Ok(arrays)
}

struct Reader<'a> {
    path: &'a Path,
    size: usize,
}

impl Reader<'_> {
    fn damaged(&self, error: &hdf5_pure::Error) -> FormatError {
        FormatError::damaged(self.path, format!("is no whole HDF5 file: {error}"))
    }

    fn collect(
        &self,
        group: &Group,
        layer: &str,
        deeper: usize,
        arrays: &mut Arrays,
    ) -> Result<(), FormatError> {
        for name in group.datasets().map_err(|error| self.damaged(&error))? {
            let full_name = full_name(layer, &name);
            let dataset = group.dataset(&name).map_err(|error| self.damaged(&error))?;
            let array = self.array(&full_name, &dataset)?;
            arrays.insert(full_name, array);
        }
        for name in group.groups().map_err(|error| self.damaged(&error))? {
            if deeper == 0 {
                return Err(FormatError::damaged(self.path, "has groups nested too deep"));
            }
            let inner = group.group(&name).map_err(|error| self.damaged(&error))?;
            self.collect(&inner, &name, deeper - 1, arrays)?;
        }
        Ok(())
    }

    fn array(&self, name: &str, dataset: &Dataset) -> Result<Array, FormatError> {
        let element = dataset.dtype().map_err(|error| self.damaged(&error))?;
        if element != DType::F32 {
            return Err(FormatError::ElementType {
                path: self.path.to_owned(),
                name: name.to_owned(),
                found: element.to_string(),
            });
        }
        let shape = dataset.shape().map_err(|error| self.damaged(&error))?;
        // A damaged header can claim any extent: what the file cannot hold is not allocated.
        let count = shape.iter().try_fold(1u64, |count, &length| count.checked_mul(length));
        if count.is_none_or(|count| count > self.size as u64 / 4) {
            return Err(FormatError::damaged(
                self.path,
                format!(
                    "says that `{name}` has the shape {shape:?}, which uncompressed is more than the file is long"
                ),
            ));
        }
        let data = dataset.read_f32().map_err(|error| self.damaged(&error))?;
        let shape: Vec<usize> = shape.iter().map(|&length| length as usize).collect();
        if data.len() != shape.iter().product::<usize>() {
            return Err(FormatError::damaged(self.path, format!("holds only a part of `{name}`")));
        }
        Ok(Array::new(shape, data))
    }
}

fn full_name(layer: &str, name: &str) -> String {
    let stem = name.strip_suffix(":0").unwrap_or(name);
    let part = match stem.strip_prefix(layer) {
        Some("_W_1") => "kernel",
        Some("_b_1") => "bias",
        _ => stem,
    };
    if layer.is_empty() { part.to_owned() } else { format!("{layer}/{part}") }
}
