//! Trains a head on vibration signals, from arrays in memory: which machine has a worn bearing?
//!
//!     cargo run -p train --example signals
//!
//! The signals are synthetic. A worn bearing adds a weak tone to noise. The features are 32 amplitudes of frequencies.

use std::error::Error;
use std::f32::consts::TAU;
use std::io::{Write, stdout};

use burn::tensor::{Device, Tensor, TensorData};
use head::HeadConfig;
use random::{AddressedRng, Purpose};
use train::{
    Cancellation, FeatureArrays, HeadJob, LabeledRows, LossConfig, OptimizerConfig, TrainConfig,
    fit_head,
};

const SAMPLES: usize = 256;

/// Returns the amplitudes of the lowest frequencies of a machine's signal (discrete Fourier transform).
fn amplitudes(machine: usize, worn: bool) -> Vec<f32> {
    let phase = |cycles: usize, at: usize| TAU * (cycles * at % SAMPLES) as f32 / SAMPLES as f32;
    let tone = if worn { 0.3 } else { 0.0 };
    let mut noise = AddressedRng::at(1, Purpose::Custom(0), 0, machine as u64);
    let value = |at| phase(8, at).sin() + tone * phase(21, at).sin() + noise.between(-1.0, 1.0);
    let signal: Vec<f32> = (0..SAMPLES).map(value).collect();
    let sum = |cycles: usize, part: fn(f32) -> f32| -> f32 {
        signal.iter().enumerate().map(|(at, value)| value * part(phase(cycles, at))).sum()
    };
    let amplitude = |cycles| sum(cycles, f32::cos).hypot(sum(cycles, f32::sin));
    (0..32).map(|cycles| amplitude(cycles) * 2.0 / SAMPLES as f32).collect()
}

/// Returns the features and labels of machines with these numbers. Every second one is worn.
fn machines(numbers: std::ops::Range<usize>) -> LabeledRows {
    let values = numbers.clone().flat_map(|number| amplitudes(number, number % 2 == 1));
    LabeledRows { values: values.collect(), labels: numbers.map(|number| number % 2).collect() }
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let data = FeatureArrays::divide(["healthy", "worn"], machines(0..400), 0.2, 1)?;
    let job = HeadJob {
        head: &HeadConfig { hidden_units: vec![16], dropout: 0.2, ..HeadConfig::default() },
        loss: &LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train: TrainConfig::default(),
        data: &data,
        device: &device,
        cancellation: &Cancellation::NEVER,
    };
    let trained = fit_head(&job, |_| {})?;
    let LabeledRows { values, labels } = machines(400..600);
    let rows = Tensor::from_data(TensorData::new(values, [labels.len(), 32]), &device);
    let probabilities = trained.head.probabilities(trained.head.forward(rows)).into_data();
    let correct = train::count_correct(probabilities.as_slice::<f32>()?, &labels, 0.5);
    Ok(writeln!(stdout(), "accuracy on new machines: {}", correct as f64 / labels.len() as f64)?)
}
