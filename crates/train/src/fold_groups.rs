//! Groups of images that may not be divided, and the number of them that folds need.

use std::collections::BTreeMap;

use crate::TrainError;

/// Returns the number of groups of each class.
pub(crate) fn groups_of_classes(labels: &[usize], groups: &[usize]) -> BTreeMap<usize, usize> {
    let mut pairs: Vec<(usize, usize)> =
        labels.iter().copied().zip(groups.iter().copied()).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.chunk_by(|a, b| a.0 == b.0).map(|of_class| (of_class[0].0, of_class.len())).collect()
}

/// Checks that each class has images of at least `needed` groups.
///
/// # Errors
///
/// Returns an error that names the first class with fewer.
pub(crate) fn check_groups(
    labels: &[usize],
    groups: &[usize],
    classes: &[String],
    needed: usize,
) -> Result<(), TrainError> {
    let counts = groups_of_classes(labels, groups);
    for (label, class) in classes.iter().enumerate() {
        let found = counts.get(&label).copied().unwrap_or(0);
        if found < needed {
            return Err(TrainError::FewForFolds { class: class.clone(), found, needed });
        }
    }
    Ok(())
}
