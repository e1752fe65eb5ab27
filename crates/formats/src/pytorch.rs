//! PyTorch's state dicts (`.pth`, `.pt`), in both containers that `torch.save` writes: zip archives,
//! and before version 1.6 pickles with the values behind them.
//!
//! `pytorch-reader` runs no code of a file and checks every length against what the file holds. A
//! pickle may still copy its parts, up to a million of them or 64 MiB, before it is refused.

use std::path::Path;

use pytorch_reader::{DType, PickleError, PytorchError, PytorchReader, Tensor};

use crate::archive::Archive;
use crate::element::{ByteOrder, Element};
use crate::opened::Opened;
use crate::{Array, Arrays, FormatError};

/// The number that a file of before version 1.6 begins with, `0x1950a86a20f9469cfc6c`.
const LEGACY: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Whether an archive is one of 1.6 and later.
pub(crate) fn is_in(archive: &Archive) -> bool {
    archive.names().iter().any(|name| name.ends_with("data.pkl"))
}

/// Whether a file that begins with `bytes` is one of before version 1.6.
pub(crate) fn is_legacy(bytes: &[u8]) -> bool {
    // `pytorch-reader` would take it for a tar archive, as files of before 0.1.10 are: nobody has a VGG
    // in one, and its holes take no room in it and any amount when read.
    if bytes.get(257..262) == Some(b"ustar") {
        return false;
    }
    // Protocols of the pickle format put up to a dozen bytes in front.
    let front = &bytes[..bytes.len().min(64)];
    front.windows(LEGACY.len()).any(|window| window == LEGACY)
}

/// Reads a state dict.
pub(crate) fn read(opened: &Opened) -> Result<Arrays, FormatError> {
    let path = opened.path;
    let reader = PytorchReader::new(path).map_err(|error| refused(path, &error))?;
    let mut tensors = reader.into_tensors();
    // How many batches a normalization has seen, `num_batches_tracked`, is no weight. As an error it
    // would hide the layer's other arrays from whoever says of all names at once which are not known.
    tensors.retain(|_, tensor| !is_count(tensor));
    let other = tensors.values().filter(|tensor| element(tensor).is_none());
    if let Some(tensor) = other.min_by_key(|tensor| &tensor.name) {
        return Err(FormatError::element_type(path, &tensor.name, format!("{:?}", tensor.dtype())));
    }
    // Tensors may share their values, so a little more than the file has is no fault. 16-bit floats may
    // share less, as they take twice the memory once they are widened.
    let all_float32 = tensors.values().all(|tensor| tensor.dtype() == DType::F32);
    let most = opened.length / 8 * if all_float32 { 12 } else { 10 };
    let bytes = tensors.values().try_fold(0usize, |sum, tensor| sum.checked_add(tensor.byte_len()));
    if bytes.is_none_or(|bytes| bytes as u64 > most) {
        return Err(FormatError::damaged(
            path,
            "says that its arrays are far more than it is long",
        ));
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

/// Returns the element type of a tensor, if it is read.
fn element(tensor: &Tensor) -> Option<Element> {
    match tensor.dtype() {
        DType::F32 => Some(Element::Float32),
        DType::F16 => Some(Element::Float16),
        DType::BF16 => Some(Element::Bfloat16),
        _ => None,
    }
}

/// Whether a tensor is a single integer.
fn is_count(tensor: &Tensor) -> bool {
    use DType::{I8, I16, I32, I64, U8, U16, U32, U64};
    tensor.shape().is_empty()
        && matches!(tensor.dtype(), I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
}

fn refused(path: &Path, error: &PytorchError) -> FormatError {
    let PytorchError::Pickle(PickleError::UnsupportedType(kind)) = error else {
        return FormatError::damaged(path, format!("is no whole PyTorch file: {error}"));
    };
    FormatError::unsupported(
        path,
        format!("holds values as `{kind}`, expected plain tensors"),
        "load it with PyTorch and save its state dict again, as plain tensors: `torch.save({name: value.detach() for name, value in state.items()}, FILE)`",
    )
}
