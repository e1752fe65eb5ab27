//! Compares the head's forward pass and initial values with Keras's.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use fixtures::{arrays, fixture};
use head::{Activation, HeadConfig};
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
        let config = HeadConfig::default();
        let kernels = config.arrays(inputs, 2).into_iter().map(|(name, _)| {
            let array = &fixture[&format!("{prefix}{name}")];
            (array.shape.clone(), array.data.clone())
        });
        let kernels = kernels.collect();
        let head = config.init_with(inputs, 2, kernels, &Device::flex()).expect("the shapes");
        let batch = features.data[rows.start * inputs..rows.end * inputs].to_vec();
        let batch = TensorData::new(batch, [rows.len(), inputs]);
        let logits = head.forward(Tensor::from_data(batch, &Device::flex()));
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
    let arrays = head.to_arrays();
    let [kernel, bias, kernel_1, bias_1] = &arrays[..] else { panic!("four arrays") };
    for ((_, shape, values), tolerance) in [(kernel, 1e-3), (kernel_1, 0.1)] {
        let spread = &expected[&format!("{shape:?}")];
        let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let square = values.iter().map(|value| f64::from(value * value)).sum::<f64>();
        let deviation = (square / values.len() as f64).sqrt() as f32;
        assert!(largest <= spread.limit && largest >= spread.limit * (1.0 - tolerance));
        assert!((deviation - spread.std).abs() <= spread.std * tolerance, "{deviation}");
    }
    assert!(bias.2.iter().chain(&bias_1.2).all(|&value| value == 0.0));
}

#[test]
fn more_than_two_classes_have_one_probability_each() {
    let device = Device::flex();
    let head = HeadConfig::default().init(10, 3, 1, &device);
    let logits = head.forward(Tensor::ones([4, 10], &device));
    let probabilities = head.probabilities(logits);
    assert_eq!(probabilities.dims(), [4, 3]);
    let sums = probabilities.sum_dim(1).into_data();
    assert!(sums.as_slice::<f32>().expect("floats").iter().all(|sum| (sum - 1.0).abs() < 1e-6));
}

#[test]
fn masked_units_do_not_contribute() {
    let device = Device::flex();
    let config = HeadConfig { hidden_units: vec![2], dropout: 0.5, ..HeadConfig::default() };
    let arrays = vec![
        (vec![1, 2], vec![1.0, 10.0]),
        (vec![2], vec![0.0; 2]),
        (vec![2, 1], vec![1.0, 1.0]),
        (vec![1], vec![0.25]),
    ];
    let head = config.init_with(1, 2, arrays, &device).expect("the shapes");
    let mask = Tensor::from_data([[2.0, 0.0]], &device);
    let (logits, _) = head.forward_training(Tensor::from_data([[3.0]], &device), &[mask]);
    let logits = logits.into_data();
    assert_eq!(logits.as_slice::<f32>().expect("floats"), [6.25]);
}

#[test]
fn array_of_wrong_shape_is_refused_by_name() {
    let config = HeadConfig::default();
    let arrays = config.init(4, 2, 1, &Device::flex()).to_arrays().into_iter();
    let mut arrays: Vec<_> = arrays.map(|(_, shape, values)| (shape, values)).collect();
    arrays[2].0 = vec![1, 256];
    let error = config.init_with(4, 2, arrays, &Device::flex()).expect_err("another shape");
    assert_eq!(error.to_string(), "`dense_1/kernel` has the shape [1, 256], expected [256, 1]");
}

/// The reference computes a step in 64 bits. The tolerance is about ten roundings of a 32-bit float.
#[test]
fn hidden_layers_normalize_and_activate_as_defined() {
    let device = Device::flex();
    // The error function (M. Abramowitz and I. Stegun, 7.1.26) is exact to 1.5e-7.
    let erf = |x: f64| {
        let t = 1.0 / (1.0 + 0.3275911 * x.abs());
        let sum = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
        let sum = sum.into_iter().fold(0.0, |sum, term| (sum + term) * t);
        x.signum() * (1.0 - sum * (-x * x).exp())
    };
    for activation in [Activation::Linear, Activation::Relu, Activation::Gelu] {
        let config = HeadConfig {
            hidden_units: vec![4, 3],
            activation,
            batch_norm: true,
            ..HeadConfig::default()
        };
        let head = config.init(2, 3, 5, &device);
        let arrays: BTreeMap<String, Vec<f64>> = head
            .to_arrays()
            .into_iter()
            .map(|(name, _, values)| (name, values.into_iter().map(f64::from).collect()))
            .collect();
        let rows = [[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]];
        let mut expected: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        for (layer, name) in ["dense", "dense_1", "dense_2"].into_iter().enumerate() {
            let (kernel, bias) =
                (&arrays[&format!("{name}/kernel")], &arrays[&format!("{name}/bias")]);
            let product = |row: &Vec<f64>| -> Vec<f64> {
                let unit = |unit: usize| {
                    let products = row.iter().enumerate();
                    products.map(|(at, value)| value * kernel[at * bias.len() + unit]).sum::<f64>()
                };
                (0..bias.len()).map(|at| unit(at) + bias[at]).collect()
            };
            expected = expected.iter().map(product).collect();
            if layer == 2 {
                break;
            }
            for unit in 0..bias.len() {
                let values = || expected.iter().map(|row| row[unit]);
                let mean = values().sum::<f64>() / 3.0;
                let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / 3.0;
                for row in &mut expected {
                    let value = (row[unit] - mean) / (variance + 1e-3).sqrt();
                    row[unit] = match activation {
                        Activation::Linear => value,
                        Activation::Relu => value.max(0.0),
                        Activation::Gelu => value * 0.5 * (1.0 + erf(value / 2f64.sqrt())),
                    };
                }
            }
        }
        let features =
            Tensor::<2>::from_data(rows.map(|row| row.map(|value| value as f32)), &device);
        let (logits, moments) = head.forward_training(features.clone(), &[]);
        let logits = logits.into_data();
        for (found, expected) in
            logits.as_slice::<f32>().expect("floats").iter().zip(expected.concat())
        {
            assert!(
                (f64::from(*found) - expected).abs() < 2e-6,
                "{activation:?}: {found} {expected}"
            );
        }
        let moved = head.with_moments(moments);
        let mean = moved
            .to_arrays()
            .into_iter()
            .find(|(name, ..)| name == "batch_normalization/moving_mean");
        assert!(mean.expect("an array").2.iter().any(|&mean| mean != 0.0));
        let data = |head: &head::Head| head.forward(features.clone()).into_data();
        let (with, folded) = (data(&moved), data(&moved.folded()));
        for (with, folded) in with
            .as_slice::<f32>()
            .expect("floats")
            .iter()
            .zip(folded.as_slice::<f32>().expect("floats"))
        {
            assert!((with - folded).abs() < 2e-6, "{with} {folded}");
        }
    }
}
