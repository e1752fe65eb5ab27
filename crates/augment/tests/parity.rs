//! The warp against Keras's `RandomFlip`, `RandomRotation` and `RandomZoom` with fixed draws.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use augment::{Affine, Draw, Picture, warp};
use fixtures::{Fixture, arrays, fixture};
use serde::Deserialize;

/// One case: the steps done to a picture, one after the other.
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

fn warped(image: &Fixture, map: impl Fn(usize, usize) -> Affine) -> Vec<f32> {
    let &[height, width, 3] = image.shape.as_slice() else { panic!("shape {:?}", image.shape) };
    let pixels: Vec<u8> = image.data.iter().map(|&value| value as u8).collect();
    let mut output = vec![0.0; pixels.len()];
    warp(&Picture::new(&pixels, height, width), &map(height, width), &mut output, |rgb| rgb);
    output
}

/// 0.02 of 255 is what two roundings of a coordinate of some hundred pixels cost where neighbours
/// differ by a hundred levels. A pixel whose coordinate is a whole number or an edge up to rounding
/// may fall to either side, hence "nearly everywhere": 1 in 500.
#[test]
fn parity_of_single_steps() {
    let arrays = arrays("augment.safetensors");
    let singles: Vec<Case> = cases().into_iter().filter(|case| case.steps.len() == 1).collect();
    assert!(singles.len() >= 11, "every kind of step is there");
    for case in singles {
        let output =
            warped(&arrays[&case.image], |height, width| draw(&case.steps).map(height, width));
        let expected = &arrays[&case.output].data;
        let off =
            output.iter().zip(expected).filter(|(ours, theirs)| (*ours - *theirs).abs() > 0.02);
        let off = off.count();
        assert!(off * 500 <= expected.len(), "{}: {off} of {} values", case.output, expected.len());
    }
}
