//! Determines which images are for training, validation and testing, and reads them.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use crate::duplicates::near;
use crate::listing::entries;
use crate::{
    Cache, Folder, ImageDataset, PhotosError, SkippedFiles, Split, SplitFolders, SplitShares,
    assign_splits, has_image_extension,
};

/// Layout of the images, listed but not yet read.
#[doc(alias = "train_test_split")]
#[doc(alias = "validation_split")]
#[derive(Clone, Debug)]
pub struct Layout {
    /// Folder of training images, and of the splits that are fractions of it.
    pub train: Folder,
    /// Validation images.
    pub validation: HeldOut,
    /// Test images, which are not used in training; `None` without any.
    pub test: Option<HeldOut>,
    /// Unused folders and images next to the folders of splits, which are [recognized by their names](SplitFolders).
    pub beside: SkippedFiles,
}

/// Origin of the images of a split.
#[derive(Clone, Debug)]
pub enum HeldOut {
    /// Separate folder, with the classes of the training folder.
    Folder(Folder),
    /// Fraction of each class of the training folder, between 0 and 1.
    Share(f64),
}

impl HeldOut {
    /// Returns the folder, if the split has one.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(photos::HeldOut::Share(0.2).folder().is_none());
    /// ```
    pub fn folder(&self) -> Option<&Folder> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Share(_) => None,
        }
    }

    /// Returns the fraction, if the split is one.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(photos::HeldOut::Share(0.2).share(), Some(0.2));
    /// ```
    pub fn share(&self) -> Option<f64> {
        match self {
            Self::Folder(_) => None,
            Self::Share(share) => Some(*share),
        }
    }
}

/// Images of a [`Layout`], read and split.
#[derive(Clone, Debug)]
pub struct SplitDatasets {
    /// Training images.
    pub training: ImageDataset,
    /// Validation images.
    pub validation: ImageDataset,
    /// Test images; `None` without any.
    pub test: Option<ImageDataset>,
    /// Skipped files of all splits.
    pub skipped: SkippedFiles,
}

/// Number of images of a split that also occur in other splits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedImages {
    /// Images with the same pixels as an image of another split.
    pub identical: usize,
    /// Other images that are near duplicates of one, directly or through further images.
    pub near: usize,
}

impl SplitDatasets {
    /// Counts the validation images with duplicates among the training images, and the test images with duplicates among
    /// the training or validation images; `None` without test images. The duplicates make metrics too good.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Layout, SharedImages};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (split, levels) in [("train", [40, 200]), ("val", [40, 90]), ("test", [90, 200])] {
    /// #     for (class, level) in ["cat", "dog"].into_iter().zip(levels) {
    /// #         std::fs::create_dir_all(data.path().join(split).join(class))?;
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level; 3]));
    /// #         image.save(data.path().join(split).join(class).join("1.png"))?;
    /// #     }
    /// # }
    /// // A test image is a copy of a training image, and the other one of a validation image.
    /// let images = Layout::find(data.path(), None)?.load([8, 8], 1, &Cache::default())?;
    /// let [validation, test] = images.shared_images();
    /// assert_eq!(validation, Some(SharedImages { identical: 1, near: 0 }));
    /// assert_eq!(test, Some(SharedImages { identical: 2, near: 0 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "data leakage")]
    #[doc(alias = "train-test leakage")]
    pub fn shared_images(&self) -> [Option<SharedImages>; 2] {
        let splits = [Some(&self.training), Some(&self.validation), self.test.as_ref()];
        let (mut images, mut split_of) = (vec![], vec![]);
        for (split, dataset) in splits.into_iter().enumerate() {
            images.extend(dataset.into_iter().flat_map(ImageDataset::fingerprints));
            split_of.resize(images.len(), split);
        }
        let mut found = [SharedImages::default(); 2];
        for group in near(&images) {
            let is_earlier = |at: usize, other: &&usize| split_of[**other] < split_of[at];
            for &at in &group {
                let mut earlier = group.iter().filter(|other| is_earlier(at, other)).peekable();
                if earlier.peek().is_none() {
                    continue;
                }
                let SharedImages { identical, near } = &mut found[split_of[at] - 1];
                match earlier.any(|&other| images[other].digest == images[at].digest) {
                    true => *identical += 1,
                    false => *near += 1,
                }
            }
        }
        [Some(found[0]), self.test.as_ref().map(|_| found[1])]
    }
}

impl Layout {
    /// Default fraction of each class that is used for validation.
    pub const VALIDATION_SPLIT: f64 = 0.2;

    /// Finds the layout of the images at `data` and lists them.
    ///
    /// `split` is the fraction of each class to use for validation. The default is 0.2. It is only valid without a
    /// validation folder. [`with_test_split`](Self::with_test_split) adds a fraction for testing.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder is missing or has fewer than two classes, if a class has no files, or if all
    /// classes have the same subfolders. It is also an error if two folders have different classes, or if `split` is
    /// invalid or given in addition to a validation folder.
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
    /// assert_eq!(layout.train.classes, ["cat", "dog"]);
    /// assert_eq!(layout.validation.share(), Some(0.5)); // no folder is named `validation`
    /// assert!(layout.test.is_none());
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
    /// Returns an error if the folder is missing or can't be listed, if it has only a training or no training folder, or
    /// if `split` is invalid or given in addition to a validation folder.
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
        let splits = SplitFolders::find(data, folders_in)?;
        let layout = Self::of_splits(data, splits.as_ref(), Folder::list)?;
        let mut layout = layout.with_validation_split(split)?;
        if let Some(splits) = &splits {
            layout.beside.ignored = images_around(data, splits);
        }
        Ok(layout)
    }

    /// Creates the layout of `data` with these folders of splits, each listed by `list`, and the default fraction for
    /// validation. It has no images beside the folders.
    ///
    /// Test folders often hold images without labels. With a single subfolder that is no class of the training folder, a
    /// test folder is unused.
    ///
    /// # Errors
    ///
    /// Returns the first error of `list`.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Folder, Layout};
    /// use std::path::Path;
    ///
    /// // Lists one file in each of two classes.
    /// let list = |path: &Path| {
    ///     Ok::<_, photos::PhotosError>(Folder {
    ///         path: path.to_owned(),
    ///         classes: vec!["cat".into(), "dog".into()],
    ///         files: vec![vec![path.join("cat/1.jpg")], vec![path.join("dog/2.jpg")]],
    ///         unreadable: vec![],
    ///         ignored: vec![],
    ///     })
    /// };
    /// let layout = Layout::of_splits(Path::new("pets"), None, list)?;
    /// assert_eq!(layout.validation.share(), Some(0.2));
    /// # Ok::<(), photos::PhotosError>(())
    /// ```
    pub fn of_splits<E>(
        data: &Path,
        splits: Option<&SplitFolders>,
        list: impl Fn(&Path) -> Result<Folder, E>,
    ) -> Result<Self, E> {
        let train = list(splits.map_or(data, |splits| &splits.train))?;
        let listed = |folder: Option<&PathBuf>| folder.map(|folder| list(folder)).transpose();
        let validation = listed(splits.and_then(|splits| splits.validation.as_ref()))?;
        let mut test = listed(splits.and_then(|splits| splits.test.as_ref()))?;
        let mut unused = splits.map(|splits| splits.unused.clone()).unwrap_or_default();
        let is_unlabeled = |test: &mut Folder| match test.classes.as_slice() {
            [] => true,
            [only] => !train.classes.contains(only),
            _ => false,
        };
        if let Some(folder) = test.take_if(is_unlabeled) {
            unused.push(folder.path);
            unused.sort();
        }
        Ok(Self {
            train,
            validation: validation.map_or(HeldOut::Share(Self::VALIDATION_SPLIT), HeldOut::Folder),
            test: test.map(HeldOut::Folder),
            beside: SkippedFiles { unused, ..SkippedFiles::default() },
        })
    }

    /// Lists the images of `data` as earlier versions did: without test images, and with the test folder for validation if
    /// there was no other. Their runs resume with this layout.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`find`](Self::find).
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Layout;
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for folder in ["train/cat", "train/dog", "test/cat", "test/dog"] {
    /// #     std::fs::create_dir_all(data.path().join(folder))?;
    /// #     std::fs::write(data.path().join(folder).join("1.jpg"), "")?;
    /// # }
    /// // A folder with the subfolders `train` and `test`.
    /// assert!(Layout::find(data.path(), None)?.test.is_some());
    /// let layout = Layout::find_earlier(data.path(), None)?;
    /// assert!(layout.test.is_none() && layout.validation.folder().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find_earlier(data: &Path, split: Option<f64>) -> Result<Self, PhotosError> {
        let splits = SplitFolders::find_earlier(data, folders_in)?;
        let layout = Self::of_splits(data, splits.as_ref(), Folder::list)?;
        layout.checked_with(split)
    }

    /// Lists the images in these folders. Without a validation folder, `split` is the fraction for validation.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`find`](Self::find).
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Layout, SplitFolders};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for folder in ["old/cat", "old/dog", "new/cat", "new/dog"] {
    /// #     std::fs::create_dir_all(data.path().join(folder))?;
    /// #     std::fs::write(data.path().join(folder).join("1.jpg"), "")?;
    /// # }
    /// // Folders with any names.
    /// let splits = SplitFolders {
    ///     train: data.path().join("old"),
    ///     validation: None,
    ///     test: Some(data.path().join("new")),
    ///     unused: vec![],
    /// };
    /// let layout = Layout::in_folders(&splits, Some(0.1))?;
    /// assert_eq!(layout.validation.share(), Some(0.1));
    /// assert!(layout.test.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_folders(splits: &SplitFolders, split: Option<f64>) -> Result<Self, PhotosError> {
        Self::of_splits(&splits.train, Some(splits), Folder::list)?.checked_with(split)
    }

    /// Sets the fraction for validation, and returns the first fault as an error.
    fn checked_with(self, split: Option<f64>) -> Result<Self, PhotosError> {
        let layout = self.with_validation_split(split)?;
        match layout.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(layout),
        }
    }

    /// Sets the fraction for validation, if it is given.
    fn with_validation_split(mut self, split: Option<f64>) -> Result<Self, PhotosError> {
        SplitShares { validation: split, test: None }.validate()?;
        match (&self.validation, split) {
            (HeldOut::Folder(folder), Some(_)) => Err(PhotosError::SplitTwice {
                folder: folder.path.clone(),
                split: Split::Validation,
            }),
            (HeldOut::Share(_), Some(share)) => {
                self.validation = HeldOut::Share(share);
                Ok(self)
            }
            (_, None) => Ok(self),
        }
    }

    /// Takes a fraction of each class of the training folder for testing.
    ///
    /// # Errors
    ///
    /// Returns an error if the layout has a test folder, or if the fraction is invalid.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Layout};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..4 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // A folder with 4 cats and 4 dogs.
    /// let layout = Layout::find(data.path(), Some(0.25))?.with_test_split(0.25)?;
    /// let images = layout.load([180, 180], 42, &Cache::in_memory(1 << 30))?;
    /// assert_eq!(images.training.labels(), [0, 0, 1, 1]);
    /// assert_eq!(images.validation.labels(), [0, 1]);
    /// assert_eq!(images.test.expect("a test split").labels(), [0, 1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "train_test_split")]
    pub fn with_test_split(self, share: f64) -> Result<Self, PhotosError> {
        if let Some(HeldOut::Folder(folder)) = &self.test {
            let folder = folder.path.clone();
            return Err(PhotosError::SplitTwice { folder, split: Split::Test });
        }
        let layout = Self { test: Some(HeldOut::Share(share)), ..self };
        layout.shares().validate()?;
        Ok(layout)
    }

    /// Returns the fractions of the training folder that are taken for other splits.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Layout, SplitShares};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for class in ["cat", "dog"] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     std::fs::write(data.path().join(class).join("1.jpg"), "")?;
    /// # }
    /// // A folder with the classes `cat` and `dog`
    /// let shares = Layout::find(data.path(), None)?.shares();
    /// assert_eq!(shares, SplitShares { validation: Some(0.2), test: None });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shares(&self) -> SplitShares {
        let test = self.test.as_ref().and_then(HeldOut::share);
        SplitShares { validation: self.validation.share(), test }
    }

    /// Returns true if a split is a fraction of the training folder.
    pub(crate) fn is_divided(&self) -> bool {
        self.shares() != SplitShares::default()
    }

    /// Returns the folder of the test split, if it has one.
    pub(crate) fn test_folder(&self) -> Option<&Folder> {
        self.test.as_ref().and_then(HeldOut::folder)
    }

    /// Returns the errors that prevent training: classes that all have the same subfolders, fewer than two classes,
    /// classes without files, or folders with different classes. A test folder may lack classes. A layout from
    /// [`find`](Self::find) has no errors.
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
        let Self { train, validation, .. } = self;
        let mut faults: Vec<PhotosError> = train.same_subfolders().into_iter().collect();
        faults.extend(train.faults());
        if let HeldOut::Folder(validation) = validation {
            faults.extend(validation.faults());
        }
        faults.extend(train.only_class());
        if let HeldOut::Folder(validation) = validation
            && train.classes != validation.classes
        {
            faults.push(validation.other_classes(&train.classes));
        }
        if let Some(test) = self.test_folder() {
            faults.extend(test.faults());
            faults.extend(test.clone().with_classes(&train.classes).err());
        }
        faults
    }

    /// Reads the images.
    ///
    /// `size` is (height, width). `seed` determines which images of the training folder are for validation and testing.
    /// Training images are cached in memory first.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has no readable image, or too few to be split.
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
    /// let images = layout.load([180, 180], 42, &Cache::in_memory(1 << 30))?;
    /// assert_eq!((images.training.labels(), images.validation.labels()), (&[0, 1][..], &[0, 1][..]));
    /// assert!(images.skipped.unreadable.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "image_dataset_from_directory")]
    #[doc(alias = "train_test_split")]
    pub fn load(
        &self,
        size: [usize; 2],
        seed: u64,
        cache: &Cache,
    ) -> Result<SplitDatasets, PhotosError> {
        self.load_with(size, cache, |images| {
            assign_splits(images.labels(), images.classes(), self.shares(), seed, &[])
        })
    }

    /// Reads the images like [`load`](Self::load), but never splits near duplicates in the training folder. Near
    /// duplicates in separate folders are not moved.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`load`](Self::load). It is also an error if all images of a class are near duplicates.
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
    /// let images = layout.load_grouped([180, 180], 42, &Cache::in_memory(1 << 30))?;
    /// // The two copies stay together, so the other cat is for validation.
    /// assert_eq!(images.training.labels(), [0, 0, 1]);
    /// assert_eq!(images.validation.path(0), data.path().join("cat/1.png"));
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
    ) -> Result<SplitDatasets, PhotosError> {
        self.load_with(size, cache, |images| {
            let groups = images.near_duplicates();
            assign_splits(images.labels(), images.classes(), self.shares(), seed, &groups)
        })
    }

    /// Reads the images like [`load`](Self::load), but `split_of` assigns each file of the training folder.
    ///
    /// Files for which it returns `None` are ignored, and so are classes in which it returns `None` for every file. If no
    /// split is a fraction of the training folder, all files are used.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has no readable image.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Layout, Split};
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
    /// let images = layout.load_divided([180, 180], &Cache::in_memory(1 << 30), |path| {
    ///     Some(if path.ends_with("0.png") { Split::Validation } else { Split::Train })
    /// })?;
    /// assert_eq!(images.training.path(0), data.path().join("cat/1.png"));
    /// assert_eq!(images.validation.path(0), data.path().join("cat/0.png"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_divided(
        &self,
        size: [usize; 2],
        cache: &Cache,
        split_of: impl Fn(&Path) -> Option<Split>,
    ) -> Result<SplitDatasets, PhotosError> {
        if !self.is_divided() {
            return self.load_with(size, cache, |_| unreachable!("no split is a fraction"));
        }
        let mut layout = self.clone();
        layout.train.files.iter_mut().for_each(|of_class| {
            of_class.retain(|path| split_of(path).is_some());
        });
        let classes: HashSet<String> = (layout.train.classes.iter().zip(&layout.train.files))
            .filter(|(_, files)| !files.is_empty())
            .map(|(class, _)| class.clone())
            .collect();
        layout.train.retain_classes(&classes);
        for held_out in [Some(&mut layout.validation), layout.test.as_mut()].into_iter().flatten() {
            if let HeldOut::Folder(folder) = held_out {
                folder.retain_classes(&classes);
            }
        }
        layout.load_with(size, cache, |images| {
            let at = 0..images.labels().len();
            Ok(at.map(|at| split_of(images.path(at)).unwrap_or(Split::Train)).collect())
        })
    }

    /// Reads the images. `splits` assigns those of the training folder, if a split is a fraction of it.
    fn load_with(
        &self,
        size: [usize; 2],
        cache: &Cache,
        splits: impl FnOnce(&ImageDataset) -> Result<Vec<Split>, PhotosError>,
    ) -> Result<SplitDatasets, PhotosError> {
        let mut rest = cache.clone();
        let mut skipped = SkippedFiles::default();
        let mut load = |folder: &Folder| {
            let (images, also_skipped) = ImageDataset::load(folder, size, &rest)?;
            rest.memory -= images.cached();
            skipped.extend(also_skipped);
            Ok::<_, PhotosError>(images)
        };
        let images = load(&self.train)?;
        let [training, validation, test] = match self.is_divided() {
            true => {
                let splits = splits(&images)?;
                images.divided(&splits).map(Some)
            }
            false => [Some(images), None, None],
        };
        let classes = &self.train.classes;
        let mut split = |held_out: &HeldOut, share: Option<ImageDataset>| match held_out {
            HeldOut::Folder(folder) => load(&folder.clone().with_classes(classes)?),
            HeldOut::Share(_) => Ok(share.expect("the training folder is divided")),
        };
        let validation = split(&self.validation, validation)?;
        let test = self.test.as_ref().map(|held_out| split(held_out, test)).transpose()?;
        let training = training.expect("training images");
        skipped.extend(self.beside.clone());
        Ok(SplitDatasets { training, validation, test, skipped })
    }
}

/// Returns the subfolders of a folder, sorted by name. If the folder can't be listed, the result is empty.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = entries(folder).unwrap_or_default().into_iter();
    entries.filter(|entry| entry.is_folder).map(|entry| entry.path).collect()
}

/// Returns the images in `data` and in the folders between it and the class folders. They have no class.
fn images_around(data: &Path, splits: &SplitFolders) -> Vec<PathBuf> {
    let around = [Some(&splits.train), splits.validation.as_ref(), splits.test.as_ref()]
        .into_iter()
        .flatten()
        .flat_map(|split| split.ancestors().skip(1).take_while(|folder| folder.starts_with(data)));
    let around: BTreeSet<&Path> = around.collect();
    let entries = around.into_iter().flat_map(|folder| entries(folder).unwrap_or_default());
    entries
        .filter(|entry| !entry.is_folder && has_image_extension(&entry.path))
        .map(|entry| entry.path)
        .collect()
}
