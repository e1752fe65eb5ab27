//! Samples to train on: rows of features with labels.

use crate::LinearError;

/// Rows of features with labels and weights.
///
/// # Examples
///
/// ```
/// use linear::{LinearError, Samples};
///
/// let samples = Samples::new(&[0.0, 1.0, 2.0, 3.0], &[0, 1], 2)?;
/// assert_eq!((samples.len(), samples.width()), (2, 2));
///
/// let error = Samples::new(&[0.0, f32::NAN], &[0, 1], 2).expect_err("NaN");
/// assert_eq!(error, LinearError::NonFinite { row: 1 });
/// # Ok::<(), LinearError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    features: &'a [f32],
    width: usize,
    labels: &'a [usize],
    classes: usize,
    /// Weight of each class.
    class_weights: Vec<f64>,
}

impl<'a> Samples<'a> {
    /// Creates samples of `classes` classes from features (samples, features) and the label of each sample.
    ///
    /// # Errors
    ///
    /// Returns an error in these cases:
    ///
    /// - `classes` is below 2, or `labels` is empty.
    /// - The features are not as many rows as there are labels.
    /// - A feature is NaN or infinite.
    /// - A label is not a class.
    pub fn new(
        features: &'a [f32],
        labels: &'a [usize],
        classes: usize,
    ) -> Result<Self, LinearError> {
        let (values, rows) = (features.len(), labels.len());
        if classes < 2 {
            return Err(LinearError::Classes(classes));
        }
        if rows == 0 {
            return Err(LinearError::Empty);
        }
        let width = values / rows;
        if width == 0 || width * rows != values {
            return Err(LinearError::Rows { values, rows, width });
        }
        if let Some(at) = features.iter().position(|value| !value.is_finite()) {
            return Err(LinearError::NonFinite { row: at / width });
        }
        if let Some(row) = labels.iter().position(|&label| label >= classes) {
            return Err(LinearError::Label { row, label: labels[row], classes });
        }
        Ok(Self { features, width, labels, classes, class_weights: vec![1.0; classes] })
    }

    /// Sets the weight of each class, by default 1: the factor of the losses of its samples.
    ///
    /// # Errors
    ///
    /// Returns an error if a weight is not positive and finite.
    ///
    /// # Panics
    ///
    /// Panics if there is not one weight a class.
    ///
    /// # Examples
    ///
    /// ```
    /// use linear::Samples;
    ///
    /// let samples = Samples::new(&[0.0, 1.0, 2.0], &[0, 0, 1], 2)?;
    /// let balanced = samples.with_class_weights(vec![0.75, 1.5])?;
    /// # Ok::<(), linear::LinearError>(())
    /// ```
    #[doc(alias = "class_weight")]
    #[doc(alias = "sample_weight")]
    pub fn with_class_weights(self, class_weights: Vec<f64>) -> Result<Self, LinearError> {
        assert_eq!(class_weights.len(), self.classes, "one weight a class");
        let is_valid = |weight: &f64| *weight > 0.0 && weight.is_finite();
        match class_weights.iter().find(|weight| !is_valid(weight)) {
            Some(&value) => Err(LinearError::Setting {
                name: "class_weights",
                value,
                expected: "a positive and finite number",
            }),
            None => Ok(Self { class_weights, ..self }),
        }
    }

    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns false: samples are never empty.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the number of features of a sample.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns the label of each sample.
    pub fn labels(&self) -> &'a [usize] {
        self.labels
    }

    /// Returns the features of a sample.
    pub(crate) fn row(&self, sample: usize) -> &'a [f32] {
        &self.features[sample * self.width..][..self.width]
    }

    /// Returns the weight of a sample.
    pub(crate) fn weight(&self, sample: usize) -> f64 {
        self.class_weights[self.labels[sample]]
    }
}
