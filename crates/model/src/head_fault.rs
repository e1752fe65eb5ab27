//! Reasons why a Keras model does not contain a supported head.

/// Reason why a `.keras` file does not contain a supported head, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadFault {
    /// The file is not a `.keras` file.
    #[error("it is not a `.keras` file written by `model.save(\"NAME.keras\")`")]
    OtherFormat,
    /// The model does not have a dense layer.
    #[error("it has no `Dense` layer")]
    NoDense,
    /// A layer is not part of a VGG base or a head, or has the wrong position.
    #[error("the layer `{name}` ({class}) was not expected")]
    Layer {
        /// Name of the layer.
        name: String,
        /// Keras class of the layer.
        class: String,
    },
    /// A dense layer has an unsupported activation, or another one than the hidden layer before it.
    #[error("`{name}` has {units} unit(s) with the activation {found}, expected {expected}")]
    Activation {
        /// Name of the layer.
        name: String,
        /// Number of units.
        units: usize,
        /// Activation of the layer.
        found: String,
        /// Activation that a head has there.
        expected: String,
    },
    /// A layer lacks an array.
    #[error("`{layer}` has no {array}")]
    Array {
        /// Name of the layer.
        layer: String,
        /// Name of the array, such as `kernel` or `moving_mean`.
        array: &'static str,
    },
}
