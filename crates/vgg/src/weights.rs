//! Weights of a network, with their origin, their digest and their preprocessing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::{Array, Arrays};
use random::{AddressedRng, Purpose};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::load::{from_arrays, load};
use crate::{Preprocessing, VggConfig, VggError};

/// Approximate standard deviation of a preprocessed image's values. Random kernels preserve the
/// scale of their inputs, so the first layer's kernels are divided by this value to reduce it to 1.
const INPUT_SCALE: f32 = 64.0;

/// Origin of weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Drawn at random with this seed.
    Seeded(u64),
    /// Read from this file.
    File(PathBuf),
    /// Passed as arrays in memory. A saved model finds them again only in a file with these weights.
    Memory,
}

/// Kernels (3, 3, in, out) and biases (out) of every layer of a [`VggConfig`], with the
/// preprocessing that they expect. The names are `block1_conv1/kernel`, `block1_conv1/bias` and so
/// on.
///
/// # Examples
///
/// ```
/// use vgg::{Origin, Preprocessing, VggConfig, Weights};
///
/// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
/// let weights = Weights::seeded(&config, 1)?; // or `Weights::load("vgg16.h5", &config)?`
/// assert_eq!(weights.origin(), &Origin::Seeded(1));
/// assert_eq!(weights.preprocessing(), Preprocessing::Caffe);
/// assert_eq!(weights.arrays()["block1_conv1/kernel"].shape, [3, 3, 3, 64]);
/// assert_eq!(weights.digest().len(), 64); // hexadecimal digits
/// # Ok::<(), vgg::VggError>(())
/// ```
#[doc(alias = "checkpoint")]
#[doc(alias = "state_dict")]
#[derive(Clone, Debug)]
pub struct Weights {
    origin: Origin,
    preprocessing: Preprocessing,
    /// Shared, because a frozen base reads them only on first use.
    arrays: Arc<Arrays>,
    digest: String,
}

impl Weights {
    /// Draws random weights. The kernels are normally distributed. Their standard deviation sqrt(2
    /// / inputs) preserves the scale of values through ReLU (K. He et al., "Delving Deep into
    /// Rectifiers", 2015). A convolution has 3 x 3 x in inputs. Biases are zero. The first layer's
    /// kernels are 64 times smaller, because preprocessed images are that much larger than 1. The
    /// same seed gives the same weights.
    ///
    /// The preprocessing is [`Preprocessing::Caffe`], but random weights work with any.
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{VggConfig, Weights};
    ///
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&config, 1)?;
    /// assert_eq!(weights.digest(), Weights::seeded(&config, 1)?.digest());
    /// assert_ne!(weights.digest(), Weights::seeded(&config, 2)?.digest());
    /// assert!(weights.arrays()["block1_conv1/bias"].data.iter().all(|&bias| bias == 0.0));
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    #[doc(alias = "he_normal")]
    #[doc(alias = "kaiming_normal_")]
    pub fn seeded(config: &VggConfig, seed: u64) -> Result<Self, VggError> {
        let learned = config.layers()?.into_iter().filter(|layer| layer.parameters() > 0);
        let numbered = learned.enumerate().flat_map(|(number, layer)| {
            layer.arrays().into_iter().map(move |(name, shape)| (number, name, shape))
        });
        let all: Vec<_> = numbered.collect();
        // Each kernel has its own random numbers, so kernels can be drawn in parallel.
        let drawn = all.into_par_iter().map(|(number, name, shape)| {
            let count = shape.iter().product();
            let data = if let [kernel @ .., _] = shape.as_slice()
                && !kernel.is_empty()
            {
                let mut draws = AddressedRng::at(seed, Purpose::BaseKernel, 0, number as u64);
                let deviation = (2.0 / kernel.iter().product::<usize>() as f32).sqrt();
                let deviation = if number == 0 { deviation / INPUT_SCALE } else { deviation };
                (0..count).map(|_| draws.normal() * deviation).collect()
            } else {
                vec![0.0; count]
            };
            (name, Array::new(shape, data))
        });
        let arrays = drawn.collect::<Vec<_>>().into_iter().collect();
        // Random weights work with any preprocessing.
        Ok(Self::new(Origin::Seeded(seed), Preprocessing::Caffe, arrays))
    }

    /// Reads the weights of `config` from a file. The name of the file does not matter. Supported
    /// are:
    ///
    /// - Keras's weights, with Caffe's preprocessing: a published `.h5`, a `.weights.h5`, the base
    ///   within a whole model (`.keras` or `.h5`), or safetensors with Keras's names.
    /// - Torchvision's weights, with torchvision's preprocessing: a `.pth` or safetensors with the
    ///   names of torchvision or timm (`features.0.weight`). The names may have a prefix, as in a
    ///   checkpoint, or be those of `DataParallel`.
    /// - The weights published in Caffe, with Caffe's preprocessing: under torchvision's names, or
    ///   as a list of layers without a name (`0.weight`).
    ///
    /// The file may also contain layers that `config` does not use, another head, and the
    /// preprocessing of an exported model. A `.weights.h5` file, and safetensors with Keras's
    /// names, do not record which layers precede or follow the base. In these files a head may only
    /// have dense layers. A `Rescaling` with the usual name in a `.weights.h5` file is refused, but
    /// other operations on the input leave no trace.
    ///
    /// # Layouts
    ///
    /// Arrays of PyTorch are converted to Keras's layout:
    ///
    /// | array | PyTorch | Keras |
    /// | --- | --- | --- |
    /// | kernel of a convolution | (out, in, 3, 3) | (3, 3, in, out) |
    /// | dense kernel | (out, in) | (in, out) |
    /// | flattened feature map | (channels, height, width) | (height, width, channels) |
    ///
    /// Timm stores the first two dense kernels as convolutions, (out, channels, height, width).
    ///
    /// # Preprocessing
    ///
    /// Under PyTorch's names, the weights published in Caffe are recognized by the first values of
    /// their first kernel. If that kernel takes red, green, blue, its input channels are reversed.
    ///
    /// Before the base, a Keras model may only have layers that keep pixel values: `InputLayer`,
    /// `Resizing`, cropping, padding, dropout, noise, and random augmentation. It may also have the
    /// operations of `preprocess_input`.
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network, or if the file can't be
    /// read. Also fails if arrays are missing, have another shape, hold NaN or infinite values, or
    /// belong to the base but not to this network. The error names them, and only counts unknown
    /// arrays after the eighth. Further errors are a PyTorch state dict with several networks whose
    /// values differ, a model that changes pixel values before the base, and a file that does not
    /// say which preprocessing its weights expect.
    ///
    /// # Examples
    ///
    /// ```
    /// use formats::write_safetensors;
    /// use vgg::{Preprocessing, VggConfig, Weights};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("weights.safetensors");
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let expected = Weights::seeded(&config, 1)?;
    /// write_safetensors(&path, expected.arrays())?;
    ///
    /// let weights = Weights::load(&path, &config)?;
    /// assert_eq!(weights.arrays(), expected.arrays());
    /// assert_eq!(weights.preprocessing(), Preprocessing::Caffe); // the file has Keras's names
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "imagenet")]
    #[doc(alias = "load_state_dict")]
    #[doc(alias = "load_weights")]
    #[doc(alias = "pretrained")]
    pub fn load(path: impl AsRef<Path>, config: &VggConfig) -> Result<Self, VggError> {
        let path = path.as_ref();
        let (preprocessing, arrays) = load(path, config)?;
        Ok(Self::new(Origin::File(path.to_owned()), preprocessing, arrays))
    }

    /// Creates the weights of `config` from arrays in memory, by Keras's names: kernels such as
    /// `block1_conv1/kernel` and biases such as `block1_conv1/bias` ([`Layer::arrays`] lists them).
    /// Arrays of layers that `config` does not use are dropped. The digest is the same as for a file
    /// with these arrays and this preprocessing.
    ///
    /// # Shapes
    ///
    /// - kernel of a convolution: (3, 3, in, out)
    /// - kernel of a dense layer: (in, out), for features in the order (height, width, channels)
    /// - bias: (out)
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network. Otherwise returns
    /// [`VggError::Arrays`] with every array that is missing, has another shape or number of values,
    /// holds NaN or infinite values, or does not belong to the network.
    ///
    /// # Examples
    ///
    /// ```
    /// use vgg::{Array, Arrays, Layer, Preprocessing, VggConfig, Weights};
    ///
    /// let config = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let arrays: Arrays = config
    ///     .layers()?
    ///     .iter()
    ///     .flat_map(Layer::arrays)
    ///     .map(|(name, shape)| {
    ///         let count = shape.iter().product();
    ///         (name, Array::new(shape, vec![0.01; count]))
    ///     })
    ///     .collect();
    /// let weights = Weights::from_arrays(arrays, Preprocessing::Torchvision, &config)?;
    /// assert_eq!(weights.arrays()["block1_conv2/kernel"].shape, [3, 3, 64, 64]);
    /// # Ok::<(), vgg::VggError>(())
    /// ```
    ///
    /// [`Layer::arrays`]: crate::Layer::arrays
    #[doc(alias = "set_weights")]
    pub fn from_arrays(
        arrays: Arrays,
        preprocessing: Preprocessing,
        config: &VggConfig,
    ) -> Result<Self, VggError> {
        Ok(Self::new(Origin::Memory, preprocessing, from_arrays(arrays, config)?))
    }

    fn new(origin: Origin, preprocessing: Preprocessing, arrays: Arrays) -> Self {
        let mut hash = Sha256::new();
        hash.update(preprocessing.name());
        for (name, array) in &arrays {
            hash.update(name);
            array.shape.iter().for_each(|&length| hash.update((length as u64).to_le_bytes()));
            // Small chunks stay in the processor's cache.
            let mut bytes = [[0; 4]; 4096];
            for values in array.data.chunks(bytes.len()) {
                let bytes = &mut bytes[..values.len()];
                bytes.iter_mut().zip(values).for_each(|(to, value)| *to = value.to_le_bytes());
                hash.update(bytes.as_flattened());
            }
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { origin, preprocessing, arrays: Arc::new(arrays), digest }
    }

    /// Returns the origin of the weights.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the preprocessing that the weights expect.
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// Returns the SHA-256 of the preprocessing and of all names, shapes and values, in
    /// hexadecimal. Equal weights have equal digests, regardless of the file that they are from.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the kernels and biases by their Keras names, in Keras's layout.
    pub fn arrays(&self) -> &Arrays {
        &self.arrays
    }
}
