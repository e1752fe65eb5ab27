//! `summary`: tables of layers, which need no weights.

use crate::harness::TestDir;

#[test]
fn vgg16_summary_matches_keras_byte_for_byte() {
    let done = TestDir::new().run("summary --image-size 180 --input-name input_2").expect_success();
    assert_eq!(done.stdout, include_str!("fixtures/summary_vgg16_180.txt"));
}

#[test]
fn a_frozen_base_has_no_trainable_parameters() {
    let done = TestDir::new().run("summary --frozen").expect_success();
    for line in ["Trainable params: 0", "Non-trainable params: 14,714,688"] {
        assert!(done.stdout.lines().any(|found| found == line), "{}", done.stdout);
    }
}

#[test]
fn whole_model_has_four_trainable_tensors() {
    let done = TestDir::new().run("summary --whole").expect_success();
    let from = done.stdout.find("Total params").expect("a total");
    insta::assert_snapshot!(&done.stdout[from..], @r"
    Total params: 17,992,001
    Trainable params: 3,277,313
    Non-trainable params: 14,714,688
    _________________________________________________________________
    Trainable weights: 4
     dense/kernel [12800, 256]
     dense/bias [256]
     dense_1/kernel [256, 1]
     dense_1/bias [1]
    ");
}

/// Expects a kernel and a bias of each of block 5's three convolutions, and the four tensors of the head.
#[test]
fn unfreezing_block5_gives_ten_trainable_tensors() {
    let done = TestDir::new().run("summary --whole --unfreeze block5").expect_success();
    let from = done.stdout.find("Total params").expect("a total");
    insta::assert_snapshot!(&done.stdout[from..], @r"
    Total params: 17,992,001
    Trainable params: 10,356,737
    Non-trainable params: 7,635,264
    _________________________________________________________________
    Trainable weights: 10
     block5_conv1/kernel [3, 3, 512, 512]
     block5_conv1/bias [512]
     block5_conv2/kernel [3, 3, 512, 512]
     block5_conv2/bias [512]
     block5_conv3/kernel [3, 3, 512, 512]
     block5_conv3/bias [512]
     dense/kernel [12800, 256]
     dense/bias [256]
     dense_1/kernel [256, 1]
     dense_1/bias [1]
    ");
}
