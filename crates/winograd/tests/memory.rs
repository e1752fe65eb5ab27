//! Compares the memory that a run allocates with the number that the chain states. This program has
//! no other tests, because the count includes all threads.

use peak_alloc::PeakAlloc;
use winograd::{Chain, ChainConfig, Isa, Layer};

#[global_allocator]
static ALLOCATIONS: PeakAlloc = PeakAlloc;

/// Allowance in bytes for the lists that divide a layer's maps among workers.
const LISTS: usize = 1 << 16;

#[test]
fn run_uses_the_stated_scratch_for_any_number_of_images() {
    let (kernel_1, kernel_2) = (vec![0.1; 27 * 64], vec![0.01; 9 * 64 * 96]);
    // `kernel_4` takes more than 16 MB when transformed, which selects the other size of chunks.
    let (kernel_3, kernel_4) = (vec![0.01; 9 * 96 * 384], vec![0.01; 9 * 384 * 416]);
    let bias = vec![0.1; 416];
    let layers = [
        Layer::Convolution { kernel: &kernel_1, bias: &bias[..64] },
        Layer::Convolution { kernel: &kernel_2, bias: &bias[..96] },
        Layer::MaxPooling,
        Layer::Convolution { kernel: &kernel_3, bias: &bias[..384] },
        Layer::MaxPooling,
        Layer::Convolution { kernel: &kernel_4, bias: &bias },
    ];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads");
    pool.install(|| {
        for isa in Isa::available() {
            let settings = ChainConfig { isa, images_at_once: 4 };
            let chain = Chain::new(settings, [90, 84, 3], &layers);
            let maps = vec![0.5; 10 * 90 * 84 * 3];
            let mut output = vec![0.0; 10 * chain.output().iter().product::<usize>()];
            let stated = chain.scratch_bytes();

            let before = ALLOCATIONS.current_usage();
            ALLOCATIONS.reset_peak_usage();
            chain.run_into(&maps, &mut output);
            let taken = ALLOCATIONS.peak_usage() - before;
            assert!(taken <= stated + LISTS, "{isa:?}: {taken} bytes, stated {stated}");
            // One of the two arenas may not have been used for the largest piece of work.
            assert!(taken >= stated / 2, "{isa:?}: {taken} bytes, stated {stated}");

            ALLOCATIONS.reset_peak_usage();
            let before = ALLOCATIONS.current_usage();
            for _ in 0..3 {
                chain.run_into(&maps, &mut output);
            }
            let kept = ALLOCATIONS.current_usage().saturating_sub(before);
            assert!(taken + kept <= stated + LISTS, "{isa:?}: {kept} bytes more");
        }
    });
}
