//! The bundle on disk: `model.json` and `model.safetensors`.

use std::io::ErrorKind;
use std::path::Path;

use burn::tensor::Device;
use formats::{FormatError, read_arrays, write_safetensors, write_whole};

use vgg::VggError;

use crate::{ModelCard, ModelError, Tail, TailError};

const CARD: &str = "model.json";
const ARRAYS: &str = "model.safetensors";

/// Writes a model into the folder at `path`, which must be there. Callers that replace a model
/// write it into a new folder first, see [`formats::replace_folder`].
///
/// # Errors
///
/// The system refuses to write there.
pub fn save_bundle(path: &Path, card: &ModelCard, tail: &Tail) -> Result<(), ModelError> {
    write_safetensors(&path.join(ARRAYS), &tail.to_arrays())?;
    let mut json = serde_json::to_vec_pretty(card).expect("a card is plain data");
    json.push(b'\n');
    Ok(write_whole(&path.join(CARD), &json)?)
}

/// Reads a model's card and what it learned from the folder at `path`.
///
/// # Errors
///
/// There is no model, or its files are damaged, of another version or do not fit each other.
pub fn load_tail(path: &Path, device: &Device) -> Result<(ModelCard, Tail), ModelError> {
    let card = load_card(path)?;
    let arrays_path = path.join(ARRAYS);
    let arrays = read_arrays(&arrays_path)?;
    match Tail::new(&card.base, &card.head, card.classes.len(), arrays, device) {
        Ok(tail) => Ok((card, tail)),
        Err(TailError::Base(error)) => Err(error.into()),
        Err(error) => Err(ModelError::Arrays { path: arrays_path, fault: error.to_string() }),
    }
}

/// Reads a model's card from the folder at `path`.
///
/// # Errors
///
/// There is no model, or its card is damaged or of another version.
pub fn load_card(path: &Path) -> Result<ModelCard, ModelError> {
    let card_path = path.join(CARD);
    let text = match std::fs::read(&card_path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(ModelError::Missing(path.to_owned()));
        }
        Err(error) => return Err(FormatError::io(&card_path, error).into()),
    };
    let no_card = |source| ModelError::Card { path: card_path.clone(), source };
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(no_card)?;
    // The version is looked at first: another version's fields would only be called unknown.
    if let Some(found) = json.get("format").and_then(serde_json::Value::as_u64)
        && found != u64::from(ModelCard::FORMAT)
    {
        let (found, expected) = (found as u32, ModelCard::FORMAT);
        return Err(ModelError::Format { path: card_path, found, expected });
    }
    let card: ModelCard = serde_json::from_value(json).map_err(no_card)?;
    if card.base.include_top {
        return Err(VggError::FrozenTop.into());
    }
    match card.classes.len() {
        0 | 1 => Err(ModelError::Classes { path: card_path, count: card.classes.len() }),
        _ => Ok(card),
    }
}
