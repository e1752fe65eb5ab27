//! Reasons why the model gives no answer for an image that was read.

use std::sync::Arc;

use model::ModelError;

/// The reason, which all who asked at once share.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The model fails.
    #[error(transparent)]
    Model(#[from] Arc<ModelError>),
    /// The program has panicked.
    #[error("a fault in the program")]
    Panic,
    /// The thread of the model has ended.
    #[error("it has ended")]
    Ended,
}
