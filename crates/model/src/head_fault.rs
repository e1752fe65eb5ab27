//! Reasons why the layers of a Keras model are no head of ours.

/// What does not fit in a `.keras` file, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// The file is of another format.
    #[error("it is no `.keras` file, as `model.save(\"NAME.keras\")` writes it")]
    OtherFormat,
    /// There are no dense layers.
    #[error("it has no `Dense` layer")]
    NoDense,
    /// There is one dense layer.
    #[error("it has one `Dense` layer, expected two")]
    OneDense,
    /// A layer is none that a VGG base or a head has at its place.
    #[error("the layer `{name}` ({class}) was not expected")]
    Layer {
        /// The layer.
        name: String,
        /// Its class.
        class: String,
    },
    /// A dense layer has another activation.
    #[error("`{name}` has {units} unit(s) with the activation {found}, expected {expected}")]
    Activation {
        /// The layer.
        name: String,
        /// Number of its units.
        units: usize,
        /// Its activation.
        found: String,
        /// The activation of such a layer in a head.
        expected: &'static str,
    },
    /// A dense layer lacks an array.
    #[error("`{layer}` has no {array}")]
    Array {
        /// The layer.
        layer: String,
        /// The array.
        array: &'static str,
    },
}
