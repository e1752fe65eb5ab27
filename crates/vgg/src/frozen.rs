//! The frozen base: pictures in, features out, and nothing learns.

use burn::tensor::{Device, Tensor, TensorData};

use crate::cpu::{CpuEngine, REVISION};
use crate::engine::engine_name;
use crate::{FeatureOutput, FrozenEngine, Preprocessing, Vgg, VggConfig, VggError, Weights};

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
    Winograd(CpuEngine),
    Burn(Box<Vgg>, Device),
    Other(Box<dyn FrozenEngine>),
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
        Self::with_outputs(config, weights, &[])
    }

    /// The same with further outputs: [`Self::outputs`] returns features after several layers, and with several
    /// poolings, from one pass. Those after poolings cost 2 to 3 % of the time. One after a convolution that a pooling
    /// follows costs a pass over its map more, as the two are no longer computed together.
    ///
    /// # Errors
    ///
    /// Those of [`Self::new`]; or an output is after none of the frozen layers.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    pub fn with_outputs(
        config: &VggConfig,
        weights: &Weights,
        outputs: &[FeatureOutput],
    ) -> Result<Self, VggError> {
        let engine = Engine::Winograd(CpuEngine::new(config, weights, outputs)?);
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
        if let Engine::Winograd(engine) = &self.engine {
            engine.make_ready();
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
            Engine::Winograd(engine) => Ok(engine.features(pictures)),
            Engine::Burn(network, device) => {
                let batches = pictures.chunks(BATCH * picture);
                Ok(batches.flat_map(|batch| on_burn(network, device, batch, self.size)).collect())
            }
            Engine::Other(engine) => engine.features(pictures),
        }
    }

    /// Returns the features of preprocessed images at each output of [`Self::with_outputs`], in their order, from one
    /// pass. Each has the bits of a base that ends there. A base that was made otherwise has no further outputs.
    ///
    /// # Shapes
    ///
    /// - images: (N, height, width, 3)
    /// - each output: (N, height, width, channels), or (N, channels) if it is pooled
    ///
    /// # Panics
    ///
    /// Panics if `images` is not a whole number of images of the configuration's size.
    pub fn outputs(&self, images: &[f32]) -> Vec<Vec<f32>> {
        match &self.engine {
            Engine::Winograd(engine) => engine.outputs(images),
            Engine::Burn(..) | Engine::Other(_) => vec![],
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

fn on_burn(network: &Vgg, device: &Device, pictures: &[f32], size: [usize; 2]) -> Vec<f32> {
    let [height, width] = size;
    let count = pictures.len() / (height * width * 3);
    let data = TensorData::new(pictures.to_vec(), [count, height, width, 3]);
    let input = Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2]);
    let output = network.forward(input).permute([0, 2, 3, 1]).into_data();
    output.as_slice::<f32>().expect("32-bit floats").to_vec()
}
