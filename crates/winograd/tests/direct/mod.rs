//! Convolution and pooling by their definitions, in plain loops of 64-bit floats.

use winograd::Layer;

/// Returns `count` numbers in -scale..scale from a linear congruential generator.
pub(crate) fn numbers(seed: u32, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// Applies the layers to one map (height, width, channels).
pub(crate) fn direct(map: &[f32], shape: [usize; 3], layers: &[Layer]) -> Vec<f64> {
    let [mut height, mut width, mut channels] = shape;
    let mut values: Vec<f64> = map.iter().map(|&value| value.into()).collect();
    for layer in layers {
        match layer {
            Layer::Convolution { kernel, bias } | Layer::LinearConvolution { kernel, bias } => {
                values = convolution(&values, [height, width, channels], kernel, bias);
                channels = bias.len();
                if matches!(layer, Layer::Convolution { .. }) {
                    values.iter_mut().for_each(|value| *value = value.max(0.0));
                }
            }
            Layer::MaxPooling => {
                values = pooling(&values, [height, width, channels]);
                (height, width) = (height / 2, width / 2);
            }
            _ => unreachable!("all layers are compared"),
        }
    }
    values
}

fn convolution(
    map: &[f64],
    [height, width, channels]: [usize; 3],
    kernel: &[f32],
    bias: &[f32],
) -> Vec<f64> {
    let mut output = Vec::with_capacity(height * width * bias.len());
    for y in 0..height {
        for x in 0..width {
            let mut sums: Vec<f64> = bias.iter().map(|&value| value.into()).collect();
            for tap in 0..9 {
                let (row, column) = (y + tap / 3, x + tap % 3);
                if !(1..=height).contains(&row) || !(1..=width).contains(&column) {
                    continue;
                }
                let pixel = &map[((row - 1) * width + column - 1) * channels..][..channels];
                for (channel, value) in pixel.iter().enumerate() {
                    let factors = &kernel[(tap * channels + channel) * bias.len()..];
                    for (sum, &factor) in sums.iter_mut().zip(factors) {
                        *sum += value * f64::from(factor);
                    }
                }
            }
            output.extend(sums);
        }
    }
    output
}

fn pooling(map: &[f64], [height, width, channels]: [usize; 3]) -> Vec<f64> {
    let at = |y: usize, x: usize, channel: usize| map[(y * width + x) * channels + channel];
    let mut output = vec![];
    for y in (0..height / 2 * 2).step_by(2) {
        for x in (0..width / 2 * 2).step_by(2) {
            for channel in 0..channels {
                let upper = at(y, x, channel).max(at(y, x + 1, channel));
                output.push(upper.max(at(y + 1, x, channel)).max(at(y + 1, x + 1, channel)));
            }
        }
    }
    output
}
