//! Uses `augment` alone: draws an augmentation, applies it to one image, and prints it.

use augment::{AugmentConfig, ImageRef, warp};

fn main() {
    let (height, width) = (48, 64);
    let pixels: Vec<u8> = (0..height * width)
        .flat_map(|at| [(at / width) * 5, (at % width) * 3, 128].map(|value| value as u8))
        .collect();
    let image = ImageRef::new(&pixels, height, width);

    let draw = AugmentConfig::default().draw(1, 0, 0);
    let mut warped = vec![0.0; pixels.len()];
    warp(&image, &draw.map(height, width), &mut warped, |rgb| rgb);

    let mean = warped.iter().sum::<f32>() / warped.len() as f32;
    println!("{draw:?} of a {height}x{width} image: mean {mean:.1} of 255");
    assert!(warped.iter().all(|value| (0.0..=255.0).contains(value)));
}
