//! Layout of the images in an object store, by the rules that [`photos::Layout`] applies to a folder. Hidden names are
//! ignored, and [`SplitFolders`] finds the folders of the splits. Their subfolders are the classes;
//! without them, the top-level folders are.
//!
//! Names are added one by one and only one is stored for each folder, so that memory use does not grow with the images
//! of other shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use photos::{
    Folder, Layout, Split, SplitFolders, has_image_extension, is_hidden, key_of, name_of_key,
};

use crate::{Folders, ShardsError};

/// Folders of the added names.
#[derive(Default)]
pub(crate) struct Tree {
    /// Folders that are not hidden, each with the name of one file in it: an image if it has one.
    folders: BTreeMap<String, Option<String>>,
}

/// Classes of a dataset, and the folders of its splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Classes {
    pub(crate) names: Vec<String>,
    pub(crate) folders: Option<Folders>,
}

/// Classes found among the names.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) classes: Classes,
    /// Keys of the folders next to those of the splits, which are not used.
    pub(crate) unused: Vec<String>,
}

impl Tree {
    /// Adds a file. Returns true if the file may be an image.
    pub(crate) fn add(&mut self, name: &str) -> bool {
        let Some((folder, file)) = name.rsplit_once('/') else { return false };
        // A folder exists even if all names in it are hidden.
        let shown: usize = folder
            .split('/')
            .take_while(|part| !is_hidden(Path::new(part)))
            .map(|part| part.len() + 1)
            .sum();
        if shown == 0 {
            return false;
        }
        let is_file = shown > folder.len() && !is_hidden(Path::new(file));
        let shown = &folder[..shown - 1];
        let one = match self.folders.get_mut(shown) {
            Some(one) => one,
            None => self.folders.entry(shown.to_owned()).or_default(),
        };
        let is_image = |name: &str| has_image_extension(Path::new(name));
        if is_file && one.as_deref().is_none_or(|one| !is_image(one) && is_image(file)) {
            *one = Some(file.to_owned());
        }
        is_file
    }

    /// Returns the classes of the added files. `place` is their location, for errors.
    ///
    /// # Errors
    ///
    /// Returns an error in the same cases as [`Layout::find`].
    pub(crate) fn classes(&self, place: &str) -> Result<Found, ShardsError> {
        let place = Path::new(place);
        let folders_in = |folder: &Path| {
            let names = self.names_in(&name_of_key(&key_of(folder, place)));
            names.into_iter().map(|name| folder.join(name)).collect()
        };
        let splits = SplitFolders::find(place, folders_in)?;
        let list = |folder: &Path| Ok::<_, ShardsError>(self.folder(folder, place));
        let layout = Layout::of_splits(place, splits.as_ref(), list)?;
        if let Some(fault) = layout.faults().into_iter().next() {
            return Err(fault.into());
        }
        let folders = Folders::of(&layout, place);
        let unused = layout.beside.unused.iter().map(|folder| key_of(folder, place)).collect();
        Ok(Found { classes: Classes { names: layout.train.classes, folders }, unused })
    }

    /// Returns the names of the subfolders of a folder, given by its name below the location.
    fn names_in(&self, folder: &str) -> BTreeSet<&str> {
        self.below(folder).filter_map(|(below, _)| below.split('/').next()).collect()
    }

    /// Returns all folders below a folder, each with its file.
    fn below(&self, folder: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
        let before = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = self.folders.range(before.clone()..);
        from.map_while(move |(found, file)| Some((found.strip_prefix(&*before)?, file.as_deref())))
    }

    /// Returns a folder of classes as a listing would, but with at most one file of each subfolder.
    fn folder(&self, path: &Path, place: &Path) -> Folder {
        let key = key_of(path, place);
        let mut classes: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
        for (below, file) in self.below(&name_of_key(&key)) {
            let class = below.split('/').next().expect("a part");
            let files = classes.entry(class).or_default();
            files.extend(file.map(|file| path.join(below).join(file)));
        }
        let (classes, files) =
            classes.into_iter().map(|(class, files)| (class.to_owned(), files)).unzip();
        Folder { path: path.to_owned(), classes, files, unreadable: vec![], ignored: vec![] }
    }
}

impl Classes {
    /// Returns the label and the split of an image; `None` if it belongs to no class. Images without folders of splits
    /// are training images, of which a part is to be selected for other splits.
    pub(crate) fn label_of(&self, key: &str) -> Option<(usize, Split)> {
        let (split, below) = self.locate(key)?;
        let class = &*name_of_key(below.split_once('/')?.0);
        let label = self.names.binary_search_by(|name| name.as_str().cmp(class)).ok()?;
        Some((label, split))
    }

    /// Returns the split of an image, and its key relative to the folder of classes, as a training run on a folder has
    /// it.
    pub(crate) fn locate<'a>(&self, key: &'a str) -> Option<(Split, &'a str)> {
        match &self.folders {
            Some(folders) => folders.locate(key),
            None => Some((Split::Train, key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::mem::{Discriminant, discriminant};

    use photos::{PhotosError, key_of_name};
    use proptest::prelude::*;

    /// Classes, keys of the images, and unused folders.
    type Laid = (Classes, Vec<String>, Vec<String>);

    /// Kind of error, without its path.
    type Kind = Discriminant<PhotosError>;

    /// Lays out files with these names in a folder.
    fn in_folder(keys: &[String]) -> Result<Laid, Kind> {
        let data = tempfile::tempdir().expect("a temporary folder");
        for key in keys {
            let path = data.path().join(key);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            fs::write(path, "").expect("a writable folder");
        }
        let layout = Layout::find(data.path(), None).map_err(|error| discriminant(&error))?;
        let held_out = [Some(&layout.validation), layout.test.as_ref()].into_iter().flatten();
        let folders = held_out.filter_map(|held_out| held_out.folder());
        let files = [&layout.train].into_iter().chain(folders).flat_map(|folder| &folder.files);
        let unused = layout.beside.unused.iter().map(|path| key_of(path, data.path())).collect();
        let mut keys: Vec<_> = files.flatten().map(|path| key_of(path, data.path())).collect();
        keys.sort();
        let folders = Folders::of(&layout, data.path());
        Ok((Classes { names: layout.train.classes.clone(), folders }, keys, unused))
    }

    fn in_store(keys: &[String]) -> Result<Laid, Kind> {
        let mut tree = Tree::default();
        let mut candidates: Vec<String> =
            keys.iter().filter(|key| tree.add(key)).map(|name| key_of_name(name)).collect();
        let Found { classes, unused } = tree.classes("data").map_err(|error| match error {
            ShardsError::Photos(error) => discriminant(&error),
            other => panic!("{other}"),
        })?;
        candidates.retain(|key| classes.label_of(key).is_some());
        candidates.sort();
        Ok((classes, candidates, unused))
    }

    proptest! {
        // Each case creates a folder.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn store_and_folder_layouts_agree(
            keys in prop::collection::hash_set(
                "(x/)?(train/|Train/|seg_train/|val/|dev/|validation/|test/|test_set/|train - Copy/)?(train/|test/)?(a/|b/|b\\\\x/|\\.c/|@eaDir/){0,2}(a|b|b\\\\|\\.b|Thumbs\\.db)\\.(jpg|txt)", 0..24,
            ),
        ) {
            let keys: Vec<String> = keys.into_iter().collect();
            prop_assert_eq!(in_store(&keys), in_folder(&keys));
        }
    }
}
