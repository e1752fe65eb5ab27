//! Compares the warp with Keras's `RandomFlip`, `RandomRotation` and `RandomZoom`, with fixed
//! draws.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use augment::{Compose, Draw, ImageRef};
use fixtures::{Fixture, arrays, fixture};
use serde::Deserialize;

/// Test case: the steps applied to an image, one after the other.
#[derive(Deserialize)]
struct Case {
    image: String,
    output: String,
    steps: Vec<(String, Option<f32>)>,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture("augment.json")).expect("the fixture");
    serde_json::from_str(&text).expect("cases")
}

fn draw(steps: &[(String, Option<f32>)]) -> Draw {
    let mut draw = Draw::default();
    for (kind, value) in steps {
        match (kind.as_str(), value) {
            ("flip", None) => draw.flip_left_right = true,
            ("rotation", &Some(turns)) => draw.rotation = turns,
            ("zoom", &Some(factor)) => draw.zoom = factor,
            other => panic!("unknown step {other:?}"),
        }
    }
    draw
}

fn augmented(image: &Fixture, steps: &[(String, Option<f32>)], compose: Compose) -> Vec<f32> {
    let &[height, width, 3] = image.shape.as_slice() else { panic!("shape {:?}", image.shape) };
    let pixels: Vec<u8> = image.data.iter().map(|&value| value as u8).collect();
    let mut output = vec![0.0; pixels.len()];
    draw(steps).apply(&ImageRef::new(&pixels, height, width), compose, &mut output, |rgb| rgb);
    output
}

/// Checks that at most one value in `one_in` differs from the expected one.
fn assert_nearly_everywhere(case: &Case, output: &[f32], expected: &[f32], one_in: usize) {
    assert_eq!(output.len(), expected.len(), "{}", case.output);
    let off = output.iter().zip(expected).filter(|(ours, theirs)| (*ours - *theirs).abs() > 0.02);
    let off = off.count();
    assert!(off * one_in <= expected.len(), "{}: {off} of {} values", case.output, expected.len());
}

/// The tolerance is 0.02 of 255. Two roundings of a coordinate of some hundred pixels cost that
/// much if neighbors differ by a hundred levels. A pixel may fall to either side if its coordinate
/// is a whole number or an edge up to rounding. One value in 500 may therefore differ.
#[test]
fn parity_of_single_steps() {
    let arrays = arrays("augment.safetensors");
    let singles: Vec<Case> = cases().into_iter().filter(|case| case.steps.len() == 1).collect();
    assert!(singles.len() >= 11, "every kind of step is there");
    for case in singles {
        for compose in [Compose::Once, Compose::Stepwise] {
            let output = augmented(&arrays[&case.image], &case.steps, compose);
            assert_nearly_everywhere(&case, &output, &arrays[&case.output].data, 500);
        }
    }
}

/// The tolerance of a single step holds for three of them.
#[test]
fn parity_of_sequences_step_by_step() {
    let arrays = arrays("augment.safetensors");
    let sequences: Vec<Case> = cases().into_iter().filter(|case| case.steps.len() > 1).collect();
    assert!(sequences.len() >= 4, "sequences are there");
    for case in sequences {
        let output = augmented(&arrays[&case.image], &case.steps, Compose::Stepwise);
        assert_nearly_everywhere(&case, &output, &arrays[&case.output].data, 500);
    }
}

/// Keras interpolates after each step, but this crate only once. Keras's images are therefore
/// blurred, and at the edges Keras reflects values that it has already reflected. In the middle
/// half, only the blur remains: 2 levels of these images' noise, whose standard deviation is 9. In
/// another order, or without one of the steps, the pixels come from elsewhere.
#[test]
fn parity_of_sequences_up_to_interpolation_blur() {
    let arrays = arrays("augment.safetensors");
    let sequences: Vec<Case> = cases().into_iter().filter(|case| case.steps.len() > 1).collect();
    assert!(sequences.len() >= 4, "sequences are there");
    for case in sequences {
        let image = &arrays[&case.image];
        let expected = middle(&image.shape, &arrays[&case.output].data);
        let mean_off = |steps: &[(String, Option<f32>)]| {
            let output = augmented(image, steps, Compose::Once);
            let output = middle(&image.shape, &output);
            let off = output.iter().zip(&expected).map(|(a, b)| (a - b).abs()).sum::<f32>();
            off / expected.len() as f32
        };
        let ours = mean_off(&case.steps);
        assert!(ours < 3.0, "{}: {ours}", case.output);
        for step in 0..case.steps.len() {
            let mut fewer = case.steps.clone();
            fewer.remove(step);
            let without = mean_off(&fewer);
            assert!(without > 2.0 * ours, "{}: {ours}, {without}", case.output);
        }
    }
}

/// Returns the values of the middle half of an image along both axes.
fn middle(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let (height, width) = (shape[0], shape[1]);
    (height / 4..height * 3 / 4)
        .flat_map(|y| &values[(y * width + width / 4) * 3..(y * width + width * 3 / 4) * 3])
        .copied()
        .collect()
}
