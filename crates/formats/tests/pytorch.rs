//! Tests of state dicts from PyTorch.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

use std::path::{Path, PathBuf};

use formats::{Array, Arrays, FormatError, read_arrays};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name)
}

fn arrays(name: &str) -> Arrays {
    read_arrays(fixture(name)).expect("a whole fixture")
}

/// The fixtures include a transposed tensor and two parts of one storage.
#[test]
fn state_dicts_are_read_in_both_containers() {
    assert_eq!(arrays("pytorch.pth"), arrays("pytorch.safetensors"));
    assert_eq!(arrays("pytorch_legacy.pth"), arrays("pytorch.safetensors"));
}

/// The fixtures hold a kernel and a bias in the form of a classifier of 2017.
#[test]
fn weights_from_old_pytorch_versions_are_read() {
    let kernel = (0..27).map(|number| number as f32 / 4.0 - 3.0).collect();
    let expected = Arrays::from([
        ("features.0.weight".into(), Array::new(vec![1, 3, 3, 3], kernel)),
        ("features.0.bias".into(), Array::new(vec![1], vec![2.5])),
    ]);
    assert_eq!(arrays("pytorch_2017.pth"), expected);
    assert_eq!(arrays("pytorch_parameters_function.pth"), expected);
}

#[test]
fn pickled_parameter_objects_are_an_error_with_a_hint() {
    for name in ["pytorch_parameters_class.pth", "pytorch_parameters_object.pth"] {
        let error = read_arrays(fixture(name)).expect_err("parameters");
        let message = error.to_string();
        assert!(matches!(error, FormatError::Unsupported { .. }), "{message}");
        for part in [name, "as `torch.nn.parameter.Parameter`"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(error.hint().expect("a hint").contains("`torch.save("), "{message}");
    }
}

#[test]
fn num_batches_tracked_is_ignored() {
    let names: Vec<String> = arrays("pytorch_integers.pth").into_keys().collect();
    assert_eq!(names, ["0.bias", "0.running_mean", "0.running_var", "0.weight"]);
}

#[test]
fn unsupported_dtype_error_names_the_tensor() {
    let name = "pytorch_counts.pth";
    let message = read_arrays(fixture(name)).expect_err("another type").to_string();
    assert!(message.contains("`counts` as I64") && message.contains(name), "{message}");
}
