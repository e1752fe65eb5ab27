//! CPU engine of the frozen layers: a `winograd` chain, and the pooling of its feature maps.

use std::fmt;
use std::sync::LazyLock;

use winograd::{Chain, ChainConfig};

use crate::{FeatureOutput, Layer, LayerKind, Pooling, VggConfig, VggError, Weights};

/// Revision of preprocessing and pooling. Raise it when either of them returns different values. A
/// test ties it to their output.
pub(crate) const REVISION: u32 = 1;

/// Frozen layers on the CPU, with their outputs.
#[derive(Debug)]
pub(crate) struct CpuEngine {
    chain: LazyChain,
    /// Pooling of the last map.
    pooling: Pooling,
    /// Additional outputs: index of the chain's tap, and the pooling of its map.
    outputs: Vec<(usize, Pooling)>,
    /// Pixels (height x width) and channels of each tap.
    taps: Vec<[usize; 2]>,
}

impl CpuEngine {
    /// Creates the layers of `config` up to the last frozen one, with additional outputs.
    ///
    /// # Errors
    ///
    /// Returns an error if `config` does not describe a valid network or has the classifier on top,
    /// or if an output names a layer that is not frozen.
    ///
    /// # Panics
    ///
    /// Panics if `weights` were made for another configuration.
    pub(crate) fn new(
        config: &VggConfig,
        weights: &Weights,
        outputs: &[FeatureOutput],
    ) -> Result<Self, VggError> {
        if config.include_top {
            return Err(VggError::FrozenTop);
        }
        let (mut layers, _) = config.frozen_and_trainable()?;
        for (name, shape) in layers.iter().flat_map(Layer::arrays) {
            let found = weights.arrays().get(&name).map(|array| &array.shape);
            assert_eq!(found, Some(&shape), "the weights are of this configuration: `{name}`");
        }
        let pooling = layers.pop_if(|layer| matches!(layer.kind, LayerKind::GlobalPooling(_)));
        let pooling = pooling.map_or(Pooling::None, |_| config.pooling);
        let mut tapped: Vec<usize> = vec![];
        let mut numbered = vec![];
        for FeatureOutput { layer, pooling } in outputs {
            let at = layers.iter().position(|known| known.name == *layer);
            let at = at.ok_or_else(|| VggError::UnknownLayer {
                variant: config.variant,
                layer: layer.clone(),
                known: layers.iter().map(|known| known.name.clone()).collect(),
            })?;
            // Several poolings of one map share a tap.
            let tap = tapped.iter().position(|&other| other == at);
            numbered.push((tap.unwrap_or(tapped.len()), *pooling));
            if tap.is_none() {
                tapped.push(at);
            }
        }
        let extents = |&at: &usize| {
            let shape = &layers[at].output;
            [shape[0] * shape[1], shape[2]]
        };
        let taps = tapped.iter().map(extents).collect();
        let chain = LazyChain::new(layers, weights, config.image_size, tapped);
        Ok(Self { chain, pooling, outputs: numbered, taps })
    }

    /// Creates the chain now instead of on first use.
    pub(crate) fn make_ready(&self) {
        LazyLock::force(&self.chain.0);
    }

    /// Computes the features (N, ...) of preprocessed images (N, height, width, 3) after the last
    /// frozen layer.
    pub(crate) fn features(&self, images: &[f32]) -> Vec<f32> {
        let chain = &*self.chain.0;
        let [height, width, channels] = chain.output();
        let maps = chain.run(images);
        match self.pooling {
            Pooling::None => maps,
            pooling => pool(&maps, [height * width, channels], pooling),
        }
    }

    /// Computes the features of preprocessed images at each additional output.
    pub(crate) fn outputs(&self, images: &[f32]) -> Vec<Vec<f32>> {
        let maps = self.chain.0.run_taps(images);
        let outputs = self.outputs.iter();
        outputs.map(|&(tap, pooling)| pool(&maps[tap], self.taps[tap], pooling)).collect()
    }
}

/// Chain that is created on first use. Its kernels take a third of a second and 235 MB, which a run
/// does not need if all its features are cached.
struct LazyChain(LazyLock<Chain, Box<dyn FnOnce() -> Chain + Send>>);

impl fmt::Debug for LazyChain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LazyChain")
    }
}

impl LazyChain {
    /// Creates a chain of these layers for images of (height, width), tapped after the layers with
    /// the indices in `taps`.
    fn new(
        layers: Vec<Layer>,
        weights: &Weights,
        [height, width]: [usize; 2],
        taps: Vec<usize>,
    ) -> Self {
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
            let shape = [height, width, 3];
            Chain::with_taps(ChainConfig::default(), shape, &layers.collect::<Vec<_>>(), &taps)
        };
        Self(LazyLock::new(Box::new(make)))
    }
}

/// Computes the mean or maximum of each channel of maps of (pixels, channels), or copies the maps.
fn pool(maps: &[f32], [pixels, channels]: [usize; 2], pooling: Pooling) -> Vec<f32> {
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
        Pooling::None => maps.to_vec(),
        Pooling::Average => each(0.0, |sum, value| sum + value, 1.0 / pixels as f32),
        Pooling::Maximum => each(f32::NEG_INFINITY, f32::max, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::Preprocessing;

    /// If this test fails, preprocessing or pooling returns different values. Raise [`REVISION`],
    /// then update the digest here. Otherwise caches would serve features of the old revision.
    #[test]
    fn revision_matches_the_digest_of_computed_values() {
        let bytes: Vec<[f32; 3]> =
            (0..=255).map(|byte| [byte as f32, 255.0 - byte as f32, byte as f32 / 2.0]).collect();
        let mut values: Vec<f32> = [Preprocessing::Caffe, Preprocessing::Torchvision]
            .into_iter()
            .flat_map(|style| bytes.iter().flat_map(move |&rgb| style.apply(rgb)))
            .collect();
        let maps: Vec<f32> = (0..2 * 35 * 3).map(|at| (at * at % 97) as f32 * 0.1 - 3.0).collect();
        for pooling in [Pooling::None, Pooling::Average, Pooling::Maximum] {
            values.extend(pool(&maps, [35, 3], pooling));
        }
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let digest: String =
            Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((REVISION, &*digest), (1, "578a71e94194e613"));
    }
}
