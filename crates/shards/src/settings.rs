//! What features follow from: pieces with the same settings are of one set.

use augment::AugmentConfig;
use half::f16;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vgg::{FrozenBase, Preprocessing, VggConfig, Weights, without_instructions};

use crate::Photographs;

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

/// The two folders that photographs are in, as the beginnings of their keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// That of what is trained on.
    pub train: String,
    /// That of what is validated on.
    pub validation: String,
}

impl Folders {
    /// Whether the photograph with this key is in the validation folder.
    pub(crate) fn is_validation(&self, key: &str) -> bool {
        key.strip_prefix(&self.validation).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// How values are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// As they are computed.
    #[default]
    Float32,
    /// Rounded to 11 bits, in half of the room.
    Float16,
}

impl Dtype {
    /// How many bytes a value takes.
    pub fn size(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float16 => 2,
        }
    }

    /// Its name in settings and arguments.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
        }
    }

    /// The largest value that it has.
    pub(crate) fn largest(self) -> f32 {
        match self {
            Self::Float32 => f32::MAX,
            Self::Float16 => f16::MAX.to_f32(),
        }
    }

    /// Returns true if a value, rounded to the type, is neither NaN nor infinite.
    pub(crate) fn holds(self, value: f32) -> bool {
        match self {
            Self::Float32 => value.is_finite(),
            Self::Float16 => f16::from_f32(value).is_finite(),
        }
    }

    /// Its name in a safetensors file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float32 => "F32",
            Self::Float16 => "F16",
        }
    }
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
