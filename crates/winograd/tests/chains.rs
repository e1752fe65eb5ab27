//! Compares chains on every path of this machine with a direct convolution in 64-bit floats, and
//! checks the bits that belong to their revision.

mod direct;

use direct::{direct, numbers};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use winograd::{Chain, ChainConfig, ChainError, Isa, Layer, REVISION};

/// Threads share these types.
const _: () = {
    const fn assert<T: Send + Sync>() {}
    assert::<Chain>();
};

/// Returns the relative error, in the L2 norm, of a chain of layers. `widths` are the output
/// channels of the convolutions, or 0 for a pooling.
fn check(isa: Isa, shape: [usize; 3], widths: &[usize], images: usize) -> f64 {
    check_activated(isa, shape, widths, images, true)
}

/// Returns the error like [`check`], with or without ReLU in all layers.
fn check_activated(
    isa: Isa,
    shape: [usize; 3],
    widths: &[usize],
    images: usize,
    relu: bool,
) -> f64 {
    let mut channels = shape[2];
    let arrays: Vec<(Vec<f32>, Vec<f32>)> = widths
        .iter()
        .zip(0..)
        .map(|(&outputs, seed)| {
            let inputs = channels;
            channels = if outputs > 0 { outputs } else { channels };
            let scale = (6.0 / (9 * inputs) as f32).sqrt();
            (numbers(seed, 9 * inputs * outputs, scale), numbers(seed + 100, outputs, 0.1))
        })
        .collect();
    let layers: Vec<Layer> = widths
        .iter()
        .zip(&arrays)
        .map(|(&outputs, (kernel, bias))| match outputs {
            0 => Layer::MaxPooling,
            _ if relu => Layer::Convolution { kernel, bias },
            _ => Layer::LinearConvolution { kernel, bias },
        })
        .collect();
    let maps = numbers(7, images * shape.iter().product::<usize>(), 1.0);
    let found =
        Chain::new(ChainConfig { isa, ..ChainConfig::default() }, shape, &layers).run(&maps);
    let expected: Vec<f64> =
        maps.chunks(shape.iter().product()).flat_map(|map| direct(map, shape, &layers)).collect();
    assert_eq!(found.len(), expected.len());
    let square =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let off = square(&mut found.iter().zip(&expected).map(|(&a, b)| f64::from(a) - b));
    let size = square(&mut expected.iter().copied());
    (off / size.max(1e-30)).sqrt()
}

/// Tolerance of the relative error. It allows for the transforms' factors of up to 2.5 in two
/// directions, and for sums of a few hundred products, in 32-bit floats.
const TOLERANCE: f64 = 1e-5;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolution_of_any_size_matches_direct_convolution(
        height in 1usize..=70, width in 1usize..=70, inputs in 1usize..40, outputs in 1usize..70,
        pools: bool, relu: bool, images in 1usize..4,
    ) {
        for isa in Isa::available() {
            let widths = if pools { &[outputs, 0][..] } else { &[outputs] };
            let off = check_activated(isa, [height, width, inputs], widths, images, relu);
            prop_assert!(off <= TOLERANCE, "{isa:?}: {off}");
        }
    }
}

#[test]
fn a_chain_may_begin_and_end_with_any_layer() {
    for isa in Isa::available() {
        for widths in [&[][..], &[0], &[0, 0], &[20, 0, 33, 40, 0, 9], &[5, 6, 0, 0, 7]] {
            for shape in [[21, 34, 3], [9, 8, 18]] {
                let off = check(isa, shape, widths, 2);
                assert!(off <= TOLERANCE, "{isa:?} {widths:?} {shape:?}: {off}");
            }
        }
    }
}

#[test]
fn layers_that_do_not_match_are_errors() {
    let kernel = [0.0; 9 * 2 * 3];
    let of = |layers: &[Layer], shape, images_at_once, taps: &[usize]| {
        let config = ChainConfig { images_at_once, ..ChainConfig::default() };
        Chain::try_new(config, shape, layers, taps).expect_err("no chain")
    };
    let layer = [Layer::Convolution { kernel: &kernel, bias: &[0.0; 3] }];
    let twice = [layer[0], layer[0]];
    let empty = Layer::Convolution { kernel: &[], bias: &[] };
    for (error, expected) in [
        (of(&layer, [4, 4, 3], 1, &[]), ChainError::Kernel { layer: 0, found: 54, expected: 81 }),
        (of(&twice, [4, 4, 2], 1, &[]), ChainError::Kernel { layer: 1, found: 54, expected: 81 }),
        (of(&layer, [4, 0, 2], 1, &[]), ChainError::Empty([4, 0, 2])),
        (of(&[empty, layer[0]], [4, 4, 2], 1, &[]), ChainError::NoOutputs { layer: 0 }),
        (of(&layer, [1 << 40, 1 << 40, 2], 1, &[]), ChainError::TooLarge { layer: 0 }),
        (of(&layer, [1 << 30, 1 << 20, 2], 1 << 20, &[]), ChainError::TooLarge { layer: 0 }),
        (of(&layer, [4, 4, 2], 0, &[]), ChainError::NoImages),
        (of(&layer, [4, 4, 2], 1, &[1]), ChainError::Tap { tap: 1, layers: 1 }),
    ] {
        assert_eq!(error, expected);
    }
}

/// Winograd's transforms mix the values of a tile, so more outputs than the neighbors of the NaN may be NaN.
#[test]
fn nan_stays_nan_in_a_linear_convolution() {
    for isa in Isa::available() {
        for channels in [1, 8] {
            let kernel = vec![1.0; 9 * channels];
            let layers = [Layer::LinearConvolution { kernel: &kernel, bias: &[0.0] }];
            let config = ChainConfig { isa, ..ChainConfig::default() };
            let chain = Chain::new(config, [5, 5, channels], &layers);
            let mut map = vec![1.0; 25 * channels];
            map[12 * channels] = f32::NAN;
            assert!(chain.run(&map)[12].is_nan(), "{isa:?}, {channels} channels");
        }
    }
}

/// The kernel is large enough to be divided among workers, and the maps have few tiles.
#[test]
fn large_kernel_matches_direct_convolution() {
    for isa in Isa::available() {
        for images in [1, 3] {
            let off = check(isa, [10, 17, 230], &[520, 0], images);
            assert!(off <= TOLERANCE, "{isa:?}, {images} images: {off}");
        }
    }
}

/// Sums have a fixed order, so neither the batch nor the number of threads may change a bit.
#[test]
fn features_are_bitwise_equal_for_any_batch_and_thread_count() {
    let shape = [45, 38, 3];
    let (kernel, bias) = (numbers(1, 27 * 48, 0.4), numbers(2, 48, 0.1));
    let (kernel_1, bias_1) = (numbers(3, 9 * 48 * 64, 0.1), numbers(4, 64, 0.1));
    let (kernel_2, bias_2) = (numbers(5, 9 * 64 * 230, 0.1), numbers(6, 230, 0.1));
    let (kernel_3, bias_3) = (numbers(9, 9 * 230 * 520, 0.1), numbers(10, 520, 0.1));
    let layers = [
        Layer::Convolution { kernel: &kernel, bias: &bias },
        Layer::Convolution { kernel: &kernel_1, bias: &bias_1 },
        Layer::MaxPooling,
        Layer::Convolution { kernel: &kernel_2, bias: &bias_2 },
        Layer::MaxPooling,
        Layer::Convolution { kernel: &kernel_3, bias: &bias_3 },
    ];
    let map = shape.iter().product::<usize>();
    let maps = numbers(8, 40 * map, 1.0);
    for isa in Isa::available() {
        let chain = Chain::new(ChainConfig { isa, ..ChainConfig::default() }, shape, &layers);
        let alone: Vec<f32> = maps.chunks(map).flat_map(|map| chain.run(map)).collect();
        for threads in [1, 2, 3] {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            for batch in [1, 7, 32, 40] {
                let found: Vec<f32> = pool.install(|| {
                    maps.chunks(batch * map).flat_map(|maps| chain.run(maps)).collect()
                });
                assert!(found == alone, "{isa:?}, {threads} threads, batches of {batch}");
            }
        }
    }
}

/// The taps are between stages, within a fused pooling, in front and back stages, repeated, and in
/// any order.
#[test]
fn taps_are_bitwise_equal_to_shorter_chains() {
    let shape = [200, 190, 3];
    let (kernel, bias) = (numbers(1, 27 * 48, 0.4), numbers(2, 48, 0.1));
    let (kernel_1, bias_1) = (numbers(3, 9 * 48 * 40, 0.1), numbers(4, 40, 0.1));
    let layers = [
        Layer::Convolution { kernel: &kernel, bias: &bias },
        Layer::Convolution { kernel: &kernel_1, bias: &bias_1 },
        Layer::MaxPooling,
        Layer::MaxPooling,
    ];
    let maps = numbers(8, 5 * shape.iter().product::<usize>(), 1.0);
    for isa in Isa::available() {
        let settings = ChainConfig { isa, images_at_once: 3 };
        let alone: Vec<Vec<f32>> =
            (1..=4).map(|end| Chain::new(settings, shape, &layers[..end]).run(&maps)).collect();
        for taps in [&[][..], &[3], &[2, 0], &[1, 1, 3, 2, 0]] {
            let found = Chain::with_taps(settings, shape, &layers, taps).run_taps(&maps);
            let expected: Vec<&Vec<f32>> = taps.iter().map(|&tap| &alone[tap]).collect();
            assert!(found.iter().eq(expected), "{isa:?}, {taps:?}");
        }
        // Taps do not change the features.
        assert!(Chain::with_taps(settings, shape, &layers, &[1]).run(&maps) == alone[3], "{isa:?}");
    }
}

/// If this test fails, the kernels return different bits. Raise [`REVISION`], then update the
/// digests here. Otherwise caches would serve features of the old revision.
#[test]
fn revision_matches_the_pinned_digests() {
    let shape @ [height, width, channels] = [37, 29, 3];
    let arrays: Vec<[Vec<f32>; 2]> = [(3, 40), (40, 33), (33, 64)]
        .into_iter()
        .zip(0..)
        .map(|((inputs, outputs), seed)| {
            let scale = (6.0 / (9 * inputs) as f32).sqrt();
            [numbers(seed, 9 * inputs * outputs, scale), numbers(seed + 100, outputs, 0.1)]
        })
        .collect();
    let convolution = |at: usize| {
        let [kernel, bias] = &arrays[at];
        Layer::Convolution { kernel, bias }
    };
    let layers =
        [convolution(0), convolution(1), Layer::MaxPooling, convolution(2), Layer::MaxPooling];
    let maps = numbers(7, 3 * height * width * channels, 100.0);
    for isa in Isa::available() {
        let chain = Chain::new(ChainConfig { isa, ..ChainConfig::default() }, shape, &layers);
        let bytes: Vec<u8> = chain.run(&maps).into_iter().flat_map(f32::to_le_bytes).collect();
        let digest: String =
            Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = match isa.name() {
            "avx512" => "3c08d1beb668dafa",
            "avx2" => "3c08d1beb668dafa",
            "x86_64" => "a39cd9d601729329",
            // No such machine was available to compute the digest.
            _ => continue,
        };
        assert_eq!((REVISION, &*digest), (1, expected), "{isa:?}");
    }
}
