//! Features with labels in memory: own arrays that are trained on instead of images or a feature set.

use std::collections::BTreeSet;
use std::sync::Arc;

use features::FeatureTable;
use photos::{Split, SplitShares, assign_splits};
use sha2::{Digest, Sha256};

use crate::feature_arrays_error::FeatureArraysError;
use crate::hex::hex;
use crate::{TrainConfig, TrainError};

/// Rows of features with their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabeledRows {
    /// Features, (N, width), one row after another.
    pub values: Vec<f32>,
    /// Label of each row, an index into the class names.
    pub labels: Vec<usize>,
}

/// Features and labels in memory, split into training and validation rows. Clones share the features.
#[doc(alias = "from_tensor_slices")]
#[doc(alias = "TensorDataset")]
#[derive(Clone, Debug)]
pub struct FeatureArrays {
    classes: Vec<String>,
    width: usize,
    training: Part,
    validation: Part,
}

/// Rows of a split.
#[derive(Clone, Debug)]
struct Part {
    values: Arc<Vec<f32>>,
    labels: Vec<usize>,
}

impl FeatureArrays {
    /// Creates the data from its two splits. A label is an index into `classes`. The number of values per label is the
    /// width of a row, and equal in both splits.
    ///
    /// # Shapes
    ///
    /// - values of each split: (N, width)
    ///
    /// # Errors
    ///
    /// Returns [`TrainError::Arrays`] in these cases:
    ///
    /// - `classes` has fewer than two names, or a name is empty or occurs twice.
    /// - A split has a class without rows, a label that is not a class, or a value that is NaN or infinite.
    /// - The values of a split are not a whole number of rows, or the widths of the splits differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{FeatureArrays, LabeledRows};
    ///
    /// // Two rows of three features for training, and two for validation.
    /// let training = LabeledRows { values: vec![0.1, 0.9, 0.3, 0.8, 0.2, 0.7], labels: vec![0, 1] };
    /// let validation = LabeledRows { values: vec![0.2, 0.8, 0.3, 0.9, 0.1, 0.6], labels: vec![0, 1] };
    /// let data = FeatureArrays::new(["healthy", "worn"], training, validation)?;
    /// assert_eq!(data.feature_count(), 3);
    /// # Ok::<(), train::TrainError>(())
    /// ```
    pub fn new(
        classes: impl IntoIterator<Item = impl Into<String>>,
        training: LabeledRows,
        validation: LabeledRows,
    ) -> Result<Self, TrainError> {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        check_classes(&classes)?;
        let widths = [("training", &training), ("validation", &validation)]
            .map(|(split, rows)| check_rows(split, rows, &classes));
        let [training_width, validation_width] = widths;
        let (width, found) = (training_width?, validation_width?);
        if found != width {
            return Err(FeatureArraysError::Width { training: width, validation: found }.into());
        }
        let part = |LabeledRows { values, labels }| Part { values: values.into(), labels };
        Ok(Self { classes, width, training: part(training), validation: part(validation) })
    }

    /// Creates the data, and selects the fraction `validation_split` of each class for validation, rounded, but at
    /// least one row and not all. The same labels, fraction and seed give the same split.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Self::new`]. Also returns an error if `validation_split` is not between 0 and 1, or if a
    /// class has fewer than two rows.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{FeatureArrays, LabeledRows};
    ///
    /// let rows = LabeledRows { values: vec![0.5; 20], labels: vec![0, 0, 0, 0, 0, 1, 1, 1, 1, 1] };
    /// let data = FeatureArrays::divide(["healthy", "worn"], rows, 0.2, 1)?;
    /// assert_eq!(data.training_labels(), [0, 0, 0, 0, 1, 1, 1, 1]);
    /// assert_eq!(data.validation_labels(), [0, 1]);
    /// # Ok::<(), train::TrainError>(())
    /// ```
    #[doc(alias = "stratified")]
    #[doc(alias = "train_test_split")]
    #[doc(alias = "validation_split")]
    pub fn divide(
        classes: impl IntoIterator<Item = impl Into<String>>,
        rows: LabeledRows,
        validation_split: f64,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        check_classes(&classes)?;
        let width = check_rows("labeled", &rows, &classes)?;
        let shares = SplitShares { validation: Some(validation_split), test: None };
        let splits = assign_splits(&rows.labels, &classes, shares, seed, &[])?;
        let mut parts = [LabeledRows::default(), LabeledRows::default()];
        for (at, (&label, row)) in rows.labels.iter().zip(rows.values.chunks(width)).enumerate() {
            let part = &mut parts[usize::from(splits[at] == Split::Validation)];
            part.labels.push(label);
            part.values.extend(row);
        }
        let [training, validation] = parts;
        Self::new(classes, training, validation)
    }

    /// Returns the class names. A label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns the label of each training row.
    pub fn training_labels(&self) -> &[usize] {
        &self.training.labels
    }

    /// Returns the label of each validation row.
    pub fn validation_labels(&self) -> &[usize] {
        &self.validation.labels
    }

    /// Returns the number of features in a row.
    pub fn feature_count(&self) -> usize {
        self.width
    }

    /// Returns the training rows.
    pub(crate) fn training(&self) -> FeatureTable {
        FeatureTable::from_values(self.training.values.clone(), self.width)
    }

    /// Returns the validation rows.
    pub(crate) fn validation(&self) -> FeatureTable {
        FeatureTable::from_values(self.validation.values.clone(), self.width)
    }

    /// Checks that a run can train on the rows: they have the expected width, and no augmented copies.
    pub(crate) fn check(&self, train: &TrainConfig, width: usize) -> Result<(), TrainError> {
        let differs = |what: &str, found: String, expected: String| {
            Err(TrainError::DifferentFeatures { what: what.to_owned(), found, expected })
        };
        if let Some(views) = train.views {
            return differs("`train.views`", "unset".into(), views.to_string());
        }
        if self.width != width {
            return differs("the width", self.width.to_string(), width.to_string());
        }
        Ok(())
    }

    /// Returns a digest of the features and labels of both splits.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update((self.width as u64).to_le_bytes());
        for Part { values, labels } in [&self.training, &self.validation] {
            hash.update((labels.len() as u64).to_le_bytes());
            for &label in labels {
                hash.update((label as u64).to_le_bytes());
            }
            for row in values.chunks(self.width) {
                let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
                hash.update(bytes);
            }
        }
        hex(hash.finalize())
    }
}

fn check_classes(classes: &[String]) -> Result<(), FeatureArraysError> {
    if classes.len() < 2 {
        return Err(FeatureArraysError::Classes(classes.len()));
    }
    let mut seen = BTreeSet::new();
    match classes.iter().find(|class| class.is_empty() || !seen.insert(*class)) {
        Some(class) => Err(FeatureArraysError::ClassName(class.clone())),
        None => Ok(()),
    }
}

/// Checks the rows of a split, and returns their width.
fn check_rows(
    split: &'static str,
    LabeledRows { values, labels }: &LabeledRows,
    classes: &[String],
) -> Result<usize, FeatureArraysError> {
    let (values_len, rows) = (values.len(), labels.len());
    if rows > 0 && (values_len == 0 || values_len % rows != 0) {
        return Err(FeatureArraysError::Rows { split, values: values_len, labels: rows });
    }
    if let Some((row, &label)) =
        labels.iter().enumerate().find(|(_, label)| **label >= classes.len())
    {
        let classes = classes.len();
        return Err(FeatureArraysError::Label { split, row, label, classes });
    }
    if let Some((_, class)) = classes.iter().enumerate().find(|(at, _)| !labels.contains(at)) {
        return Err(FeatureArraysError::NoRows { split, class: class.clone() });
    }
    let width = values_len / rows;
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(FeatureArraysError::NonFinite { split, row: at / width }),
        None => Ok(width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f32], labels: &[usize]) -> LabeledRows {
        LabeledRows { values: values.to_vec(), labels: labels.to_vec() }
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused_with_their_numbers() {
        let valid = || rows(&[1.0, 2.0, 3.0, 4.0], &[0, 1]);
        let message = |classes: &[&str], training, validation| {
            let refused = FeatureArrays::new(classes.iter().copied(), training, validation);
            refused.expect_err("other arrays").to_string()
        };
        let ab = ["a", "b"];
        for (found, expected) in [
            (message(&["a"], valid(), valid()), "1 class(es), expected two or more"),
            (message(&["a", "a"], valid(), valid()), "the class name `a` is empty or occurs twice"),
            (message(&["a", ""], valid(), valid()), "the class name `` is empty or occurs twice"),
            (
                message(&ab, rows(&[1.0; 3], &[0, 1]), valid()),
                "3 values for 2 training labels, expected the same number of values for each label",
            ),
            (
                message(&ab, valid(), rows(&[], &[0, 1])),
                "0 values for 2 validation labels, expected the same number of values for each label",
            ),
            (
                message(&ab, valid(), rows(&[1.0; 6], &[0, 1])),
                "rows of 2 training and 3 validation features, expected equal widths",
            ),
            (
                message(&ab, rows(&[1.0; 4], &[0, 2]), valid()),
                "the label of training row 1 is 2, expected an index below 2",
            ),
            (message(&ab, valid(), rows(&[1.0; 4], &[0, 0])), "class `b` has no validation rows"),
            (message(&ab, valid(), rows(&[], &[])), "class `a` has no validation rows"),
            (
                message(&ab, rows(&[1.0, 2.0, 3.0, f32::NAN], &[0, 1]), valid()),
                "training row 1 holds values that are NaN or infinite",
            ),
        ] {
            assert_eq!(found, expected);
        }
        let refused = FeatureArrays::divide(ab, valid(), 1.0, 0).expect_err("no training rows");
        assert!(
            matches!(refused, TrainError::Photos(photos::PhotosError::Split { .. })),
            "{refused}"
        );
        let refused = FeatureArrays::divide(ab, valid(), 0.5, 0).expect_err("one row a class");
        assert!(matches!(refused, TrainError::Photos(_)), "{refused}");
    }

    #[test]
    fn every_row_is_in_one_split_with_its_label() {
        let values: Vec<f32> = (0..40).map(|at| at as f32).collect();
        let labels: Vec<usize> = (0..20).map(|row| row % 2).collect();
        let data = FeatureArrays::divide(["a", "b"], rows(&values, &labels), 0.3, 5);
        let data = data.expect("two classes");
        let mut seen = vec![];
        for Part { values, labels } in [&data.training, &data.validation] {
            for (row, label) in values.chunks(2).zip(labels) {
                assert_eq!((row[0] / 2.0) as usize % 2, *label);
                seen.extend(row);
            }
        }
        seen.sort_unstable_by(f32::total_cmp);
        assert_eq!(seen, values);
        assert_eq!((data.training_labels().len(), data.validation_labels().len()), (14, 6));
    }

    #[test]
    fn digest_depends_on_features_labels_and_split() {
        let digest = |training, validation| {
            FeatureArrays::new(["a", "b"], training, validation).expect("two classes").digest()
        };
        let (first, second) = (rows(&[1.0, 2.0], &[0, 1]), rows(&[3.0, 4.0], &[0, 1]));
        let digests = BTreeSet::from([
            digest(first.clone(), second.clone()),
            digest(second.clone(), first.clone()),
            digest(rows(&[1.0, 2.5], &[0, 1]), second.clone()),
            digest(rows(&[1.0, 2.0], &[1, 0]), second.clone()),
            digest(first.clone(), rows(&[3.0, 4.0, 3.0, 4.0], &[0, 1, 0, 1])),
        ]);
        assert_eq!(digests.len(), 5);
        assert!(digests.contains(&digest(first, second)));
    }
}
