//! Reads PyTorch state dicts (`.pth`, `.pt`) in both containers of `torch.save`: zip archives, and before version 1.6
//! pickles followed by the values.
//!
//! `pytorch-reader` runs no code from a file and checks every length against the content. A pickle may still copy its
//! parts before it is refused, up to a million of them or 64 MiB.

use std::path::Path;

use pytorch_reader::{DType, PickleError, PytorchError, PytorchReader, Tensor};

use crate::archive::Archive;
use crate::element::{ByteOrder, Element};
use crate::open_file::OpenFile;
use crate::{Array, Arrays, FormatError};

/// Number at the start of a file from before version 1.6: `0x1950a86a20f9469cfc6c`, lowest byte first.
const LEGACY: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Returns true if the archive is a state dict of version 1.6 or later.
pub(crate) fn is_in(archive: &Archive) -> bool {
    archive.names().iter().any(|name| name.ends_with("data.pkl"))
}

/// Returns true if a file that starts with `bytes` is a state dict from before version 1.6.
pub(crate) fn is_legacy(bytes: &[u8]) -> bool {
    // `pytorch-reader` would also read a tar archive, the container from before 0.1.10. VGG weights never come in one,
    // and a hole in the archive takes no space in the file but any amount of memory.
    if bytes.get(257..262) == Some(b"ustar") {
        return false;
    }
    // The protocol of the pickle puts up to a dozen bytes in front.
    let front = &bytes[..bytes.len().min(64)];
    front.windows(LEGACY.len()).any(|window| window == LEGACY)
}

/// Reads a state dict.
pub(crate) fn read(opened: &OpenFile) -> Result<Arrays, FormatError> {
    let path = opened.path;
    let reader = PytorchReader::new(path).map_err(|error| refused(path, &error))?;
    let mut tensors = reader.into_tensors();
    // `num_batches_tracked`, the number of batches that a normalization has seen, is not a weight. An error about it
    // would hide the other arrays of the layer from a caller that reports all unknown names.
    tensors.retain(|_, tensor| !is_count(tensor));
    let other = tensors.values().filter(|tensor| element(tensor).is_none());
    if let Some(tensor) = other.min_by_key(|tensor| &tensor.name) {
        return Err(FormatError::element_type(path, &tensor.name, format!("{:?}", tensor.dtype())));
    }
    // Tensors may share values, so slightly more than the file holds is valid. For 16-bit floats the limit is lower,
    // because widening doubles their memory.
    let all_float32 = tensors.values().all(|tensor| tensor.dtype() == DType::F32);
    let most = opened.length / 8 * if all_float32 { 12 } else { 10 };
    let bytes = tensors.values().try_fold(0usize, |sum, tensor| sum.checked_add(tensor.byte_len()));
    if bytes.is_none_or(|bytes| bytes as u64 > most) {
        return Err(FormatError::damaged(path, "claims arrays much larger than the file"));
    }
    tensors
        .values()
        .filter_map(|tensor| Some((tensor, element(tensor)?)))
        .map(|(tensor, element)| {
            let bytes = tensor.read().map_err(|error| refused(path, &error.into()))?;
            let data = element.decode(&bytes, ByteOrder::NATIVE);
            Ok((tensor.name.clone(), Array::new(tensor.shape().to_vec(), data)))
        })
        .collect()
}

/// Returns the element type of a tensor, or `None` if it is not supported.
fn element(tensor: &Tensor) -> Option<Element> {
    match tensor.dtype() {
        DType::F32 => Some(Element::Float32),
        DType::F16 => Some(Element::Float16),
        DType::BF16 => Some(Element::Bfloat16),
        _ => None,
    }
}

/// Returns true if a tensor is a single integer.
fn is_count(tensor: &Tensor) -> bool {
    use DType::{I8, I16, I32, I64, U8, U16, U32, U64};
    tensor.shape().is_empty()
        && matches!(tensor.dtype(), I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
}

fn refused(path: &Path, error: &PytorchError) -> FormatError {
    let PytorchError::Pickle(PickleError::UnsupportedType(kind)) = error else {
        return FormatError::damaged(path, format!("is not a valid PyTorch file: {error}"));
    };
    FormatError::unsupported(
        path,
        format!("holds values as `{kind}`, expected plain tensors"),
        "load it with PyTorch and save its state dict again, as plain tensors: `torch.save({name: value.detach() for name, value in state.items()}, FILE)`",
    )
}
