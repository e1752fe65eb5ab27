//! Settings that features depend on. Pieces with the same settings belong to the same set.

use std::collections::BTreeSet;

use augment::AugmentConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vgg::{FrozenBase, Preprocessing, VggConfig, Weights, without_instructions};

use crate::{Dtype, Folders, ImageIndex};

/// Name of the algorithms with the revisions below. When a revision is raised, this becomes the version of the program.
/// Sets with the old name then have other settings and must be computed again.
const ALGORITHMS: &str = "0.1.0";

const _: () = {
    let [base, convolutions] = FrozenBase::REVISIONS;
    assert!(
        photos::PIXELS_REVISION == 1
            && augment::WARP_REVISION == 1
            && base == 1
            && convolutions == 1,
        "rename `ALGORITHMS` with every revision"
    );
};

/// Settings of a set: everything that its features depend on except the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSettings {
    /// Name of the algorithms that decode, warp and convolve: the first version of the program that had them.
    pub version: String,
    /// Configuration of the base.
    pub base: VggConfig,
    /// Digest of the weights.
    pub weights: String,
    /// Preprocessing of the weights.
    pub preprocessing: Preprocessing,
    /// Engine of the base, as [`FrozenBase::engine`] names it. Another instruction set changes the last digits of
    /// features, but belongs to the same set. Sets of older versions do not name the instruction set.
    pub engine: String,
    /// Type that features are stored as.
    pub dtype: Dtype,
    /// Augmented copies, if any.
    pub views: Option<ViewSettings>,
    /// Names of all classes, sorted. A label is an index into them.
    pub classes: Vec<String>,
    /// Folders of the splits; `None` if all images are in one folder, of which a part is to be selected for validation.
    pub folders: Option<Folders>,
}

/// Settings of the augmented copies.
///
/// Copy c of an image, counted from 1, has the draw `augment.draw(seed, c, address)`, see [`AugmentConfig::draw`]. The
/// address is the first 8 bytes of the SHA-256 of the key, little-endian, see [`photos::address_of_key`]. This key is
/// relative to the training folder, such as `cats/1.jpg` for `train/cats/1.jpg`.
#[doc(alias = "data augmentation")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSettings {
    /// Number of copies of each trainable image.
    pub count: usize,
    /// Configuration of the augmentation.
    pub augment: AugmentConfig,
    /// Seed of the random draws.
    pub seed: u64,
}

impl FeatureSettings {
    /// Creates the settings of the features of `images` on `base`, which was created from `config` and `weights`.
    ///
    /// # Examples
    ///
    /// ```
    /// use shards::{AugmentConfig, Dtype, FeatureSettings, FrozenBase, ViewSettings, Weights};
    /// # use shards::{ImageIndex, Store, VggConfig};
    ///
    /// # let store = Store::in_memory();
    /// # store.put("cats/1.jpg", vec![])?;
    /// # store.put("dogs/2.jpg", vec![])?;
    /// # let images = ImageIndex::below(&store, |_| true)?;
    /// # let last_layer = "block1_pool".into();
    /// # let config = VggConfig { image_size: [32, 32], last_layer, ..VggConfig::default() };
    /// // `images` has two classes.
    /// let weights = Weights::seeded(&config, 1)?; // `Weights::load` reads a file
    /// let base = FrozenBase::new(&config, &weights)?;
    /// let views = ViewSettings { count: 5, augment: AugmentConfig::default(), seed: 1 };
    /// let dtype = Dtype::Float16;
    /// let settings = FeatureSettings::new(&config, &weights, &base, &images, dtype, Some(views));
    /// assert_eq!((settings.classes.len(), settings.view_count()), (2, 5));
    /// assert_eq!(settings.weights, weights.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(
        config: &VggConfig,
        weights: &Weights,
        base: &FrozenBase,
        images: &ImageIndex,
        dtype: Dtype,
        views: Option<ViewSettings>,
    ) -> Self {
        Self {
            version: ALGORITHMS.into(),
            base: config.clone(),
            weights: weights.digest().into(),
            preprocessing: base.preprocessing(),
            engine: base.engine().into(),
            dtype,
            views,
            classes: images.classes().to_vec(),
            folders: images.folders().cloned(),
        }
    }

    /// Returns the number of augmented copies of each trainable image.
    pub fn view_count(&self) -> usize {
        self.views.map_or(0, |views| views.count)
    }

    /// Returns the first difference from `expected`: name of the setting, value here, expected value. Ignores the
    /// instruction set of the engine.
    pub(crate) fn difference(&self, expected: &Self) -> Option<[String; 3]> {
        // Converts through text: it has the digits of a 32-bit number, not those of its 64-bit neighbor.
        let value = |settings: &Self| -> Value {
            let engine = without_instructions(&settings.engine).to_owned();
            let settings = Self { engine, ..settings.clone() };
            let text = serde_json::to_string(&settings).expect("plain data");
            serde_json::from_str(&text).expect("JSON")
        };
        difference("", &value(self), &value(expected))
    }

    /// Returns the difference between the engines of settings that are otherwise equal: their instruction sets differ,
    /// or only one is known.
    pub(crate) fn other_instructions(&self, expected: &Self) -> Option<[String; 3]> {
        let [found, expected] = [self, expected].map(|settings| settings.engine.clone());
        (found != expected).then(|| ["engine".to_owned(), found, expected])
    }
}

/// Returns the first difference between two JSON values: its path, and both values.
fn difference(name: &str, found: &Value, expected: &Value) -> Option<[String; 3]> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
            names.into_iter().find_map(|key| {
                let dot = if name.is_empty() { "" } else { "." };
                let value = |of: &Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                difference(&format!("{name}{dot}{key}"), &value(found), &value(expected))
            })
        }
        _ if found == expected => None,
        _ => Some([name.to_owned(), found.to_string(), expected.to_string()]),
    }
}
