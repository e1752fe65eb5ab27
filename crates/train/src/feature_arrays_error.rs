//! Error of features and labels in memory that do not fit together.

use quoting::Shown;

/// Features and labels in memory that do not fit together. Splits are `training`, `validation`, or `labeled` for rows
/// that are not split yet. Rows are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureArraysError {
    /// Fewer than two classes.
    #[error("{0} class(es), expected two or more")]
    Classes(usize),
    /// A class name is empty or occurs twice.
    #[error("the class name `{}` is empty or occurs twice", .0.shown())]
    ClassName(String),
    /// The number of values is not a multiple of the number of labels.
    #[error(
        "{values} values for {labels} {split} labels, expected the same number of values for each label"
    )]
    Rows {
        /// Name of the split.
        split: &'static str,
        /// Number of values.
        values: usize,
        /// Number of labels.
        labels: usize,
    },
    /// The rows of the two splits have different widths.
    #[error(
        "rows of {training} training and {validation} validation features, expected equal widths"
    )]
    Width {
        /// Number of features in a training row.
        training: usize,
        /// Number of features in a validation row.
        validation: usize,
    },
    /// A label is not an index of a class.
    #[error("the label of {split} row {row} is {label}, expected an index below {classes}")]
    Label {
        /// Name of the split.
        split: &'static str,
        /// Index of the row.
        row: usize,
        /// Label of the row.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A class has no row in a split.
    #[error("class `{class}` has no {split} rows", class = .class.shown())]
    NoRows {
        /// Name of the split.
        split: &'static str,
        /// Name of the class.
        class: String,
    },
    /// A value is NaN or infinite.
    #[error("{split} row {row} holds values that are NaN or infinite")]
    NonFinite {
        /// Name of the split.
        split: &'static str,
        /// Index of the row.
        row: usize,
    },
}
