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
use train::{
    Cancellation, FeatureArrays, HeadJob, LabeledRows, LossConfig, OptimizerConfig, TrainConfig,
    fit_head,
};

const SAMPLES: usize = 256;

/// Returns the signal of a machine, with values of about -2 to 2.
fn signal(machine: usize, worn: bool) -> Vec<f32> {
    let tone = |at: usize, cycles: f32| (TAU * cycles * at as f32 / SAMPLES as f32).sin();
    let mut state = machine as u32 + 1;
    let value = |at| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
        tone(at, 8.0) + f32::from(u8::from(worn)) * 0.3 * tone(at, 21.0) + noise
    };
    (0..SAMPLES).map(value).collect()
}

/// Returns the amplitudes of the lowest frequencies of a signal (discrete Fourier transform).
fn amplitudes(signal: &[f32]) -> Vec<f32> {
    let amplitude = |frequency: usize| {
        let angle = |at: usize| TAU * (frequency * at % SAMPLES) as f32 / SAMPLES as f32;
        let sum = |part: fn(f32) -> f32| -> f32 {
            signal.iter().enumerate().map(|(at, value)| value * part(angle(at))).sum()
        };
        sum(f32::cos).hypot(sum(f32::sin)) * 2.0 / SAMPLES as f32
    };
    (0..32).map(amplitude).collect()
}

/// Returns the features and labels of machines with these numbers. Every second one is worn.
fn machines(numbers: std::ops::Range<usize>) -> LabeledRows {
    let values = numbers.clone().flat_map(|number| amplitudes(&signal(number, number % 2 == 1)));
    LabeledRows { values: values.collect(), labels: numbers.map(|number| number % 2).collect() }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (head, device) = (
        HeadConfig { hidden_units: vec![16], dropout: 0.2, ..HeadConfig::default() },
        Device::flex(),
    );
    let data = FeatureArrays::divide(["healthy", "worn"], machines(0..400), 0.2, 1)?;
    let (train, cancellation) = (TrainConfig::default(), &Cancellation::NEVER);
    let job = HeadJob {
        head: &head,
        loss: &LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train,
        data: &data,
        device: &device,
        cancellation,
    };
    let trained = fit_head(&job, |_| {})?;
    let LabeledRows { values, labels } = machines(400..600);
    let rows = Tensor::from_data(TensorData::new(values, [labels.len(), 32]), &device);
    let probabilities = trained.head.probabilities(trained.head.forward(rows)).into_data();
    let correct = train::count_correct(probabilities.as_slice::<f32>()?, &labels, 0.5);
    Ok(writeln!(stdout(), "accuracy on new machines: {}", correct as f64 / labels.len() as f64)?)
}
