//! Parity of a head from a `.keras` file with the arrays that Keras trained.

#[path = "../../../tests/fixtures.rs"]
mod fixtures;

use fixtures::{arrays, fixture};
use model::KerasHead;

#[test]
fn parity_of_a_head_from_a_keras_file() {
    let expected = arrays("head.safetensors");
    let head = KerasHead::read(fixture("head.keras")).expect("a head");
    assert_eq!(
        (head.head.hidden_text(), head.dropout, head.pooling),
        ("256".into(), Some(0.0), None)
    );
    assert_eq!((head.convolutions.len(), head.arrays.len()), (0, 4));
    for (name, found) in &head.arrays {
        let expected = &expected[&format!("after/{name}")];
        assert_eq!((&found.shape, &found.data), (&expected.shape, &expected.data), "{name}");
    }
}
