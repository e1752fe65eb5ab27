//! Names of objects laid out as [`photos::Layout`] lays out a folder, by the same rules: hidden names are
//! passed over, `train` and a validation folder are found in capitals or not, and the folders in them, or else
//! the first folders, are the classes.
//!
//! Names come one by one and are not kept, so that memory does not grow with the photographs of other shards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use photos::{Folder, Layout, PhotosError, VALIDATION_FOLDERS, is_hidden};

use crate::{Folders, ShardsError};

/// The folders of what was added.
#[derive(Default)]
pub(crate) struct Tree {
    folders: BTreeMap<String, Top>,
}

/// A folder right below the place of the photographs.
#[derive(Default)]
struct Top {
    has_files: bool,
    /// The folders in it, and whether there are files below them.
    folders: BTreeMap<String, bool>,
}

/// What classes there are and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Classes {
    pub(crate) names: Vec<String>,
    pub(crate) folders: Option<Folders>,
}

impl Tree {
    /// Adds the file of this name; returns whether it may be a photograph.
    pub(crate) fn add(&mut self, key: &str) -> bool {
        let is_shown = |part: &&str| !is_hidden(Path::new(part));
        let Some((folder, file)) = key.rsplit_once('/') else { return false };
        // Folders are there also where all in them is hidden.
        let mut shown = folder.split('/').take_while(is_shown);
        let Some(first) = shown.next() else { return false };
        let second = shown.next();
        let is_file = is_shown(&file) && folder.split('/').all(|part| is_shown(&part));
        let top = match self.folders.get_mut(first) {
            Some(top) => top,
            None => self.folders.entry(first.to_owned()).or_default(),
        };
        top.has_files |= is_file;
        if let Some(second) = second {
            match top.folders.get_mut(second) {
                Some(has_files) => *has_files |= is_file,
                None => _ = top.folders.insert(second.to_owned(), is_file),
            }
        }
        is_file
    }

    /// The classes of what was added; `place` is where it is, for an error.
    ///
    /// # Errors
    ///
    /// As [`Layout::find`].
    pub(crate) fn classes(&self, place: &str) -> Result<Classes, ShardsError> {
        let path = Path::new(place);
        let found = |name: &str| {
            self.folders
                .iter()
                .find(|(found, top)| found.eq_ignore_ascii_case(name) && !top.folders.is_empty())
        };
        let validation = VALIDATION_FOLDERS.iter().find_map(|name| found(name));
        let (layout, folders) = match (found("train"), validation) {
            (None, None) => {
                let classes = self.folders.iter().map(|(name, top)| (name, top.has_files));
                (Layout::Split { folder: folder(path, classes), share: 0.0 }, None)
            }
            (None, Some((validation, _))) => {
                return Err(PhotosError::NoTraining(path.join(validation)).into());
            }
            (Some(_), None) => return Err(PhotosError::NoValidation(path.to_owned()).into()),
            (Some((train, top)), Some((validation, validation_top))) => {
                let of = |name: &str, top: &Top| {
                    let classes = top.folders.iter().map(|(name, &has_files)| (name, has_files));
                    folder(&path.join(name), classes)
                };
                let layout = Layout::Folders {
                    train: of(train, top),
                    validation: of(validation, validation_top),
                };
                let folders = Folders { train: train.clone(), validation: validation.clone() };
                (layout, Some(folders))
            }
        };
        if let Some(fault) = layout.faults().into_iter().next() {
            return Err(fault.into());
        }
        let (Layout::Folders { train: folder, .. } | Layout::Split { folder, .. }) = layout;
        Ok(Classes { names: folder.classes, folders })
    }
}

/// A folder as it would be listed, but for its files, of which each class that has some has one.
fn folder<'a>(path: &Path, classes: impl Iterator<Item = (&'a String, bool)>) -> Folder {
    let (classes, files) = classes
        .map(|(name, has_files)| {
            (name.clone(), if has_files { vec![PathBuf::from(name)] } else { vec![] })
        })
        .unzip();
    Folder { path: path.to_owned(), classes, files, unreadable: vec![], stray: vec![] }
}

impl Classes {
    /// The label of the photograph with this key, and whether it is to be validated on; `None` where it is
    /// of no class.
    pub(crate) fn label_of(&self, key: &str) -> Option<(usize, bool)> {
        let below = self.below(key)?;
        let (class, _) = below.split_once('/')?;
        let label = self.names.binary_search_by(|name| name.as_str().cmp(class)).ok()?;
        let is_validation = self
            .folders
            .as_ref()
            .is_some_and(|folders| key.starts_with(&format!("{}/", folders.validation)));
        Some((label, is_validation))
    }

    /// The key below the folder of classes, by which an ordinary run calls the photograph.
    pub(crate) fn below<'a>(&self, key: &'a str) -> Option<&'a str> {
        let Some(Folders { train, validation }) = &self.folders else { return Some(key) };
        let (first, rest) = key.split_once('/')?;
        (first == train || first == validation).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use photos::key_of;
    use proptest::prelude::*;

    /// The classes and photographs that an ordinary run finds among files with these names.
    fn in_folder(keys: &[String]) -> Result<(Classes, Vec<String>), String> {
        let data = tempfile::tempdir().expect("a temporary folder");
        for key in keys {
            let path = data.path().join(key);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            fs::write(path, "").expect("a writable folder");
        }
        let layout = Layout::find(data.path(), None).map_err(|error| kind(&error))?;
        let name = |folder: &Folder| key_of(&folder.path, data.path());
        let (classes, folders, files) = match &layout {
            Layout::Folders { train, validation } => {
                let folders = Folders { train: name(train), validation: name(validation) };
                (&train.classes, Some(folders), [&train.files[..], &validation.files].concat())
            }
            Layout::Split { folder, .. } => (&folder.classes, None, folder.files.clone()),
        };
        let mut keys: Vec<_> =
            files.iter().flatten().map(|path| key_of(path, data.path())).collect();
        keys.sort();
        Ok((Classes { names: classes.clone(), folders }, keys))
    }

    fn in_store(keys: &[String]) -> Result<(Classes, Vec<String>), String> {
        let mut tree = Tree::default();
        let mut candidates: Vec<String> =
            keys.iter().filter(|key| tree.add(key)).cloned().collect();
        let classes = tree.classes("data").map_err(|error| match error {
            ShardsError::Photos(error) => kind(&error),
            other => panic!("{other}"),
        })?;
        candidates.retain(|key| classes.label_of(key).is_some());
        candidates.sort();
        Ok((classes, candidates))
    }

    /// The kind of an error, without its path.
    fn kind(error: &PhotosError) -> String {
        format!("{error:?}").split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
    }

    proptest! {
        // Each makes a folder.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn names_in_a_store_are_laid_out_as_files_in_a_folder(
            keys in prop::collection::hash_set(
                "(train/|Train/|val/|validation/|test/)?(a/|b/|\\.c/|__MACOSX/){0,2}(a|b|\\.b|Thumbs\\.db)\\.jpg", 0..24,
            ),
        ) {
            let keys: Vec<String> = keys.into_iter().collect();
            prop_assert_eq!(in_store(&keys), in_folder(&keys));
        }
    }
}
