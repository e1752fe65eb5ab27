//! Builds small chains with every kind of layer.

use formats::{Activation, Array, Arrays, SequentialLayer, SequentialLayerKind, SequentialModel};

/// Layers that turn a feature map into a vector.
pub(crate) const POOLINGS: [SequentialLayerKind; 3] = [
    SequentialLayerKind::Flatten,
    SequentialLayerKind::GlobalAveragePooling,
    SequentialLayerKind::GlobalMaxPooling,
];

/// Returns weights for [`binary`] and [`three_classes`].
///
/// They are scaled so that the outputs of all layers and the logits are about 1. A probability near
/// 0 or 1 would hide errors in earlier layers.
pub(crate) fn weights(pooling: SequentialLayerKind) -> Arrays {
    let features = if matches!(pooling, SequentialLayerKind::Flatten) { 4 * 5 * 5 } else { 5 };
    let shapes: [(&str, &[usize], f32); 6] = [
        ("preprocessing", &[1, 1, 3, 3], 1.0),
        ("block1_conv1", &[3, 3, 3, 4], 1.0),
        ("block1_conv2", &[3, 3, 4, 5], 1.0),
        ("dense", &[features, 6], 1.0),
        ("one", &[6, 1], 1.0),
        ("three", &[6, 3], 1.0),
    ];
    let mut numbers = Numbers(1);
    let mut arrays = Arrays::new();
    for (name, shape, scale) in shapes {
        let (&outputs, inputs) = shape.split_last().expect("a shape");
        let spread = scale / (inputs.iter().product::<usize>() as f32 / 3.0).sqrt();
        for (part, shape) in [("kernel", shape), ("bias", &[outputs])] {
            let values = numbers.take(shape.iter().product(), -spread, spread);
            arrays.insert(format!("{name}/{part}"), Array::new(shape.to_vec(), values));
        }
    }
    // Pixel values are about 130.
    for value in &mut arrays.get_mut("block1_conv1/kernel").expect("the first kernel").data {
        *value /= 250.0;
    }
    arrays
}

/// Returns a chain with frozen layers and a sigmoid, for images of 8x10 pixels.
pub(crate) fn binary<'a>(
    weights: &'a Arrays,
    pooling: SequentialLayerKind<'a>,
) -> SequentialModel<'a> {
    let head = dense(weights, "one", Activation::Sigmoid);
    chain(weights, pooling, head, [8, 10], &["cat", "dog"])
}

/// Returns a chain with a softmax, for images of 9x11 pixels, whose last row and column the pooling
/// drops.
pub(crate) fn three_classes<'a>(
    weights: &'a Arrays,
    pooling: SequentialLayerKind<'a>,
) -> SequentialModel<'a> {
    let head = dense(weights, "three", Activation::Softmax);
    let classes = ["cat", "dog", "\"chèvre\""];
    chain(weights, pooling, head, [9, 11], &classes)
}

fn chain<'a>(
    weights: &'a Arrays,
    pooling: SequentialLayerKind<'a>,
    last: SequentialLayerKind<'a>,
    size: [usize; 2],
    classes: &[&str],
) -> SequentialModel<'a> {
    let convolution = |name: &str| SequentialLayerKind::Convolution {
        kernel: &weights[&format!("{name}/kernel")],
        bias: &weights[&format!("{name}/bias")],
    };
    let preprocessing = SequentialLayerKind::Pointwise {
        kernel: &weights["preprocessing/kernel"],
        bias: &weights["preprocessing/bias"],
    };
    let layers = [
        ("preprocessing", true, preprocessing),
        ("block1_conv1", true, convolution("block1_conv1")),
        ("block1_conv2", false, convolution("block1_conv2")),
        ("block1_pool", true, SequentialLayerKind::MaxPooling),
        ("pooling", false, pooling),
        ("dense", false, dense(weights, "dense", Activation::Relu)),
        ("dropout", false, SequentialLayerKind::Dropout { rate: 0.3 }),
        ("predictions", false, last),
    ];
    SequentialModel {
        name: "small".into(),
        size,
        layers: layers
            .into_iter()
            .map(|(name, frozen, kind)| SequentialLayer { name: name.into(), frozen, kind })
            .collect(),
        classes: classes.iter().map(|&class| class.into()).collect(),
    }
}

fn dense<'a>(weights: &'a Arrays, name: &str, activation: Activation) -> SequentialLayerKind<'a> {
    let part = |part| &weights[&format!("{name}/{part}")];
    SequentialLayerKind::Dense { kernel: part("kernel"), bias: part("bias"), activation }
}

/// Generator of numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn take(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        let next = |_| {
            // Knuth's MMIX generator; its high bits are good.
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            low + (high - low) * (self.0 >> 40) as f32 / (1u32 << 24) as f32
        };
        (0..count).map(next).collect()
    }
}
