//! Error of loading an optimizer's state.

/// Optimizer state that does not fit a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizerStateError {
    /// The state of a parameter is incomplete.
    #[error("`{0}` is missing")]
    Missing(String),
    /// An array has another shape than its parameter.
    #[error("`{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// Name of the array.
        name: String,
        /// Shape of the array.
        found: Vec<usize>,
        /// Flattened shape of the parameter.
        expected: Vec<usize>,
    },
    /// An array holds values that are NaN or infinite.
    #[error("`{0}` holds values that are NaN or infinite")]
    NonFinite(String),
    /// An array belongs to no parameter.
    #[error("`{0}` is not an array of any parameter")]
    Unknown(String),
}
