//! Tests of the content of ONNX files. CI also runs such files with ONNX Runtime.

use formats::{
    Activation, Array, FormatError, SequentialLayer, SequentialLayerKind, SequentialModel,
    write_onnx,
};

use crate::chains::{binary, three_classes, weights};

#[test]
fn onnx_model_names_input_output_and_weights() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    let weights = weights(SequentialLayerKind::Flatten);
    write_onnx(&path, &binary(&weights, SequentialLayerKind::Flatten)).expect("a writable folder");
    let bytes = std::fs::read(&path).expect("the file");
    let model = onnx_rs::parse(&bytes).expect("a whole message");
    let graph = model.graph.expect("a graph");
    assert_eq!((model.producer_name, graph.name), ("permafrost", "small"));
    assert_eq!((graph.input[0].name, graph.output[0].name), ("image", "probabilities"));
    let names: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    assert_eq!(
        names,
        [
            "preprocessing/kernel",
            "preprocessing/bias",
            "block1_conv1/kernel",
            "block1_conv1/bias",
            "block1_conv2/kernel",
            "block1_conv2/bias",
            "dense/kernel",
            "dense/bias",
            "predictions/kernel",
            "predictions/bias",
        ]
    );
}

#[test]
fn metadata_lists_classes_in_label_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    let weights = weights(SequentialLayerKind::Flatten);
    let pooling = SequentialLayerKind::Flatten;
    let without = SequentialModel { classes: vec![], ..binary(&weights, pooling) };
    for (chain, expected) in [
        (binary(&weights, pooling), &[("classes", r#"["cat","dog"]"#)][..]),
        (three_classes(&weights, pooling), &[("classes", r#"["cat","dog","\"chèvre\""]"#)]),
        (without, &[]),
    ] {
        write_onnx(&path, &chain).expect("a writable folder");
        let bytes = std::fs::read(&path).expect("the file");
        let model = onnx_rs::parse(&bytes).expect("a whole message");
        let found: Vec<(&str, &str)> =
            model.metadata_props.iter().map(|entry| (entry.key, entry.value)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
#[should_panic(expected = "2 class names for [3]")]
fn too_few_class_names_panic() {
    let weights = weights(SequentialLayerKind::Flatten);
    let mut chain = three_classes(&weights, SequentialLayerKind::Flatten);
    chain.classes.pop();
    let _ = write_onnx("never-written.onnx", &chain);
}

#[test]
fn model_over_2_gib_is_refused_and_not_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    // Uses one kernel of 256 MiB eight times. The zeros are never touched, so they take no memory.
    let zeros = |shape: &[usize]| Array::new(shape.to_vec(), vec![0.0; shape.iter().product()]);
    let (first, kernel, bias) = (zeros(&[3, 3, 3, 8192]), zeros(&[8192, 8192]), zeros(&[8192]));
    let dense =
        SequentialLayerKind::Dense { kernel: &kernel, bias: &bias, activation: Activation::Linear };
    let begin = [
        SequentialLayerKind::Convolution { kernel: &first, bias: &bias },
        SequentialLayerKind::GlobalMaxPooling,
    ];
    let layers = begin.into_iter().chain([dense; 8]).enumerate().map(|(index, kind)| {
        SequentialLayer { name: format!("layer{index}"), frozen: false, kind }
    });
    let chain = SequentialModel {
        name: "large".into(),
        size: [1, 1],
        layers: layers.collect(),
        classes: vec![],
    };
    let error = write_onnx(&path, &chain).expect_err("more than 2 GiB");
    assert!(matches!(error, FormatError::TooLarge { size, limit, .. } if size > limit), "{error}");
    assert!(!path.exists());
}
