//! Arrays with names and shapes, which all formats are read into and written from.

use std::collections::BTreeMap;

/// Arrays by name, such as `block1_conv1/kernel`.
pub type Arrays = BTreeMap<String, Array>;

/// A dense array of 32-bit floats in row-major order: the last axis varies fastest.
///
/// # Order
///
/// The index of the element (i, j, ..., k) in `data` for the lengths (I, J, ..., K) is
///
/// ```text
/// ((i J + j) ... ) K + k
/// ```
#[doc(alias = "ndarray")]
#[doc(alias = "tensor")]
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Values. Their number is the product of `shape`.
    pub data: Vec<f32>,
}

impl Array {
    /// Creates an array of the given shape.
    ///
    /// # Panics
    ///
    /// Panics if the length of `data` is not the product of `shape`.
    ///
    /// # Examples
    ///
    /// ```
    /// use formats::Array;
    ///
    /// let kernel = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// assert_eq!(kernel.data[1 * 3 + 2], 6.0); // row 1, column 2
    /// ```
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "values of a shape {shape:?}");
        Self { shape, data }
    }

    /// Returns true if no value is NaN or infinite.
    ///
    /// # Examples
    ///
    /// ```
    /// use formats::Array;
    ///
    /// assert!(Array::new(vec![2], vec![0.5, -0.5]).is_finite());
    /// assert!(!Array::new(vec![2], vec![0.5, f32::NAN]).is_finite());
    /// ```
    #[doc(alias = "isnan")]
    #[doc(alias = "NaN")]
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|value| value.is_finite())
    }
}
