//! Decoding and resizing against TensorFlow's.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use std::fs;

use fixtures::{arrays, fixture};
use photos::{decode, resize};

fn decoded(name: &str) -> image::RgbImage {
    let bytes = fs::read(fixture("images").join(name)).expect("the fixture");
    decode(&bytes).expect("a picture")
}

/// PNG is decoded without loss: 1e-3 of 255 leaves room for the rounding of a coordinate of some
/// hundred pixels. JPEG decoders differ by 1 to 2 levels a pixel: TensorFlow calls libjpeg's fast
/// integer transform, which on this picture is off by 1.15 in the mean and 7 at most from libjpeg's
/// own accurate one, from which ours is off by 0.39 and 4. The picture's noise has a deviation of
/// 9 levels, so that a pixel out of place would show in the mean.
#[test]
fn parity_of_resize() {
    let expected = arrays("resize.safetensors");
    let mut compared = 0;
    for (key, array) in &expected {
        let Some(name) = key.strip_suffix("/bilinear_180") else { continue };
        let ours = resize(&decoded(name), [180, 180]);
        let off: Vec<f32> = ours.iter().zip(&array.data).map(|(a, b)| (a - b).abs()).collect();
        let largest = off.iter().copied().fold(0.0, f32::max);
        let mean = off.iter().sum::<f32>() / off.len() as f32;
        if name.ends_with(".jpg") {
            assert!(largest <= 11.0 && mean <= 2.0, "{name}: largest {largest}, mean {mean}");
        } else {
            assert!(largest <= 1e-3 * 255.0, "{name}: largest {largest}");
        }
        compared += 1;
    }
    assert!(compared > 0, "the fixture has pictures");
}
