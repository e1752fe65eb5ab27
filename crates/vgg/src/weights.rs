//! The weights of a network: where they are from, whether they fit, and what pictures they expect.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::{Array, Arrays};
use random::{Draws, Purpose};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::load::load;
use crate::{Preprocessing, VggConfig, VggError};

/// The deviation of a preprocessed picture's values, about. Random kernels keep the scale of what
/// comes in, so those of the first layer bring it to 1.
const INPUT_SCALE: f32 = 64.0;

/// Where weights are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Drawn at random.
    Seeded(u64),
    /// Read from this file.
    File(PathBuf),
}

/// The kernels (3, 3, in, out) and biases (out) of every layer of a [`VggConfig`], by the names
/// `block1_conv1/kernel`, `block1_conv1/bias` and so on, and the preprocessing that goes with them.
#[derive(Clone, Debug)]
pub struct Weights {
    origin: Origin,
    preprocessing: Preprocessing,
    /// Shared, as a frozen base reads them when it first computes.
    arrays: Arc<Arrays>,
    digest: String,
}

impl Weights {
    /// Random weights: kernels from a normal distribution with deviation sqrt(2 / inputs), which
    /// keeps the scale of values through ReLU (K. He et al., "Delving Deep into Rectifiers", 2015),
    /// and zero biases. Those of the first layer are 64 times smaller, as preprocessed pictures are
    /// that much larger than 1. The same seed gives the same weights.
    ///
    /// # Errors
    ///
    /// `config` describes no network.
    pub fn seeded(config: &VggConfig, seed: u64) -> Result<Self, VggError> {
        let learned = config.layers()?.into_iter().filter(|layer| layer.parameters() > 0);
        let numbered = learned.enumerate().flat_map(|(number, layer)| {
            layer.arrays().into_iter().map(move |(name, shape)| (number, name, shape))
        });
        let all: Vec<_> = numbered.collect();
        // Each kernel has draws of its own.
        let drawn = all.into_par_iter().map(|(number, name, shape)| {
            let count = shape.iter().product();
            let data = if let [kernel @ .., _] = shape.as_slice()
                && !kernel.is_empty()
            {
                let mut draws = Draws::at(seed, Purpose::BaseKernel, 0, number as u64);
                let deviation = (2.0 / kernel.iter().product::<usize>() as f32).sqrt();
                let deviation = if number == 0 { deviation / INPUT_SCALE } else { deviation };
                (0..count).map(|_| draws.normal() * deviation).collect()
            } else {
                vec![0.0; count]
            };
            (name, Array::new(shape, data))
        });
        let arrays = drawn.collect::<Vec<_>>().into_iter().collect();
        // Random weights have no preferences.
        Ok(Self::new(Origin::Seeded(seed), Preprocessing::Caffe, arrays))
    }

    /// Reads the weights of `config`, whatever the file is called:
    ///
    /// - Keras's, with Caffe's preprocessing: a published `.h5`, a `.weights.h5`, the base within a whole model
    ///   (`.keras` or `.h5`), or safetensors with the names above.
    /// - torchvision's, with its own preprocessing: a `.pth` or safetensors with the names
    ///   `features.0.weight` of torchvision or timm. The names may have a prefix, as in a checkpoint, or be
    ///   those of `DataParallel`.
    /// - The weights published in Caffe, with its preprocessing, under torchvision's names or as a list of
    ///   layers without a name (`0.weight`).
    ///
    /// The file may also hold layers that `config` leaves out, another head, and the preprocessing of an
    /// exported model. A `.weights.h5` file, and safetensors with Keras's names, do not say which layers follow
    /// the base: there a head may have dense layers only. They do not say what precedes the base either. A
    /// `Rescaling` of the usual name in a `.weights.h5` file is refused, but other operations on the input leave
    /// no trace.
    ///
    /// # Errors
    ///
    /// `config` describes no network, or the file can't be read. Arrays are missing, have another shape, or
    /// belong to the base but not to this network: the error names the first of them. A state dict of PyTorch
    /// holds several networks with other values. The model changes pixel
    /// values before the base, or the file does not say which preprocessing its weights expect.
    pub fn load(path: &Path, config: &VggConfig) -> Result<Self, VggError> {
        let (preprocessing, arrays) = load(path, config)?;
        Ok(Self::new(Origin::File(path.to_owned()), preprocessing, arrays))
    }

    fn new(origin: Origin, preprocessing: Preprocessing, arrays: Arrays) -> Self {
        let mut hash = Sha256::new();
        hash.update(preprocessing.name());
        for (name, array) in &arrays {
            hash.update(name);
            array.shape.iter().for_each(|&length| hash.update((length as u64).to_le_bytes()));
            // A few at a time, which stay in the processor's cache.
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

    /// Where they are from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What must be done to a picture's values.
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// The SHA-256 of the preprocessing and of all names, shapes and values: the same for the same
    /// weights, whatever file they are from.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The kernels and biases, by their Keras names and in Keras's layout.
    pub fn arrays(&self) -> &Arrays {
        &self.arrays
    }
}
