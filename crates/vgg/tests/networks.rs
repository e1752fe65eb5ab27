//! Structure of the networks, and the weights that they accept or refuse.
#![cfg(feature = "burn")]

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use formats::{Array, Arrays, write_safetensors};
use vgg::{
    FeatureOutput, FrozenBase, ImageNet, Pooling, Preprocessing, Summary, Variant, VggConfig,
    VggError, Weights,
};

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<FrozenBase>();
};

fn config(variant: Variant, until: &str) -> VggConfig {
    VggConfig { variant, image_size: [32, 40], last_layer: until.into(), ..VggConfig::default() }
}

/// Compares within 1e-4 of the largest value, as in the comparison with Keras's features. The two
/// engines add up the same products in another order.
fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest > 0.0 && off <= 1e-4 * largest, "{what}: {off} of {largest}");
}

/// Compares the CPU engine with the Burn module, with every pooling.
#[test]
fn both_engines_give_the_same_features() {
    for (variant, until) in [(Variant::Vgg16, "block3_pool"), (Variant::Vgg19, "block4_conv2")] {
        for pooling in [Pooling::None, Pooling::Average, Pooling::Maximum] {
            let config = VggConfig { pooling, ..config(variant, until) };
            let weights = Weights::seeded(&config, 3).expect("a network");
            let images: Vec<f32> =
                (0..9 * 32 * 40 * 3).map(|at| (at * at % 251) as f32 - 120.0).collect();
            let cpu = FrozenBase::new(&config, &weights).expect("a network");
            let burn = FrozenBase::on_device(&config, &weights, &Device::flex());
            let expected = burn.expect("a network").features(&images).expect("a CPU");
            assert_close(&cpu.features(&images).expect("a CPU"), &expected, until);
        }
    }
}

/// Taps, poolings and fused layers change no bit: each output of a pass equals the features of a
/// base that ends there.
#[test]
fn one_pass_outputs_equal_separate_bases_bit_for_bit() {
    let config = config(Variant::Vgg16, "block5_pool");
    let weights = Weights::seeded(&config, 3).expect("a network");
    let images: Vec<f32> = (0..5 * 32 * 40 * 3).map(|at| (at * at % 251) as f32 - 120.0).collect();
    let outputs: Vec<FeatureOutput> = [
        ("block5_pool", Pooling::None),
        ("block4_pool", Pooling::Average),
        ("block4_pool", Pooling::Maximum),
        ("block5_pool", Pooling::Average),
        ("block2_conv2", Pooling::Maximum),
    ]
    .map(|(layer, pooling)| FeatureOutput { layer: layer.into(), pooling })
    .into();
    let base = FrozenBase::with_outputs(&config, &weights, &outputs).expect("a network");
    let found = base.outputs(&images);
    assert_eq!(found.len(), outputs.len());
    for (found, FeatureOutput { layer, pooling }) in found.iter().zip(&outputs) {
        let config = VggConfig { last_layer: layer.clone(), pooling: *pooling, ..config.clone() };
        let base = FrozenBase::new(&config, &weights).expect("a network");
        assert!(base.outputs(&images).is_empty());
        assert!(*found == base.features(&images).expect("a CPU"), "{layer}, {pooling:?}");
    }
    assert!(base.features(&images).expect("a CPU") == found[0], "the end of the base");

    for layer in ["block6_pool", "global_max_pooling2d", "block5_conv1"] {
        let output = FeatureOutput { layer: layer.into(), pooling: Pooling::None };
        let config = VggConfig { unfreeze: Some("block5".into()), ..config.clone() };
        let refused = FrozenBase::with_outputs(&config, &weights, &[output]);
        assert!(matches!(refused, Err(VggError::UnknownLayer { .. })), "{layer}");
    }
}

fn parameters(config: &VggConfig) -> usize {
    config.layers().expect("a network").iter().map(vgg::Layer::parameters).sum()
}

/// The expected numbers are printed by `keras.applications`.
#[test]
fn parameter_counts_match_keras_applications() {
    let with_top = |variant| VggConfig {
        variant,
        image_size: [224, 224],
        include_top: true,
        ..VggConfig::default()
    };
    assert_eq!(parameters(&config(Variant::Vgg16, "block5_pool")), 14_714_688);
    assert_eq!(parameters(&config(Variant::Vgg19, "block5_pool")), 20_024_384);
    assert_eq!(parameters(&with_top(Variant::Vgg16)), 138_357_544);
    assert_eq!(parameters(&with_top(Variant::Vgg19)), 143_667_240);
}

#[test]
fn frozen_base_has_no_trainable_parameters() {
    let summary = Summary::of(&VggConfig::default(), "input_1", true).expect("a network");
    assert_eq!((summary.trainable, summary.frozen), (0, 14_714_688));
    let text = summary.to_string();
    assert!(text.contains("\nTrainable params: 0\nNon-trainable params: 14,714,688\n"), "{text}");
}

/// The expected numbers are lengths of Keras's `model.trainable_weights`: a kernel and a bias per
/// layer.
#[test]
fn unfreeze_determines_the_trainable_weights() {
    let trainable = |variant, unfreeze: Option<&str>| {
        let config =
            VggConfig { variant, unfreeze: unfreeze.map(String::from), ..VggConfig::default() };
        config.trainable_weights().expect("a network").len()
    };
    assert_eq!(trainable(Variant::Vgg16, None), 0);
    assert_eq!(trainable(Variant::Vgg16, Some("block1")), 26);
    assert_eq!(trainable(Variant::Vgg16, Some("block5")), 6);
    assert_eq!(trainable(Variant::Vgg16, Some("block5_conv3")), 2);
    assert_eq!(trainable(Variant::Vgg16, Some("block4_pool")), 6);
    assert_eq!(trainable(Variant::Vgg19, Some("block5_conv1")), 8);
}

/// Frozen layers followed by trainable layers must equal the whole network.
#[test]
fn output_does_not_depend_on_the_last_frozen_layer() {
    let device = Device::flex();
    let config = config(Variant::Vgg16, "block3_pool");
    let weights = Weights::seeded(&config, 3).expect("a network");
    let image: Vec<f32> = (0..32 * 40 * 3).map(|at| (at % 251) as f32 - 120.0).collect();
    let whole =
        FrozenBase::new(&config, &weights).expect("a network").features(&image).expect("a CPU");
    for layer in ["block1", "block2_conv2", "block2_pool", "block3_conv3"] {
        let config = VggConfig { unfreeze: Some(layer.into()), ..config.clone() };
        let base = FrozenBase::new(&config, &weights).expect("a network");
        let trainable = config.init_trainable(weights.arrays(), &device).expect("a network");
        let trainable = trainable.expect("unfrozen layers");
        let &[height, width, channels] = base.feature_shape() else { panic!("a feature map") };
        let data =
            TensorData::new(base.features(&image).expect("a CPU"), [1, height, width, channels]);
        let maps = Tensor::<4>::from_data(data, &device).permute([0, 3, 1, 2]);
        let found = trainable.forward(maps).permute([0, 2, 3, 1]).into_data();
        assert_close(found.as_slice::<f32>().expect("floats"), &whole, layer);
        for (name, array) in trainable.to_arrays() {
            assert_eq!(array, weights.arrays()[&name], "{name}");
        }
    }
}

/// Keras 2 prints this layer in the same way, with the second column shifted by one.
#[test]
fn long_layer_names_wrap_in_the_summary() {
    let config = VggConfig { pooling: Pooling::Average, ..config(Variant::Vgg16, "block1_conv1") };
    let text = Summary::of(&config, "input_1", false).expect("a network").to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines.contains(&" global_average_pooling2d (G  (None, 64)               0         "),
        "{text}"
    );
    assert!(lines.iter().any(|line| line.trim_end() == " lobalAveragePooling2D)"), "{text}");
}

#[test]
fn seed_determines_the_weights() {
    let config = config(Variant::Vgg16, "block2_pool");
    let digest = |seed| Weights::seeded(&config, seed).expect("a network").digest().to_owned();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

/// An image has the same features, bit for bit, alone and in a batch. A batch of 9 exceeds one
/// inner batch.
#[test]
fn features_at_any_last_layer_do_not_depend_on_the_batch() {
    for (variant, until, shape) in [
        (Variant::Vgg19, "block3_conv4", vec![8, 10, 256]),
        (Variant::Vgg16, "block2_pool", vec![8, 10, 128]),
    ] {
        let config = config(variant, until);
        let weights = Weights::seeded(&config, 3).expect("a network");
        let base = FrozenBase::new(&config, &weights).expect("a network");
        assert_eq!(base.feature_shape(), shape);
        let image: Vec<f32> = (0..32 * 40 * 3).map(|at| (at % 251) as f32 - 120.0).collect();
        let alone = base.features(&image).expect("a CPU");
        let among = base.features(&image.repeat(9)).expect("a CPU");
        assert_eq!(alone.len(), base.feature_count());
        assert!(alone.iter().any(|&value| value > 0.0));
        for copy in among.chunks_exact(alone.len()) {
            assert_eq!(copy, alone);
        }
    }
}

#[test]
fn pooling_is_the_mean_or_maximum_of_each_channel() {
    let plain = config(Variant::Vgg16, "block2_conv1");
    let image: Vec<f32> = (0..32 * 40 * 3).map(|at| (at % 251) as f32 - 120.0).collect();
    let features = |pooling| {
        let config = VggConfig { pooling, ..plain.clone() };
        let weights = Weights::seeded(&config, 3).expect("a network");
        let base = FrozenBase::new(&config, &weights).expect("a network");
        (base.features(&image).expect("a CPU"), base.feature_shape().to_vec())
    };
    let (map, _) = features(Pooling::None);
    let (mean, mean_shape) = features(Pooling::Average);
    let (maximum, _) = features(Pooling::Maximum);
    assert_eq!(mean_shape, [128]);
    for channel in 0..128 {
        let values = || map.iter().skip(channel).step_by(128).map(|&value| f64::from(value));
        let expected = values().sum::<f64>() / values().count() as f64;
        // The mean adds up 320 values in 32-bit floats.
        assert!((f64::from(mean[channel]) - expected).abs() <= 1e-5 * expected.max(1.0));
        assert_eq!(f64::from(maximum[channel]), values().fold(f64::MIN, f64::max));
    }
}

#[test]
fn whole_network_returns_probabilities_of_1000_classes() {
    let config = VggConfig { image_size: [32, 32], include_top: true, ..VggConfig::default() };
    let weights = Weights::seeded(&config, 5).expect("a network");
    let network = config.init(weights.arrays(), &Device::flex()).expect("a network");
    let images = Tensor::<4>::ones([2, 3, 32, 32], &Device::flex());
    let probabilities = network.classify(images);
    assert_eq!(probabilities.dims(), [2, 1000]);
    let sums = probabilities.sum_dim(1).into_data();
    assert!(sums.as_slice::<f32>().expect("floats").iter().all(|sum| (sum - 1.0).abs() < 1e-5));

    // The frozen base followed by the top must equal the whole network.
    let image_net =
        ImageNet::new(&config, &weights, &FrozenBase::new, &Device::flex()).expect("a network");
    let image: Vec<u8> = (0..32 * 32 * 3).map(|at| (at % 251) as u8).collect();
    let found = &image_net.classify(&[&image]).expect("a CPU")[0];
    let (pixels, _) = image.as_chunks::<3>();
    let preprocess = |&rgb: &[u8; 3]| weights.preprocessing().apply(rgb.map(f32::from));
    let input: Vec<f32> = pixels.iter().flat_map(preprocess).collect();
    let input = Tensor::<4>::from_data(TensorData::new(input, [1, 32, 32, 3]), &Device::flex());
    let expected = network.classify(input.permute([0, 3, 1, 2])).into_data();
    assert_close(found, expected.as_slice::<f32>().expect("floats"), "probabilities");
    let without = VggConfig { include_top: false, ..config };
    assert!(matches!(
        ImageNet::new(&without, &weights, &FrozenBase::new, &Device::flex()),
        Err(VggError::NoTop)
    ));
}

/// Two images of other sizes together have as many bytes as two of the configured size.
#[test]
#[should_panic(expected = "an image is (32, 40, 3)")]
fn image_of_wrong_size_panics() {
    let config = VggConfig { image_size: [32, 40], ..config(Variant::Vgg16, "block1_conv1") };
    let weights = Weights::seeded(&config, 1).expect("a network");
    let base = FrozenBase::new(&config, &weights).expect("a network");
    let images = [vec![0; 32 * 40 * 3 - 3], vec![0; 32 * 40 * 3 + 3]];
    let _ = base.features_of_images(&[&images[0], &images[1]]);
}

/// Torchvision's names and layout select torchvision's preprocessing, which also changes the
/// digest.
#[test]
fn torchvision_weights_select_torchvision_preprocessing() {
    let config = config(Variant::Vgg16, "block1_conv2");
    let keras = Weights::seeded(&config, 6).expect("a network");
    let mut stored = Arrays::new();
    for (layer, at) in [("block1_conv1", 0), ("block1_conv2", 2)] {
        let kernel = &keras.arrays()[&format!("{layer}/kernel")];
        let (inputs, outputs) = (kernel.shape[2], kernel.shape[3]);
        let mut data = vec![];
        for output in 0..outputs {
            for input in 0..inputs {
                data.extend(
                    (0..9).map(|tap| kernel.data[(tap * inputs + input) * outputs + output]),
                );
            }
        }
        stored
            .insert(format!("features.{at}.weight"), Array::new(vec![outputs, inputs, 3, 3], data));
        stored.insert(
            format!("features.{at}.bias"),
            keras.arrays()[&format!("{layer}/bias")].clone(),
        );
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("torchvision.safetensors");
    write_safetensors(&path, &stored).expect("a writable folder");
    let weights = Weights::load(&path, &config).expect("torchvision's weights");
    assert_eq!(weights.arrays(), keras.arrays());
    assert_eq!(weights.preprocessing(), Preprocessing::Torchvision);
    assert_ne!(weights.digest(), keras.digest());
    // (v / 255 - mean) / deviation, as in torchvision's `Normalize`.
    let [red, _, blue] = Preprocessing::Torchvision.apply([255.0, 0.0, 51.0]);
    assert!((red - (1.0 - 0.485) / 0.229).abs() < 1e-6, "{red}");
    assert!((blue - (0.2 - 0.406) / 0.225).abs() < 1e-6, "{blue}");

    let below = |prefix: &str| {
        let named = stored.iter().map(|(name, array)| (format!("{prefix}{name}"), array.clone()));
        let mut named: Arrays = named.collect();
        named.insert("epoch".into(), Array::new(vec![1], vec![3.0]));
        named
    };
    for prefix in ["state_dict.", "module.", "model.backbone."] {
        write_safetensors(&path, &below(prefix)).expect("a writable folder");
        let checkpoint = Weights::load(&path, &config).expect("a checkpoint");
        assert_eq!(checkpoint.digest(), weights.digest());
    }

    stored.insert("features.1.running_mean".into(), Array::new(vec![64], vec![0.0; 64]));
    write_safetensors(&path, &stored).expect("a writable folder");
    let message = Weights::load(&path, &config).expect_err("batch normalization").to_string();
    assert!(message.contains("`features.1.running_mean` is not an array of `vgg16`"), "{message}");
}

#[test]
fn invalid_network_configs_are_refused_with_a_hint() {
    let refused = |config: VggConfig| {
        let error = config.layers().expect_err("no network");
        let hint = error.hint().expect("a hint");
        [error.to_string(), hint.into_owned()]
    };
    let [unknown, hint] = refused(config(Variant::Vgg16, "block3_conv4"));
    assert_eq!(unknown, "`vgg16` has no layer `block3_conv4`");
    assert!(hint.contains("block3_conv3, block3_pool"), "{hint}");
    let nothing = VggConfig { unfreeze: Some("block5_pool".into()), ..VggConfig::default() };
    let nothing = nothing.frozen_and_trainable().expect_err("nothing learns");
    assert!(nothing.to_string().contains("`block5_pool`") && nothing.hint().is_some(), "{nothing}");
    let beyond =
        VggConfig { unfreeze: Some("block5".into()), ..config(Variant::Vgg16, "block4_pool") };
    let beyond = beyond.frozen_and_trainable().expect_err("no such layer").to_string();
    assert!(beyond.contains("has no layer `block5`"), "{beyond}");
    refused(VggConfig { image_size: [180, 1025], ..VggConfig::default() });
    refused(VggConfig { image_size: [31, 180], ..VggConfig::default() });
    refused(VggConfig { include_top: true, pooling: Pooling::Maximum, ..VggConfig::default() });
}

fn write(path: &Path, change: impl FnOnce(&mut Arrays)) {
    let mut arrays: Arrays = config(Variant::Vgg16, "block1_conv2")
        .layers()
        .expect("a network")
        .iter()
        .flat_map(vgg::Layer::arrays)
        .map(|(name, shape)| {
            let count = shape.iter().product();
            (name, Array::new(shape, vec![0.5; count]))
        })
        .collect();
    change(&mut arrays);
    write_safetensors(path, &arrays).expect("a writable folder");
}

#[test]
fn mismatched_weights_error_lists_every_difference() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    write(&path, |arrays| {
        arrays.remove("block1_conv1/bias");
        arrays.insert("block1_conv1/kernel".into(), Array::new(vec![64, 3, 3, 3], vec![0.0; 1728]));
        arrays.insert("block1_conv2/bias".into(), Array::new(vec![64], vec![f32::NAN; 64]));
        arrays.insert("block3_conv4/bias".into(), Array::new(vec![256], vec![0.0; 256]));
    });
    let config = config(Variant::Vgg16, "block1_conv2");
    let message = Weights::load(&path, &config).expect_err("other weights").to_string();
    for part in [
        "weights.safetensors",
        "`block1_conv1/bias` is missing",
        "`block1_conv1/kernel` has the shape [64, 3, 3, 3], expected [3, 3, 3, 64]",
        "`block1_conv2/bias` holds values that are NaN or infinite",
        "`block3_conv4/bias` is not an array of `vgg16`",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn head_arrays_are_ignored_and_other_extra_arrays_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    let dense = |arrays: &mut Arrays| {
        arrays.insert("hidden/kernel".into(), Array::new(vec![4, 2], vec![0.0; 8]));
        arrays.insert("hidden/bias".into(), Array::new(vec![2], vec![0.0; 2]));
    };
    write(&path, dense);
    let config = config(Variant::Vgg16, "block1_conv2");
    let with_head = Weights::load(&path, &config).expect("weights and a head");
    write(&path, |_| {});
    assert_eq!(with_head.digest(), Weights::load(&path, &config).expect("weights").digest());
    write(&path, |arrays| {
        dense(arrays);
        arrays.insert("rescaling/scale".into(), Array::new(vec![1], vec![1.0 / 255.0]));
        for number in 0..20 {
            arrays.insert(format!("norm_{number:02}/0"), Array::new(vec![1], vec![0.0]));
        }
    });
    let message = Weights::load(&path, &config).expect_err("other layers").to_string();
    for part in ["`norm_00/0` is not an array of `vgg16`", "and 13 more unknown arrays"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

/// A 1x1 convolution holds the preprocessing of an exported model. If its style is unknown, the
/// file is refused.
#[test]
fn exported_weights_restore_their_preprocessing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("exported.safetensors");
    let config = config(Variant::Vgg16, "block1_conv2");
    let weights = Weights::seeded(&config, 8).expect("a network");
    for style in [Preprocessing::Caffe, Preprocessing::Torchvision] {
        let (kernel, bias) = style.as_convolution();
        let rgb = [250.0, 3.0, 101.0];
        for (output, expected) in style.apply(rgb).into_iter().enumerate() {
            let products = (0..3).map(|input| rgb[input] * kernel[input][output]);
            let found = products.sum::<f32>() + bias[output];
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{found}, {expected}");
        }
        let mut arrays = weights.arrays().clone();
        let kernel = Array::new(vec![1, 1, 3, 3], kernel.as_flattened().to_vec());
        arrays.insert("preprocessing/kernel".into(), kernel);
        arrays.insert("preprocessing/bias".into(), Array::new(vec![3], bias.to_vec()));
        write_safetensors(&path, &arrays).expect("a writable folder");
        let read = Weights::load(&path, &config).expect("exported weights");
        assert_eq!((read.preprocessing(), read.arrays()), (style, weights.arrays()));

        arrays.get_mut("preprocessing/bias").expect("the bias").data[0] += 1.0;
        write_safetensors(&path, &arrays).expect("a writable folder");
        let message = Weights::load(&path, &config).expect_err("another mean").to_string();
        assert!(message.contains("`preprocessing/kernel` is not an array of `vgg16`"), "{message}");
    }
}

#[test]
fn arrays_after_the_last_layer_are_ignored() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    write(&path, |_| {});
    Weights::load(&path, &config(Variant::Vgg16, "block1_conv1")).expect("weights of a part");
    fs::write(&path, "").expect("a writable folder");
    let cut = Weights::load(&path, &config(Variant::Vgg16, "block1_conv1"));
    assert!(matches!(cut, Err(VggError::File(_))));
}
