//! Folders and fractions of the splits of a run, as text and as JSON.

use std::fmt::{Display, Formatter, Result};

use photos::{Folder, HeldOut, Layout, key_of};
use quoting::Shown;
use serde_json::{Value, json};
use shards::Folders;
use train::{FeatureData, RunConfig};

/// Names of the folders of the splits, or their fractions of the training folder.
pub(crate) struct SplitNames {
    /// Training folder; `None` if it is the data folder.
    train: Option<String>,
    validation: Origin,
    test: Option<Origin>,
}

/// Origin of a split.
enum Origin {
    Folder(String),
    /// Fraction of each class of the training folder.
    Share(f64),
}

impl SplitNames {
    /// Returns the names of a run on images.
    pub(crate) fn of_layout(layout: &Layout, config: &RunConfig) -> Self {
        let data = &config.data.path;
        let name = |folder: &Folder| key_of(&folder.path, data);
        let origin = |held_out: &HeldOut| match held_out {
            HeldOut::Folder(folder) => Origin::Folder(name(folder)),
            HeldOut::Share(share) => Origin::Share(*share),
        };
        Self {
            train: (layout.train.path != *data).then(|| name(&layout.train)),
            validation: origin(&layout.validation),
            test: layout.test.as_ref().map(origin),
        }
    }

    /// Returns the names of a run on features.
    pub(crate) fn of_features(data: &FeatureData, config: &RunConfig) -> Self {
        let folders = data.set().folders();
        let folder = |name: fn(&Folders) -> Option<&String>| {
            folders.and_then(name).cloned().map(Origin::Folder)
        };
        let share = config.data.validation_split.unwrap_or(Layout::VALIDATION_SPLIT);
        Self {
            train: folders.map(|folders| folders.train.clone()),
            validation: folder(|folders| folders.validation.as_ref())
                .unwrap_or(Origin::Share(share)),
            test: folder(|folders| folders.test.as_ref())
                .or(config.data.test_split.map(Origin::Share)),
        }
    }
}

impl SplitNames {
    /// Returns true if the validation split and the test split are fractions of the training images.
    pub(crate) fn are_shares(&self) -> [bool; 2] {
        let is_share = |origin: &Origin| matches!(origin, Origin::Share(_));
        [is_share(&self.validation), self.test.as_ref().is_some_and(is_share)]
    }

    /// Returns the names as a JSON object.
    pub(crate) fn json(&self) -> Value {
        let origin = |origin: &Origin| match origin {
            Origin::Folder(name) => json!({"folder": name}),
            Origin::Share(share) => json!({"fraction": share}),
        };
        json!({
            "train": json!({"folder": self.train}),
            "validation": origin(&self.validation),
            "test": self.test.as_ref().map(origin),
        })
    }
}

impl Display for SplitNames {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let whole = self.train.as_ref().map(|train| train.shown());
        let of_whole = whole.as_ref().map(|train| format!(" of {train}")).unwrap_or_default();
        let origin = |origin: &Origin| match origin {
            Origin::Folder(name) => name.shown().to_string(),
            Origin::Share(0.0) => "none".into(),
            Origin::Share(share) => format!("{share} of each class{of_whole}"),
        };
        if let Some(train) = &whole {
            write!(f, "{train} for training, ")?;
        }
        write!(f, "{} for validation", origin(&self.validation))?;
        match &self.test {
            Some(test) => write!(f, ", {} for the test at the end", origin(test)),
            None => Ok(()),
        }
    }
}
