//! Compares the base, its preprocessing and its summary with Keras.
#![cfg(feature = "burn")]

#[path = "../../winograd/tests/direct/mod.rs"]
#[allow(dead_code, reason = "its random numbers are for winograd's own tests")]
mod direct;
#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use direct::direct;
use fixtures::{Fixture, arrays, fixture};
use formats::{Array, Arrays, write_safetensors};
use vgg::{FrozenBase, LayerKind, Preprocessing, Summary, VggConfig, Weights};

/// Returns `count` numbers in [0, 1): splitmix64 of `seed` plus multiples of the golden gamma, like
/// the script that made the fixtures.
fn splitmix(seed: u64, count: usize) -> impl Iterator<Item = f32> {
    (1..=count as u64).map(move |k| {
        let mut z = seed.wrapping_add(k.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    })
}

/// Creates the weights of the fixtures and reads them from a file, as a user's weights would be.
fn formula_weights(config: &VggConfig) -> Weights {
    let layers = config.layers().expect("a network");
    let learned = layers.iter().filter(|layer| layer.parameters() > 0);
    let arrays: Arrays = learned
        .enumerate()
        .flat_map(|(number, layer)| {
            let number = number as u64;
            layer.arrays().into_iter().map(move |(name, shape)| {
                let count = shape.iter().product();
                let (seed, scale) = match shape.as_slice() {
                    [3, 3, inputs, _] => (1000, (6.0 / (9 * inputs) as f64).sqrt() as f32),
                    _ => (2000, 0.05),
                };
                let data = splitmix(seed + number, count).map(|unit| (unit * 2.0 - 1.0) * scale);
                (name, Array::new(shape, data.collect()))
            })
        })
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("formula.safetensors");
    write_safetensors(&path, &arrays).expect("a writable folder");
    Weights::load(&path, config).expect("the weights of this network")
}

fn features(config: &VggConfig, weights: &Weights, image: &[f32]) -> Vec<f32> {
    let base = FrozenBase::new(config, weights).expect("a network");
    let (pixels, _) = image.as_chunks::<3>();
    let input: Vec<f32> = pixels.iter().flat_map(|&rgb| base.preprocessing().apply(rgb)).collect();
    base.features(&input).expect("a CPU")
}

/// Checks that the largest difference is at most 1e-4 of the largest expected value. Sums of up to
/// 4,608 products in 32-bit floats that are added up in another order differ by a tenth of that
/// after 13 layers.
fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest > 0.0 && off <= 1e-4 * largest, "{name}: {off} of {largest}");
}

/// Reads the weights from `../weights`, relative to the whole set of fixtures.
#[test]
#[ignore = "needs the ImageNet weights: `cargo xtask parity` runs it"]
fn parity_of_features_with_the_imagenet_weights() {
    let set = std::env::var_os("PERMAFROST_PARITY").expect("`cargo xtask parity` sets it");
    let path = Path::new(&set).join("../weights/vgg16_imagenet_notop.safetensors");
    let config = VggConfig { image_size: [64, 64], ..VggConfig::default() };
    let weights = Weights::load(&path, &config).expect("the weights of this network");
    let image = &arrays("vgg16_formula.safetensors")["64x64/input_picture"];
    let expected = &arrays("imagenet_features.safetensors")["64x64/features"];
    let found = features(&config, &weights, &image.data);
    assert_close("64x64/features", &found, &expected.data);
}

#[test]
fn parity_of_features_and_intermediate_outputs() {
    let fixture = arrays("vgg16_formula.safetensors");
    let mut sizes = 0;
    for (key, expected) in &fixture {
        let Some((size, layer)) = key.split_once('/').filter(|(_, name)| *name != "input_picture")
        else {
            continue;
        };
        let image = &fixture[&format!("{size}/input_picture")];
        let until = if layer == "features" { VggConfig::LAST_LAYER } else { layer };
        let config = VggConfig {
            image_size: [image.shape[0], image.shape[1]],
            last_layer: until.into(),
            ..VggConfig::default()
        };
        assert_close(
            key,
            &features(&config, &formula_weights(&config), &image.data),
            &expected.data,
        );
        sizes += usize::from(layer == "features");
    }
    assert!(sizes >= 3, "{sizes} sizes compared");
}

/// Checks that the relative error in the L2 norm is at most 1e-5, which allows for thirteen layers
/// of transforms and sums in 32-bit floats.
#[test]
fn parity_of_features_with_direct_float64_convolution() {
    let fixture = arrays("vgg16_formula.safetensors");
    let images =
        fixture.iter().filter_map(|(key, image)| key.ends_with("/input_picture").then_some(image));
    let mut sizes = 0;
    for Fixture { shape, data } in images {
        let config = VggConfig { image_size: [shape[0], shape[1]], ..VggConfig::default() };
        let weights = formula_weights(&config);
        let found = features(&config, &weights, data);
        let part = |name: &str, part: &str| &*weights.arrays()[&format!("{name}/{part}")].data;
        let layers: Vec<winograd::Layer> = config
            .layers()
            .expect("a network")
            .iter()
            .map(|layer| match layer.kind {
                LayerKind::MaxPooling => winograd::Layer::MaxPooling,
                _ => winograd::Layer::Convolution {
                    kernel: part(&layer.name, "kernel"),
                    bias: part(&layer.name, "bias"),
                },
            })
            .collect();
        let (pixels, _) = data.as_chunks::<3>();
        let input: Vec<f32> =
            pixels.iter().flat_map(|&rgb| weights.preprocessing().apply(rgb)).collect();
        let expected = direct(&input, [shape[0], shape[1], 3], &layers);
        assert_eq!(found.len(), expected.len());
        let off = found.iter().zip(&expected).map(|(&a, b)| (f64::from(a) - b).powi(2));
        let off = (off.sum::<f64>() / expected.iter().map(|b| b * b).sum::<f64>()).sqrt();
        assert!(off <= 1e-5, "{shape:?}: {off}");
        sizes += 1;
    }
    assert!(sizes >= 3, "{sizes} sizes compared");
}

/// Compares the gradients of a weighted sum of block 5's output. The tolerance is 1e-3 of the
/// largest gradient of each array, which allows for three layers of sums in 32-bit floats in
/// another order.
#[test]
fn parity_of_the_gradients_of_block_5() {
    let fixture = arrays("gradients.safetensors");
    let config =
        VggConfig { image_size: [64, 64], unfreeze: Some("block5".into()), ..VggConfig::default() };
    let device = Device::flex().autodiff();
    let weights = formula_weights(&config);
    let block5 = config.init_trainable(weights.arrays(), &device).expect("a network");
    let block5 = block5.expect("unfrozen layers");
    // (N, height, width, channels) becomes (N, channels, height, width).
    let maps = |name: &str| {
        let Fixture { shape, data } = &fixture[name];
        let data = TensorData::new(data.clone(), shape.clone());
        Tensor::<4>::from_data(data, &device).permute([0, 3, 1, 2])
    };
    let loss = (block5.forward(maps("features")) * maps("coefficients")).sum();
    let value = loss.to_data().as_slice::<f32>().expect("floats")[0];
    // The loss is a sum of 4,096 products of both signs, each with an absolute value of up to 1.
    assert!((value - fixture["loss"].data[0]).abs() < 1e-3, "{value}");

    let mut collected =
        Collected { gradients: loss.backward(), path: vec![], arrays: Arrays::new() };
    block5.visit(&mut collected);
    assert_eq!(collected.arrays.len(), 6);
    for (name, gradient) in collected.arrays {
        let (layer, part) = name.split_once('.').expect("LAYER.PARAMETER");
        let part = if part == "weight" { "kernel" } else { part };
        let expected = &fixture[&format!("{layer}/{part}")].data;
        let found = match gradient.shape.as_slice() {
            // From (out, in, 3, 3) to the fixture's (3, 3, in, out), with every 32nd channel of
            // both.
            &[outputs, inputs, height, width] => {
                let mut some = vec![];
                for tap in 0..height * width {
                    for input in (0..inputs).step_by(32) {
                        for output in (0..outputs).step_by(32) {
                            some.push(
                                gradient.data[(output * inputs + input) * height * width + tap],
                            );
                        }
                    }
                }
                some
            }
            _ => gradient.data,
        };
        let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert_eq!(found.len(), expected.len(), "{name}");
        assert!(largest > 0.0 && off <= 1e-3 * largest, "{name}: {off} of {largest}");
    }
}

/// Gradients of a module's parameters, by path.
struct Collected {
    gradients: Gradients,
    path: Vec<String>,
    arrays: Arrays,
}

impl ModuleVisitor for Collected {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = parameter.val().grad(&self.gradients).expect("a gradient").into_data();
        let values = gradient.as_slice::<f32>().expect("floats").to_vec();
        self.arrays.insert(self.path.join("."), Array::new(gradient.shape().to_vec(), values));
    }
}

#[test]
fn parity_of_weights_from_a_keras_h5_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let fixture = arrays("vgg16_formula.safetensors");
    let config = VggConfig {
        image_size: [64, 64],
        last_layer: "block1_pool".into(),
        ..VggConfig::default()
    };
    let weights = Weights::load(path, &config).expect("the weights of this block");
    assert_eq!(weights.digest(), formula_weights(&config).digest());
    let found = features(&config, &weights, &fixture["64x64/input_picture"].data);
    assert_close("block1_pool", &found, &fixture["64x64/block1_pool"].data);
}

/// Each value is one subtraction of numbers below 256, rounded once. The tolerance of 1e-5 is below
/// the spacing of floats there, so only the rounding of the means may differ.
#[test]
fn parity_of_preprocessing() {
    let fixture = arrays("preprocess.safetensors");
    let (pixels, _) = fixture["input"].data.as_chunks::<3>();
    let found = pixels.iter().flat_map(|&rgb| Preprocessing::Caffe.apply(rgb));
    let off = found.zip(&fixture["output"].data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off <= 1e-5, "{off}");
}

#[test]
fn parity_of_the_summary() {
    let expected = std::fs::read_to_string(fixture("summary_vgg16_180.txt")).expect("the fixture");
    let summary = Summary::of(&VggConfig::default(), "input_2", false).expect("a network");
    assert_eq!(format!("{summary}\n"), expected);
}
