//! The bundle on disk: `model.json` and `model.safetensors`.

use std::io::ErrorKind;
use std::path::Path;

use burn::tensor::Device;
use formats::{Array, Arrays, FormatError, read_arrays, write_safetensors, write_whole};
use head::{ARRAY_NAMES, Head};

use crate::{ModelCard, ModelError};

const CARD: &str = "model.json";
const ARRAYS: &str = "model.safetensors";

/// Writes a model into the folder at `path`, which must be there. Callers that replace a model
/// write it into a new folder first, see [`formats::replace_folder`].
///
/// # Errors
///
/// The system refuses to write there.
pub fn save_bundle(path: &Path, card: &ModelCard, head: &Head) -> Result<(), ModelError> {
    let arrays: Arrays = ARRAY_NAMES
        .iter()
        .zip(head.to_arrays())
        .map(|(name, (shape, data))| (name.to_string(), Array::new(shape, data)))
        .collect();
    write_safetensors(&path.join(ARRAYS), &arrays)?;
    let mut json = serde_json::to_vec_pretty(card).expect("a card is plain data");
    json.push(b'\n');
    Ok(write_whole(&path.join(CARD), &json)?)
}

/// Reads a model's card and head from the folder at `path`.
///
/// # Errors
///
/// There is no model, or its files are damaged, of another version or do not fit each other.
pub fn load_head(path: &Path, device: &Device) -> Result<(ModelCard, Head), ModelError> {
    let card = read_card(path)?;
    let arrays_path = path.join(ARRAYS);
    let mut arrays = read_arrays(&arrays_path)?;
    let fault = |fault: String| ModelError::Arrays { path: arrays_path.clone(), fault };
    let mut in_order = vec![];
    for name in ARRAY_NAMES {
        let array = arrays.remove(name).ok_or_else(|| fault(format!("`{name}` is missing")))?;
        in_order.push((array.shape, array.data));
    }
    if let Some(name) = arrays.keys().next() {
        return Err(fault(format!("`{name}` is none of its arrays")));
    }
    let in_order = in_order.try_into().expect("as many arrays as names");
    let inputs = card.base.layers()?.last().map_or(0, |layer| layer.output.iter().product());
    let head = card.head.init_with(inputs, card.classes.len(), in_order, device);
    Ok((card, head.map_err(|error| fault(error.to_string()))?))
}

fn read_card(path: &Path) -> Result<ModelCard, ModelError> {
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
    match card.classes.len() {
        0 | 1 => Err(ModelError::Classes { path: card_path, count: card.classes.len() }),
        _ => Ok(card),
    }
}
