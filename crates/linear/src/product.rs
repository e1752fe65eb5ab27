//! Products of matrices.

use gemm::{Parallelism, gemm};

/// Matrix in memory.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f64],
    /// Number of rows and columns.
    shape: [usize; 2],
    /// Distance of rows and of columns.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// Creates a matrix whose rows are stored one after another.
    ///
    /// # Panics
    ///
    /// Panics if the number of values is not that of the shape.
    pub(crate) fn rows(values: &'a [f64], shape: [usize; 2]) -> Self {
        assert_eq!(values.len(), shape[0] * shape[1]);
        Self { values, shape, strides: [shape[1], 1] }
    }

    /// Creates a matrix whose columns are stored one after another.
    ///
    /// # Panics
    ///
    /// Panics if the number of values is not that of the shape.
    pub(crate) fn columns(values: &'a [f64], shape: [usize; 2]) -> Self {
        assert_eq!(values.len(), shape[0] * shape[1]);
        Self { values, shape, strides: [1, shape[0]] }
    }
}

/// Adds a product to `to`, whose rows are stored one after another.
///
/// # Panics
///
/// Panics if the shapes do not fit.
pub(crate) fn add_product(left: Matrix<'_>, right: Matrix<'_>, to: &mut [f64]) {
    let [rows, inner] = left.shape;
    let [inner_of_right, columns] = right.shape;
    assert_eq!(inner, inner_of_right);
    assert_eq!(to.len(), rows * columns);
    // SAFETY: a `Matrix` has as many values as its shape and strides address, `to` has as many as checked above, and is
    // borrowed exclusively.
    unsafe {
        gemm(
            rows,
            columns,
            inner,
            to.as_mut_ptr(),
            1,
            columns as isize,
            true,
            left.values.as_ptr(),
            left.strides[1] as isize,
            left.strides[0] as isize,
            right.values.as_ptr(),
            right.strides[1] as isize,
            right.strides[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
