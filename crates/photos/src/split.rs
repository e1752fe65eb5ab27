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
/// # Errors
///
/// Returns the errors of [`ImageDataset::split_grouped`].
///
/// # Panics
///
/// Panics if a label has no class, or if an index in `groups` is out of range or in two groups.
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
