//! Folders of the splits of a set.

use std::path::Path;

use photos::{Folder, HeldOut, Layout, Split, key_of};
use serde::{Deserialize, Serialize};

/// Folders of the splits, as prefixes of the keys of their images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// Training folder.
    pub train: String,
    /// Validation folder; `None` if a part of the training images is to be selected for validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// Test folder; `None` without one. In older sets, the test folder was the validation folder if there was no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
}

impl Folders {
    /// Returns the folders of a layout of the images in `data`; `None` if the splits have no folders.
    pub(crate) fn of(layout: &Layout, data: &Path) -> Option<Self> {
        let Layout { train, validation, test, .. } = layout;
        (train.path != data).then(|| {
            let name = |folder: &Folder| key_of(&folder.path, data);
            Self {
                train: name(train),
                validation: validation.folder().map(name),
                test: test.as_ref().and_then(HeldOut::folder).map(name),
            }
        })
    }

    /// Returns the split of the image with this key, and the rest of the key after its folder; `None` if it is in no
    /// folder.
    pub(crate) fn locate<'a>(&self, key: &'a str) -> Option<(Split, &'a str)> {
        let folders = [
            (Split::Validation, self.validation.as_ref()),
            (Split::Test, self.test.as_ref()),
            (Split::Train, Some(&self.train)),
        ];
        folders.into_iter().find_map(|(split, folder)| {
            Some((split, key.strip_prefix(folder?.as_str())?.strip_prefix('/')?))
        })
    }
}
