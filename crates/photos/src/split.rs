//! Keeps a share of each class for validation.

use random::{Draws, Purpose};

use crate::{Photos, PhotosError};

impl Photos {
    /// Keeps `share` of each class, rounded, at least one and not all, for validation: (train,
    /// validation). Which ones depends on `seed` alone.
    ///
    /// # Errors
    ///
    /// A class has fewer than two photographs.
    pub fn split(self, share: f64, seed: u64) -> Result<(Self, Self), PhotosError> {
        self.split_grouped(share, seed, &[])
    }

    /// The same, with each of `groups`, which are photographs' numbers, whole on one side, such as
    /// [`near_duplicates`](Self::near_duplicates). A number that is in no group is one of its own. A class
    /// keeps fewer for validation than its share where no group fits into the rest of it, and more where the
    /// smallest group is larger than it.
    ///
    /// # Errors
    ///
    /// A class has fewer than two photographs, or can't be divided without dividing a group.
    ///
    /// # Panics
    ///
    /// Panics if there is no photograph of such a number, or if one is in two groups.
    pub fn split_grouped(
        self,
        share: f64,
        seed: u64,
        groups: &[Vec<usize>],
    ) -> Result<(Self, Self), PhotosError> {
        let kept = kept_for_validation(self.labels(), self.classes(), share, seed, groups)?;
        Ok(self.divided(&kept))
    }
}

/// Which photographs of these labels [`Photos::split_grouped`] keeps for validation.
///
/// # Errors
///
/// Those of [`Photos::split_grouped`].
///
/// # Panics
///
/// Panics if a label is none of a class, there is no photograph of a number in `groups`, or one is in two.
pub fn kept_for_validation(
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
            assert!(earlier.is_none(), "photograph {at} is in two groups");
        }
    }
    let together =
        |at: usize| group_of[at].map_or_else(|| vec![at], |number| groups[number].clone());
    let mut counts = vec![0; classes.len()];
    labels.iter().for_each(|&label| counts[label] += 1);

    let mut kept = Kept { of: vec![false; labels.len()], counts: vec![0; counts.len()], labels };
    for (label, class) in classes.iter().enumerate() {
        let mut members: Vec<usize> = (0..labels.len()).filter(|&at| labels[at] == label).collect();
        let count = members.len();
        if count < 2 {
            return Err(PhotosError::TooFewToSplit { class: class.clone(), count });
        }
        Draws::at(seed, Purpose::Split, 0, label as u64).shuffle(&mut members);
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

/// How many of `count` are kept for validation.
fn share_of(count: usize, share: f64) -> usize {
    ((count as f64 * share).round() as usize).clamp(1, count.saturating_sub(1).max(1))
}

/// The photographs that are kept for validation so far.
struct Kept<'a> {
    of: Vec<bool>,
    counts: Vec<usize>,
    labels: &'a [usize],
}

impl Kept<'_> {
    /// Whether no class has more than `most` with `group`.
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
