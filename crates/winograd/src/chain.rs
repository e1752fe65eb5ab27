//! Chain of convolutions and poolings that computes features of images.

use std::time::Instant;

use crate::convolution::Convolution;
use crate::direct::Direct;
use crate::error::ChainError;
use crate::isa::{DetectedIsa, Isa};
use crate::layer::Layer;
use crate::map::{Extents, from_blocks, pool, to_blocks};
use crate::scratch::{ScratchPool, take};

/// Settings of a chain. Only `isa` can change the bits of the output.
#[derive(Clone, Copy, Debug)]
pub struct ChainConfig {
    /// Instruction set. The default is the fastest one of this machine.
    pub isa: Isa,
    /// Number of images processed at once, 32 by default. With more images, the large kernels of
    /// late layers are read from memory less often, but the maps between layers take more memory.
    pub images_at_once: usize,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self { isa: Isa::default(), images_at_once: 32 }
    }
}

/// Layers prepared for maps of one size.
///
/// Several threads may use a chain at once: it is `Send` and `Sync`. Each run then has separate memory.
///
/// # Transforms
///
/// A convolution uses Winograd's minimal filtering F(4x4, 3x3). For a tile *d* of 6x6 inputs and a
/// 3x3 kernel *g*, the 4x4 outputs are
///
/// ```text
/// Y = A^T [ sum over channels of (G g G^T) x (B^T d B) ] A        x: element by element
/// ```
///
/// With r = sqrt(2), the matrices for the points 0, 1/r, -1/r, r, -r and infinity are
///
/// ```text
///       | 1   0  -5/2   0   1  0 |        |  1     0    0  |
///       | 0  -r   -2   1/r  1  0 |        | -2/3 -r/3 -1/3 |         | 1   1    1   1    1  0 |
/// B^T = | 0   r   -2  -1/r  1  0 |    G = | -2/3  r/3 -1/3 |   A^T = | 0  1/r -1/r  r   -r  0 |
///       | 0 -1/r -1/2   r   1  0 |        |  1/6  r/6  1/3 |         | 0  1/2  1/2  2    2  0 |
///       | 0  1/r -1/2  -r   1  0 |        |  1/6 -r/6  1/3 |         | 0  r/4 -r/4 2r  -2r  1 |
///       | 0   1    0  -5/2  0  1 |        |  0     0    1  |
/// ```
///
/// A first layer of at most 4 channels is convolved directly.
///
/// # Error
///
/// The error relative to a direct convolution in 64-bit floats is below 1e-5 in the L2 norm. This
/// is tested, not proven: for single layers of up to 40 input channels and for chains, with random
/// kernels and maps.
///
/// # Examples
///
/// ```
/// use winograd::{Chain, ChainConfig, Layer};
///
/// let layers = [Layer::Convolution { kernel: &[1.0; 9], bias: &[0.0] }, Layer::MaxPooling];
/// let chain = Chain::new(ChainConfig::default(), [4, 4, 1], &layers);
/// // Sums of the 3x3 neighbors are 4 in a corner, 6 at an edge and 9 inside.
/// assert_eq!(chain.run(&[1.0; 16]), [9.0; 4]);
/// ```
#[doc(alias = "conv2d")]
#[doc(alias = "convolution")]
#[doc(alias = "fast convolution")]
#[doc(alias = "minimal filtering")]
#[doc(alias = "Toom-Cook")]
#[derive(Debug)]
pub struct Chain {
    isa: DetectedIsa,
    images_at_once: usize,
    layers: usize,
    /// Indices of the stages whose maps [`Self::run_taps`] returns.
    taps: Vec<usize>,
    /// Stages in order. The first one takes maps (N, height, width, channels), the others take
    /// blocks.
    stages: Vec<Stage>,
    /// Number of stages at the front that process a few images at a time.
    front: usize,
    spare: ScratchPool<Buffers>,
    arenas: ScratchPool<Vec<f32>>,
}

#[derive(Debug)]
struct Stage {
    /// Index of the layer that the time of this stage counts for.
    layer: usize,
    /// Number of the chain's layers up to the end of this stage.
    end: usize,
    input: Extents,
    output: Extents,
    step: Step,
}

#[derive(Debug)]
enum Step {
    ToBlocks,
    Direct(Direct),
    Convolution(Convolution),
    Pooling,
}

/// Output of a run.
struct Pass<'a> {
    taps: Vec<Tapped<'a>>,
    /// Time of each layer in seconds.
    seconds: Vec<f64>,
}

/// Memory for the maps (N, height, width, channels) after one stage.
struct Tapped<'a> {
    stage: usize,
    maps: &'a mut [f32],
}

/// Maps between stages. Each stage reads one buffer of a pair and writes the other.
#[derive(Debug, Default)]
struct Buffers {
    front: [Vec<f32>; 2],
    back: [Vec<f32>; 2],
}

/// Maximum number of input channels for which a first layer is convolved directly.
const FEW_CHANNELS: usize = 4;

/// Size in bytes up to which the maps of an image count as small. While maps are larger, a few
/// images are processed at a time, so that their maps stay in the processor's cache. The kernels of
/// later layers are large. There, many images are processed at a time, so that each kernel is read
/// from memory once.
const LARGE_MAP: usize = 3 << 19;

impl Chain {
    /// Prepares `layers` for maps of (height, width, channels).
    ///
    /// # Panics
    ///
    /// Panics if a kernel does not match its input and bias, if an extent or `images_at_once` is
    /// zero, or if the machine does not support the path.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let (kernel, bias) = (vec![0.1; 3 * 3 * 8 * 16], vec![0.0; 16]); // 8 to 16 channels
    /// let layers = [Layer::Convolution { kernel: &kernel, bias: &bias }, Layer::MaxPooling];
    /// let config = ChainConfig { images_at_once: 8, ..ChainConfig::default() };
    /// let chain = Chain::new(config, [10, 12, 8], &layers);
    /// assert_eq!(chain.output(), [5, 6, 16]);
    /// ```
    pub fn new(settings: ChainConfig, shape: [usize; 3], layers: &[Layer]) -> Self {
        Self::with_taps(settings, shape, layers, &[])
    }

    /// Prepares `layers` for maps of (height, width, channels). [`Self::run_taps`] then returns the
    /// maps after the layers with the indices `taps`. Each map has the same bits as the output of a
    /// chain that ends there.
    ///
    /// # Panics
    ///
    /// Panics in the cases of [`Self::new`], or if an index in `taps` is out of range.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let layers = [Layer::Convolution { kernel: &[1.0; 9], bias: &[0.0] }, Layer::MaxPooling];
    /// let chain = Chain::with_taps(ChainConfig::default(), [2, 2, 1], &layers, &[0, 1]);
    /// let maps = chain.run_taps(&[1.0, 2.0, 3.0, 4.0]);
    /// assert_eq!(maps, [vec![10.0; 4], vec![10.0]]);
    /// ```
    pub fn with_taps(
        settings: ChainConfig,
        shape: [usize; 3],
        layers: &[Layer],
        taps: &[usize],
    ) -> Self {
        Self::try_new(settings, shape, layers, taps).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Prepares `layers` like [`Self::with_taps`], for sizes and kernels that are not known to match.
    ///
    /// # Errors
    ///
    /// Returns an error in these cases:
    ///
    /// - A kernel does not match its input and bias, or a bias is empty.
    /// - An extent or `images_at_once` is zero, or the maps do not fit into the address space.
    /// - An index in `taps` is out of range.
    /// - The machine does not support the instruction set.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, ChainError, Layer};
    ///
    /// let layers = [Layer::LinearConvolution { kernel: &[1.0; 9], bias: &[0.0; 2] }];
    /// let error = Chain::try_new(ChainConfig::default(), [4, 4, 1], &layers, &[]);
    /// let expected = ChainError::Kernel { layer: 0, found: 9, expected: 18 };
    /// assert_eq!(error.err(), Some(expected));
    /// ```
    pub fn try_new(
        settings: ChainConfig,
        shape: [usize; 3],
        layers: &[Layer],
        taps: &[usize],
    ) -> Result<Self, ChainError> {
        let ChainConfig { isa, images_at_once } = settings;
        let isa = isa.detected().ok_or(ChainError::Isa(isa))?;
        if images_at_once == 0 {
            return Err(ChainError::NoImages);
        }
        if shape.contains(&0) {
            return Err(ChainError::Empty(shape));
        }
        if let Some(&tap) = taps.iter().find(|&&tap| tap >= layers.len()) {
            return Err(ChainError::Tap { tap, layers: layers.len() });
        }
        let [height, width, channels] = shape;
        let mut input = Extents { height, width, channels };
        let check_size = |layer, extents: Extents| match extents.fits(isa.width(), images_at_once) {
            true => Ok(()),
            false => Err(ChainError::TooLarge { layer }),
        };
        check_size(0, input)?;
        let mut stages: Vec<Stage> = vec![];
        let mut rest = layers.iter().enumerate().peekable();
        let first_is_direct = channels <= FEW_CHANNELS
            && layers.first().is_some_and(|layer| layer.convolution().is_some());
        if !first_is_direct {
            stages.push(Stage { layer: 0, end: 0, input, output: input, step: Step::ToBlocks });
        }
        while let Some((layer, description)) = rest.next() {
            let mut end = layer + 1;
            let (step, output) = match description.convolution() {
                Some(filter) => {
                    let (found, outputs) = (filter.kernel.len(), filter.bias.len());
                    if outputs == 0 {
                        return Err(ChainError::NoOutputs { layer });
                    }
                    let expected = input.channels.saturating_mul(outputs).saturating_mul(9);
                    if found != expected {
                        return Err(ChainError::Kernel { layer, found, expected });
                    }
                    check_size(layer, Extents { channels: outputs, ..input })?;
                    if stages.is_empty() {
                        let layer = Direct::new(isa, input, filter);
                        let output = layer.output();
                        (Step::Direct(layer), output)
                    } else {
                        let is_pooled = matches!(rest.peek(), Some((_, Layer::MaxPooling)));
                        let pools = is_pooled && !taps.contains(&layer);
                        if pools {
                            rest.next();
                            end += 1;
                        }
                        let layer = Convolution::new(isa, input, pools, filter);
                        let output = layer.output();
                        (Step::Convolution(layer), output)
                    }
                }
                None => (Step::Pooling, input.pooled()),
            };
            stages.push(Stage { layer, end, input, output, step });
            input = output;
        }
        let front = stages
            .iter()
            .position(|stage| stage.output.image(isa.width()) * size_of::<f32>() <= LARGE_MAP);
        let front = front.map_or(stages.len(), |at| at + 1);
        let stage_after = |&tap: &usize| {
            let stage = stages.iter().position(|stage| stage.end == tap + 1);
            stage.expect("a tap ends a stage")
        };
        let taps = taps.iter().map(stage_after).collect();
        let (layers, spare, arenas) =
            (layers.len(), ScratchPool::default(), ScratchPool::default());
        Ok(Self { isa, images_at_once, layers, taps, stages, front, spare, arenas })
    }

    /// Returns the shape of the features of one map: (height, width, channels).
    pub fn output(&self) -> [usize; 3] {
        let Extents { height, width, channels } = self.features();
        [height, width, channels]
    }

    /// Computes the features (N, height, width, channels) of maps (N, height, width, channels).
    ///
    /// # Panics
    ///
    /// Panics if `maps` does not hold a whole number of maps of this chain's size.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let layers = [Layer::Convolution { kernel: &[1.0; 9], bias: &[-6.0] }];
    /// let chain = Chain::new(ChainConfig::default(), [3, 3, 1], &layers);
    /// let features = chain.run(&[1.0; 2 * 9]); // two maps
    /// // 9 - 6 in the middle. 6 - 6 at the edges and 4 - 6 in the corners become 0.
    /// assert_eq!(features[..9], [0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0]);
    /// assert_eq!(features[..9], features[9..]);
    /// ```
    #[doc(alias = "forward")]
    #[doc(alias = "predict")]
    pub fn run(&self, maps: &[f32]) -> Vec<f32> {
        let images = maps.len() / self.stages[0].input.values();
        let mut output = vec![0.0; images * self.features().values()];
        self.run_into(maps, &mut output);
        output
    }

    /// Computes the features of maps like [`Self::run`], and writes them into `output`.
    ///
    /// # Panics
    ///
    /// Panics if `maps` does not hold a whole number of maps of this chain's size, or if the length
    /// of `output` is not that of their features.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let chain = Chain::new(ChainConfig::default(), [2, 2, 1], &[Layer::MaxPooling]);
    /// let mut features = [0.0; 2];
    /// chain.run_into(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], &mut features);
    /// assert_eq!(features, [4.0, 8.0]);
    /// ```
    pub fn run_into(&self, maps: &[f32], output: &mut [f32]) {
        self.run_timed(maps, output);
    }

    /// Computes the features of maps like [`Self::run_into`]. Returns the time of each layer in
    /// seconds. A pooling that is fused with the convolution before it takes no time.
    ///
    /// # Panics
    ///
    /// Panics in the cases of [`Self::run_into`].
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let layers = [Layer::Convolution { kernel: &[1.0; 9], bias: &[0.0] }, Layer::MaxPooling];
    /// let chain = Chain::new(ChainConfig::default(), [4, 4, 1], &layers);
    /// let seconds = chain.run_timed(&[1.0; 16], &mut [0.0; 4]);
    /// assert_eq!(seconds.len(), layers.len());
    /// ```
    pub fn run_timed(&self, maps: &[f32], output: &mut [f32]) -> Vec<f64> {
        let images = maps.len() / self.stages[0].input.values();
        let features = images * self.features().values();
        assert_eq!(output.len(), features, "values of the features of {images} maps");
        self.run_stages(maps, vec![Tapped { stage: self.stages.len() - 1, maps: output }])
    }

    /// Computes the maps (N, height, width, channels) after each tapped layer in one pass. Returns
    /// them in the order of `taps` in [`Self::with_taps`].
    ///
    /// # Panics
    ///
    /// Panics if `maps` does not hold a whole number of maps of this chain's size.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let layers = [Layer::MaxPooling, Layer::MaxPooling];
    /// let chain = Chain::with_taps(ChainConfig::default(), [4, 4, 1], &layers, &[0]);
    /// let map: Vec<f32> = (1..=16).map(|value| value as f32).collect();
    /// assert_eq!(chain.run_taps(&map), [[6.0, 8.0, 14.0, 16.0]]);
    /// ```
    #[doc(alias = "activations")]
    #[doc(alias = "feature extractor")]
    #[doc(alias = "intermediate layers")]
    pub fn run_taps(&self, maps: &[f32]) -> Vec<Vec<f32>> {
        let images = maps.len() / self.stages[0].input.values();
        let mut tapped: Vec<Vec<f32>> = self
            .taps
            .iter()
            .map(|&stage| vec![0.0; images * self.stages[stage].output.values()])
            .collect();
        let taps = self.taps.iter().zip(&mut tapped);
        self.run_stages(maps, taps.map(|(&stage, maps)| Tapped { stage, maps }).collect());
        tapped
    }

    /// Runs all stages and writes the maps of the tapped ones. Returns the time of each layer in
    /// seconds.
    fn run_stages(&self, maps: &[f32], mut taps: Vec<Tapped<'_>>) -> Vec<f64> {
        let map = self.stages[0].input.values();
        let images = maps.len() / map;
        assert_eq!(maps.len(), images * map, "values of {images} maps");
        // Poolings may reduce a map to nothing.
        taps.retain(|tap| !tap.maps.is_empty());
        let mut pass = Pass { taps, seconds: vec![0.0; self.layers.max(1)] };
        if !pass.taps.is_empty() {
            let many = self.images_at_once.min(images);
            self.spare.lend(|buffers| {
                for (number, maps) in maps.chunks(many * map).enumerate() {
                    self.run_at_once(buffers, maps, number * many, &mut pass);
                }
            });
        }
        pass.seconds.truncate(self.layers);
        pass.seconds
    }

    /// Returns the maximum scratch memory of a run on the current thread pool, in bytes: the maps
    /// between layers, and an arena for each thread. The chain retains this memory for the next
    /// run.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let chain = |images_at_once| {
    ///     let config = ChainConfig { images_at_once, ..ChainConfig::default() };
    ///     Chain::new(config, [64, 64, 8], &[Layer::MaxPooling])
    /// };
    /// assert!(chain(1).scratch_bytes() < chain(32).scratch_bytes());
    /// ```
    pub fn scratch_bytes(&self) -> usize {
        let images = self.images_at_once;
        let maps: usize = self.lengths(images).as_flattened().iter().sum();
        let arena = self.stages.iter().map(|stage| match &stage.step {
            Step::Direct(layer) => layer.scratch(),
            Step::Convolution(layer) => layer.scratch(images),
            Step::ToBlocks | Step::Pooling => 0,
        });
        let arenas = rayon::current_num_threads() * arena.max().unwrap_or(0);
        (maps + arenas) * size_of::<f32>()
    }

    /// Returns the size of the transformed kernels in bytes. It is four times the size of the 3x3
    /// kernels, and slightly more if channels do not fill a block.
    ///
    /// # Examples
    ///
    /// ```
    /// use winograd::{Chain, ChainConfig, Layer};
    ///
    /// let (kernel, bias) = (vec![0.0; 3 * 3 * 32 * 32], vec![0.0; 32]);
    /// let layers = [Layer::Convolution { kernel: &kernel, bias: &bias }];
    /// let chain = Chain::new(ChainConfig::default(), [8, 8, 32], &layers);
    /// assert_eq!(chain.kernel_bytes(), 4 * size_of_val(kernel.as_slice())); // 6x6 instead of 3x3
    /// ```
    pub fn kernel_bytes(&self) -> usize {
        let values: usize = self
            .stages
            .iter()
            .map(|stage| match &stage.step {
                Step::Direct(layer) => layer.kernel_values(),
                Step::Convolution(layer) => layer.kernel_values(),
                Step::ToBlocks | Step::Pooling => 0,
            })
            .sum();
        values * size_of::<f32>()
    }

    fn features(&self) -> Extents {
        self.stages[self.stages.len() - 1].output
    }

    /// Returns the number of images that the front stages process at a time: one for each thread,
    /// at most `images`.
    fn few(images: usize) -> usize {
        rayon::current_num_threads().min(images)
    }

    /// Returns the numbers of values, `[front, back]`, that [`Buffers`] hold for `images` images
    /// at once.
    fn lengths(&self, images: usize) -> [[usize; 2]; 2] {
        let mut lengths = [[0; 2]; 2];
        for (at, stage) in self.stages.iter().enumerate() {
            let image = stage.output.image(self.isa.width());
            let (length, values) = if at + 1 < self.front {
                (&mut lengths[0][at % 2], Self::few(images) * image)
            } else {
                (&mut lengths[1][(at + 1 - self.front) % 2], images * image)
            };
            *length = values.max(*length);
        }
        lengths
    }

    /// Runs all stages on maps that are processed at once. `first` is the index of the first image.
    fn run_at_once(&self, buffers: &mut Buffers, maps: &[f32], first: usize, pass: &mut Pass<'_>) {
        let block = self.isa.width();
        let map = self.stages[0].input.values();
        let images = maps.len() / map;
        let [front, back] = self.lengths(images);
        let [even, odd] = &mut buffers.front;
        let [even, odd] = [take(even, front[0]), take(odd, front[1])];
        let [middle, last] = &mut buffers.back;
        let [middle, last] = [take(middle, back[0]), take(last, back[1])];
        let (front, back) = self.stages.split_at(self.front);

        let few = Self::few(images);
        let image = front[front.len() - 1].output.image(block);
        let middles = middle[..images * image].chunks_mut(few * image);
        for (number, (maps, middle)) in maps.chunks(few * map).zip(middles).enumerate() {
            let images = maps.len() / map;
            let (mut from, mut to) = (&mut *odd, &mut *even);
            for (at, stage) in front.iter().enumerate() {
                let input = match at {
                    0 => maps,
                    _ => &from[..images * stage.input.image(block)],
                };
                let output = match front.len() - at {
                    1 => &mut *middle,
                    _ => &mut to[..images * stage.output.image(block)],
                };
                self.run_stage(at, input, output, first + number * few, pass);
                (from, to) = (to, from);
            }
        }
        let (mut from, mut to) = (middle, last);
        for (at, stage) in back.iter().enumerate() {
            let input = &from[..images * stage.input.image(block)];
            let output = &mut to[..images * stage.output.image(block)];
            self.run_stage(front.len() + at, input, output, first, pass);
            (from, to) = (to, from);
        }
    }

    /// Runs the stage with the index `at`, and copies its maps to its taps.
    fn run_stage(
        &self,
        at: usize,
        input: &[f32],
        output: &mut [f32],
        first: usize,
        pass: &mut Pass<'_>,
    ) {
        let block = self.isa.width();
        let stage = &self.stages[at];
        let start = Instant::now();
        match &stage.step {
            Step::ToBlocks => to_blocks(input, stage.input, block, output),
            Step::Direct(layer) => layer.run(&self.arenas, input, output),
            Step::Convolution(layer) => layer.run(&self.arenas, input, output),
            Step::Pooling => pool(input, stage.input, block, output),
        }
        for tap in pass.taps.iter_mut().filter(|tap| tap.stage == at) {
            let (map, values) = (stage.output.image(block), stage.output.values());
            let maps = &mut tap.maps[first * values..][..output.len() / map * values];
            from_blocks(output, stage.output, block, maps);
        }
        pass.seconds[stage.layer] += start.elapsed().as_secs_f64();
    }
}
