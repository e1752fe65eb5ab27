//! Compares decoding and resizing with TensorFlow's.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use std::fs;

use fixtures::{arrays, fixture};
use photos::{decode, resize};

fn decoded(name: &str) -> image::RgbImage {
    let bytes = fs::read(fixture("images").join(name)).expect("the fixture");
    decode(&bytes).expect("an image")
}

/// Returns the largest and the mean difference between the values of two images.
fn difference(ours: &[f32], theirs: &[f32]) -> (f32, f32) {
    let off: Vec<f32> = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).collect();
    (off.iter().copied().fold(0.0, f32::max), off.iter().sum::<f32>() / off.len() as f32)
}

/// PNG is lossless. The tolerance of 1e-3 of 255 allows for rounding coordinates of a few hundred pixels.
///
/// JPEG decoders differ by 1 to 2 levels per pixel. TensorFlow uses libjpeg's fast integer transform. For this image,
/// it differs from libjpeg's accurate transform by 1.15 on average and by at most 7. Our decoder differs from that by
/// 0.39 on average and by at most 4. The resize alone is therefore compared from TensorFlow's decoded pixels, as
/// strictly as for PNG. The whole is compared with a tolerance of those levels.
#[test]
fn parity_of_resize() {
    let bytes = fs::read(fixture("resize.safetensors")).expect("the fixture");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a whole fixture");
    let expected = arrays("resize.safetensors");
    let mut compared = 0;
    for (key, array) in &expected {
        let Some(name) = key.strip_suffix("/bilinear_180") else { continue };
        let mut pixels = decoded(name);
        if name.ends_with(".jpg") {
            let (largest, mean) = difference(&resize(&pixels, [180, 180]), &array.data);
            assert!(largest <= 11.0 && mean <= 2.0, "{name}: largest {largest}, mean {mean}");
            let theirs = file.tensor(&format!("{name}/decoded_u8")).expect("TensorFlow's pixels");
            pixels.copy_from_slice(theirs.data());
        }
        let (largest, _) = difference(&resize(&pixels, [180, 180]), &array.data);
        assert!(largest <= 1e-3 * 255.0, "{name}: largest {largest}");
        compared += 1;
    }
    assert!(compared > 0, "the fixture has images");
}
