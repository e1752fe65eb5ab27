//! Reasons why an optimizer's state does not fit a module.

/// State that is not that of a module's parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// A parameter lacks a part of its state.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A part of the state is of another shape than its parameter.
    #[error("`{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// The array.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The parameter's shape, flattened.
        expected: Vec<usize>,
    },
    /// A part of the state holds values that are NaN or infinite.
    #[error("`{0}` holds values that are NaN or infinite")]
    NonFinite(String),
    /// There is no parameter of this state's name.
    #[error("`{0}` belongs to no parameter")]
    Unknown(String),
}
