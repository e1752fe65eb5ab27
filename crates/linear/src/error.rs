//! Errors of samples and settings.

/// Error of samples, settings, or a fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinearError {
    /// A model needs at least two classes.
    #[error("{0} class(es), expected two or more")]
    Classes(usize),
    /// A model needs samples.
    #[error("there are no samples")]
    Empty,
    /// The features are not whole rows.
    #[error("{values} values are not {rows} rows of {width} features")]
    Rows {
        /// Number of values.
        values: usize,
        /// Expected number of rows.
        rows: usize,
        /// Expected number of features of a row.
        width: usize,
    },
    /// A feature is NaN or infinite.
    #[error("a feature of row {row} is NaN or infinite")]
    NonFinite {
        /// Index of the row.
        row: usize,
    },
    /// A label is not a class.
    #[error("row {row} has the label {label}, expected less than {classes}")]
    Label {
        /// Index of the row.
        row: usize,
        /// Label of the row.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A class has no samples.
    #[error("class {0} has no samples to train on")]
    EmptyClass(usize),
    /// A setting is out of its range.
    #[error("`{name}` is {value}, expected {expected}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value of the setting.
        value: f64,
        /// Expected range.
        expected: &'static str,
    },
    /// A class has too few groups for the folds.
    #[error("{groups} groups of samples are too few for {folds} folds")]
    FewGroups {
        /// Number of groups.
        groups: usize,
        /// Number of folds.
        folds: usize,
    },
    /// The fit was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The solver did not reach its tolerance.
    #[error(
        "after {iterations} iterations, the objective may be a share of {gap:.1e} above its minimum, expected at most {tolerance:.1e}"
    )]
    NotConverged {
        /// Number of iterations.
        iterations: usize,
        /// Estimated distance from the minimum, relative to the objective.
        gap: f64,
        /// Tolerance of that distance.
        tolerance: f64,
    },
}
