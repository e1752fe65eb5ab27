//! Recognizes the weights published by the Visual Geometry Group, by the first values of their
//! first kernel.
//!
//! They were trained in Caffe, but converted files often have torchvision's names. One of these
//! files is torchvision's own `VGG16_Weights.IMAGENET1K_FEATURES`, which expects red, green and
//! blue minus their means. The `vgg16_reducedfc.pth` of SSD has numbers as names. The values of
//! other weights do not reveal their preprocessing: first kernels trained on inputs with a standard
//! deviation of 1 and of 60 can be equally large.

use formats::Array;

/// First row of the first kernel for the first output channel. For each of VGG16 and VGG19: the
/// values for blue, then for red.
const FIRST_ROWS: [[[f32; 3]; 2]; 2] = [
    [[0.429_470_57, 0.373_467, -0.061_360_11], [0.480_015_4, 0.408_547_4, -0.065_145_55]],
    [[0.341_195_23, 0.339_992_05, -0.044_844_24], [0.394_167_04, 0.377_403_08, -0.045_948_66]],
];

/// Channel order that published weights expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelOrder {
    /// Blue, green, red, as in Caffe.
    BlueFirst,
    /// Red, green, blue, as in converted weights.
    RedFirst,
}

/// Returns the channel order that the first kernel, (3, 3, 3, out), expects if it is a published
/// one. The values may be rounded to 16-bit floats.
pub(crate) fn channel_order(kernel: &Array) -> Option<ChannelOrder> {
    let outputs = *kernel.shape.last()?;
    let row = |channel: usize| [0, 1, 2].map(|x| kernel.data[(x * 3 + channel) * outputs]);
    let close = |found: [f32; 3], expected: [f32; 3]| {
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 5e-3 * b.abs())
    };
    FIRST_ROWS.iter().find_map(|&[blue, red]| match (row(0), row(2)) {
        (first, last) if close(first, blue) && close(last, red) => Some(ChannelOrder::BlueFirst),
        (first, last) if close(first, red) && close(last, blue) => Some(ChannelOrder::RedFirst),
        _ => None,
    })
}

/// Reverses the order of the input channels of the first kernel, (3, 3, 3, out).
pub(crate) fn reverse_channels(kernel: &mut Array) {
    let outputs = kernel.shape.last().copied().unwrap_or_default();
    for tap in kernel.data.chunks_exact_mut(3 * outputs) {
        let (first, rest) = tap.split_at_mut(outputs);
        first.swap_with_slice(&mut rest[outputs..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a kernel with 2 outputs. The first one starts with the rows of VGG19.
    fn kernel() -> Array {
        let mut data: Vec<f32> = (0..54).map(|at| at as f32).collect();
        let [blue, red] = FIRST_ROWS[1];
        for x in 0..3 {
            data[x * 3 * 2] = blue[x];
            data[(x * 3 + 2) * 2] = red[x];
        }
        Array::new(vec![3, 3, 3, 2], data)
    }

    #[test]
    fn published_weights_are_recognized_in_both_channel_orders() {
        let mut kernel = kernel();
        assert_eq!(channel_order(&kernel), Some(ChannelOrder::BlueFirst));
        // A float with an 8-bit significand, such as bfloat16, is off by up to 1/512.
        kernel.data[0] *= 1.0 + 1.0 / 512.0;
        assert_eq!(channel_order(&kernel), Some(ChannelOrder::BlueFirst));
        reverse_channels(&mut kernel);
        assert_eq!(channel_order(&kernel), Some(ChannelOrder::RedFirst));
        kernel.data[0] *= 1.01;
        assert_eq!(channel_order(&kernel), None);
    }

    #[test]
    fn reverse_channels_reverses_only_the_input_channels() {
        let before = kernel();
        let mut after = before.clone();
        reverse_channels(&mut after);
        for tap in 0..9 {
            for channel in 0..3 {
                for output in 0..2 {
                    let at = |channel: usize| (tap * 3 + channel) * 2 + output;
                    assert_eq!(after.data[at(channel)], before.data[at(2 - channel)]);
                }
            }
        }
    }
}
