//! Validation of a network's outputs.

use burn::tensor::Tensor;

use crate::VggError;

/// Checks that the outputs of a network for a batch, one row per image, are finite.
///
/// # Shapes
///
/// - rows: (N, outputs)
///
/// # Errors
///
/// Returns [`VggError::Output`] with the index of the first row that holds a NaN or infinite value.
///
/// # Panics
///
/// Panics if the values are not float32, or if a row has no values.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use vgg::{VggError, check_finite};
///
/// let rows = Tensor::<2>::from_data([[0.5_f32, 0.5], [f32::NAN, 1.0]], &Device::flex());
/// assert!(matches!(check_finite(&rows), Err(VggError::Output { index: 1 })));
/// ```
#[doc(alias = "isnan")]
#[doc(alias = "NaN")]
pub fn check_finite(rows: &Tensor<2>) -> Result<(), VggError> {
    let [_, width] = rows.dims();
    let data = rows.to_data();
    let mut rows = data.as_slice::<f32>().expect("32-bit floats").chunks_exact(width);
    let is_finite = |row: &[f32]| row.iter().all(|value| value.is_finite());
    match rows.position(|row| !is_finite(row)) {
        Some(index) => Err(VggError::Output { index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn non_finite_row_error_has_its_index() {
        let check = |rows| check_finite(&Tensor::<2>::from_data(rows, &Device::flex()));
        assert!(check([[1.0, -2.0], [0.0, f32::MAX]]).is_ok());
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = check([[1.0, -2.0], [0.0, value]]).expect_err("a NaN or infinite value");
            assert!(matches!(error, VggError::Output { index: 1 }), "{error}");
        }
    }
}
