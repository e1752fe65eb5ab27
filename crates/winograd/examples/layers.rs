//! Shows the time of each layer of VGG16 at 180x180, its share of the total, and how near it comes
//! to the arithmetic of F(4x4, 3x3) at the machine's peak. Weights and images are random. Times are
//! medians over the rounds.
//!
//! ```text
//! cargo run --release -p winograd --example layers -- [IMAGES] [avx512|avx2|portable] [ROUNDS]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use winograd::{Chain, ChainConfig, Isa, Layer};

/// Output channels of each convolution, or 0 for a pooling.
const VGG16: [usize; 18] =
    [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0];

const SIZE: usize = 180;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let images = arguments.next().map_or(32, |count| count.parse().expect("a number of images"));
    let isa = match arguments.next().as_deref() {
        None => Isa::default(),
        Some("avx512") => Isa::Avx512,
        Some("avx2") => Isa::Avx2,
        Some("portable") => Isa::Portable,
        Some(other) => panic!("expected avx512, avx2 or portable, found `{other}`"),
    };
    let rounds = arguments.next().map_or(7, |count| count.parse().expect("a number of rounds"));

    let weights = weights();
    let layers: Vec<Layer> = weights
        .iter()
        .map(|(kernel, bias)| match bias.len() {
            0 => Layer::MaxPooling,
            _ => Layer::Convolution { kernel, bias },
        })
        .collect();
    let start = Instant::now();
    let chain = Chain::new(ChainConfig { isa, ..ChainConfig::default() }, [SIZE, SIZE, 3], &layers);
    let ready = start.elapsed().as_secs_f64();
    let maps = numbers(1, images * SIZE * SIZE * 3, 100.0);
    let mut output = vec![0.0; images * chain.output().iter().product::<usize>()];

    let peak = isa.multiply_adds_per_second();
    chain.run_into(&maps, &mut output);
    let mut seconds = vec![vec![]; layers.len()];
    let mut totals = vec![];
    for _ in 0..rounds {
        let start = Instant::now();
        for (seconds, taken) in seconds.iter_mut().zip(chain.run_timed(&maps, &mut output)) {
            seconds.push(taken);
        }
        totals.push(start.elapsed().as_secs_f64());
    }
    let total = median(&mut totals);

    println!("layer                    ms per image   of the time   of the peak");
    let (mut size, mut inputs, mut all) = (SIZE, 3, 0);
    for (&outputs, seconds) in VGG16.iter().zip(&mut seconds) {
        if outputs == 0 {
            size /= 2;
            continue;
        }
        // The first layer is convolved directly. The others need 36 products per tile and pair of
        // channels.
        let products =
            if inputs == 3 { 9 * size * size } else { 36 * size.div_ceil(4) * size.div_ceil(4) };
        let products = products * inputs * outputs;
        let taken = median(seconds);
        let share = taken / total * 100.0;
        let of_peak = (images * products) as f64 / peak / taken * 100.0;
        let taken = taken * 1e3 / images as f64;
        let name = format!("{inputs} -> {outputs} at {size}x{size}");
        println!("{name:22} {taken:14.3} {share:11.1} % {of_peak:11.0} %");
        all += products;
        inputs = outputs;
    }
    let (rate, most) = (images as f64 / total, peak / all as f64);
    println!(
        "{isa:?}, {} threads, {images} images, {rounds} rounds:",
        rayon::current_num_threads()
    );
    println!("{rate:.1} images per second (best round {:.1})", images as f64 / totals[0]);
    println!("{most:.1} at the peak of {:.0} billion multiply-adds per second", peak / 1e9);
    println!(
        "{:.0} MB of kernels, prepared in {ready:.1} s, and up to {:.0} MB of scratch",
        chain.kernel_bytes() as f64 / 1e6,
        chain.scratch_bytes() as f64 / 1e6
    );
}

/// Returns the kernel and bias of each layer, which are empty for a pooling.
fn weights() -> Vec<(Vec<f32>, Vec<f32>)> {
    let mut inputs = 3;
    let mut weights = vec![];
    for (seed, outputs) in (2..).zip(VGG16) {
        let scale = (6.0 / (9 * inputs) as f32).sqrt();
        weights.push((numbers(seed, 9 * inputs * outputs, scale), vec![0.1; outputs]));
        inputs = if outputs > 0 { outputs } else { inputs };
    }
    weights
}

/// Returns `count` numbers in -scale..scale from a linear congruential generator.
fn numbers(seed: u32, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// Sorts the values and returns the median.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
