//! Bundle of a model on disk: `model.json` and `model.safetensors`.

use std::io::ErrorKind;
use std::path::Path;

use burn::tensor::Device;
use formats::{FormatError, read_arrays, read_regular, write_atomic, write_safetensors};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use vgg::VggError;

use crate::card::InvalidValue;
use crate::{ModelCard, ModelError, TrainableLayers, TrainableLayersError};

const CARD: &str = "model.json";
const ARRAYS: &str = "model.safetensors";

/// Key of [`CardFile::arrays`] in `model.json`.
const ARRAYS_DIGEST: &str = "arrays";

/// First version of `model.json` that contains the digest of the arrays.
const FORMAT_WITH_DIGEST: u32 = 3;

/// Contents of `model.json`: the model card and the digest of `model.safetensors`.
#[derive(Serialize)]
struct CardFile<'a> {
    #[serde(flatten)]
    card: &'a ModelCard,
    /// SHA-256 of `model.safetensors`.
    arrays: String,
}

/// Writes a model into the existing folder at `path`. To replace a model, write the new one with
/// [`formats::replace_folder`], so that a crash never leaves a mixture of two models.
///
/// # Errors
///
/// Returns an error if an array holds values that are NaN or infinite, or if a file can't be written.
///
/// # Examples
///
/// ```
/// use burn::tensor::Device;
/// use model::{ModelCard, TrainableLayers, load_bundle, save_bundle};
/// # use model::{HeadConfig, Pooling, VggConfig, Weights};
///
/// # let folder = tempfile::tempdir()?;
/// # let base = VggConfig {
/// #     image_size: [32, 32],
/// #     last_layer: "block1_pool".into(),
/// #     pooling: Pooling::Average,
/// #     ..VggConfig::default()
/// # };
/// # let weights = Weights::seeded(&base, 1)?;
/// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
/// # let head_layers = head.init(64, 2, 1, &Device::flex());
/// # let layers = TrainableLayers::from_head(head_layers, 64);
/// # let classes = ["cats", "dogs"].map(String::from).to_vec();
/// # let card = ModelCard::new(base, &weights, head, classes);
/// // `card` has the classes "cats" and "dogs", and `layers` is a head.
/// save_bundle(folder.path(), &card, &layers)?;
/// let (read_card, read_layers) = load_bundle(folder.path(), &Device::flex())?;
/// assert_eq!(read_card, card);
/// assert_eq!(read_layers.to_arrays(), layers.to_arrays());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "model.save")]
#[doc(alias = "ModelCheckpoint")]
#[doc(alias = "save_model")]
#[doc(alias = "torch.save")]
pub fn save_bundle(
    path: impl AsRef<Path>,
    card: &ModelCard,
    trainable: &TrainableLayers,
) -> Result<(), ModelError> {
    let path = path.as_ref();
    let arrays_path = path.join(ARRAYS);
    let arrays = trainable.to_arrays();
    if let Some((name, _)) = arrays.iter().find(|(_, array)| !array.is_finite()) {
        return Err(ModelError::NonFinite { path: arrays_path, name: name.clone() });
    }
    write_safetensors(&arrays_path, &arrays)?;
    let card = &ModelCard { feature_scale: trainable.feature_scale(), ..card.clone() };
    let file = CardFile { card, arrays: digest_of_file(&arrays_path)? };
    let mut json = serde_json::to_vec_pretty(&file).expect("a card is plain data");
    json.push(b'\n');
    Ok(write_atomic(path.join(CARD), &json)?)
}

/// Reads the model card and the trainable layers of the bundle at `path`.
///
/// # Errors
///
/// Returns an error if the folder does not contain a model, if its files are damaged, do not match or have an
/// unsupported version, or if an array holds values that are NaN or infinite.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use model::load_bundle;
/// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights, save_bundle};
///
/// # let folder = tempfile::tempdir()?;
/// # let base = VggConfig {
/// #     image_size: [32, 32],
/// #     last_layer: "block1_pool".into(),
/// #     pooling: Pooling::Average,
/// #     ..VggConfig::default()
/// # };
/// # let weights = Weights::seeded(&base, 1)?;
/// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
/// # let head_layers = head.init(64, 2, 1, &Device::flex());
/// # let layers = TrainableLayers::from_head(head_layers, 64);
/// # let classes = ["cats", "dogs"].map(String::from).to_vec();
/// # let card = ModelCard::new(base, &weights, head, classes);
/// # save_bundle(folder.path(), &card, &layers)?;
/// let device = Device::flex();
/// let (card, layers) = load_bundle(folder.path(), &device)?;
/// let features = Tensor::<2>::zeros([3, 64], &device); // of three images
/// let probabilities = layers.probabilities(layers.forward(features));
/// assert_eq!((card.classes.len(), probabilities.dims()), (2, [3, 1]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "load_model")]
#[doc(alias = "torch.load")]
pub fn load_bundle(
    path: impl AsRef<Path>,
    device: &Device,
) -> Result<(ModelCard, TrainableLayers), ModelError> {
    let path = path.as_ref();
    let (card, digest) = load_card_file(path)?;
    let arrays_path = path.join(ARRAYS);
    if let Some(expected) = digest {
        let found = digest_of_file(&arrays_path)?;
        if found != expected {
            return Err(ModelError::OtherArrays { path: arrays_path, found, expected });
        }
    }
    let arrays = read_arrays(&arrays_path)?;
    match TrainableLayers::new(&card.base, &card.head, card.classes.len(), arrays, device) {
        Ok(trainable) => {
            let trainable = trainable.with_feature_scale(card.feature_scale);
            Ok((card, trainable))
        }
        Err(TrainableLayersError::Base(error)) => Err(error.into()),
        Err(TrainableLayersError::NonFinite(name)) => {
            Err(ModelError::NonFinite { path: arrays_path, name })
        }
        Err(error) => Err(ModelError::Arrays { path: arrays_path, fault: error.to_string() }),
    }
}

/// Reads the model card of the bundle at `path`.
///
/// # Errors
///
/// Returns an error if the folder does not contain a model, or if the card is damaged or has an unsupported version.
///
/// # Examples
///
/// ```
/// use model::load_card;
/// # use burn::tensor::Device;
/// # use model::{HeadConfig, ModelCard, Pooling, TrainableLayers, VggConfig, Weights, save_bundle};
///
/// # let folder = tempfile::tempdir()?;
/// # let base = VggConfig {
/// #     image_size: [32, 32],
/// #     last_layer: "block1_pool".into(),
/// #     pooling: Pooling::Average,
/// #     ..VggConfig::default()
/// # };
/// # let weights = Weights::seeded(&base, 1)?;
/// # let head = HeadConfig { hidden_units: vec![8], dropout: 0.5, ..HeadConfig::default() };
/// # let head_layers = head.init(64, 2, 1, &Device::flex());
/// # let layers = TrainableLayers::from_head(head_layers, 64);
/// # let classes = ["cats", "dogs"].map(String::from).to_vec();
/// # let card = ModelCard::new(base, &weights, head, classes);
/// # save_bundle(folder.path(), &card, &layers)?;
/// let card = load_card(folder.path())?; // does not read the arrays
/// assert_eq!(card.classes, ["cats", "dogs"]);
/// assert_eq!(card.base.image_size, [32, 32]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_card(path: impl AsRef<Path>) -> Result<ModelCard, ModelError> {
    Ok(load_card_file(path.as_ref())?.0)
}

/// Reads the model card of the bundle at `path`, and the digest of its arrays. Bundles of format 2 do not have a
/// digest.
fn load_card_file(path: &Path) -> Result<(ModelCard, Option<String>), ModelError> {
    let card_path = path.join(CARD);
    let text = match read_regular(&card_path) {
        Ok(text) => text,
        Err(FormatError::Missing { .. }) => return Err(ModelError::Missing(path.to_owned())),
        Err(FormatError::Io { reason, .. }) if reason.kind() == ErrorKind::NotADirectory => {
            return Err(ModelError::Missing(path.to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    let no_card = |reason| ModelError::Card { path: card_path.clone(), reason };
    let mut json: Value = serde_json::from_slice(&text).map_err(no_card)?;
    // Check the version first. Otherwise a card of another version fails with an error about unknown fields.
    if let Some(found) = json.get("format").and_then(Value::as_u64)
        && !ModelCard::FORMATS.contains(&found)
    {
        let expected = ModelCard::FORMAT;
        return Err(ModelError::Format { path: card_path, found, expected });
    }
    // The digest is a field of the file, but not of the card.
    let digest = json.as_object_mut().and_then(|fields| fields.remove(ARRAYS_DIGEST));
    let card: ModelCard = serde_json::from_value(json).map_err(no_card)?;
    let invalid = |name, found, expected| {
        Err(ModelError::CardValue { path: card_path.clone(), name, found, expected })
    };
    let digest = match digest {
        Some(Value::String(digest)) => Some(digest),
        None if card.format < FORMAT_WITH_DIGEST => None,
        other => {
            let found = other.map_or("missing".into(), |value| value.to_string());
            return invalid(ARRAYS_DIGEST, found, "the SHA-256 of `model.safetensors`");
        }
    };
    if card.base.include_top {
        return Err(VggError::FrozenTop.into());
    }
    if card.classes.len() < 2 {
        return Err(ModelError::Classes { path: card_path, count: card.classes.len() });
    }
    card.base.frozen_and_trainable()?;
    match card.invalid_value() {
        Some(InvalidValue { name, found, expected }) => invalid(name, found, expected),
        None => Ok((card, digest)),
    }
}

/// Returns the SHA-256 of the file at `path`.
fn digest_of_file(path: &Path) -> Result<String, FormatError> {
    let digest = Sha256::digest(read_regular(path)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
