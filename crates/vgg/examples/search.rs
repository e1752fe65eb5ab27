//! Finds the images that are most similar to one image, by the cosine similarity of their features:
//!
//!     cargo run -p vgg --example search -- WEIGHTS QUERY IMAGES...
//!
//! WEIGHTS is a weights file of VGG16, such as Keras's, or `none` for random weights.

use std::error::Error;
use std::io::{Write, stdout};

use photos::Pixels;
use vgg::{FrozenBase, Pooling, VggConfig, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, query, images @ ..] = arguments.as_slice() else {
        return Err("usage: search WEIGHTS QUERY IMAGES...".into());
    };
    // The mean of every channel over the image: an embedding of 512 values.
    let config = VggConfig { pooling: Pooling::Average, ..VggConfig::default() };
    let weights = match weights.as_str() {
        "none" => Weights::seeded(&config, 0)?,
        file => Weights::load(file, &config)?,
    };
    let base = FrozenBase::new(&config, &weights)?;

    let embedding = |path: &String| -> Result<Vec<f32>, Box<dyn Error>> {
        let image = Pixels::load(path, base.size(), None)?;
        Ok(normalized(base.features_of_images(&[image])?))
    };
    let query = embedding(query)?;
    let mut found = vec![];
    for path in images {
        let similarity: f32 = embedding(path)?.iter().zip(&query).map(|(a, b)| a * b).sum();
        found.push((similarity, path));
    }
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for (similarity, path) in found {
        writeln!(stdout(), "{similarity:.4} {path}")?;
    }
    Ok(())
}

/// Returns a vector of length 1, so that a dot product is the cosine of the angle.
fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length.max(f32::MIN_POSITIVE));
    vector
}
