//! Uses `vgg` alone, with a backend that this package chooses: computes the features of one image with a small VGG16
//! base and random weights.

use burn::tensor::Device;
use vgg::{FrozenBase, Summary, VggConfig, VggError, Weights};

fn main() -> Result<(), VggError> {
    let config = VggConfig { image_size: [32, 32], ..VggConfig::default() };
    let summary = Summary::of(&config, "input_1", true)?;
    println!("{}: {} parameters, all frozen", summary.name, summary.frozen);

    let base = FrozenBase::new(&config, &Weights::seeded(&config, 1)?)?;
    let preprocessing = base.preprocessing();
    let image: Vec<f32> = (0..32 * 32)
        .flat_map(|at| preprocessing.apply([(at / 32 * 8) as f32, (at % 32 * 8) as f32, 128.0]))
        .collect();
    let features = base.features(&image)?;
    println!("features of one image: {:?}", base.feature_shape());
    assert_eq!(features.len(), base.feature_count());
    assert!(features.iter().all(|value| value.is_finite()));
    Ok(())
}
