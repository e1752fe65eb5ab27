//! Folds of cross-validation.

use std::collections::BTreeMap;

use random::{AddressedRng, Purpose};

use crate::LinearError;

/// Fold of a cross-validation: indices of the samples to train on, and of those to predict.
#[doc(alias = "PredefinedSplit")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Samples to train on.
    pub train: Vec<usize>,
    /// Samples to predict.
    pub held_out: Vec<usize>,
}

impl Fold {
    /// Returns all folds, each of which trains on the samples of the others. `folds` has the fold of each sample.
    ///
    /// # Examples
    ///
    /// ```
    /// let folds = linear::Fold::all(&[0, 1, 1, 0]);
    /// assert_eq!((&folds[1].train[..], &folds[1].held_out[..]), (&[0, 3][..], &[1, 2][..]));
    /// ```
    pub fn all(folds: &[usize]) -> Vec<Self> {
        let count = folds.iter().max().map_or(0, |last| last + 1);
        let of = |fold| {
            let (held_out, train) = (0..folds.len()).partition(|&sample| folds[sample] == fold);
            Self { train, held_out }
        };
        (0..count).map(of).collect()
    }
}

/// Assigns samples to folds, so that all samples of a group are in the same fold and the classes are as evenly distributed as
/// the groups allow. Returns the fold of each sample.
///
/// The largest and most uneven groups are assigned first, each to the fold in which the shares of the classes then have the
/// smallest standard deviation over the folds (scikit-learn: `StratifiedGroupKFold`). The seed determines the order of groups
/// of equal deviation.
///
/// # Errors
///
/// Returns an error if there are fewer than two folds, or fewer groups of a class than folds.
///
/// # Panics
///
/// Panics if there is not one group a label.
///
/// # Examples
///
/// ```
/// // Six samples of two classes; the first two are near duplicates.
/// let folds = linear::stratified_folds(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 2, 3, 4], 2, 1)?;
/// assert_eq!(folds[0], folds[1]);
/// assert_ne!(folds[0], folds[2]);
/// # Ok::<(), linear::LinearError>(())
/// ```
#[doc(alias = "StratifiedKFold")]
#[doc(alias = "StratifiedGroupKFold")]
pub fn stratified_folds(
    labels: &[usize],
    groups: &[usize],
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, LinearError> {
    assert_eq!(labels.len(), groups.len(), "one group a label");
    if folds < 2 {
        let (name, value, expected) = ("folds", folds as f64, "at least 2");
        return Err(LinearError::Setting { name, value, expected });
    }
    let classes = labels.iter().max().map_or(0, |most| most + 1);
    let mut names: Vec<usize> = groups.to_vec();
    names.sort_unstable();
    names.dedup();
    let index_of = |group: usize| names.binary_search(&group).expect("a known group");
    // Number of samples of each class in each group.
    let mut counts = vec![BTreeMap::<usize, f64>::new(); names.len()];
    let mut totals = vec![0.0; classes];
    for (&label, &group) in labels.iter().zip(groups) {
        *counts[index_of(group)].entry(label).or_default() += 1.0;
        totals[label] += 1.0;
    }
    let mut groups_of = vec![0; classes];
    counts.iter().flat_map(BTreeMap::keys).for_each(|&class| groups_of[class] += 1);
    if let Some(groups) = groups_of.into_iter().find(|groups| (1..folds).contains(groups)) {
        return Err(LinearError::FewGroups { groups, folds });
    }

    let mut order: Vec<usize> = (0..names.len()).collect();
    AddressedRng::at(seed, Purpose::Folds, 0, 0).shuffle(&mut order);
    // A stable sort keeps the random order of equal groups.
    let unevenness: Vec<f64> = counts.iter().map(|counts| deviation_of(counts, classes)).collect();
    order.sort_by(|&a, &b| unevenness[b].total_cmp(&unevenness[a]));
    let mut in_fold = vec![vec![0.0; classes]; folds];
    let mut sizes = vec![0.0f64; folds];
    let mut fold_of_group = vec![0; names.len()];
    for group in order {
        // Only the shares of the group's own classes change.
        let cost = |fold: usize| {
            let of_class = |(&class, &count): (&usize, &f64)| {
                let shares = |more: f64| -> Vec<f64> {
                    let share = |at: usize| {
                        (in_fold[at][class] + if at == fold { more } else { 0.0 }) / totals[class]
                    };
                    (0..folds).map(share).collect()
                };
                deviation(&shares(count)) - deviation(&shares(0.0))
            };
            counts[group].iter().map(of_class).sum::<f64>()
        };
        let costs: Vec<f64> = (0..folds).map(cost).collect();
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        // Costs that differ only by rounding are equal.
        let best = (0..folds)
            .filter(|&fold| costs[fold] <= least + 1e-9)
            .min_by(|&a, &b| sizes[a].total_cmp(&sizes[b]))
            .expect("two folds at least");
        for (&class, &count) in &counts[group] {
            in_fold[best][class] += count;
            sizes[best] += count;
        }
        fold_of_group[group] = best;
    }
    Ok(groups.iter().map(|&group| fold_of_group[index_of(group)]).collect())
}

/// Returns the standard deviation of the counts of all classes.
fn deviation_of(counts: &BTreeMap<usize, f64>, classes: usize) -> f64 {
    let count = classes as f64;
    let mean = counts.values().sum::<f64>() / count;
    let squares: f64 = counts.values().map(|value| (value - mean).powi(2)).sum();
    ((squares + (count - counts.len() as f64) * mean * mean) / count).sqrt()
}

/// Returns the standard deviation of some values.
fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folds_are_even_and_keep_groups(
            counts in prop::collection::vec(5usize..40, 2..5),
            folds in 2usize..=5,
            pairs in 0usize..8,
            seed: u64,
        ) {
            let labels: Vec<usize> =
                counts.iter().enumerate().flat_map(|(label, &count)| vec![label; count]).collect();
            let single: Vec<usize> = (0..labels.len()).collect();
            let found = stratified_folds(&labels, &single, folds, seed).expect("enough samples");
            for (label, &count) in counts.iter().enumerate() {
                for fold in 0..folds {
                    let own = (0..labels.len()).filter(|&at| (labels[at], found[at]) == (label, fold));
                    let own = own.count();
                    prop_assert!(own == count / folds || own == count.div_ceil(folds), "{own} of {count}");
                }
            }

            // Groups of two neighbours.
            let groups: Vec<usize> =
                single.iter().map(|&at| if at < 2 * pairs { at / 2 } else { at }).collect();
            if let Ok(found) = stratified_folds(&labels, &groups, folds, seed) {
                for pair in 0..pairs.min(labels.len() / 2) {
                    prop_assert_eq!(found[2 * pair], found[2 * pair + 1]);
                }
                let used = (0..folds).filter(|fold| found.contains(fold)).count();
                prop_assert_eq!(used, folds);
            }
        }
    }

    #[test]
    fn too_few_groups_or_folds_are_refused() {
        let refused = stratified_folds(&[0, 0, 1, 1], &[0, 0, 1, 2], 2, 1).expect_err("one group");
        assert_eq!(refused, LinearError::FewGroups { groups: 1, folds: 2 });
        assert!(stratified_folds(&[0, 1], &[0, 1], 1, 1).is_err());
    }
}
