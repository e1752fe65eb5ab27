//! The weights of a network: where they are from, whether they fit, and what pictures they expect.

use std::path::{Path, PathBuf};

use formats::{Array, Arrays};
use random::{Draws, Purpose};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::naming::Naming;
use crate::{Layer, Preprocessing, VggConfig, VggError};

/// The deviation of a preprocessed picture's values, about. Random kernels keep the scale of what
/// comes in, so those of the first layer bring it to 1.
const INPUT_SCALE: f32 = 64.0;

/// How many arrays of another network are named in an error.
const SHOWN: usize = 8;

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
    arrays: Arrays,
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
    /// - Keras's, with Caffe's preprocessing: a published `.h5`, a `.weights.h5`, the base within a
    ///   `.keras` file, or safetensors with the names above;
    /// - torchvision's, with its own preprocessing: a `.pth`, also of a checkpoint that holds the
    ///   network below a name, or safetensors with the names `features.0.weight` of torchvision or
    ///   timm.
    ///
    /// Layers of the network that `config` leaves out may be in the file, and so may dense layers of
    /// a head on top, and the preprocessing that an exported model holds.
    ///
    /// # Errors
    ///
    /// `config` describes no network, the file can't be read, or it lacks arrays, holds them in
    /// another shape, or holds arrays that are none of the network's, of which the first are named:
    /// all differences at once.
    pub fn load(path: &Path, config: &VggConfig) -> Result<Self, VggError> {
        let layers = config.layers()?;
        let mut file = without_prefix(formats::read_arrays(path)?);
        let naming = Naming::of(&file);
        let exported_with = take_preprocessing(&mut file);
        let needed: Vec<String> =
            layers.iter().flat_map(Layer::arrays).map(|(name, _)| name).collect();
        let (mut arrays, mut problems) = (Arrays::new(), vec![]);
        for stored in naming.all_stored(config) {
            let (found, name, expected) =
                (file.remove(&stored.stored_name), &stored.stored_name, &stored.shape);
            if !needed.contains(&stored.name) {
                continue;
            }
            match found {
                None => problems.push(format!("`{name}` is missing")),
                Some(array) if array.shape != *expected => problems.push(format!(
                    "`{name}` has the shape {:?}, expected {expected:?}",
                    array.shape
                )),
                Some(array) => {
                    if array.data.iter().any(|value| !value.is_finite()) {
                        problems.push(format!("`{name}` holds values that are no numbers"));
                    }
                    arrays.insert(stored.name.clone(), stored.in_keras_layout(array));
                }
            }
        }
        let unknown: Vec<&String> = file.keys().filter(|name| !is_of_head(name, &file)).collect();
        let network = config.variant.name();
        problems.extend(
            unknown.iter().take(SHOWN).map(|name| format!("`{name}` is no array of `{network}`")),
        );
        if unknown.len() > SHOWN {
            problems.push(format!("and {} more are none", unknown.len() - SHOWN));
        }
        if !problems.is_empty() {
            let (extent, hint) = if config.include_top {
                let hint = "check that the file is of this network and holds its three dense layers; `--base` names the other network";
                ("with its three dense layers".to_owned(), hint)
            } else {
                let hint = "check that the file is of this network; `--base` names the other one, and a base that is in the file only up to some layer can be used with `--until`";
                (format!("up to `{}`", config.until), hint)
            };
            return Err(VggError::Mismatch {
                path: path.to_owned(),
                variant: config.variant,
                extent,
                problems,
                hint,
            });
        }
        let preprocessing = exported_with.unwrap_or(naming.preprocessing());
        Ok(Self::new(Origin::File(path.to_owned()), preprocessing, arrays))
    }

    fn new(origin: Origin, preprocessing: Preprocessing, arrays: Arrays) -> Self {
        let mut hash = Sha256::new();
        hash.update(preprocessing.name());
        for (name, array) in &arrays {
            hash.update(name);
            array.shape.iter().for_each(|&length| hash.update((length as u64).to_le_bytes()));
            let mut bytes = Vec::with_capacity(array.data.len() * 4);
            array.data.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            hash.update(bytes);
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { origin, preprocessing, arrays, digest }
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

/// Of a PyTorch checkpoint that holds the network below a name, such as `state_dict.` or `module.`, the
/// network alone.
fn without_prefix(arrays: Arrays) -> Arrays {
    let prefix = arrays.keys().find_map(|name| name.strip_suffix("features.0.weight"));
    match prefix.map(String::from) {
        Some(prefix) if prefix.ends_with('.') => arrays
            .into_iter()
            .filter_map(|(name, array)| Some((name.strip_prefix(&prefix)?.to_owned(), array)))
            .collect(),
        _ => arrays,
    }
}

/// Takes the preprocessing out of the arrays of an exported model, where it is of a known style.
fn take_preprocessing(arrays: &mut Arrays) -> Option<Preprocessing> {
    let [kernel, bias] = PREPROCESSING.map(|name| arrays.get(name));
    let preprocessing = Preprocessing::of_convolution(&kernel?.data, &bias?.data)?;
    for name in PREPROCESSING {
        arrays.remove(name);
    }
    Some(preprocessing)
}

const PREPROCESSING: [&str; 2] = ["preprocessing/kernel", "preprocessing/bias"];

/// Whether an array is a dense layer's: its layer has a kernel (inputs, units).
fn is_of_head(name: &str, arrays: &Arrays) -> bool {
    let kernel = name.rsplit_once('/').map(|(layer, _)| format!("{layer}/kernel"));
    kernel.and_then(|kernel| arrays.get(&kernel)).is_some_and(|kernel| kernel.shape.len() == 2)
}
