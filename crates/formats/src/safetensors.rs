//! Reads and writes safetensors files: a length, a JSON header and the bytes of the arrays.

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView, serialize};

use crate::element::{ByteOrder, Element};
use crate::open_file::OpenFile;
use crate::stored::{ArrayInfo, StoredArray, StoredArrays, Wanted};
use crate::{Arrays, FormatError, json, write_atomic};

/// Describes the arrays of a file, and reads their values if they are wanted and supported.
pub(crate) fn read(mut opened: OpenFile, wanted: Wanted) -> Result<StoredArrays, FormatError> {
    let path = opened.path;
    let io = |source| FormatError::io(path, source);
    let mut bytes = vec![0; 8];
    opened.file.read_exact(&mut bytes).map_err(io)?;
    let length = u64::from_le_bytes(*bytes.first_chunk().expect("eight bytes"));
    let rest = match wanted {
        Wanted::Descriptions => length,
        Wanted::Values => opened.length,
    };
    bytes.reserve_exact(rest.min(opened.length) as usize);
    opened.file.take(rest).read_to_end(&mut bytes).map_err(io)?;
    let header = usize::try_from(length).ok().and_then(|length| bytes[8..].get(..length));
    let header = header.unwrap_or_default();
    if !json::is_within_bounds(header, opened.length) {
        let fault = "has a header with too many parts for its size";
        return Err(FormatError::damaged(path, fault));
    }
    match wanted {
        Wanted::Descriptions => infos(path, header, opened.length),
        Wanted::Values => values(path, &bytes),
    }
}

fn infos(path: &Path, header: &[u8], length: u64) -> Result<StoredArrays, FormatError> {
    let damaged = |error: &dyn Display| {
        FormatError::damaged(path, format!("is not a valid safetensors file: {error}"))
    };
    let metadata: Metadata = serde_json::from_slice(header).map_err(|error| damaged(&error))?;
    let expected = (8 + header.len() as u64).checked_add(metadata.data_len() as u64);
    if expected != Some(length) {
        return Err(damaged(&"its length is not that of its arrays"));
    }
    let infos = metadata.tensors().into_iter().map(|(name, tensor)| {
        let info = info(&tensor.shape, tensor.dtype);
        (name, StoredArray { info, values: None })
    });
    Ok(infos.collect())
}

fn values(path: &Path, bytes: &[u8]) -> Result<StoredArrays, FormatError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| {
        FormatError::damaged(path, format!("is not a valid safetensors file: {error}"))
    })?;
    let arrays = file.iter().map(|(name, view)| {
        let element = element(view.dtype());
        let values = element.map(|element| element.decode(view.data(), ByteOrder::Little));
        (name.to_owned(), StoredArray { info: info(view.shape(), view.dtype()), values })
    });
    Ok(arrays.collect())
}

fn info(shape: &[usize], dtype: Dtype) -> ArrayInfo {
    let element_type = element(dtype).map_or_else(|| format!("{dtype:?}"), |it| it.name().into());
    ArrayInfo { shape: shape.to_vec(), element_type }
}

/// Returns the element type, or `None` if it is not supported.
fn element(dtype: Dtype) -> Option<Element> {
    match dtype {
        Dtype::F64 => Some(Element::Float64),
        Dtype::F32 => Some(Element::Float32),
        Dtype::F16 => Some(Element::Float16),
        Dtype::BF16 => Some(Element::Bfloat16),
        _ => None,
    }
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
pub fn write_safetensors(path: impl AsRef<Path>, arrays: &Arrays) -> Result<(), FormatError> {
    let path = path.as_ref();
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
