//! Compares the head's forward pass and initial values with Keras's.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use fixtures::{arrays, fixture};
use head::{ARRAY_NAMES, HeadConfig};
use serde::Deserialize;

/// Probabilities may differ by 1e-5: sums of 2,048 products in 32-bit floats are added in another
/// order.
#[test]
fn parity_of_the_forward_pass() {
    let fixture = arrays("head.safetensors");
    let features = &fixture["features"];
    let inputs: usize = features.shape[1..].iter().product();
    for (before_or_after, rows) in [("before", 0..8), ("after", 64..96)] {
        let prefix = if before_or_after == "after" { "after/" } else { "" };
        let kernels = ARRAY_NAMES.map(|name| {
            let array = &fixture[&format!("{prefix}{name}")];
            (array.shape.clone(), array.data.clone())
        });
        let config = HeadConfig::default();
        let head = config.init_with(inputs, 2, kernels, &Device::flex()).expect("the shapes");
        let batch = features.data[rows.start * inputs..rows.end * inputs].to_vec();
        let batch = TensorData::new(batch, [rows.len(), inputs]);
        let logits = head.forward(Tensor::from_data(batch, &Device::flex()), None);
        let found = head.probabilities(logits).into_data();
        let expected = &fixture[&format!("{before_or_after}/probability")].data;
        let off = found.as_slice::<f32>().expect("floats").iter().zip(expected);
        let off = off.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= 1e-5, "{before_or_after}: {off}");
    }
}

#[derive(Deserialize)]
struct Spread {
    limit: f32,
    std: f32,
}

/// Tolerances follow from the size of the kernels. The first has 3 million values: both their
/// standard deviation and their maximum are within 0.1 % of the expected values. The second has 256
/// values, and 10 % is more than two standard errors of their standard deviation.
#[test]
fn parity_of_the_initial_weights() {
    let text = std::fs::read_to_string(fixture("glorot_uniform.json")).expect("the fixture");
    let expected: BTreeMap<String, Spread> = serde_json::from_str(&text).expect("kernels");
    let head = HeadConfig::default().init(12_800, 2, 1, &Device::flex());
    let [kernel, bias, kernel_1, bias_1] = head.to_arrays();
    for ((shape, values), tolerance) in [(kernel, 1e-3), (kernel_1, 0.1)] {
        let spread = &expected[&format!("{shape:?}")];
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let square = values.iter().map(|value| f64::from(value * value)).sum::<f64>();
        let deviation = (square / values.len() as f64).sqrt() as f32;
        assert!(largest <= spread.limit && largest >= spread.limit * (1.0 - tolerance));
        assert!((deviation - spread.std).abs() <= spread.std * tolerance, "{deviation}");
    }
    assert!(bias.1.iter().chain(&bias_1.1).all(|&value| value == 0.0));
}

#[test]
fn more_than_two_classes_have_one_probability_each() {
    let device = Device::flex();
    let head = HeadConfig::default().init(10, 3, 1, &device);
    let logits = head.forward(Tensor::ones([4, 10], &device), None);
    let probabilities = head.probabilities(logits);
    assert_eq!(probabilities.dims(), [4, 3]);
    let sums = probabilities.sum_dim(1).into_data();
    assert!(sums.as_slice::<f32>().expect("floats").iter().all(|sum| (sum - 1.0).abs() < 1e-6));
}

#[test]
fn masked_units_do_not_contribute() {
    let device = Device::flex();
    let config = HeadConfig { hidden_units: 2, dropout: 0.5 };
    let arrays = [
        (vec![1, 2], vec![1.0, 10.0]),
        (vec![2], vec![0.0; 2]),
        (vec![2, 1], vec![1.0, 1.0]),
        (vec![1], vec![0.25]),
    ];
    let head = config.init_with(1, 2, arrays, &device).expect("the shapes");
    let mask = Tensor::from_data([[2.0, 0.0]], &device);
    let logits = head.forward(Tensor::from_data([[3.0]], &device), Some(mask)).into_data();
    assert_eq!(logits.as_slice::<f32>().expect("floats"), [6.25]);
}

#[test]
fn array_of_wrong_shape_is_refused_by_name() {
    let config = HeadConfig::default();
    let mut arrays = config.init(4, 2, 1, &Device::flex()).to_arrays();
    arrays[2].0 = vec![1, 256];
    let error = config.init_with(4, 2, arrays, &Device::flex()).expect_err("another shape");
    assert_eq!(error.to_string(), "`dense_1/kernel` has the shape [1, 256], expected [256, 1]");
}
