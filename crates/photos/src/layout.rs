//! Determines which folders are for training and which for validation, and reads them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::listing::entries;
use crate::{
    Cache, Folder, ImageDataset, PhotosError, SkippedFiles, SplitFolders, has_image_extension,
};

/// Default validation split: fraction of each class.
const DEFAULT_SPLIT: f64 = 0.2;

/// Layout of the images, listed but not yet read.
#[doc(alias = "train_test_split")]
#[doc(alias = "validation_split")]
#[derive(Clone, Debug)]
pub enum Layout {
    /// Separate training and validation folders, [recognized by their names](SplitFolders), with the same classes.
    Folders {
        /// Folder of training images.
        train: Folder,
        /// Folder of validation images.
        validation: Folder,
        /// Unused folders and images next to the two.
        beside: SkippedFiles,
    },
    /// Single folder, from which a fraction of each class is used for validation.
    Split {
        /// Folder of all images.
        folder: Folder,
        /// Validation split, a fraction between 0 and 1.
        share: f64,
    },
}

impl Layout {
    /// Finds the layout of the images at `data` and lists them.
    ///
    /// `split` is the fraction of each class to use for validation. The default is 0.2. It is only valid for a folder
    /// without a training and a validation folder.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder is missing or has fewer than two classes, if a class has no files, or if all
    /// classes have the same subfolders. It is also an error if two folders have different classes, or if `split` is
    /// given for two folders.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Layout;
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// let layout = Layout::find(data.path(), Some(0.5))?;
    /// let Layout::Split { folder, share } = layout else { panic!("no folder is named `train`") };
    /// assert_eq!((folder.classes.len(), share), (2, 0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "train_test_split")]
    #[doc(alias = "validation_split")]
    pub fn find(data: impl AsRef<Path>, split: Option<f64>) -> Result<Self, PhotosError> {
        let layout = Self::list(data.as_ref(), split)?;
        match layout.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(layout),
        }
    }

    /// Finds the layout like [`find`](Self::find), but accepts any classes and files, for a [`Survey`](crate::Survey).
    /// [`faults`](Self::faults) returns the problems.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder is missing or can't be listed, if it has only one of the two folders, or if
    /// `split` is invalid or given for two folders.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Layout;
    ///
    /// # let data = tempfile::tempdir()?;
    /// std::fs::create_dir(data.path().join("cat"))?; // one class without images
    /// let layout = Layout::list(data.path(), None)?;
    /// assert!(!layout.faults().is_empty());
    /// assert!(Layout::find(data.path(), None).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let ignored = images_around(data, &splits);
        let beside = SkippedFiles { unreadable: vec![], ignored, unused: splits.unused };
        Ok(Self::Folders { train, validation, beside })
    }

    /// Returns the errors that prevent training: classes that all have the same subfolders, fewer than two classes,
    /// classes without files, or two folders with different classes. A layout from [`find`](Self::find) has no errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Layout;
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// assert!(Layout::list(data.path(), None)?.faults().is_empty());
    ///
    /// std::fs::create_dir(data.path().join("bird"))?;
    /// let faults = Layout::list(data.path(), None)?.faults();
    /// assert_eq!(faults.len(), 1);
    /// assert!(faults[0].to_string().contains("bird"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Reads the images. Returns the training images, the validation images and the skipped files.
    ///
    /// `size` is (height, width). `seed` determines which images of a single folder are for validation. If the training
    /// images have their own folder, they are cached in memory first.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has no readable image, or only one although it must be split.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Layout};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// let layout = Layout::find(data.path(), Some(0.5))?;
    /// let (train, validation, skipped) = layout.load([180, 180], 42, &Cache::in_memory(1 << 30))?;
    /// assert_eq!((train.labels(), validation.labels()), (&[0, 1][..], &[0, 1][..]));
    /// assert!(skipped.unreadable.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "image_dataset_from_directory")]
    #[doc(alias = "train_test_split")]
    pub fn load(
        &self,
        size: [usize; 2],
        seed: u64,
        cache: &Cache,
    ) -> Result<(ImageDataset, ImageDataset, SkippedFiles), PhotosError> {
        self.load_with(size, cache, |photos, share| photos.split(share, seed))
    }

    /// Reads the images like [`load`](Self::load), but never splits near duplicates in a single folder. Near duplicates
    /// in separate training and validation folders are not moved.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`load`](Self::load). It is also an error if all images of a class are near duplicates, or
    /// if a file changes while it is in use.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Layout};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// std::fs::copy(data.path().join("cat/0.png"), data.path().join("cat/copy.png"))?;
    /// let layout = Layout::find(data.path(), Some(0.34))?;
    /// let (train, validation, _) = layout.load_grouped([180, 180], 42, &Cache::in_memory(1 << 30))?;
    /// // The two copies stay together, so the other cat is for validation.
    /// assert_eq!(train.labels(), [0, 0, 1]);
    /// assert_eq!(validation.path(0), data.path().join("cat/1.png"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "data leakage")]
    #[doc(alias = "GroupKFold")]
    #[doc(alias = "GroupShuffleSplit")]
    pub fn load_grouped(
        &self,
        size: [usize; 2],
        seed: u64,
        cache: &Cache,
    ) -> Result<(ImageDataset, ImageDataset, SkippedFiles), PhotosError> {
        self.load_with(size, cache, |photos, share| {
            let groups = photos.near_duplicates()?;
            photos.split_grouped(share, seed, &groups)
        })
    }

    /// Reads the images like [`load`](Self::load), but `is_validation` decides on each file of a single folder.
    ///
    /// Files for which it returns `None` are ignored, and so are classes in which it returns `None` for every file.
    /// Separate training and validation folders are read unchanged.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has no readable image.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Layout};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// let layout = Layout::find(data.path(), None)?;
    /// let (train, validation, _) = layout.load_divided([180, 180], &Cache::in_memory(1 << 30), |path| {
    ///     Some(path.ends_with("0.png"))
    /// })?;
    /// assert_eq!(train.path(0), data.path().join("cat/1.png"));
    /// assert_eq!(validation.path(0), data.path().join("cat/0.png"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_divided(
        &self,
        size: [usize; 2],
        cache: &Cache,
        is_validation: impl Fn(&Path) -> Option<bool>,
    ) -> Result<(ImageDataset, ImageDataset, SkippedFiles), PhotosError> {
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
        split: impl FnOnce(ImageDataset, f64) -> Result<(ImageDataset, ImageDataset), PhotosError>,
    ) -> Result<(ImageDataset, ImageDataset, SkippedFiles), PhotosError> {
        match self {
            Self::Folders { train, validation, beside } => {
                let (train, mut skipped) = ImageDataset::load(train, size, cache)?;
                let rest = Cache { memory: cache.memory - train.cached(), ..cache.clone() };
                let (validation, also_left_out) = ImageDataset::load(validation, size, &rest)?;
                skipped.extend(also_left_out);
                skipped.extend(beside.clone());
                Ok((train, validation, skipped))
            }
            Self::Split { folder, share } => {
                let (photos, skipped) = ImageDataset::load(folder, size, cache)?;
                let (train, validation) = split(photos, *share)?;
                Ok((train, validation, skipped))
            }
        }
    }
}

/// Returns the subfolders of a folder, sorted by name. If the folder can't be listed, the result is empty.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = entries(folder).unwrap_or_default().into_iter();
    entries.filter(|entry| entry.is_folder).map(|entry| entry.path).collect()
}

/// Returns the images in `data` and in the folders between it and the class folders. They have no class.
fn images_around(data: &Path, splits: &SplitFolders) -> Vec<PathBuf> {
    let around = [&splits.train, &splits.validation]
        .into_iter()
        .flat_map(|split| split.ancestors().skip(1).take_while(|folder| folder.starts_with(data)));
    let around: BTreeSet<&Path> = around.collect();
    let entries = around.into_iter().flat_map(|folder| entries(folder).unwrap_or_default());
    entries
        .filter(|entry| !entry.is_folder && has_image_extension(&entry.path))
        .map(|entry| entry.path)
        .collect()
}
