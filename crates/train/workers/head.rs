//! Times training steps of the head for `cargo xtask bench head`: the head of the Keras example on VGG16's features at
//! 180x180.
//!
//!     head STEPS
//!
//! Each line on standard input starts a round of STEPS steps of 32 images, and the duration is printed in seconds.
//! Rounds of several programs can therefore alternate.

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use burn_std::config::{BurnConfig, RuntimeConfig};
use head::{HeadConfig, dropout_masks};
use train::{
    ForwardPass, Optimizer, RmsProp, RunningMean, TrainableLayers, binary_cross_entropy,
    count_correct,
};
use vgg::VggConfig;

const BATCH: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let steps: usize = std::env::args().nth(1).ok_or("usage: head STEPS")?.parse()?;
    let device = Device::flex().autodiff();
    let config = HeadConfig::default();
    let inputs = VggConfig::default().output_count()?;
    let mut layers = TrainableLayers::from_head(config.init(inputs, 2, 0, &device), inputs);
    let mut optimizer = Optimizer::new(|_| RmsProp::default(), &layers);
    // The base returns a batch as plain values.
    let features: Vec<f32> =
        (0..BATCH * inputs).map(|at| (at * 7919 % 256) as f32 / 64.0).collect();
    let classes: Vec<usize> = (0..BATCH).map(|at| at % 2).collect();
    let labels: Vec<f32> = classes.iter().map(|&class| class as f32).collect();
    let mut mean = RunningMean::default();
    let rows = |values: Vec<f32>| {
        let width = values.len() / BATCH;
        Tensor::<2>::from_data(TensorData::new(values, [BATCH, width]), &device)
    };
    for (round, line) in stdin().lines().enumerate() {
        line?;
        let start = Instant::now();
        for step in 0..steps {
            let masks = dropout_masks(&config, inputs, 0, round as u64, step as u64, BATCH);
            let masks: Vec<Tensor<2>> = masks.into_iter().map(rows).collect();
            let pass = ForwardPass::new(&layers, rows(features.clone()), &masks);
            let loss = binary_cross_entropy(pass.logits.clone(), rows(labels.clone()));
            // The training loop also computes loss and accuracy in every step.
            let shown: f32 = loss.clone().into_scalar();
            let probabilities = layers.probabilities(pass.logits.clone().inner()).into_data();
            let probabilities = probabilities.as_slice::<f32>()?;
            mean.add(shown.into(), count_correct(probabilities, &classes, 0.5), BATCH);
            layers = optimizer.step(layers, pass.backward(&loss));
        }
        writeln!(stdout(), "{}", start.elapsed().as_secs_f64())?;
        stdout().flush()?;
    }
    Ok(())
}
