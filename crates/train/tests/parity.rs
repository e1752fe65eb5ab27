//! Parity of RMSprop, the losses and a training history with Keras.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use fixtures::{arrays, fixture};
use formats::Array;
use head::HeadConfig;
use model::TrainableLayers;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use train::{
    Evaluated, ForwardPass, Optimizer, RmsProp, RunningMean, binary_cross_entropy,
    clipped_binary_cross_entropy, count_correct, evaluate, is_accurate,
};
use vgg::VggConfig;

fn json<T: DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(fixture(name)).expect("the fixture");
    serde_json::from_str(&text).expect("the fixture's layout")
}

fn floats(data: &TensorData) -> &[f32] {
    data.as_slice::<f32>().expect("32-bit floats")
}

#[derive(Deserialize)]
struct RmsPropCase {
    config: RmsProp,
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    parameters_after_each_step: Vec<Vec<f32>>,
}

/// Tolerance 1e-6 relative: a few roundings of a 32-bit float in each of eight steps.
#[test]
fn parity_of_rmsprop() {
    let cases: Vec<RmsPropCase> = json("rmsprop.json");
    assert_eq!(cases.len(), 4);
    for case in cases {
        let tensor = |values: &Vec<f32>| {
            Tensor::<1>::from_data(TensorData::new(values.clone(), [values.len()]), &Device::flex())
        };
        let mut parameter = tensor(&case.start);
        let mut slot = case.config.new_slot(&parameter);
        for (gradient, expected) in case.gradients.iter().zip(&case.parameters_after_each_step) {
            (parameter, slot) = case.config.step(parameter, tensor(gradient), slot);
            let found = parameter.to_data();
            for (found, expected) in floats(&found).iter().zip(expected) {
                let off = (found - expected).abs() / expected.abs();
                assert!(off <= 1e-6, "{:?}: {found}, expected {expected}", case.config);
            }
        }
    }
}

#[derive(Deserialize)]
struct LossCase {
    label: f32,
    probability: f32,
    binary_crossentropy: f32,
    accurate: f32,
}

/// Tolerance 1e-5 relative, or 1e-7 near 0, because -log(1 - 1e-7) itself is only two roundings of 1.
#[test]
fn parity_of_the_loss_on_probabilities_and_of_accuracy() {
    let cases: Vec<LossCase> = json("binary_crossentropy.json");
    assert_eq!(cases.len(), 20);
    for case in cases {
        let found = clipped_binary_cross_entropy(case.probability, case.label);
        let expected = case.binary_crossentropy;
        assert!((found - expected).abs() <= 1e-5 * expected + 1e-7, "{found}, expected {expected}");
        assert_eq!(is_accurate(case.probability, case.label as usize, 0.5), case.accurate == 1.0);
    }
}

#[derive(Deserialize)]
struct History {
    loss: Vec<f64>,
    accuracy: Vec<f64>,
    val_loss: Vec<f64>,
    val_accuracy: Vec<f64>,
}

/// Tolerance 1e-3 relative for losses and weights: rounding errors of 12 steps, each scaled by a root. Accuracies are
/// ratios of counts and must be equal.
#[test]
fn parity_of_a_training_history() {
    let fixture = arrays("head.safetensors");
    let expected: History = json("head_history.json");
    let inputs: usize = fixture["features"].shape[1..].iter().product();
    let features = &fixture["features"].data;
    let labels: Vec<usize> = fixture["labels"].data.iter().map(|&label| label as usize).collect();
    let names = ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"];
    let kernels = names.map(|name| {
        (name.to_owned(), Array::new(fixture[name].shape.clone(), fixture[name].data.clone()))
    });
    let device = Device::flex().autodiff();
    let [height, width] = [fixture["features"].shape[1], fixture["features"].shape[2]];
    let base = VggConfig { image_size: [height * 32, width * 32], ..VggConfig::default() };
    let trainable = TrainableLayers::new(&base, &HeadConfig::default(), 2, kernels.into(), &device);
    let mut trainable = trainable.expect("the shapes");
    let mut optimizer = Optimizer::new(|_| RmsProp::default(), &trainable);
    let rows = |values: &[f32], width: usize| {
        Tensor::<2>::from_data(
            TensorData::new(values.to_vec(), [values.len() / width, width]),
            &device,
        )
    };
    for epoch in 0..expected.loss.len() {
        let mut mean = RunningMean::default();
        for at in [0, 32] {
            let batch = rows(&features[at * inputs..(at + 32) * inputs], inputs);
            let labels = &labels[at..at + 32];
            let ones: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
            let pass = ForwardPass::new(&trainable, batch, &[]);
            let loss = binary_cross_entropy(pass.logits.clone(), rows(&ones, 1));
            let probabilities = trainable.probabilities(pass.logits.clone().inner()).into_data();
            let value = floats(&loss.to_data())[0].into();
            mean.add(value, count_correct(floats(&probabilities), labels, 0.5), 32);
            trainable = optimizer.step(trainable, pass.backward(&loss));
        }
        let mut on_validation = RunningMean::default();
        let still = trainable.clone().valid();
        for at in (64..labels.len()).step_by(32) {
            let labels = &labels[at..(at + 32).min(labels.len())];
            let batch = features[at * inputs..(at + labels.len()) * inputs].to_vec();
            let evaluated = evaluate(&still, batch, labels, 0.5, &Device::flex());
            let Evaluated { loss, correct, .. } = evaluated.expect("finite logits");
            on_validation.add(loss, correct, labels.len());
        }
        for (name, found, expected) in [
            ("loss", mean.loss(), expected.loss[epoch]),
            ("val_loss", on_validation.loss(), expected.val_loss[epoch]),
        ] {
            assert!(
                (found - expected).abs() <= 1e-3 * expected,
                "{epoch} {name}: {found}, {expected}"
            );
        }
        assert_eq!(mean.accuracy(), expected.accuracy[epoch], "epoch {epoch}");
        assert_eq!(on_validation.accuracy(), expected.val_accuracy[epoch], "epoch {epoch}");
    }
    for (name, Array { data: values, .. }) in trainable.to_arrays() {
        let expected = &fixture[&format!("after/{name}")].data;
        let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let off = values.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= 1e-3 * largest, "{name}: {off} of {largest}");
    }
}
