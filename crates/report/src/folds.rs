//! Metrics of a cross-validation: their means and standard deviations over the folds.

use crate::Predictions;
use crate::evaluation::NAMES;

/// Metric of a cross-validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldMetric {
    /// Name of its field in [`Evaluation`](crate::Evaluation), such as `balanced_accuracy`.
    pub key: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Mean over the folds.
    pub mean: f64,
    /// Standard deviation over the folds, as of a sample.
    pub deviation: f64,
    /// Value for the images of all folds together.
    pub overall: f64,
}

impl Predictions {
    /// Computes the metrics of each fold, and their means and standard deviations. `folds` has the fold of each image, from
    /// 0. A metric that is undefined for a fold, such as the AUC if only one class has images, is omitted.
    ///
    /// # Panics
    ///
    /// Panics if there is not one fold an image, if there are fewer than two folds, or if a fold has no images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, -2.0], vec![0.0, 1.0], vec![0.0, 2.0], vec![0.0, 1.5]];
    /// let predictions = Predictions::new(2, vec![0, 1, 0, 1], logits, vec![0, 1, 1, 1]);
    /// // The first two images are in one fold.
    /// let accuracy = predictions.over_folds(&[0, 0, 1, 1])[0];
    /// assert_eq!((accuracy.name, accuracy.mean), ("accuracy", 0.75));
    /// assert!((accuracy.deviation - 0.125f64.sqrt()).abs() < 1e-12);
    /// ```
    #[doc(alias = "cross_val_score")]
    #[doc(alias = "cross_validate")]
    pub fn over_folds(&self, folds: &[usize]) -> Vec<FoldMetric> {
        assert_eq!(folds.len(), self.len(), "one fold an image");
        let count = folds.iter().max().map_or(0, |last| last + 1);
        assert!(count >= 2, "two or more folds");
        let of_fold = |fold: usize| {
            let images: Vec<usize> = (0..self.len()).filter(|&at| folds[at] == fold).collect();
            self.of_images(&images).values()
        };
        let of_folds: Vec<_> = (0..count).map(of_fold).collect();
        let of_all = self.values();
        let of_metric = |at: usize| {
            let values: Option<Vec<f64>> = of_folds.iter().map(|values| values[at].1).collect();
            let (values, number) = (values?, count as f64);
            let mean = values.iter().sum::<f64>() / number;
            let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            let deviation = (squares / (number - 1.0)).sqrt();
            let (key, overall) = (of_all[at].0, of_all[at].1?);
            Some(FoldMetric { key, name: NAMES[at], mean, deviation, overall })
        };
        (0..of_folds[0].len()).filter_map(of_metric).collect()
    }

    /// Returns the predictions of some images.
    fn of_images(&self, images: &[usize]) -> Self {
        let labels = images.iter().map(|&at| self.label(at)).collect();
        let logits = images.iter().map(|&at| self.raw_logits()[at].clone()).collect();
        let predicted = images.iter().map(|&at| self.predicted(at)).collect();
        Self::new(self.classes(), labels, logits, predicted).with_temperature(self.temperature())
    }

    /// Returns these predictions and then those of `other`, both with their own temperature.
    ///
    /// # Panics
    ///
    /// Panics if the numbers of classes differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let one = Predictions::new(2, vec![0], vec![vec![0.0, -2.0]], vec![0]);
    /// let both = one.clone().followed_by(&one.with_temperature(2.0));
    /// assert!((both.confidence(0) - 0.8808).abs() < 1e-4);
    /// assert!((both.confidence(1) - 0.7311).abs() < 1e-4);
    /// ```
    pub fn followed_by(self, other: &Self) -> Self {
        assert_eq!(self.classes(), other.classes());
        let all = || {
            [&self, other].into_iter().flat_map(|part| (0..part.len()).map(move |at| (part, at)))
        };
        let classes = 0..self.classes();
        let row = |(part, at): (&Self, usize)| {
            classes.clone().map(|class| part.log_probability(at, class) as f32).collect()
        };
        let logits = all().map(row).collect();
        let labels = all().map(|(part, at)| part.label(at)).collect();
        let predicted = all().map(|(part, at)| part.predicted(at)).collect();
        Self::new(self.classes(), labels, logits, predicted)
    }
}
