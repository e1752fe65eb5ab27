//! Comparison of tract, which runs ONNX files of small chains, with a plain evaluation.
#![cfg(test)]

#[path = "../../../crates/formats/tests/models/chains.rs"]
mod chains;
#[path = "../../../crates/formats/tests/models/evaluation.rs"]
mod evaluation;

use std::path::Path;

use formats::{SequentialModel, write_onnx};
use tract_onnx::prelude::*;

use chains::{POOLINGS, binary, three_classes, weights};
use evaluation::evaluate;

/// Tolerance of a probability, which moves by at most a quarter of its logit's error. The logits are sums of at most
/// 100 products of about 1, in 32-bit floats. The same holds for their inputs, three layers deep.
const TOLERANCE: f64 = 1e-5;

fn run(path: &Path, chain: &SequentialModel, images: &[f32]) -> TractResult<Vec<f32>> {
    let [height, width] = chain.size;
    let count = images.len() / (height * width * 3);
    let model = tract_onnx::onnx().model_for_path(path)?.into_optimized()?.into_runnable()?;
    let input = Tensor::from_shape(&[count, height, width, 3], images)?;
    let outputs = model.run(tvec![input.into()])?;
    let output = outputs[0].to_plain_array_view::<f32>()?;
    assert_eq!(output.shape()[0], count);
    Ok(output.iter().copied().collect())
}

/// Returns `count` images for the chain, one after the other. The values in 0..=255 differ from pixel to pixel: they
/// are squares modulo a prime.
fn images(chain: &SequentialModel, count: usize) -> Vec<f32> {
    (0..count * chain.size[0] * chain.size[1] * 3).map(|at| (at * at % 251) as f32).collect()
}

#[test]
fn tract_output_matches_plain_evaluation() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    for pooling in POOLINGS {
        let weights = weights(pooling);
        for chain in [binary(&weights, pooling), three_classes(&weights, pooling)] {
            write_onnx(&path, &chain).expect("a writable folder");
            for count in [1, 3] {
                let images = images(&chain, count);
                let found = run(&path, &chain, &images).expect("a whole model");
                let expected: Vec<f64> = images
                    .chunks(images.len() / count)
                    .flat_map(|image| evaluate(&chain, image))
                    .collect();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.into_iter().zip(expected) {
                    assert!((0.02..0.98).contains(&expected), "{expected} hides errors");
                    let error = (f64::from(found) - expected).abs();
                    assert!(error < TOLERANCE, "{pooling:?}: {found}, expected {expected}");
                }
            }
        }
    }
}
