//! Reads and writes safetensors files: a length, a JSON header and the bytes of the arrays.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::element::{ByteOrder, Element};
use crate::{Array, Arrays, FormatError, json, write_atomic};

/// Returns true if a file that starts with `bytes` has a safetensors header: eight bytes of length,
/// then a JSON object.
pub(crate) fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Arrays, FormatError> {
    let damaged =
        |error| FormatError::damaged(path, format!("is not a valid safetensors file: {error}"));
    if !json::is_within_bounds(header(bytes), bytes.len() as u64) {
        let fault = "has a header with too many parts for its size";
        return Err(FormatError::damaged(path, fault));
    }
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    file.iter()
        .map(|(name, view)| {
            let element = match view.dtype() {
                Dtype::F32 => Element::Float32,
                Dtype::F16 => Element::Float16,
                Dtype::BF16 => Element::Bfloat16,
                other => return Err(FormatError::element_type(path, name, format!("{other:?}"))),
            };
            let data = element.decode(view.data(), ByteOrder::Little);
            Ok((name.to_owned(), Array::new(view.shape().to_vec(), data)))
        })
        .collect()
}

/// Returns the header of a file with these bytes. If the header is truncated, returns an empty
/// slice.
fn header(bytes: &[u8]) -> &[u8] {
    let header = bytes.split_first_chunk().and_then(|(length, rest)| {
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        rest.get(..length)
    });
    header.unwrap_or_default()
}

/// Writes `arrays` to `path` atomically.
///
/// # Errors
///
/// Returns an error if the folder is missing or the system refuses to write there.
///
/// # Examples
///
/// ```
/// use formats::{Array, Arrays, read_arrays, write_safetensors};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("dense.safetensors");
/// let arrays = Arrays::from([
///     ("dense/kernel".to_owned(), Array::new(vec![3, 1], vec![0.1, 0.0, -0.1])),
///     ("dense/bias".to_owned(), Array::new(vec![1], vec![0.5])),
/// ]);
/// write_safetensors(&path, &arrays)?;
/// assert_eq!(read_arrays(&path)?, arrays);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "safetensors")]
#[doc(alias = "save_file")]
#[doc(alias = "state_dict")]
pub fn write_safetensors(path: &Path, arrays: &Arrays) -> Result<(), FormatError> {
    let bytes: Vec<(&String, Vec<u8>)> = arrays
        .iter()
        .map(|(name, array)| {
            (name, array.data.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, bytes)| {
        let view = TensorView::new(Dtype::F32, arrays[*name].shape.clone(), bytes);
        (*name, view.expect("the data of an array matches its shape"))
    });
    let file = serialize(views, None).expect("names and shapes make a valid header");
    write_atomic(path, &file)
}
