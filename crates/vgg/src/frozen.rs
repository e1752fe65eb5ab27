//! The frozen base: pictures in, features out, and nothing learns.

use burn::tensor::{Device, Tensor, TensorData};
use winograd::{Chain, Settings};

use crate::engine::engine_name;
use crate::{FrozenEngine, LayerKind, Pooling, Preprocessing, Vgg, VggConfig, VggError, Weights};

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
}

/// How a frozen base is made, on the engine of the caller's choice; [`FrozenBase::new`] is one.
pub type MakeBase<'a> = dyn Fn(&VggConfig, &Weights) -> Result<FrozenBase, VggError> + 'a;

/// What the layers run on.
#[derive(Debug)]
enum Engine {
    /// The CPU, and what becomes of the last map.
    Winograd(Box<Chain>, Pooling),
    Burn(Box<Vgg>, Device),
    Other(Box<dyn FrozenEngine>),
}

impl FrozenBase {
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
        let [height, width] = config.size;
        let (frozen, _) = config.cut()?;
        let mut pooling = Pooling::None;
        let mut layers = vec![];
        for layer in &frozen {
            match layer.kind {
                LayerKind::Convolution { .. } => {
                    let [kernel, bias] = ["kernel", "bias"]
                        .map(|part| &*weights.arrays()[&format!("{}/{part}", layer.name)].data);
                    layers.push(winograd::Layer::Convolution { kernel, bias });
                }
                LayerKind::MaxPooling => layers.push(winograd::Layer::MaxPooling),
                LayerKind::GlobalPooling(kind) => pooling = kind,
                LayerKind::Flatten | LayerKind::Dense { .. } => {}
            }
        }
        let chain = Chain::new(Settings::default(), [height, width, 3], &layers);
        let name = engine_name("winograd f32");
        Self::on(Engine::Winograd(Box::new(chain), pooling), name, config, weights)
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
        })
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
