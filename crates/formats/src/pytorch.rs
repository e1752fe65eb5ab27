//! Reads PyTorch state dicts (`.pth`, `.pt`) in both containers of `torch.save`: zip archives, and before version 1.6
//! pickles followed by the values.
//!
//! `pytorch-reader` runs no code from a file and checks every length against the content. A pickle may still copy its
//! parts before it is refused, up to a million of them or 64 MiB.

use std::path::Path;

use pytorch_reader::{DType, PickleError, PytorchError, PytorchReader, Tensor};

use crate::FormatError;
use crate::element::{ByteOrder, Element};
use crate::open_file::OpenFile;
use crate::stored::{ArrayInfo, StoredArray, StoredArrays, Wanted};

/// Describes the tensors of a state dict, and reads their values if they are wanted and supported.
pub(crate) fn read(opened: &OpenFile, wanted: Wanted) -> Result<StoredArrays, FormatError> {
    let path = opened.path;
    let reader = PytorchReader::new(path).map_err(|error| refused(path, &error))?;
    let mut tensors = reader.into_tensors();
    // `num_batches_tracked`, the number of batches that a normalization has seen, is not a weight. An error about it
    // would hide the other arrays of the layer from a caller that reports all unknown names.
    tensors.retain(|_, tensor| !is_count(tensor));
    if wanted == Wanted::Values {
        check_length(opened, tensors.values().filter(|tensor| element(tensor).is_some()))?;
    }
    tensors
        .values()
        .map(|tensor| {
            let element = element(tensor);
            let element_type =
                element.map_or_else(|| format!("{:?}", tensor.dtype()), |it| it.name().into());
            let info = ArrayInfo { shape: tensor.shape().to_vec(), element_type };
            let values = match element.filter(|_| wanted == Wanted::Values) {
                Some(element) => {
                    let bytes = tensor.read().map_err(|error| refused(path, &error.into()))?;
                    Some(element.decode(&bytes, ByteOrder::NATIVE))
                }
                None => None,
            };
            Ok((tensor.name.clone(), StoredArray { info, values }))
        })
        .collect()
}

/// Returns an error if the tensors take much more memory than the file has bytes. Tensors may share values, so slightly
/// more than the file holds is valid. For 16-bit floats the limit is lower, because widening doubles their memory.
fn check_length<'a>(
    opened: &OpenFile,
    tensors: impl Iterator<Item = &'a Tensor> + Clone,
) -> Result<(), FormatError> {
    let is_wide = |tensor: &Tensor| matches!(tensor.dtype(), DType::F32 | DType::F64);
    let most = opened.length / 8 * if tensors.clone().all(is_wide) { 12 } else { 10 };
    let bytes = tensors.map(Tensor::byte_len).try_fold(0usize, usize::checked_add);
    if bytes.is_none_or(|bytes| bytes as u64 > most) {
        return Err(FormatError::damaged(opened.path, "claims arrays much larger than the file"));
    }
    Ok(())
}

/// Returns the element type of a tensor, or `None` if it is not supported.
fn element(tensor: &Tensor) -> Option<Element> {
    match tensor.dtype() {
        DType::F64 => Some(Element::Float64),
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
