//! Writes the features that a frozen base computes for images of any size, for comparison with
//! another program.
//!
//!     cargo build --workspace --example features
//!     target/debug/examples/features WEIGHTS IMAGES.safetensors FEATURES.safetensors
//!
//! IMAGES holds arrays (height, width, 3), RGB in 0..=255. FEATURES gets the same names.
//! `--example` together with `--workspace` uses the same build of Burn as `cargo test --workspace`.

use std::error::Error;
use std::path::Path;

use burn_std::config::{BurnConfig, RuntimeConfig};
use formats::{Array, Arrays, read_arrays, write_safetensors};
use vgg::{FrozenBase, VggConfig, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, images, features] = arguments.as_slice() else {
        return Err("expected WEIGHTS IMAGES.safetensors FEATURES.safetensors".into());
    };
    let weights = Weights::load(Path::new(weights), &VggConfig::default())?;
    let mut of_images = Arrays::new();
    for (name, image) in read_arrays(Path::new(images))? {
        let &[height, width, 3] = image.shape.as_slice() else {
            let shape = image.shape;
            return Err(format!("`{name}` has the shape {shape:?}, expected [_, _, 3]").into());
        };
        let config = VggConfig { image_size: [height, width], ..VggConfig::default() };
        let base = FrozenBase::new(&config, &weights)?;
        let preprocessing = base.preprocessing();
        let (pixels, _) = image.data.as_chunks::<3>();
        let input: Vec<f32> = pixels.iter().flat_map(|&rgb| preprocessing.apply(rgb)).collect();
        let of_image = Array::new(base.feature_shape().to_vec(), base.features(&input)?);
        of_images.insert(name, of_image);
    }
    Ok(write_safetensors(Path::new(features), &of_images)?)
}
