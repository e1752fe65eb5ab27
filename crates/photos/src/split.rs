//! Splits a dataset into training and validation images, class by class.

use random::{AddressedRng, Purpose};

use crate::{ImageDataset, PhotosError};

impl ImageDataset {
    /// Splits the images into (training, validation). The fraction `share` of each class is for validation, rounded,
    /// but at least one image and not all.
    ///
    /// For the same images and `share`, the split depends only on `seed`.
    ///
    /// # Errors
    ///
    /// Returns an error if a class has fewer than two images.
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
    /// Returns an error if a class has fewer than two images, or if it can't be split without splitting a group.
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
        let kept = validation_mask(self.labels(), self.classes(), share, seed, groups)?;
        Ok(self.divided(&kept))
    }
}

/// Returns one bool per image: true if [`ImageDataset::split_grouped`] uses it for validation.
///
/// The validation images of class *c* are chosen from its images in a random order, at the address (`seed`,
/// `Purpose::Split`, 0, c) of the crate `random`. A class of *n* images gets round(n `share`), but at least 1 and at
/// most n - 1.
///
/// # Errors
///
/// Returns the errors of [`ImageDataset::split_grouped`].
///
/// # Panics
///
/// Panics if a label has no class, or if an index in `groups` is out of range or in two groups.
///
/// # Examples
///
/// ```
/// let classes = ["cat", "dog"].map(String::from);
/// let labels = [0, 0, 0, 0, 1, 1, 1, 1];
/// let mask = photos::validation_mask(&labels, &classes, 0.25, 42, &[])?;
/// assert_eq!(mask[..4].iter().filter(|&&is_validation| is_validation).count(), 1);
/// assert_eq!(mask[4..].iter().filter(|&&is_validation| is_validation).count(), 1);
/// # Ok::<(), photos::PhotosError>(())
/// ```
#[doc(alias = "stratified")]
#[doc(alias = "train_test_split")]
pub fn validation_mask(
    labels: &[usize],
    classes: &[String],
    share: f64,
    seed: u64,
    groups: &[Vec<usize>],
) -> Result<Vec<bool>, PhotosError> {
    let mut group_of: Vec<Option<usize>> = vec![None; labels.len()];
    for (number, group) in groups.iter().enumerate() {
        for &at in group {
            let earlier = group_of[at].replace(number);
            assert!(earlier.is_none(), "image {at} is in two groups");
        }
    }
    let together =
        |at: usize| group_of[at].map_or_else(|| vec![at], |number| groups[number].clone());
    let mut counts = vec![0; classes.len()];
    labels.iter().for_each(|&label| counts[label] += 1);

    let mut kept =
        Selection { of: vec![false; labels.len()], counts: vec![0; counts.len()], labels };
    for (label, class) in classes.iter().enumerate() {
        let mut members: Vec<usize> = (0..labels.len()).filter(|&at| labels[at] == label).collect();
        let count = members.len();
        if count < 2 {
            return Err(PhotosError::TooFewToSplit { class: class.clone(), count });
        }
        AddressedRng::at(seed, Purpose::Split, 0, label as u64).shuffle(&mut members);
        let most = |label: usize| share_of(counts[label], share);
        for &at in &members {
            if !kept.of[at] && kept.has_room(&together(at), most) {
                kept.add(&together(at));
            }
        }
        if kept.counts[label] == 0 {
            let fits = |group: &Vec<usize>| kept.has_room(group, |label| counts[label] - 1);
            let smallest = members.iter().map(|&at| together(at)).filter(fits).min_by_key(Vec::len);
            kept.add(
                &smallest.ok_or_else(|| PhotosError::OneGroup { class: class.clone(), count })?,
            );
        }
    }
    Ok(kept.of)
}

/// Returns the number of validation images in a class of `count` images.
fn share_of(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).clamp(1, count.saturating_sub(1).max(1))
}

/// Images selected for validation.
struct Selection<'a> {
    of: Vec<bool>,
    counts: Vec<usize>,
    labels: &'a [usize],
}

impl Selection<'_> {
    /// Returns true if `group` fits: with it, none of its classes has more than `most(label)` selected images.
    fn has_room(&self, group: &[usize], most: impl Fn(usize) -> usize) -> bool {
        let mut counts = self.counts.clone();
        group.iter().for_each(|&at| counts[self.labels[at]] += 1);
        group.iter().all(|&at| counts[self.labels[at]] <= most(self.labels[at]))
    }

    fn add(&mut self, group: &[usize]) {
        for &at in group {
            self.of[at] = true;
            self.counts[self.labels[at]] += 1;
        }
    }
}
