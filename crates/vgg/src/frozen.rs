//! The frozen base: pictures in, features out, and nothing learns.

use std::fmt;
use std::sync::LazyLock;

use burn::tensor::{Device, Tensor, TensorData};
use winograd::{Chain, Settings};

use crate::engine::engine_name;
use crate::{
    FrozenEngine, Layer, LayerKind, Pooling, Preprocessing, Vgg, VggConfig, VggError, Weights,
};

/// Revision of what surrounds the convolutions: preprocessing and pooling. It is to be raised when either gives other
/// values. A test ties it to their output.
const REVISION: u32 = 1;

/// How many pictures go through the network at once on a Burn device. The feature maps of one picture
/// take tens of megabytes.
const BATCH: usize = 8;

/// A network up to the cut, whose weights never change, without gradients or an autodiff graph.
#[derive(Debug)]
pub struct FrozenBase {
    engine: Engine,
    engine_name: String,
    size: [usize; 2],
    feature_shape: Vec<usize>,
    preprocessing: Preprocessing,
    identity: Identity,
}

/// Everything that features follow from but the preprocessed images and the engine.
#[derive(Debug)]
struct Identity {
    weights: String,
    layers: Vec<String>,
}

/// How a frozen base is made, on the engine of the caller's choice; [`FrozenBase::new`] is one.
pub type MakeBase<'a> = dyn Fn(&VggConfig, &Weights) -> Result<FrozenBase, VggError> + 'a;

/// What the layers run on.
#[derive(Debug)]
enum Engine {
    /// The CPU, and what becomes of the last map.
    Winograd(LazyChain, Pooling),
    Burn(Box<Vgg>, Device),
    Other(Box<dyn FrozenEngine>),
}

/// A chain that is made when it first computes: its kernels take a third of a second and 235 MB, which a run whose
/// features are all cached does not need.
struct LazyChain(LazyLock<Chain, Box<dyn FnOnce() -> Chain + Send>>);

impl fmt::Debug for LazyChain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LazyChain")
    }
}

impl LazyChain {
    /// A chain of these layers, for images of (height, width).
    fn new(layers: Vec<Layer>, weights: &Weights, [height, width]: [usize; 2]) -> Self {
        let weights = weights.clone();
        let make = move || {
            let arrays = |layer: &Layer| {
                ["kernel", "bias"]
                    .map(|part| &*weights.arrays()[&format!("{}/{part}", layer.name)].data)
            };
            let layers = layers.iter().filter_map(|layer| match layer.kind {
                LayerKind::Convolution { .. } => {
                    let [kernel, bias] = arrays(layer);
                    Some(winograd::Layer::Convolution { kernel, bias })
                }
                LayerKind::MaxPooling => Some(winograd::Layer::MaxPooling),
                _ => None,
            });
            Chain::new(Settings::default(), [height, width, 3], &layers.collect::<Vec<_>>())
        };
        Self(LazyLock::new(Box::new(make)))
    }
}

impl FrozenBase {
    /// Revisions of the algorithms that give features: of what surrounds the convolutions, and of the convolutions.
    pub const REVISIONS: [u32; 2] = [REVISION, winograd::REVISION];

    /// The layers of `config` up to the cut, with these weights, on the CPU: a picture's features have
    /// the same bits in any batch and on any number of threads.
    ///
    /// # Errors
    ///
    /// `config` describes no network, or one with the classifier on top.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    pub fn new(config: &VggConfig, weights: &Weights) -> Result<Self, VggError> {
        let (frozen, _) = config.cut()?;
        let arrays = frozen.iter().flat_map(Layer::arrays);
        for (name, shape) in arrays {
            let found = weights.arrays().get(&name).map(|array| &array.shape);
            assert_eq!(found, Some(&shape), "the weights are of this configuration: `{name}`");
        }
        let pooling = frozen.iter().find_map(|layer| match layer.kind {
            LayerKind::GlobalPooling(pooling) => Some(pooling),
            _ => None,
        });
        let chain = LazyChain::new(frozen, weights, config.size);
        let engine = Engine::Winograd(chain, pooling.unwrap_or_default());
        Self::on(engine, engine_name("winograd f32"), config, weights)
    }

    /// The same as a Burn module on this device.
    ///
    /// # Errors
    ///
    /// Those of [`Self::new`].
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    pub fn on_device(
        config: &VggConfig,
        weights: &Weights,
        device: &Device,
    ) -> Result<Self, VggError> {
        let device = device.clone().inner();
        let (frozen, _) = config.cut()?;
        let network = Vgg::new(frozen, weights.arrays(), &device);
        Self::on(Engine::Burn(Box::new(network), device), "burn f32".into(), config, weights)
    }

    /// The same by another engine, which has the layers and weights of `config` up to the cut.
    ///
    /// # Errors
    ///
    /// Those of [`Self::new`].
    pub fn with_engine(
        config: &VggConfig,
        weights: &Weights,
        engine: Box<dyn FrozenEngine>,
    ) -> Result<Self, VggError> {
        let name = engine.name().to_owned();
        Self::on(Engine::Other(engine), name, config, weights)
    }

    fn on(
        engine: Engine,
        engine_name: String,
        config: &VggConfig,
        weights: &Weights,
    ) -> Result<Self, VggError> {
        if config.include_top {
            return Err(VggError::FrozenTop);
        }
        Ok(Self {
            engine,
            engine_name,
            size: config.size,
            feature_shape: config.feature_shape()?,
            preprocessing: weights.preprocessing(),
            identity: Identity {
                weights: weights.digest().to_owned(),
                layers: config.cut()?.0.into_iter().map(|layer| layer.name).collect(),
            },
        })
    }

    /// Makes the engine ready now, which else happens when it first computes.
    pub fn make_ready(&self) {
        if let Engine::Winograd(chain, _) = &self.engine {
            LazyLock::force(&chain.0);
        }
    }

    /// Everything but the pixels that features follow from, as parts of a cache key: digest of the weights,
    /// preprocessing, layers, size of the images, engine and instruction set, and the revisions of the algorithms. None
    /// for an engine that does not promise the same bits for the same image: a GPU, or libtorch.
    pub fn cache_key(&self) -> Option<String> {
        let Engine::Winograd(..) = self.engine else { return None };
        let Identity { weights, layers } = &self.identity;
        Some(format!(
            "weights {weights}, {}, layers {layers:?}, size {:?}, engine {}, revisions {:?}",
            self.preprocessing.name(),
            self.size,
            self.engine_name,
            Self::REVISIONS
        ))
    }

    /// The (height, width) of the images.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// What must be done to a picture's values first.
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// The shape of one picture's features: (height, width, channels), or (channels) where the
    /// configuration pools.
    pub fn feature_shape(&self) -> &[usize] {
        &self.feature_shape
    }

    /// How many values one picture's features are.
    pub fn feature_count(&self) -> usize {
        self.feature_shape.iter().product()
    }

    /// What computes the features, and in what; on a CPU also with which instructions, as in
    /// `winograd f32 on avx512`. By another engine they may be others, in their last digits at least.
    pub fn engine(&self) -> &str {
        &self.engine_name
    }

    /// How many pictures the engine best gets at a time, where it makes a difference.
    pub fn batch(&self) -> Option<usize> {
        match &self.engine {
            Engine::Winograd(..) | Engine::Burn(..) => None,
            Engine::Other(engine) => Some(engine.batch()),
        }
    }

    /// The features of preprocessed pictures.
    ///
    /// # Shapes
    ///
    /// - pictures: (N, height, width, 3)
    /// - output: (N, [`Self::feature_shape`])
    ///
    /// # Errors
    ///
    /// The device has failed; the CPU does not.
    ///
    /// # Panics
    ///
    /// Panics if `pictures` is not a whole number of pictures of the configuration's size.
    pub fn features(&self, pictures: &[f32]) -> Result<Vec<f32>, VggError> {
        let [height, width] = self.size;
        let picture = height * width * 3;
        assert_eq!(pictures.len() % picture, 0, "pictures are of {height} x {width} x 3 values");
        match &self.engine {
            Engine::Winograd(chain, pooling) => {
                let chain = &*chain.0;
                let [height, width, channels] = chain.output();
                Ok(pool(chain.run(pictures), [height * width, channels], *pooling))
            }
            Engine::Burn(network, device) => {
                let batches = pictures.chunks(BATCH * picture);
                Ok(batches.flat_map(|batch| on_burn(network, device, batch, self.size)).collect())
            }
            Engine::Other(engine) => engine.features(pictures),
        }
    }

    /// The features of pictures as they come from a file: RGB in 0..=255, preprocessed here.
    ///
    /// # Shapes
    ///
    /// - pictures: N times (height, width, 3)
    /// - output: (N, [`Self::feature_shape`])
    ///
    /// # Errors
    ///
    /// Those of [`Self::features`].
    ///
    /// # Panics
    ///
    /// Panics if a picture is not of the configuration's size.
    pub fn features_of_pictures(&self, pictures: &[&[u8]]) -> Result<Vec<f32>, VggError> {
        let pixels = pictures.iter().flat_map(|picture| {
            let (pixels, rest) = picture.as_chunks::<3>();
            assert!(rest.is_empty(), "pictures are (height, width, 3)");
            pixels
        });
        let input: Vec<f32> =
            pixels.flat_map(|&rgb| self.preprocessing.apply(rgb.map(f32::from))).collect();
        self.features(&input)
    }
}

/// The mean or maximum of each channel of maps of so many pixels, or the maps as they are.
fn pool(maps: Vec<f32>, [pixels, channels]: [usize; 2], pooling: Pooling) -> Vec<f32> {
    let each = |start: f32, add: fn(f32, f32) -> f32, finish: f32| {
        maps.chunks_exact(pixels * channels)
            .flat_map(|map| {
                let mut pooled = vec![start; channels];
                for pixel in map.chunks_exact(channels) {
                    pooled.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum = add(*sum, value));
                }
                pooled.into_iter().map(move |value| value * finish)
            })
            .collect()
    };
    match pooling {
        Pooling::None => maps,
        Pooling::Average => each(0.0, |sum, value| sum + value, 1.0 / pixels as f32),
        Pooling::Maximum => each(f32::NEG_INFINITY, f32::max, 1.0),
    }
}

fn on_burn(network: &Vgg, device: &Device, pictures: &[f32], size: [usize; 2]) -> Vec<f32> {
    let [height, width] = size;
    let count = pictures.len() / (height * width * 3);
    let data = TensorData::new(pictures.to_vec(), [count, height, width, 3]);
    let input = Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2]);
    let output = network.forward(input).permute([0, 2, 3, 1]).into_data();
    output.as_slice::<f32>().expect("32-bit floats").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// If this fails, preprocessing or pooling gives other values: raise [`REVISION`], then put the new digest here.
    /// Otherwise caches would serve features of the old ones.
    #[test]
    fn the_revision_is_raised_with_every_change_of_values() {
        let bytes: Vec<[f32; 3]> =
            (0..=255).map(|byte| [byte as f32, 255.0 - byte as f32, byte as f32 / 2.0]).collect();
        let mut values: Vec<f32> = [Preprocessing::Caffe, Preprocessing::Torchvision]
            .into_iter()
            .flat_map(|style| bytes.iter().flat_map(move |&rgb| style.apply(rgb)))
            .collect();
        let maps: Vec<f32> = (0..2 * 35 * 3).map(|at| (at * at % 97) as f32 * 0.1 - 3.0).collect();
        for pooling in [Pooling::None, Pooling::Average, Pooling::Maximum] {
            values.extend(pool(maps.clone(), [35, 3], pooling));
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let digest: String =
            Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((REVISION, &*digest), (1, "578a71e94194e613"));
    }
}
