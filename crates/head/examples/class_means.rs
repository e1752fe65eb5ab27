//! Builds a head from the mean of each class, without training. The class with the nearest mean is the most probable.
//!
//!     cargo run -p head --example class_means
//!
//! The features are measurements of irises in cm: length and width of a sepal, then of a petal (R. A. Fisher, 1936).

use std::error::Error;
use std::io::{Write, stdout};

use burn::tensor::{Device, Tensor};
use head::HeadConfig;

const INPUTS: usize = 4;

/// Species, with the features of three irises each.
const KNOWN: [(&str, [[f32; INPUTS]; 3]); 3] = [
    ("setosa", [[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2], [4.7, 3.2, 1.3, 0.2]]),
    ("versicolor", [[7.0, 3.2, 4.7, 1.4], [6.4, 3.2, 4.5, 1.5], [6.9, 3.1, 4.9, 1.5]]),
    ("virginica", [[6.3, 3.3, 6.0, 2.5], [5.8, 2.7, 5.1, 1.9], [7.1, 3.0, 5.9, 2.1]]),
];

/// Features of another iris of each species.
const NEW: [[f32; INPUTS]; 3] = [[5.4, 3.9, 1.7, 0.4], [6.5, 2.8, 4.6, 1.5], [7.6, 3.0, 6.6, 2.1]];

/// Returns the mean of rows of features.
fn mean(rows: &[[f32; INPUTS]]) -> [f32; INPUTS] {
    std::array::from_fn(|at| rows.iter().map(|row| row[at]).sum::<f32>() / rows.len() as f32)
}

fn main() -> Result<(), Box<dyn Error>> {
    // For features x, the logit of the class with the mean m is -|x - m|^2 / 2 = x m - |m|^2 / 2 - |x|^2 / 2. The last
    // term is the same for all classes, so the softmax does not depend on it.
    let means = KNOWN.map(|(_, rows)| mean(&rows));
    let classes = means.len();
    let kernel: Vec<f32> = (0..INPUTS).flat_map(|at| means.map(|mean| mean[at])).collect();
    let square = |mean: &[f32; INPUTS]| mean.iter().map(|value| value * value).sum::<f32>();
    let bias: Vec<f32> = means.iter().map(|mean| -square(mean) / 2.0).collect();
    let identity: Vec<f32> =
        (0..classes * classes).map(|at| f32::from(u8::from(at % (classes + 1) == 0))).collect();
    let arrays = vec![
        (vec![INPUTS, classes], kernel),     // dense/kernel
        (vec![classes], bias),               // dense/bias
        (vec![classes, classes], identity),  // dense_1/kernel
        (vec![classes], vec![0.0; classes]), // dense_1/bias
    ];
    let (config, device) = (
        HeadConfig { hidden_units: vec![classes], dropout: 0.0, ..HeadConfig::default() },
        Device::flex(),
    );
    let head = config.init_with(INPUTS, classes, arrays, &device)?;

    let logits = head.forward(Tensor::<2>::from_data(NEW, &device));
    let probabilities = head.probabilities(logits).into_data();
    for (row, (label, _)) in probabilities.as_slice::<f32>()?.chunks_exact(classes).zip(KNOWN) {
        writeln!(stdout(), "iris of the species {label}: {row:.2?}")?;
    }
    Ok(writeln!(stdout(), "columns: {:?}", KNOWN.map(|(class, _)| class))?)
}
