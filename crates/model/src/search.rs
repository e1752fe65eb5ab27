//! Search for the weights of a model's base by their digest.

use std::path::{Path, PathBuf};

use vgg::{VggConfig, Weights};

use crate::{ModelCard, ModelError};

/// Locations of the weights of a model's base.
#[derive(Clone, Debug)]
pub struct WeightsSearch {
    /// File that the user names. If set, no other file is read.
    pub named: Option<PathBuf>,
    /// Folder that is searched after the path in the model card.
    pub folder: PathBuf,
}

impl WeightsSearch {
    /// Returns the weights of the model's base: from the named file, from the seed in the card, or from the first file
    /// with their digest.
    ///
    /// # Errors
    ///
    /// Returns an error in these cases:
    ///
    /// - The named file can't be read, or contains other weights.
    /// - The seed gives other weights.
    /// - No file contains the weights.
    /// - The weights have another preprocessing than the card.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{ModelCard, Weights, WeightsSearch};
    /// # use model::{HeadConfig, VggConfig};
    ///
    /// # let base = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// # let classes = ["cats", "dogs"].map(String::from).to_vec();
    /// let weights = Weights::seeded(&base, 1)?; // or Weights::load("vgg16.h5", &base)?
    /// let card = ModelCard::new(base, &weights, HeadConfig::default(), classes);
    /// let search = WeightsSearch { named: None, folder: "data/weights".into() };
    /// assert_eq!(search.find(&card)?.digest(), weights.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find(&self, card: &ModelCard) -> Result<Weights, ModelError> {
        let expected = &card.weights.digest;
        if let Some(path) = &self.named {
            let weights = Weights::load(path, &card.base)?;
            return if weights.digest() == expected {
                with_preprocessing(weights, card)
            } else {
                Err(ModelError::DifferentWeights {
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

    /// Returns the weights of `base` with this digest, from the first file in the folder that contains them.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{VggConfig, Weights, WeightsSearch};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let base = VggConfig { last_layer: "block1_pool".into(), ..VggConfig::default() };
    /// let weights = Weights::seeded(&base, 1)?;
    /// formats::write_safetensors(&folder.path().join("any name.safetensors"), weights.arrays())?;
    ///
    /// let search = WeightsSearch { named: None, folder: folder.path().to_owned() };
    /// assert!(search.find_in_folder(&base, weights.digest()).is_some());
    /// assert!(search.find_in_folder(&base, "another digest").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find_in_folder(&self, base: &VggConfig, digest: &str) -> Option<Weights> {
        first_with_digest(files_in(&self.folder), base, digest).ok()
    }
}

/// Returns the weights with this digest, or each file with the reason why it was rejected.
fn first_with_digest(
    files: impl IntoIterator<Item = PathBuf>,
    base: &VggConfig,
    digest: &str,
) -> Result<Weights, Vec<(PathBuf, String)>> {
    let mut tried = vec![];
    for path in files {
        match Weights::load(&path, base) {
            Ok(weights) if weights.digest() == digest => return Ok(weights),
            Ok(weights) => {
                tried.push((path, format!("other weights (digest {})", weights.digest())))
            }
            Err(error) => {
                let message = error.to_string();
                tried.push((path, message.lines().next().unwrap_or_default().to_owned()));
            }
        }
    }
    Err(tried)
}

/// Checks that the card has the preprocessing of the weights.
fn with_preprocessing(weights: Weights, card: &ModelCard) -> Result<Weights, ModelError> {
    let [expected, found] = [weights.preprocessing(), card.preprocessing].map(|style| style.name());
    if found == expected { Ok(weights) } else { Err(ModelError::Preprocessing { found, expected }) }
}

/// Returns the weights files in a folder, sorted. A missing folder is treated as empty.
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
