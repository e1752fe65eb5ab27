//! How a folder says what to train on and what to validate on.

use std::path::Path;

use crate::{Folder, LeftOut, Photos, PhotosError};

const VALIDATION: [&str; 4] = ["validation", "val", "valid", "test"];

/// The share of each class that is kept for validation where there is no validation folder and no
/// share is named.
const DEFAULT_SPLIT: f64 = 0.2;

/// The two ways in which photographs are laid out, listed but not yet read.
#[derive(Clone, Debug)]
pub enum Layout {
    /// `train` and one of `validation`, `val`, `valid` and `test`, with the same classes.
    Folders {
        /// What is trained on.
        train: Folder,
        /// What is validated on.
        validation: Folder,
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
    /// `train` and `validation` in it.
    ///
    /// # Errors
    ///
    /// The folder is missing or has fewer than two classes, a class has no files, the two folders'
    /// classes differ, or `split` does not go with the folder.
    pub fn find(data: &Path, split: Option<f64>) -> Result<Self, PhotosError> {
        if let Some(share) = split
            && !(share > 0.0 && share < 1.0)
        {
            return Err(PhotosError::Split(share));
        }
        let train = data.join("train");
        if !train.is_dir() {
            let folder = Folder::scan(data)?;
            folder.require_two_classes()?;
            return Ok(Self::Split { folder, share: split.unwrap_or(DEFAULT_SPLIT) });
        }
        let validation = VALIDATION.iter().map(|name| data.join(name)).find(|path| path.is_dir());
        let validation = validation.ok_or_else(|| PhotosError::NoValidation(data.to_owned()))?;
        if split.is_some() {
            return Err(PhotosError::SplitTwice(validation));
        }
        let (train, validation) = (Folder::scan(&train)?, Folder::scan(&validation)?);
        train.require_two_classes()?;
        if train.classes != validation.classes {
            return Err(validation.other_classes(&train.classes));
        }
        Ok(Self::Folders { train, validation })
    }

    /// Reads the photographs: those to train on, those to validate on, and what was left out.
    /// `size` is (height, width); `seed` decides which photographs are kept for validation.
    ///
    /// # Errors
    ///
    /// A class has no readable photograph, or only one where one of them is to be kept for
    /// validation.
    pub fn load(
        &self,
        size: [usize; 2],
        seed: u64,
    ) -> Result<(Photos, Photos, LeftOut), PhotosError> {
        match self {
            Self::Folders { train, validation } => {
                let (train, mut left_out) = Photos::load(train, size)?;
                let (validation, also_left_out) = Photos::load(validation, size)?;
                left_out.extend(also_left_out);
                Ok((train, validation, left_out))
            }
            Self::Split { folder, share } => {
                let (photos, left_out) = Photos::load(folder, size)?;
                let (train, validation) = photos.split(*share, seed)?;
                Ok((train, validation, left_out))
            }
        }
    }
}
