//! Flattening of Burn's feature maps in the order of Keras's `Flatten`.

use burn::tensor::Tensor;

/// Flattens feature maps in Keras's order (height, width, channels).
///
/// # Shapes
///
/// - maps: (N, channels, height, width)
/// - output: (N, height x width x channels)
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use head::flatten;
///
/// // An image of one row and three columns, with the channels 0 1 2 and 10 11 12.
/// let channels = [[[[0.0f32, 1.0, 2.0]], [[10.0, 11.0, 12.0]]]];
/// let flat = flatten(Tensor::<4>::from_data(channels, &Device::flex())).into_data();
/// assert_eq!(flat.as_slice::<f32>()?, [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "channels_last")]
#[doc(alias = "reshape")]
pub fn flatten(maps: Tensor<4>) -> Tensor<2> {
    maps.permute([0, 2, 3, 1]).flatten(1, 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn channels_vary_fastest() {
        // Shape (1, 2, 1, 3) with the channels 0 1 2 and 10 11 12.
        let maps = TensorData::new(vec![0.0f32, 1.0, 2.0, 10.0, 11.0, 12.0], [1, 2, 1, 3]);
        let flat = flatten(Tensor::from_data(maps, &Device::flex())).into_data();
        assert_eq!(flat.as_slice::<f32>().expect("floats"), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    }
}
