//! The frozen base: computes features of images with weights that never change.

use crate::cpu::{CpuEngine, REVISION};
use crate::engine::engine_name;
use crate::{FeatureOutput, FrozenEngine, Preprocessing, VggConfig, VggError, Weights};

/// Network up to the last frozen layer. Its weights never change, and it needs no gradients and no
/// autodiff graph. Threads can share it: it is `Send` and `Sync`.
///
/// Images and feature maps are (N, height, width, channels) in row-major order, as in Keras. The
/// input is preprocessed: see [`Preprocessing`].
#[doc(alias = "backbone")]
#[doc(alias = "conv_base")]
#[doc(alias = "feature extractor")]
#[derive(Debug)]
pub struct FrozenBase {
    engine: Engine,
    engine_name: String,
    size: [usize; 2],
    feature_shape: Vec<usize>,
    preprocessing: Preprocessing,
    identity: Identity,
}

/// Everything that determines the features, apart from the preprocessed images and the engine.
#[derive(Debug)]
struct Identity {
    weights: String,
    layers: Vec<String>,
}

/// Function that creates a frozen base on an engine of the caller's choice, such as
/// [`FrozenBase::new`].
pub type MakeBase<'a> = dyn Fn(&VggConfig, &Weights) -> Result<FrozenBase, VggError> + 'a;

/// Engine that computes the layers.
#[derive(Debug)]
enum Engine {
    Winograd(CpuEngine),
    Other(Box<dyn FrozenEngine>),
}

impl FrozenBase {
    /// Revisions of the algorithms that compute features: preprocessing and pooling, then the
    /// convolutions.
    pub const REVISIONS: [u32; 2] = [REVISION, winograd::REVISION];

    /// Creates the layers of `config` up to the last frozen one, with these weights, on the CPU. An
    /// image's features have the same bits in any batch and on any number of threads.
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network, or has the classifier on
    /// top.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 48],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 1)?)?;
    /// assert_eq!(base.size(), [32, 48]);
    /// assert_eq!(base.layers(), ["block1_conv1", "block1_conv2", "block1_pool"]);
    /// assert_eq!(base.feature_shape(), [16, 24, 64]);
    /// assert_eq!(base.feature_count(), 16 * 24 * 64);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    pub fn new(config: &VggConfig, weights: &Weights) -> Result<Self, VggError> {
        Self::with_outputs(config, weights, &[])
    }

    /// Creates a base like [`Self::new`] with additional outputs. [`Self::outputs`] then returns
    /// features after several layers, and with several poolings, from one pass. Outputs after
    /// poolings cost 2 to 3 % of the time. An output between a convolution and its pooling costs
    /// one more pass over the map, because the two layers are then not fused.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::new`]. Also fails if an output names a layer that is not
    /// frozen.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{FeatureOutput, FrozenBase, Pooling, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block2_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let outputs = ["block1_pool", "block2_pool"]
    ///     .map(|layer| FeatureOutput { layer: layer.into(), pooling: Pooling::Average });
    /// let base = FrozenBase::with_outputs(&config, &Weights::seeded(&config, 1)?, &outputs)?;
    /// let found = base.outputs(&vec![0.5; 2 * 32 * 32 * 3]); // two images
    /// assert_eq!(found[0].len(), 2 * 64);
    /// assert_eq!(found[1].len(), 2 * 128);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "create_feature_extractor")]
    #[doc(alias = "features_only")]
    #[doc(alias = "intermediate layers")]
    pub fn with_outputs(
        config: &VggConfig,
        weights: &Weights,
        outputs: &[FeatureOutput],
    ) -> Result<Self, VggError> {
        let engine = Engine::Winograd(CpuEngine::new(config, weights, outputs)?);
        Self::on(engine, engine_name("winograd f32"), config, weights)
    }

    /// Creates the base on another engine, which has the layers and weights of `config` up to the
    /// last frozen layer.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::new`].
    ///
    /// # Examples
    ///
    /// See [`FrozenEngine`] for the code of an engine.
    ///
    /// ```
    /// # use vgg::{FrozenEngine, VggError};
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// # #[derive(Debug)]
    /// # struct Zeros;
    /// #
    /// # impl FrozenEngine for Zeros {
    /// #     fn name(&self) -> &str {
    /// #         "zeros"
    /// #     }
    /// #
    /// #     fn batch(&self) -> usize {
    /// #         16
    /// #     }
    /// #
    /// #     fn features(&self, _: &[f32]) -> Result<Vec<f32>, VggError> {
    /// #         unreachable!("this example computes no features")
    /// #     }
    /// # }
    /// #
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&config, 1)?;
    /// let base = FrozenBase::with_engine(&config, &weights, Box::new(Zeros))?;
    /// assert_eq!((base.engine(), base.batch()), ("zeros", Some(16)));
    /// assert_eq!(base.cache_key(), None); // its features are not cached
    /// # Ok::<(), vgg::VggError>(())
    /// ```
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
            size: config.image_size,
            feature_shape: config.feature_shape()?,
            preprocessing: weights.preprocessing(),
            identity: Identity {
                weights: weights.digest().to_owned(),
                layers: config
                    .frozen_and_trainable()?
                    .0
                    .into_iter()
                    .map(|layer| layer.name)
                    .collect(),
            },
        })
    }

    /// Prepares the engine now instead of on first use. On the CPU, the kernels of a whole VGG16
    /// take a third of a second and 235 MB.
    ///
    /// # Examples
    ///
    /// ```
    /// # use vgg::{FrozenBase, VggConfig, Weights};
    /// #
    /// # let config = VggConfig {
    /// #     image_size: [32, 32],
    /// #     last_layer: "block1_pool".into(),
    /// #     ..VggConfig::default()
    /// # };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 1)?)?;
    /// base.make_ready(); // before the first request
    /// assert_eq!(base.features(&vec![0.5; 32 * 32 * 3])?.len(), base.feature_count());
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "warmup")]
    pub fn make_ready(&self) {
        if let Engine::Winograd(engine) = &self.engine {
            engine.make_ready();
        }
    }

    /// Returns everything except the pixels that determines features, as part of a cache key: the
    /// digest of the weights, preprocessing, layers, image size, engine with instruction set, and
    /// the revisions of the algorithms. Returns `None` for an engine that does not guarantee the
    /// same bits for the same image, such as a GPU or libtorch.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let base = |seed| FrozenBase::new(&config, &Weights::seeded(&config, seed)?);
    /// assert!(base(1)?.cache_key().is_some());
    /// assert_eq!(base(1)?.cache_key(), base(1)?.cache_key());
    /// assert_ne!(base(1)?.cache_key(), base(2)?.cache_key()); // other weights
    /// # Ok::<(), vgg::VggError>(())
    /// ```
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

    /// Returns the (height, width) of the images.
    #[doc(alias = "input_shape")]
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Returns the names of the layers, from first to last.
    pub fn layers(&self) -> &[String] {
        &self.identity.layers
    }

    /// Returns the digest of the weights, see [`Weights::digest`].
    pub fn weights_digest(&self) -> &str {
        &self.identity.weights
    }

    /// Returns the preprocessing that the weights expect.
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// Returns the shape of one image's features: (height, width, channels), or (channels) if the
    /// configuration pools.
    #[doc(alias = "output_shape")]
    pub fn feature_shape(&self) -> &[usize] {
        &self.feature_shape
    }

    /// Returns the number of feature values per image.
    #[doc(alias = "num_features")]
    pub fn feature_count(&self) -> usize {
        self.feature_shape.iter().product()
    }

    /// Returns the name of the engine, its precision and, on a CPU, its instruction set, such as
    /// `winograd f32 on avx512`. Another engine may return different features, at least in the last
    /// digits.
    pub fn engine(&self) -> &str {
        &self.engine_name
    }

    /// Returns the number of images per call that suits the engine best, or `None` if it does not
    /// matter.
    pub fn batch(&self) -> Option<usize> {
        match &self.engine {
            Engine::Winograd(_) => None,
            Engine::Other(engine) => Some(engine.batch()),
        }
    }

    /// Computes the features of preprocessed images.
    ///
    /// # Shapes
    ///
    /// - images: (N, height, width, 3)
    /// - output: (N, [`Self::feature_shape`])
    ///
    /// # Errors
    ///
    /// Returns an error if the device fails. The CPU engine never fails.
    ///
    /// # Panics
    ///
    /// Panics if `images` does not hold a whole number of images of the configured size.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 1)?)?;
    /// let orange = base.preprocessing().apply([255.0, 128.0, 0.0]);
    /// let image = orange.repeat(32 * 32);
    /// let features = base.features(&image)?;
    /// assert_eq!(features.len(), base.feature_count());
    /// // A batch of three images.
    /// assert_eq!(base.features(&image.repeat(3))?, features.repeat(3));
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "forward")]
    #[doc(alias = "predict")]
    pub fn features(&self, images: &[f32]) -> Result<Vec<f32>, VggError> {
        let [height, width] = self.size;
        let image = height * width * 3;
        assert_eq!(images.len() % image, 0, "images have {height} x {width} x 3 values");
        match &self.engine {
            Engine::Winograd(engine) => Ok(engine.features(images)),
            Engine::Other(engine) => engine.features(images),
        }
    }

    /// Computes the features of preprocessed images at each output of [`Self::with_outputs`], in
    /// the same order, in one pass. Each output has the same bits as a base that ends there. The
    /// result is empty if the base was created without additional outputs.
    ///
    /// # Shapes
    ///
    /// - images: (N, height, width, 3)
    /// - each output: (N, height, width, channels), or (N, channels) if it is pooled
    ///
    /// # Panics
    ///
    /// Panics if `images` does not hold a whole number of images of the configured size.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{FeatureOutput, FrozenBase, Pooling, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let output = |layer: &str| FeatureOutput { layer: layer.into(), pooling: Pooling::None };
    /// let outputs = ["block1_conv1", "block1_pool"].map(output);
    /// let base = FrozenBase::with_outputs(&config, &Weights::seeded(&config, 1)?, &outputs)?;
    /// let image = vec![0.5; 32 * 32 * 3];
    /// let found = base.outputs(&image);
    /// assert_eq!(found[0].len(), 32 * 32 * 64);
    /// assert_eq!(found[1], base.features(&image)?);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "activations")]
    #[doc(alias = "intermediate layers")]
    pub fn outputs(&self, images: &[f32]) -> Vec<Vec<f32>> {
        match &self.engine {
            Engine::Winograd(engine) => engine.outputs(images),
            Engine::Other(_) => vec![],
        }
    }

    /// Computes the features of RGB images with values in 0..=255, which it preprocesses first.
    ///
    /// # Shapes
    ///
    /// - images: N times (height, width, 3)
    /// - output: (N, [`Self::feature_shape`])
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::features`].
    ///
    /// # Panics
    ///
    /// Panics if an image does not have the configured size.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{FrozenBase, VggConfig, Weights};
    ///
    /// let config = VggConfig {
    ///     image_size: [32, 32],
    ///     last_layer: "block1_pool".into(),
    ///     ..VggConfig::default()
    /// };
    /// let base = FrozenBase::new(&config, &Weights::seeded(&config, 1)?)?;
    /// let [black, orange] = [[0_u8, 0, 0], [255, 128, 0]].map(|rgb| rgb.repeat(32 * 32));
    /// let features = base.features_of_images(&[black, orange])?;
    /// assert_eq!(features.len(), 2 * base.feature_count());
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "embedding")]
    #[doc(alias = "predict")]
    pub fn features_of_images(&self, images: &[impl AsRef<[u8]>]) -> Result<Vec<f32>, VggError> {
        let [height, width] = self.size();
        let mut input = Vec::with_capacity(images.len() * height * width * 3);
        for image in images.iter().map(AsRef::as_ref) {
            assert_eq!(image.len(), height * width * 3, "an image is ({height}, {width}, 3)");
            let (pixels, _) = image.as_chunks::<3>();
            input.extend(
                pixels.iter().flat_map(|&rgb| self.preprocessing.apply(rgb.map(f32::from))),
            );
        }
        self.features(&input)
    }
}
