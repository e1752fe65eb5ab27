//! Errors of the model for an image that was decoded.

use std::borrow::Cow;
use std::sync::Arc;

use model::ModelError;

/// Error of a batch, which all of its requests share.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ModelFailure {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] Arc<ModelError>),
    /// The model's code panicked.
    #[error("the model panicked")]
    Panic,
    /// The model's thread has ended.
    #[error("the model's thread has ended")]
    Ended,
}

impl ModelFailure {
    /// Returns the hint of the model's error.
    pub(crate) fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Model(error) => error.hint(),
            Self::Panic | Self::Ended => None,
        }
    }
}
