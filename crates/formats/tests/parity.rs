//! Compares the arrays of a trained head in a `.keras` file with a copy from the same training in
//! Keras.
#![cfg(all(feature = "keras", feature = "onnx", feature = "pytorch", feature = "safetensors"))]

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use fixtures::{arrays, fixture};

#[test]
fn parity_of_the_head_in_a_keras_file() {
    let expected = arrays("head.safetensors");
    let found = formats::read_arrays(fixture("head.keras")).expect("a whole fixture");
    let names = ["dense/bias", "dense/kernel", "dense_1/bias", "dense_1/kernel"];
    assert_eq!(found.keys().collect::<Vec<_>>(), names);
    for (name, array) in found {
        let expected = &expected[&format!("after/{name}")];
        assert_eq!(array.shape, expected.shape, "{name}");
        let bits = |data: &[f32]| data.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&array.data), bits(&expected.data), "{name}");
    }
}
