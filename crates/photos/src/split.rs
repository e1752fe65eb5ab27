//! Splits a dataset into training and validation images.

use crate::{ImageDataset, PhotosError, SplitShares, assign_splits};

impl ImageDataset {
    /// Splits the images into (training, validation). The fraction `share` of each class is for validation, rounded,
    /// but at least one image and not all.
    ///
    /// For the same images and `share`, the split depends only on `seed`.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has fewer than two images, or if `share` is not between 0 and 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Folder, ImageDataset};
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
    /// let folder = Folder::scan(data.path())?;
    /// let (images, _) = ImageDataset::load(&folder, [180, 180], &Cache::in_memory(1 << 30))?;
    /// let (train, validation) = images.split(0.2, 42)?;
    /// assert_eq!(train.labels(), [0, 1]);
    /// assert_eq!(validation.labels(), [0, 1]); // at least one image of each class
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "stratified")]
    #[doc(alias = "train_test_split")]
    #[doc(alias = "validation_split")]
    pub fn split(self, share: f64, seed: u64) -> Result<(Self, Self), PhotosError> {
        self.split_grouped(share, seed, &[])
    }

    /// Splits like [`split`](Self::split), but never splits a group. `groups` are lists of image indices, such as
    /// [`near_duplicates`](Self::near_duplicates). An index in no list forms its own group.
    ///
    /// If no group fits into the remainder, a class gets fewer validation images than its fraction. If even the
    /// smallest group is larger than the fraction, it gets more.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has fewer than two images, if it can't be split without splitting a group, or if
    /// `share` is not between 0 and 1.
    ///
    /// # Panics
    ///
    /// Panics if an index is out of range or in two groups.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::{Cache, Folder, ImageDataset};
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..3 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, cat/2.png, dog/0.png, dog/1.png, dog/2.png
    /// let folder = Folder::scan(data.path())?;
    /// let (images, _) = ImageDataset::load(&folder, [180, 180], &Cache::in_memory(1 << 30))?;
    /// // Images 0 and 1 are of the same cat.
    /// let (train, validation) = images.split_grouped(0.34, 42, &[vec![0, 1]])?;
    /// assert_eq!(train.labels(), [0, 0, 1, 1]);
    /// assert_eq!(validation.path(0), data.path().join("cat/2.png"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "GroupKFold")]
    #[doc(alias = "GroupShuffleSplit")]
    pub fn split_grouped(
        self,
        share: f64,
        seed: u64,
        groups: &[Vec<usize>],
    ) -> Result<(Self, Self), PhotosError> {
        let shares = SplitShares { validation: Some(share), test: None };
        let splits = assign_splits(self.labels(), self.classes(), shares, seed, groups)?;
        let [training, validation, _] = self.divided(&splits);
        Ok((training, validation))
    }
}
