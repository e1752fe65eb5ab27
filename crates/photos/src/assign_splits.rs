//! Assigns images to splits, class by class.

use std::collections::BTreeSet;

use random::{AddressedRng, Purpose};

use crate::{PhotosError, Split, SplitShares};

/// Assigns each image to a split, as
/// [`ImageDataset::split_grouped`](crate::ImageDataset::split_grouped) does for two splits. `groups` are lists of image
/// indices that stay together.
///
/// The images of class *c* are taken in a random order, at the address (`seed`, `Purpose::Split`, 0, c) of the crate
/// `random`: the first for validation, the next for testing, the others for training. A split with a fraction gets
/// round(n fraction) of the *n* images of a class, but at least 1 (if the fraction is not 0), and at least 1 remains for each later split and for
/// training. So the validation images of a class with 10 or more images do not depend on the test split.
///
/// # Errors
///
/// Returns an error if a fraction is invalid, if a class has fewer images than there are splits, or if it can't be split
/// without splitting a group.
///
/// # Panics
///
/// Panics if a label has no class, or if an index in `groups` is out of range or in two groups.
///
/// # Examples
///
/// ```
/// use photos::{Split, SplitShares, assign_splits};
///
/// let classes = ["cat", "dog"].map(String::from);
/// let labels = [0, 0, 0, 0, 1, 1, 1, 1];
/// let shares = SplitShares { validation: Some(0.25), test: Some(0.25) };
/// let splits = assign_splits(&labels, &classes, shares, 42, &[])?;
/// for of_class in [&splits[..4], &splits[4..]] {
///     let count = |split| of_class.iter().filter(|&&of_image| of_image == split).count();
///     assert_eq!([Split::Train, Split::Validation, Split::Test].map(count), [2, 1, 1]);
/// }
/// # Ok::<(), photos::PhotosError>(())
/// ```
#[doc(alias = "stratified")]
#[doc(alias = "train_test_split")]
pub fn assign_splits(
    labels: &[usize],
    classes: &[String],
    shares: SplitShares,
    seed: u64,
    groups: &[Vec<usize>],
) -> Result<Vec<Split>, PhotosError> {
    shares.validate()?;
    let mut group_of: Vec<Option<usize>> = vec![None; labels.len()];
    for (number, group) in groups.iter().enumerate() {
        for &at in group {
            let earlier = group_of[at].replace(number);
            assert!(earlier.is_none(), "image {at} is in two groups");
        }
    }
    let together =
        |at: usize| group_of[at].map_or_else(|| vec![at], |number| groups[number].clone());
    let mut counts = vec![0usize; classes.len()];
    labels.iter().for_each(|&label| counts[label] += 1);

    let wanted = [(Split::Validation, shares.validation), (Split::Test, shares.test)];
    let mut wanted: Vec<(Split, f64)> =
        wanted.into_iter().filter_map(|(split, share)| Some((split, share?))).collect();
    wanted.retain(|(_, share)| *share > 0.0);
    let least = wanted.len() + 1;
    let mut splits = vec![Split::Train; labels.len()];
    let mut left = counts.clone();
    let mut spare_groups = vec![0usize; counts.len()];
    for at in (0..labels.len()).filter(|&at| together(at)[0] == at) {
        let of_group: BTreeSet<usize> = together(at).iter().map(|&at| labels[at]).collect();
        of_group.into_iter().for_each(|label| spare_groups[label] += 1);
    }
    wanted.reverse();
    while let Some((split, share)) = wanted.pop() {
        // One image of each class remains for each later split, and one for training.
        let most: Vec<usize> =
            left.iter().map(|&left| left.saturating_sub(wanted.len() + 1)).collect();
        let share_of = |label: usize| {
            let share = (counts[label] as f64 * share).round() as usize;
            share.clamp(1, most[label].max(1))
        };
        let mut selected = Selection {
            splits,
            split,
            counts: vec![0; counts.len()],
            labels,
            spare_groups: spare_groups
                .iter()
                .map(|&groups| groups.saturating_sub(wanted.len() + 1))
                .collect(),
        };
        for (label, class) in classes.iter().enumerate() {
            let count = counts[label];
            if count < least {
                return Err(PhotosError::TooFewToSplit { class: class.clone(), count, least });
            }
            let mut members: Vec<usize> =
                (0..labels.len()).filter(|&at| labels[at] == label).collect();
            AddressedRng::at(seed, Purpose::Split, 0, label as u64).shuffle(&mut members);
            for &at in &members {
                if selected.splits[at] == Split::Train && selected.has_room(&together(at), share_of)
                {
                    selected.add(&together(at));
                }
            }
            if selected.counts[label] == 0 {
                let free = members.iter().filter(|&&at| selected.splits[at] == Split::Train);
                let fits = |group: &Vec<usize>| selected.has_room(group, |label| most[label]);
                let smallest = free.map(|&at| together(at)).filter(fits).min_by_key(Vec::len);
                selected.add(
                    &smallest
                        .ok_or_else(|| PhotosError::OneGroup { class: class.clone(), count })?,
                );
            }
        }
        left.iter_mut().zip(&selected.counts).for_each(|(left, count)| *left -= count);
        let spare = selected.spare_groups.iter().map(|groups| groups + wanted.len() + 1);
        spare_groups = spare.collect();
        splits = selected.splits;
    }
    Ok(splits)
}

/// Images selected for a split.
struct Selection<'a> {
    /// Split of each image so far.
    splits: Vec<Split>,
    split: Split,
    /// Number of selected images of each class.
    counts: Vec<usize>,
    labels: &'a [usize],
    /// Number of groups of each class that may still be selected, so that others remain for the splits that follow.
    spare_groups: Vec<usize>,
}

impl Selection<'_> {
    /// Returns true if `group` fits: with it, none of its classes has more than `most(label)` selected images.
    fn has_room(&self, group: &[usize], most: impl Fn(usize) -> usize) -> bool {
        let mut counts = self.counts.clone();
        group.iter().for_each(|&at| counts[self.labels[at]] += 1);
        group
            .iter()
            .map(|&at| self.labels[at])
            .all(|label| counts[label] <= most(label) && self.spare_groups[label] > 0)
    }

    fn add(&mut self, group: &[usize]) {
        for &at in group {
            self.splits[at] = self.split;
            self.counts[self.labels[at]] += 1;
        }
        let labels: BTreeSet<usize> = group.iter().map(|&at| self.labels[at]).collect();
        labels.into_iter().for_each(|label| self.spare_groups[label] -= 1);
    }
}
