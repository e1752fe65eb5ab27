//! What features follow from: pieces with the same settings are of one set.

use augment::AugmentConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vgg::{FrozenBase, Preprocessing, VggConfig, Weights, without_instructions};

use crate::{Dtype, Folders, Photographs};

/// Name of the algorithms of the revisions below. If one of them is raised, this becomes the version of the program, and
/// features of the old ones are computed again.
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

/// Everything that the features of a set follow from but the photographs themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSettings {
    /// Name of the algorithms that decode, warp and convolve: the version of the program that had them first.
    pub version: String,
    /// The base.
    pub base: VggConfig,
    /// The digest of its weights.
    pub weights: String,
    /// The preprocessing that comes with the weights.
    pub preprocessing: Preprocessing,
    /// The engine that computes, as [`FrozenBase::engine`] names it. With another instruction set features have
    /// other last digits, but are of the same set; sets that older versions made don't say with which.
    pub engine: String,
    /// How values are stored.
    pub dtype: Dtype,
    /// The augmented views, where there are any.
    pub views: Option<ViewSettings>,
    /// The names of all classes, sorted. A label is a place here.
    pub classes: Vec<String>,
    /// The folders of what is trained and what is validated on; `None` where a part of one folder is to be
    /// kept for validation.
    pub folders: Option<Folders>,
}

/// What augmented views follow from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewSettings {
    /// How many there are of every photograph that can be trained on.
    pub count: usize,
    /// What is done to it.
    pub augment: AugmentConfig,
    /// The seed of the draws.
    pub seed: u64,
}

impl FeatureSettings {
    /// The settings of what `base`, made of `config` and `weights`, gives for `photographs`.
    pub fn new(
        config: &VggConfig,
        weights: &Weights,
        base: &FrozenBase,
        photographs: &Photographs,
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
            classes: photographs.classes().to_vec(),
            folders: photographs.folders().cloned(),
        }
    }

    /// How many augmented views there are.
    pub fn view_count(&self) -> usize {
        self.views.map_or(0, |views| views.count)
    }

    /// The first setting that is another one here than in `expected`: its name, what it is here, and what it
    /// is there. The instruction set of the engine is not compared.
    pub(crate) fn difference(&self, expected: &Self) -> Option<[String; 3]> {
        // By way of text, which has the digits of a 32-bit number and not those of its 64-bit neighbour.
        let value = |settings: &Self| -> Value {
            let engine = without_instructions(&settings.engine).to_owned();
            let settings = Self { engine, ..settings.clone() };
            let text = serde_json::to_string(&settings).expect("plain data");
            serde_json::from_str(&text).expect("JSON")
        };
        difference("", &value(self), &value(expected))
    }

    /// Returns the difference between the engines, of settings that have no other one: the instruction set is
    /// another one, or is known of one alone.
    pub(crate) fn other_instructions(&self, expected: &Self) -> Option<[String; 3]> {
        let [found, expected] = [self, expected].map(|settings| settings.engine.clone());
        (found != expected).then(|| ["engine".to_owned(), found, expected])
    }
}

/// The first place where two values differ.
fn difference(name: &str, found: &Value, expected: &Value) -> Option<[String; 3]> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => found.iter().find_map(|(key, found)| {
            let dot = if name.is_empty() { "" } else { "." };
            difference(&format!("{name}{dot}{key}"), found, &expected[key])
        }),
        _ if found == expected => None,
        _ => Some([name.to_owned(), found.to_string(), expected.to_string()]),
    }
}
