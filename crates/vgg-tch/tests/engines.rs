//! Compares the features of this engine on the CPU with `vgg`'s own engine.
#![cfg(feature = "libtorch")]

use vgg::{FrozenBase, Pooling, Precision, VggConfig, VggError, Weights, engine_name};
use vgg_tch::{Options, Target, TchBase, cuda_devices};

fn base(config: &VggConfig, weights: &Weights, options: Options, times: usize) -> FrozenBase {
    let engine = TchBase::new(config, weights, &vec![Target::Cpu; times], options);
    FrozenBase::with_engine(config, weights, Box::new(engine.expect("libtorch")))
        .expect("a network")
}

fn images(count: usize, [height, width]: [usize; 2]) -> Vec<f32> {
    (0..count * height * width * 3).map(|at| (at * 7919 % 256) as f32 - 110.0).collect()
}

/// Returns the relative error in the L2 norm.
fn relative(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |value: f64| value * value;
    let difference: f64 =
        found.iter().zip(expected).map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
    (difference / expected.iter().map(|&b| square(f64::from(b))).sum::<f64>()).sqrt()
}

#[test]
fn features_match_the_cpu_engine() {
    for (until, pooling) in [
        ("block1_conv2", Pooling::None),
        ("block3_pool", Pooling::None),
        ("block5_pool", Pooling::Average),
        ("block5_pool", Pooling::Maximum),
    ] {
        let config = VggConfig {
            image_size: [45, 38],
            last_layer: until.into(),
            pooling,
            ..VggConfig::default()
        };
        let weights = Weights::seeded(&config, 3).expect("a network");
        let input = images(5, config.image_size);
        let expected = FrozenBase::new(&config, &weights).expect("a network");
        let expected = expected.features(&input).expect("a CPU");
        // Both compute in float32, in different orders. `winograd` promises 1e-5 for its own sums.
        for batch in [None, Some(2)] {
            let options = Options { batch, ..Options::default() };
            let found = base(&config, &weights, options, 1).features(&input).expect("libtorch");
            assert!(relative(&found, &expected) < 1e-5, "{until} {pooling:?}");
        }
        // Values are rounded to 8 bits after each of up to 13 layers.
        let options = Options { precision: Precision::Bf16, ..Options::default() };
        let found = base(&config, &weights, options, 1).features(&input).expect("libtorch");
        let error = relative(&found, &expected);
        assert!((1e-4..3e-2).contains(&error), "{until} {pooling:?}: {error}");
    }
}

#[test]
fn several_devices_return_features_in_image_order() {
    let config = VggConfig {
        image_size: [32, 32],
        last_layer: "block2_pool".into(),
        ..VggConfig::default()
    };
    let weights = Weights::seeded(&config, 3).expect("a network");
    for count in [0, 1, 2, 7] {
        let input = images(count, config.image_size);
        let alone = base(&config, &weights, Options::default(), 1).features(&input);
        let shared = base(&config, &weights, Options::default(), 3).features(&input);
        let (alone, shared) = (alone.expect("libtorch"), shared.expect("libtorch"));
        assert!(count == 0 || relative(&shared, &alone) < 1e-6, "{count}");
    }
}

#[test]
fn engine_name_lists_options_and_missing_gpu_is_an_error() {
    let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    let weights = Weights::seeded(&config, 3).expect("a network");
    let options = Options { precision: Precision::Bf16, tf32: true, ..Options::default() };
    assert_eq!(base(&config, &weights, options, 1).engine(), engine_name("libtorch bf16 tf32"));
    let missing = Target::Cuda(cuda_devices());
    let refused = TchBase::new(&config, &weights, &[missing], Options::default());
    let error = refused.expect_err("no such GPU");
    assert!(error.to_string().contains("does not exist: libtorch finds"), "{error}");
    assert!(error.hint().is_some(), "{error}");
    let nowhere = VggConfig { last_layer: "block9_pool".into(), ..config };
    let refused = TchBase::new(&nowhere, &weights, &[Target::Cpu], Options::default());
    assert!(matches!(refused, Err(VggError::UnknownLayer { .. })));
}
