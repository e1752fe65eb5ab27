//! Weights files of other tools: accepted files, their preprocessing, and refused files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use formats::{Array, Arrays, write_safetensors};
use safetensors::tensor::{Dtype, TensorView};
use vgg::{Preprocessing, Suspicion, VggConfig, VggError, Weights};

/// First row of VGG16's published first kernel for the first output channel: blue, green and red.
const PUBLISHED: [[f32; 3]; 3] = [
    [0.429_470_57, 0.373_467, -0.061_360_11],
    [0.550_379_46, 0.440_074_53, -0.081_387_04],
    [0.480_015_4, 0.408_547_4, -0.065_145_55],
];

fn config(until: &str) -> VggConfig {
    VggConfig { image_size: [32, 40], last_layer: until.into(), ..VggConfig::default() }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name)
}

/// Loads the first block from a file with these arrays.
fn load(arrays: &Arrays) -> Result<Weights, VggError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    write_safetensors(&path, arrays).expect("a writable folder");
    Weights::load(&path, &config("block1_conv2"))
}

fn refused(arrays: &Arrays) -> String {
    load(arrays).expect_err("another file").to_string()
}

/// Returns an array whose values are all different.
fn counted(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    Array::new(shape.to_vec(), (0..count).map(|at| at as f32 / count as f32 - 0.4).collect())
}

/// Returns the first block of VGG16 as a PyTorch list of layers, with `prefix` before each name.
fn list(prefix: &str) -> Arrays {
    [("0", 3), ("2", 64)]
        .into_iter()
        .flat_map(|(number, inputs)| {
            [
                (format!("{prefix}{number}.weight"), counted(&[64, inputs, 3, 3])),
                (format!("{prefix}{number}.bias"), counted(&[64])),
            ]
        })
        .collect()
}

/// Returns the arrays of `list` with the values of the published first kernel, for `channels` in
/// this order.
fn published_list(prefix: &str, channels: [usize; 3]) -> Arrays {
    let mut arrays = list(prefix);
    let kernel = arrays.get_mut(&format!("{prefix}0.weight")).expect("a kernel");
    let mut all_blue_first = vec![];
    for output in kernel.data.chunks_exact(27) {
        all_blue_first.push(output.to_vec());
    }
    for (channel, row) in PUBLISHED.iter().enumerate() {
        all_blue_first[0][channel * 9..channel * 9 + 3].copy_from_slice(row);
    }
    let ordered = all_blue_first.iter().flat_map(|output| {
        channels.iter().flat_map(move |channel| output[channel * 9..channel * 9 + 9].to_vec())
    });
    kernel.data = ordered.collect();
    arrays
}

#[test]
fn base_is_found_under_any_prefix() {
    let expected = load(&list("features.")).expect("torchvision's weights");
    assert_eq!(expected.preprocessing(), Preprocessing::Torchvision);
    for prefix in [
        "features.module.",
        "module.features.",
        "state_dict.features.module.",
        "model.backbone.features.",
        "_orig_mod.features.",
        "module.features._orig_mod.module.",
    ] {
        let found = load(&list(prefix)).expect(prefix);
        assert_eq!(found.digest(), expected.digest(), "{prefix}");
        let mut lacking = list(prefix);
        lacking.remove(&format!("{prefix}2.bias"));
        let message = refused(&lacking);
        assert!(message.contains(&format!("`{prefix}2.bias` is missing")), "{message}");
    }
}

/// A checkpoint of training with a moving average contains both.
#[test]
fn two_networks_in_a_file_are_an_error_unless_they_are_equal() {
    let mut both = list("model.features.");
    both.extend(list("model_ema.features."));
    let found = load(&both).expect("the same weights twice");
    assert_eq!(found.digest(), load(&list("features.")).expect("weights").digest());
    both.get_mut("model_ema.features.2.bias").expect("a bias").data[0] += 0.5;
    let message = refused(&both);
    assert!(message.contains("holds more than one network"), "{message}");
    assert!(message.contains("`model.features.` and `model_ema.features.` differ"), "{message}");
}

#[test]
fn classifier_is_expected_next_to_features() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    write_safetensors(&path, &list("module.features.module.")).expect("a writable folder");
    let config = VggConfig { image_size: [32, 32], include_top: true, ..VggConfig::default() };
    let message = Weights::load(&path, &config).expect_err("no dense layers").to_string();
    for name in ["module.features.module.28.bias", "module.classifier.6.weight"] {
        assert!(message.contains(&format!("`{name}` is missing")), "{message}");
    }
}

#[test]
fn other_heads_are_ignored_and_extra_base_layers_refused() {
    let expected = load(&list("features.")).expect("torchvision's weights");
    let mut arrays = list("net.features.");
    for name in ["net.fc.weight", "net.norm.running_mean", "head.0.weight", "steps"] {
        arrays.insert(name.into(), counted(&[3]));
    }
    assert_eq!(load(&arrays).expect("a base and a head").digest(), expected.digest());
    for name in ["net.features.1.running_mean", "net.features.16.weight", "net.features.31.bias"] {
        let mut arrays = arrays.clone();
        arrays.insert(name.into(), counted(&[64]));
        let message = refused(&arrays);
        assert!(message.contains(&format!("`{name}` is not an array of `vgg16`")), "{message}");
    }
}

#[test]
fn unnamed_layer_list_is_refused_for_unknown_preprocessing() {
    for prefix in ["", "vgg.", "module."] {
        let error = load(&list(prefix)).expect_err("a list without a name");
        let message = error.to_string();
        assert!(matches!(error, VggError::UnknownPreprocessing { .. }), "{message}");
        assert!(message.contains(&format!("found `{prefix}0.weight`")), "{message}");
        let hint = error.hint().expect("a hint");
        let save = match prefix {
            "" => r#"`torch.save({"features." + name: value for"#.to_owned(),
            _ => format!(r#"`torch.save({{"features." + name.removeprefix("{prefix}"): value for"#),
        };
        assert!(hint.starts_with("if they expect torchvision's") && hint.contains(&save), "{hint}");
    }
    let mut lacking = list("vgg.");
    lacking.remove("vgg.2.weight");
    let message = refused(&lacking);
    assert!(message.contains("`vgg.2.weight` is missing"), "{message}");
}

#[test]
fn state_dict_of_another_network_is_refused_by_pytorch_name() {
    let arrays = Arrays::from([
        ("conv1.weight".into(), counted(&[64, 3, 7, 7])),
        ("bn1.running_mean".into(), counted(&[64])),
    ]);
    let message = refused(&arrays);
    assert!(message.contains("`features.0.weight` is missing"), "{message}");
}

/// Files with the weights trained in Caffe are common. They have torchvision's names or only
/// numbers.
#[test]
fn published_weights_select_caffe_preprocessing_under_any_name() {
    let [blue_first, red_first] = [[0, 1, 2], [2, 1, 0]];
    let expected = load(&published_list("features.", blue_first)).expect("published weights");
    assert_eq!(expected.preprocessing(), Preprocessing::Caffe);
    for prefix in ["", "vgg.", "features."] {
        for channels in [blue_first, red_first] {
            let mut arrays = published_list(prefix, channels);
            // SSD replaces a dense layer with this convolution.
            arrays.insert(format!("{prefix}31.weight"), counted(&[4, 2, 3, 3]));
            if prefix == "features." {
                arrays.remove("features.31.weight");
            }
            let found = load(&arrays).expect("published weights");
            assert_eq!(found.digest(), expected.digest(), "{prefix} {channels:?}");
        }
    }
    let mut arrays = published_list("", blue_first);
    arrays.insert("1.running_mean".into(), counted(&[64]));
    let message = refused(&arrays);
    assert!(message.contains("`1.running_mean` is not an array of `vgg16`"), "{message}");
}

#[test]
fn built_in_normalization_must_match_torchvision() {
    let with = |mean: [f32; 3], deviation: [f32; 3]| {
        let mut arrays = list("net.features.");
        let array = |values: [f32; 3]| Array::new(vec![1, 3, 1, 1], values.to_vec());
        arrays.insert("normalize.mean".into(), array(mean));
        arrays.insert("normalize.std".into(), array(deviation));
        arrays
    };
    let [mean, deviation] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
    let expected = load(&list("features.")).expect("torchvision's weights");
    let scaled = |values: [f32; 3]| values.map(|value| value * 255.0);
    for arrays in [with(mean, deviation), with(scaled(mean), scaled(deviation))] {
        assert_eq!(load(&arrays).expect("torchvision's").digest(), expected.digest());
    }
    for (arrays, name) in
        [(with([0.5; 3], deviation), "normalize.mean"), (with(mean, [0.5; 3]), "normalize.std")]
    {
        let error = load(&arrays).expect_err("another normalization");
        let message = error.to_string();
        assert!(matches!(error, VggError::ChangesPixels { .. }), "{message}");
        let expected = format!("found `{name}` with the values [0.5, 0.5, 0.5]");
        assert!(message.ends_with(&expected) && error.hint().is_some(), "{message}");
    }
}

/// The fixtures have normalization and a convolution after the base, and `preprocess_input` before
/// it.
#[test]
fn base_is_loaded_from_a_keras_model_with_another_head() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/vgg16_block1.h5");
    let expected = Weights::load(path, &config("block1_conv1")).expect("the weights alone");
    for name in ["keras2_head.h5", "keras3_head.h5", "keras3_head.keras"] {
        let found = Weights::load(fixture(name), &config("block1_conv1")).expect(name);
        assert_eq!(found.digest(), expected.digest(), "{name}");
        assert_eq!(found.preprocessing(), Preprocessing::Caffe);
    }
}

#[test]
fn rescaling_is_refused_in_every_file_format() {
    for stem in ["keras2_rescaling", "keras3_rescaling"] {
        for (ending, class) in
            [("keras", "Rescaling"), ("h5", "Rescaling"), ("weights.h5", "rescaling")]
        {
            let path = fixture(&format!("{stem}.{ending}"));
            let error = Weights::load(&path, &config("block1_conv1")).expect_err("a rescaling");
            let message = error.to_string();
            assert!(matches!(error, VggError::ChangesPixels { .. }), "{message}");
            assert!(message.ends_with(&format!("found `rescaling` ({class})")), "{message}");
            assert!(error.hint().is_some(), "{message}");
        }
    }
}

#[test]
fn keras_float16_and_bfloat16_models_are_loaded() {
    let load = |name: String| Weights::load(fixture(&name), &config("block1_conv1"));
    for stem in ["keras3_float16", "keras3_bfloat16"] {
        let [h5, keras] = ["h5", "keras"]
            .map(|ending| load(format!("{stem}.{ending}")).expect("weights").digest().to_owned());
        assert_eq!(h5, keras);
    }
}

/// A file of weights alone does not say whether the layer belongs to a head.
#[test]
fn unknown_layer_in_an_unordered_file_is_suspected_as_head() {
    let mut arrays: Arrays = config("block1_conv2")
        .layers()
        .expect("a network")
        .iter()
        .flat_map(vgg::Layer::arrays)
        .map(|(name, shape)| (name, counted(&shape)))
        .collect();
    arrays.insert("norm/gamma".into(), counted(&[64]));
    let error = load(&arrays).expect_err("another layer");
    assert!(error.to_string().contains("`norm/gamma` is not an array of `vgg16`"), "{error}");
    let suspicion = Suspicion::HeadWithoutPlace;
    assert!(
        matches!(&error, VggError::Mismatch { suspicion: found, .. } if *found == suspicion),
        "{error}"
    );
}

/// Loads the first block from a file with these arrays, some of which hold integers of 64 bits.
fn load_with_integers(arrays: &Arrays, integers: &[(&str, &[usize])]) -> Result<Weights, VggError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    let mut arrays: BTreeMap<&str, (Dtype, &[usize], Vec<u8>)> = arrays
        .iter()
        .map(|(name, Array { shape, data })| {
            let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name.as_str(), (Dtype::F32, shape.as_slice(), bytes))
        })
        .collect();
    for &(name, shape) in integers {
        let bytes = vec![1; 8 * shape.iter().product::<usize>()];
        arrays.insert(name, (Dtype::I64, shape, bytes));
    }
    let views = arrays.iter().map(|(name, (dtype, shape, bytes))| {
        (*name, TensorView::new(*dtype, shape.to_vec(), bytes).expect("whole values"))
    });
    let file = safetensors::serialize(views, None).expect("a valid header");
    std::fs::write(&path, file).expect("a writable folder");
    Weights::load(&path, &config("block1_conv2"))
}

#[test]
fn arrays_of_unsupported_types_matter_only_if_the_network_needs_them() {
    let torch = list("features.");
    let mut keras = Arrays::new();
    for (layer, inputs) in [("block1_conv1", 3), ("block1_conv2", 64)] {
        keras.insert(format!("{layer}/kernel"), counted(&[3, 3, inputs, 64]));
        keras.insert(format!("{layer}/bias"), counted(&[64]));
    }
    let mut with_dense = keras.clone();
    with_dense.insert("dense/bias".to_owned(), counted(&[2]));
    // A head, a later layer of the base, and a dense layer in an unordered file.
    for (arrays, name, shape) in [
        (&torch, "classifier.0.weight", &[2, 512][..]),
        (&torch, "step", &[]),
        (&torch, "features.5.weight", &[128, 64, 3, 3]),
        (&keras, "fc1/kernel", &[8, 4]),
        (&with_dense, "dense/kernel", &[64, 2]),
    ] {
        let found = load_with_integers(arrays, &[(name, shape)]);
        assert!(found.is_ok(), "{name}: {}", found.expect_err("an error"));
    }
    let refused = |arrays, name, shape| {
        let error = load_with_integers(arrays, &[(name, shape)]).expect_err("an unsupported type");
        error.to_string()
    };
    // A needed array, and what may normalize the images.
    for (arrays, name, shape) in [
        (&torch, "features.2.weight", &[64, 64, 3, 3][..]),
        (&keras, "block1_conv2/bias", &[64]),
        (&torch, "mean", &[1, 3, 1, 1]),
    ] {
        let message = refused(arrays, name, shape);
        assert!(message.contains(&format!("holds `{name}` as I64")), "{message}");
    }
    // Batch normalization: the error is about the network, not about the type.
    let message = refused(&torch, "features.1.num_batches_tracked", &[]);
    assert!(message.contains("`features.1.num_batches_tracked` is not an array of"), "{message}");
}
