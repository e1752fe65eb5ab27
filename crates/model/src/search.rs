//! Finds the weights of a model's base again, by their digest.

use std::path::{Path, PathBuf};

use vgg::{VggConfig, Weights};

use crate::{ModelCard, ModelError};

/// Where to look for the weights of a model's base.
#[derive(Clone, Debug)]
pub struct WeightsSearch {
    /// The file that the user named; only this one is looked at then.
    pub named: Option<PathBuf>,
    /// A folder whose files are looked at after the one that the model remembers.
    pub folder: PathBuf,
}

impl WeightsSearch {
    /// The weights that the card tells of.
    ///
    /// # Errors
    ///
    /// The file named can't be read or holds other weights; or, where none is named, none of the
    /// files holds the weights.
    pub fn find(&self, card: &ModelCard) -> Result<Weights, ModelError> {
        let expected = &card.weights.digest;
        if let Some(path) = &self.named {
            let weights = Weights::load(path, &card.base)?;
            return if weights.digest() == expected {
                with_preprocessing(weights, card)
            } else {
                Err(ModelError::OtherWeights {
                    path: path.clone(),
                    found: weights.digest().to_owned(),
                    expected: expected.clone(),
                })
            };
        }
        if let Some(seed) = card.weights.seed {
            let weights = Weights::seeded(&card.base, seed)?;
            return if weights.digest() == expected {
                with_preprocessing(weights, card)
            } else {
                let found = weights.digest().to_owned();
                Err(ModelError::OtherSeeded { seed, found, expected: expected.clone() })
            };
        }
        let files = card.weights.path.iter().cloned().chain(files_in(&self.folder));
        match first_with_digest(files, &card.base, expected) {
            Ok(weights) => with_preprocessing(weights, card),
            Err(tried) => {
                let folder = self.folder.clone();
                Err(ModelError::WeightsNotFound { digest: expected.clone(), tried, folder })
            }
        }
    }

    /// The weights of this base with a digest, from the first file in the folder that holds them.
    pub fn find_in_folder(&self, base: &VggConfig, digest: &str) -> Option<Weights> {
        first_with_digest(files_in(&self.folder), base, digest).ok()
    }
}

/// The weights with a digest, or each file that was looked at and why it is not the one.
fn first_with_digest(
    files: impl IntoIterator<Item = PathBuf>,
    base: &VggConfig,
    digest: &str,
) -> Result<Weights, Vec<(PathBuf, String)>> {
    let mut tried = vec![];
    for path in files {
        match Weights::load(&path, base) {
            Ok(weights) if weights.digest() == digest => return Ok(weights),
            Ok(weights) => tried.push((path, format!("other weights, {}", weights.digest()))),
            Err(error) => {
                let message = error.to_string();
                tried.push((path, message.lines().next().unwrap_or_default().to_owned()));
            }
        }
    }
    Err(tried)
}

/// The weights, where the card names the preprocessing that comes with them.
fn with_preprocessing(weights: Weights, card: &ModelCard) -> Result<Weights, ModelError> {
    let [expected, found] = [weights.preprocessing(), card.preprocessing].map(|style| style.name());
    if found == expected { Ok(weights) } else { Err(ModelError::Preprocessing { found, expected }) }
}

/// The weight files in a folder; none where there is no folder.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| {
            ["h5", "keras", "pt", "pth", "safetensors"].contains(&extension)
        })
    });
    files.sort();
    files
}
