//! How a folder says what to train on and what to validate on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::listing::entries;
use crate::{Cache, Folder, LeftOut, Photos, PhotosError, SplitFolders, is_named_as_picture};

/// The share of each class that is kept for validation where there is no validation folder and no
/// share is named.
const DEFAULT_SPLIT: f64 = 0.2;

/// The two ways in which photographs are laid out, listed but not yet read.
#[derive(Clone, Debug)]
pub enum Layout {
    /// A training and a validation folder, [known by their names](SplitFolders), with the same classes.
    Folders {
        /// What is trained on.
        train: Folder,
        /// What is validated on.
        validation: Folder,
        /// Folders and images beside the two, which are not used.
        beside: LeftOut,
    },
    /// One folder, of which a share of each class is kept for validation.
    Split {
        /// The folder.
        folder: Folder,
        /// The share, between 0 and 1.
        share: f64,
    },
}

impl Layout {
    /// Finds out how the photographs at `data` are laid out, and lists them. `split` is the share
    /// of each class kept for validation, 0.2 where it is left out, and only for a folder without
    /// a training and a validation folder in it.
    ///
    /// # Errors
    ///
    /// The folder is missing or has fewer than two classes, a class has no files, the two folders'
    /// classes differ, all classes hold the same subfolders, or `split` does not go with the folder.
    pub fn find(data: &Path, split: Option<f64>) -> Result<Self, PhotosError> {
        let layout = Self::list(data, split)?;
        match layout.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(layout),
        }
    }

    /// The same, but with whatever classes and files there are, for a [`Survey`](crate::Survey);
    /// [`faults`](Self::faults) says what is wrong with them.
    ///
    /// # Errors
    ///
    /// The folder is missing, has only one of the two folders, or can't be listed, or `split` does not go with
    /// it.
    pub fn list(data: &Path, split: Option<f64>) -> Result<Self, PhotosError> {
        if let Some(share) = split
            && !(share > 0.0 && share < 1.0)
        {
            return Err(PhotosError::Split(share));
        }
        let Some(splits) = SplitFolders::find(data, folders_in)? else {
            let (folder, share) = (Folder::list(data)?, split.unwrap_or(DEFAULT_SPLIT));
            return Ok(Self::Split { folder, share });
        };
        if split.is_some() {
            return Err(PhotosError::SplitTwice(splits.validation));
        }
        let (train, validation) = (Folder::list(&splits.train)?, Folder::list(&splits.validation)?);
        let stray = images_around(data, &splits);
        let beside = LeftOut { unreadable: vec![], stray, unused: splits.unused };
        Ok(Self::Folders { train, validation, beside })
    }

    /// What keeps the classes and files from being trained on: classes that all hold the same subfolders, fewer than
    /// two classes, classes without files, or two folders whose classes differ. A layout that was
    /// [found](Self::find) has none.
    pub fn faults(&self) -> Vec<PhotosError> {
        match self {
            Self::Folders { train, validation, .. } => {
                let mut faults: Vec<PhotosError> = train.same_subfolders().into_iter().collect();
                faults.extend(train.faults());
                faults.extend(validation.faults());
                faults.extend(train.only_class());
                if train.classes != validation.classes {
                    faults.push(validation.other_classes(&train.classes));
                }
                faults
            }
            Self::Split { folder, .. } => {
                let mut faults: Vec<PhotosError> = folder.same_subfolders().into_iter().collect();
                faults.extend(folder.faults());
                faults.extend(folder.only_class());
                faults
            }
        }
    }

    /// Reads the photographs: those to train on, those to validate on, and what was left out.
    /// `size` is (height, width); `seed` decides which photographs are kept for validation; `cache` keeps
    /// those to train on first where they have a folder of their own.
    ///
    /// # Errors
    ///
    /// A class has no readable photograph, or only one where one of them is to be kept for
    /// validation.
    pub fn load(
        &self,
        size: [usize; 2],
        seed: u64,
        cache: &Cache,
    ) -> Result<(Photos, Photos, LeftOut), PhotosError> {
        self.load_with(size, cache, |photos, share| photos.split(share, seed))
    }

    /// The same, but near duplicates in one folder are kept on one side. Between two folders they stay
    /// where they are.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), or all photographs of a class are near duplicates of one another.
    pub fn load_grouped(
        &self,
        size: [usize; 2],
        seed: u64,
        cache: &Cache,
    ) -> Result<(Photos, Photos, LeftOut), PhotosError> {
        self.load_with(size, cache, |photos, share| {
            let groups = photos.near_duplicates()?;
            photos.split_grouped(share, seed, &groups)
        })
    }

    /// The same, but one folder is divided as `is_validation` says of each file; those of which it says
    /// nothing are passed over, and so are classes of which it says nothing at all.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_divided(
        &self,
        size: [usize; 2],
        cache: &Cache,
        is_validation: impl Fn(&Path) -> Option<bool>,
    ) -> Result<(Photos, Photos, LeftOut), PhotosError> {
        let named = match self {
            Self::Split { folder, share } => {
                let mut folder = folder.clone();
                let classes = std::mem::take(&mut folder.classes);
                let files = std::mem::take(&mut folder.files);
                for (class, mut files) in classes.into_iter().zip(files) {
                    files.retain(|path| is_validation(path).is_some());
                    if !files.is_empty() {
                        folder.classes.push(class);
                        folder.files.push(files);
                    }
                }
                Self::Split { folder, share: *share }
            }
            folders @ Self::Folders { .. } => folders.clone(),
        };
        named.load_with(size, cache, |photos, _| {
            let at = 0..photos.labels().len();
            let second: Vec<bool> =
                at.map(|at| is_validation(photos.path(at)) == Some(true)).collect();
            Ok(photos.divided(&second))
        })
    }

    fn load_with(
        &self,
        size: [usize; 2],
        cache: &Cache,
        split: impl FnOnce(Photos, f64) -> Result<(Photos, Photos), PhotosError>,
    ) -> Result<(Photos, Photos, LeftOut), PhotosError> {
        match self {
            Self::Folders { train, validation, beside } => {
                let (train, mut left_out) = Photos::load(train, size, cache)?;
                let rest = Cache { memory: cache.memory - train.cached(), ..cache.clone() };
                let (validation, also_left_out) = Photos::load(validation, size, &rest)?;
                left_out.extend(also_left_out);
                left_out.extend(beside.clone());
                Ok((train, validation, left_out))
            }
            Self::Split { folder, share } => {
                let (photos, left_out) = Photos::load(folder, size, cache)?;
                let (train, validation) = split(photos, *share)?;
                Ok((train, validation, left_out))
            }
        }
    }
}

/// The folders in a folder, sorted by name; none if it can't be listed.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = entries(folder).unwrap_or_default().into_iter();
    entries.filter(|entry| entry.is_folder).map(|entry| entry.path).collect()
}

/// The images in `data` and in the folders between it and the folders of classes, which are of no class.
fn images_around(data: &Path, splits: &SplitFolders) -> Vec<PathBuf> {
    let around = [&splits.train, &splits.validation]
        .into_iter()
        .flat_map(|split| split.ancestors().skip(1).take_while(|folder| folder.starts_with(data)));
    let around: BTreeSet<&Path> = around.collect();
    let entries = around.into_iter().flat_map(|folder| entries(folder).unwrap_or_default());
    entries
        .filter(|entry| !entry.is_folder && is_named_as_picture(&entry.path))
        .map(|entry| entry.path)
        .collect()
}
