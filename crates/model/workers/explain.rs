//! Writes the Grad-CAM heat map of every class for some images, for comparison with another implementation.
//!
//!     cargo build --workspace --example explain
//!     target/debug/examples/explain MODEL IMAGES.safetensors MAPS.safetensors
//!
//! IMAGES contains arrays (height, width, 3) of the model's image size, RGB in 0..255. For each of them, an array
//! (classes, height, width) is written to MAPS. The weights of the base must still be at the path that MODEL records,
//! or in `data/weights`.

use std::error::Error;
use std::path::Path;

use burn::tensor::Device;
use burn_std::config::{BurnConfig, RuntimeConfig};
use formats::{Array, Arrays, read_arrays, write_safetensors};
use model::{Explainer, WeightsSearch};
use vgg::FrozenBase;

fn main() -> Result<(), Box<dyn Error>> {
    BurnConfig::set(BurnConfig::default());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, images, maps] = arguments.as_slice() else {
        return Err("expected MODEL IMAGES.safetensors MAPS.safetensors".into());
    };
    let search = WeightsSearch { named: None, folder: "data/weights".into() };
    let explainer = Explainer::load(Path::new(model), &search, &FrozenBase::new, &Device::flex())?;
    let [height, width] = explainer.card().base.image_size;
    let mut of_images = Arrays::new();
    for (name, image) in read_arrays(Path::new(images))? {
        if image.shape != [height, width, 3] {
            let shape = image.shape;
            let expected = [height, width, 3];
            return Err(format!("`{name}` has the shape {shape:?}, expected {expected:?}").into());
        }
        let pixels: Vec<u8> = image.data.iter().map(|&value| value as u8).collect();
        let classes = explainer.card().classes.len();
        let (mut values, mut size) = (vec![], [0, 0]);
        for class in 0..classes {
            for explanation in explainer.explain(&[&pixels], Some(class))? {
                size = explanation.heat_map.size;
                values.extend(explanation.heat_map.values);
            }
        }
        of_images.insert(name, Array::new(vec![classes, size[0], size[1]], values));
    }
    Ok(write_safetensors(Path::new(maps), &of_images)?)
}
