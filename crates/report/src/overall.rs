//! Scores over all classes: losses, and accuracies that take the sizes of the classes into account.

use crate::Predictions;

impl Predictions {
    /// Returns the mean negative logarithm of the probability of the label, or NaN without images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, 0.0], vec![0.0, -1000.0]];
    /// let predictions = Predictions::new(2, vec![1, 1], logits, vec![0, 0]);
    /// assert_eq!(predictions.log_loss(), (2f64.ln() + 1000.0) / 2.0); // no probability is clipped
    /// ```
    #[doc(alias = "cross entropy")]
    #[doc(alias = "negative log-likelihood")]
    pub fn log_loss(&self) -> f64 {
        (0..self.len()).map(|at| self.loss_of(at)).sum::<f64>() / self.len() as f64
    }

    pub(crate) fn loss_of(&self, at: usize) -> f64 {
        0.0 - self.log_probability(at, self.label(at)) // not -0.0
    }

    /// Returns the Brier score: the mean squared difference between the probabilities and the label, or NaN without
    /// images. With two classes it counts the second class, and its range is 0 to 1; with more it counts all classes,
    /// and its range is 0 to 2, as in scikit-learn.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let predictions = Predictions::new(2, vec![1], vec![vec![0.0, 0.0]], vec![0]);
    /// assert_eq!(predictions.brier_score(), 0.25);
    /// ```
    #[doc(alias = "brier_score_loss")]
    pub fn brier_score(&self) -> f64 {
        (0..self.len()).map(|at| self.brier_of(at)).sum::<f64>() / self.len() as f64
    }

    pub(crate) fn brier_of(&self, at: usize) -> f64 {
        let square = |class: usize| {
            let label = f64::from(u8::from(self.label(at) == class));
            (self.probability(at, class) - label).powi(2)
        };
        let first = if self.classes() == 2 { 1 } else { 0 };
        (first..self.classes()).map(square).sum()
    }

    /// Returns the mean recall of the classes that have images, or NaN without images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// // All images are classified as class 0.
    /// let predictions = Predictions::new(2, vec![0, 0, 0, 1], vec![vec![0.0; 2]; 4], vec![0; 4]);
    /// assert_eq!((predictions.accuracy(), predictions.balanced_accuracy()), (0.75, 0.5));
    /// ```
    #[doc(alias = "balanced_accuracy_score")]
    pub fn balanced_accuracy(&self) -> f64 {
        let scores = self.scores();
        let recalls: Vec<f64> =
            scores.iter().filter(|class| class.support > 0).map(|class| class.recall).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    /// Returns Matthews' correlation coefficient of labels and predicted classes, from -1 to 1.
    ///
    /// It is 1 if all predictions are correct, and 0 if they do not depend on the labels. If all labels or all predictions
    /// are equal, it is 0 too.
    ///
    /// With the number of correct predictions *c*, of images *s*, of images t(k) and of predictions p(k) of class *k*
    /// (J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004):
    ///
    /// ```text
    /// (c s - sum t(k) p(k)) / ( sqrt(s^2 - sum p(k)^2) sqrt(s^2 - sum t(k)^2) )
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let of = |predicted: Vec<usize>| {
    ///     Predictions::new(2, vec![0, 0, 1, 1], vec![vec![0.0; 2]; 4], predicted).matthews_correlation()
    /// };
    /// assert_eq!([of(vec![0, 0, 1, 1]), of(vec![1, 1, 0, 0]), of(vec![0; 4])], [1.0, -1.0, 0.0]);
    /// ```
    #[doc(alias = "matthews_corrcoef")]
    #[doc(alias = "MCC")]
    pub fn matthews_correlation(&self) -> f64 {
        let mut labels = vec![0.0; self.classes()];
        let (mut predicted, mut correct) = (labels.clone(), 0.0);
        for at in 0..self.len() {
            labels[self.label(at)] += 1.0;
            predicted[self.predicted(at)] += 1.0;
            correct += f64::from(u8::from(self.is_correct(at)));
        }
        matthews(&labels, &predicted, correct, self.len() as f64)
    }

    /// Returns the average precision of a class: the mean of the precisions at all thresholds on its log odds, weighted
    /// by the increase in recall. Returns `None` if the class has no images.
    ///
    /// With the precision P(n) and the recall R(n) at the n-th highest threshold:
    ///
    /// ```text
    /// sum over n of (R(n) - R(n - 1)) P(n)
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, 3.0], vec![0.0, 2.0], vec![0.0, 1.0]];
    /// let predictions = Predictions::new(2, vec![1, 0, 1], logits, vec![1; 3]);
    /// // Half of the recall at precision 1, and half at 2/3.
    /// assert!((predictions.average_precision(1).expect("images") - 5.0 / 6.0).abs() < 1e-12);
    /// ```
    #[doc(alias = "average_precision_score")]
    #[doc(alias = "mAP")]
    pub fn average_precision(&self, class: usize) -> Option<f64> {
        let steps = self.steps(class);
        let total = steps.last().map(|&(_, own, _)| own).filter(|&own| own > 0)?;
        let mut before = 0;
        let parts = steps.iter().map(|&(_, own, others)| {
            let gained = own - std::mem::replace(&mut before, own);
            gained as f64 / total as f64 * own as f64 / (own + others) as f64
        });
        Some(parts.sum())
    }
}

/// Returns Matthews' coefficient for the numbers of labels and predictions of each class, of correct predictions and of
/// all images.
pub(crate) fn matthews(labels: &[f64], predicted: &[f64], correct: f64, total: f64) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let square = total * total;
    let spread = (square - dot(predicted, predicted)) * (square - dot(labels, labels));
    if spread == 0.0 {
        return 0.0;
    }
    (correct * total - dot(labels, predicted)) / spread.sqrt()
}
