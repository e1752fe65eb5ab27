//! Weights from arrays in memory: the same as from a file, and refused arrays.

use formats::write_safetensors;
use vgg::{Array, Arrays, FrozenBase, Origin, Preprocessing, VggConfig, VggError, Weights};

fn config() -> VggConfig {
    VggConfig { image_size: [32, 32], last_layer: "block1_pool".into(), ..VggConfig::default() }
}

/// Returns random arrays of the network.
fn arrays() -> Arrays {
    Weights::seeded(&config(), 3).expect("a network").arrays().clone()
}

fn problems(arrays: Arrays) -> Vec<String> {
    match Weights::from_arrays(arrays, Preprocessing::Caffe, &config()) {
        Err(VggError::Arrays { problems, extent, .. }) => {
            assert_eq!(extent, "up to `block1_pool`");
            problems
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn arrays_in_memory_are_the_same_weights_as_in_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    write_safetensors(&path, &arrays()).expect("a writable folder");
    let of_file = Weights::load(&path, &config()).expect("weights");
    let given = Weights::from_arrays(arrays(), Preprocessing::Caffe, &config()).expect("weights");
    assert_eq!((given.origin(), given.digest()), (&Origin::Memory, of_file.digest()));
    assert_eq!(given.arrays(), of_file.arrays());

    let torch = Weights::from_arrays(arrays(), Preprocessing::Torchvision, &config());
    let torch = torch.expect("weights");
    assert_eq!(torch.preprocessing(), Preprocessing::Torchvision);
    assert_ne!(torch.digest(), given.digest());

    let image = vec![120; 32 * 32 * 3];
    let [given, of_file] = [given, of_file].map(|weights| {
        let base = FrozenBase::new(&config(), &weights).expect("a base");
        assert_eq!(base.weights_digest(), weights.digest());
        base.features_of_images(&[&image]).expect("a CPU")
    });
    assert_eq!(given, of_file);
}

#[test]
fn layers_that_the_base_does_not_use_are_dropped() {
    let mut longer = arrays();
    longer.insert("block2_conv1/bias".into(), Array::new(vec![128], vec![f32::NAN; 128]));
    let weights = Weights::from_arrays(longer, Preprocessing::Caffe, &config()).expect("weights");
    assert_eq!(weights.arrays(), &arrays());
}

#[test]
fn every_array_that_does_not_fit_is_named() {
    let mut wrong = arrays();
    wrong.remove("block1_conv1/bias");
    wrong.insert("block1_conv1/kernel".into(), Array::new(vec![64, 3, 3, 3], vec![0.0; 1728]));
    wrong.get_mut("block1_conv2/kernel").expect("a kernel").data[5] = f32::INFINITY;
    wrong.get_mut("block1_conv2/bias").expect("a bias").data.pop();
    wrong.insert("dense/kernel".into(), Array::new(vec![2, 2], vec![0.0; 4]));
    assert_eq!(
        problems(wrong),
        [
            "`block1_conv2/bias` has 63 values, expected those of the shape [64]",
            "`block1_conv1/kernel` has the shape [64, 3, 3, 3], expected [3, 3, 3, 64]",
            "`block1_conv1/bias` is missing",
            "`block1_conv2/kernel` holds values that are NaN or infinite",
            "`dense/kernel` is not an array of `vgg16`",
        ]
    );
    let many = (0..10).map(|number| (format!("other {number}"), Array::new(vec![0], vec![])));
    let many = problems(arrays().into_iter().chain(many).collect());
    assert_eq!((many.len(), many[8].as_str()), (9, "and 2 more unknown arrays"));
    assert_eq!(problems(Arrays::new()).len(), 4);
}

#[test]
fn configuration_of_the_network_is_checked_first() {
    let small = VggConfig { image_size: [8, 8], ..config() };
    let refused = Weights::from_arrays(arrays(), Preprocessing::Caffe, &small);
    assert!(matches!(refused, Err(VggError::Size { height: 8, width: 8 })));
}
