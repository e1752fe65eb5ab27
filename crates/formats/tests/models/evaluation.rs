//! Evaluates a chain in plain loops of 64-bit floats, as a reference for other implementations.

use formats::{Activation, Array, SequentialLayerKind, SequentialModel};

/// Output of a layer for one image: a feature map (height, width, channels), or a vector as a map
/// of one pixel.
struct Map {
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f64>,
}

impl Map {
    fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels, values: vec![0.0; height * width * channels] }
    }

    fn vector(values: Vec<f64>) -> Self {
        Self { height: 1, width: 1, channels: values.len(), values }
    }

    fn at(&self, row: usize, column: usize, channel: usize) -> f64 {
        self.values[(row * self.width + column) * self.channels + channel]
    }

    fn at_mut(&mut self, row: usize, column: usize, channel: usize) -> &mut f64 {
        &mut self.values[(row * self.width + column) * self.channels + channel]
    }

    fn of_channel(&self, channel: usize) -> impl Iterator<Item = f64> {
        self.values.iter().copied().skip(channel).step_by(self.channels)
    }
}

/// Returns the output of the chain for one image.
pub(crate) fn evaluate(chain: &SequentialModel, image: &[f32]) -> Vec<f64> {
    let [height, width] = chain.size;
    let values = image.iter().map(|&value| f64::from(value)).collect();
    let image = Map { height, width, channels: 3, values };
    chain.layers.iter().fold(image, |map, layer| apply(layer.kind, map)).values
}

fn apply(kind: SequentialLayerKind, input: Map) -> Map {
    match kind {
        SequentialLayerKind::Pointwise { kernel, bias } => pointwise(kernel, bias, &input),
        SequentialLayerKind::Convolution { kernel, bias } => convolution(kernel, bias, &input),
        SequentialLayerKind::MaxPooling => max_pooling(&input),
        SequentialLayerKind::GlobalAveragePooling => {
            let pixels = (input.height * input.width) as f64;
            let mean = |channel| input.of_channel(channel).sum::<f64>() / pixels;
            Map::vector((0..input.channels).map(mean).collect())
        }
        SequentialLayerKind::GlobalMaxPooling => {
            let maximum = |channel| input.of_channel(channel).fold(f64::NEG_INFINITY, f64::max);
            Map::vector((0..input.channels).map(maximum).collect())
        }
        SequentialLayerKind::Flatten => Map::vector(input.values),
        SequentialLayerKind::Dense { kernel, bias, activation } => {
            let sum = |unit: usize| {
                let products = input.values.iter().enumerate().map(|(index, value)| {
                    value * f64::from(kernel.data[index * bias.data.len() + unit])
                });
                products.sum::<f64>() + f64::from(bias.data[unit])
            };
            Map::vector(activate(activation, (0..bias.data.len()).map(sum).collect()))
        }
        SequentialLayerKind::Dropout { .. } => input,
    }
}

fn pointwise(kernel: &Array, bias: &Array, input: &Map) -> Map {
    let outputs = bias.data.len();
    let mut output = Map::new(input.height, input.width, outputs);
    for (pixel, sums) in input.values.chunks(input.channels).zip(output.values.chunks_mut(outputs))
    {
        for (to, sum) in sums.iter_mut().enumerate() {
            let products = pixel.iter().enumerate();
            let products =
                products.map(|(from, value)| value * f64::from(kernel.data[from * outputs + to]));
            *sum = products.sum::<f64>() + f64::from(bias.data[to]);
        }
    }
    output
}

fn convolution(kernel: &Array, bias: &Array, input: &Map) -> Map {
    let outputs = bias.data.len();
    let mut output = Map::new(input.height, input.width, outputs);
    for row in 0..input.height {
        for column in 0..input.width {
            for to in 0..outputs {
                let mut sum = f64::from(bias.data[to]);
                for (tap_row, tap_column) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    // The image starts at row and column 1 of the padded image.
                    let (padded_row, padded_column) = (row + tap_row, column + tap_column);
                    if !(1..=input.height).contains(&padded_row)
                        || !(1..=input.width).contains(&padded_column)
                    {
                        continue;
                    }
                    for from in 0..input.channels {
                        let tap = (tap_row * 3 + tap_column) * input.channels + from;
                        sum += input.at(padded_row - 1, padded_column - 1, from)
                            * f64::from(kernel.data[tap * outputs + to]);
                    }
                }
                *output.at_mut(row, column, to) = sum.max(0.0);
            }
        }
    }
    output
}

fn max_pooling(input: &Map) -> Map {
    let mut output = Map::new(input.height / 2, input.width / 2, input.channels);
    for row in 0..output.height {
        for column in 0..output.width {
            for channel in 0..input.channels {
                let top = input.at(2 * row, 2 * column, channel).max(input.at(
                    2 * row,
                    2 * column + 1,
                    channel,
                ));
                let bottom = input.at(2 * row + 1, 2 * column, channel).max(input.at(
                    2 * row + 1,
                    2 * column + 1,
                    channel,
                ));
                *output.at_mut(row, column, channel) = top.max(bottom);
            }
        }
    }
    output
}

fn activate(activation: Activation, values: Vec<f64>) -> Vec<f64> {
    match activation {
        Activation::Linear => values,
        Activation::Relu => values.into_iter().map(|value| value.max(0.0)).collect(),
        Activation::Gelu => {
            let gelu = |value: f64| value * 0.5 * (1.0 + erf(value / std::f64::consts::SQRT_2));
            values.into_iter().map(gelu).collect()
        }
        Activation::Sigmoid => {
            values.into_iter().map(|value| 1.0 / (1.0 + (-value).exp())).collect()
        }
        Activation::Softmax => {
            let sum: f64 = values.iter().map(|value| value.exp()).sum();
            values.into_iter().map(|value| value.exp() / sum).collect()
        }
    }
}

/// Error function by its Maclaurin series, or its limit.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}
