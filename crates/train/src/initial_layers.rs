//! Initial weights of the trainable layers.

use burn::tensor::Device;
use model::{KerasHead, TrainableLayers, TrainableLayersError, head_arrays, load_bundle};
use vgg::{Layer, LayerKind, Pooling, VggConfig, Weights};

use crate::{InitialWeights, RunConfig, TrainError};

/// Creates the trainable layers of a new run. [`RunConfig::start`] selects the weights of the head. Unfrozen layers
/// have the weights of the model to start from if it has trained them, and otherwise the base's own `weights`.
///
/// # Errors
///
/// Returns an error if the configuration of the base is invalid, or if the model or head to start from can't be read.
/// Also returns an error if that model or head does not have the base, classes and shapes of the run.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use train::{RunConfig, WeightsChoice, initial_layers};
/// # use train::Pooling;
///
/// # let mut config = RunConfig::new("", WeightsChoice::Seed(1));
/// # config.base.image_size = [32, 32];
/// # config.base.last_layer = "block1_pool".into();
/// # config.base.pooling = Pooling::Average;
/// # config.head.hidden_units = vec![8];
/// # config.train.epochs = 2;
/// // A frozen base with 64 features, and a random head with 8 hidden units.
/// let classes = ["cats", "dogs"].map(String::from);
/// let layers = initial_layers(&config, &config.load_weights()?, &classes, &Device::flex())?;
/// assert_eq!(layers.to_arrays()["dense/kernel"].shape, [64, 8]);
/// # Ok::<(), train::TrainError>(())
/// ```
#[doc(alias = "fine-tuning")]
#[doc(alias = "warm_start")]
pub fn initial_layers(
    config: &RunConfig,
    weights: &Weights,
    classes: &[String],
    device: &Device,
) -> Result<TrainableLayers, TrainError> {
    let RunConfig { base, head, .. } = config;
    let mut feature_scale = 1.0;
    let mut arrays = match &config.start {
        InitialWeights::Random => {
            let inputs = base.output_count()?;
            head_arrays(&head.init(inputs, classes.len(), config.train.seed, device))
        }
        InitialWeights::Head(path) => {
            let head = KerasHead::read(path)?;
            if let Some(pooling) = head.pooling.filter(|pooling| *pooling != base.pooling) {
                let [found, expected] = [pooling, base.pooling].map(Pooling::name);
                let fault = format!("its pooling is {found}, expected {expected}");
                return Err(TrainError::InitialWeights { path: path.clone(), fault });
            }
            let has_kernel = |layer: &Layer| matches!(layer.kind, LayerKind::Convolution { .. });
            let expected: Vec<String> =
                base.layers()?.into_iter().filter(has_kernel).map(|layer| layer.name).collect();
            if !head.convolutions.is_empty() && head.convolutions != expected {
                let fault = format!(
                    "it was trained on the convolutions {}, expected {}",
                    head.convolutions.join(", "),
                    expected.join(", ")
                );
                return Err(TrainError::InitialWeights { path: path.clone(), fault });
            }
            let mut arrays = head.arrays;
            // Batch normalizations are new.
            let inputs = base.output_count()?;
            let initial = config.head.init(inputs, classes.len(), config.train.seed, device);
            for (name, array) in head_arrays(&initial) {
                if name.starts_with("batch_normalization") {
                    arrays.insert(name, array);
                }
            }
            arrays
        }
        InitialWeights::Model(path) => {
            let (card, trainable) = load_bundle(path, device)?;
            let differs = |what, found: String, expected: String| {
                Err(TrainError::OtherStart { path: path.clone(), what, found, expected })
            };
            if card.classes != classes {
                return differs("classes", card.classes.join(", "), classes.join(", "));
            }
            let frozen = |base: &VggConfig| VggConfig { unfreeze: None, ..base.clone() };
            if frozen(&card.base) != frozen(base) {
                return differs("base", card.base.to_string(), base.to_string());
            }
            if card.weights.digest != weights.digest() {
                let expected = weights.digest().to_owned();
                return differs("weights with the digest", card.weights.digest, expected);
            }
            let frozen_now = card.base.trainable_weights()?.into_iter().find(|(name, _)| {
                base.trainable_weights().is_ok_and(|now| now.iter().all(|(known, _)| known != name))
            });
            if let Some((name, _)) = frozen_now {
                return Err(TrainError::FreezesTrained { path: path.clone(), name });
            }
            feature_scale = trainable.feature_scale();
            trainable.to_arrays()
        }
    };
    for (name, _) in base.trainable_weights()? {
        arrays.entry(name).or_insert_with_key(|name| weights.arrays()[name].clone());
    }
    let layers = TrainableLayers::new(base, head, classes.len(), arrays, device);
    let layers = layers.map_err(|error| match error {
        TrainableLayersError::Base(error) => error.into(),
        error => {
            let path = config.start.path().cloned().unwrap_or_default();
            TrainError::InitialWeights { path, fault: error.to_string() }
        }
    })?;
    Ok(layers.with_feature_scale(feature_scale))
}
