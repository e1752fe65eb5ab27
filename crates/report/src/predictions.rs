//! Predictions for labeled images, and the metrics computed from them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Predictions of a classifier for labeled images.
///
/// All metrics are computed from logits. In 32 bits, the probability of a logit above 17 is exactly 1, and a ranking by
/// probabilities would have ties that the model does not have.
///
/// # Probabilities
///
/// For the logits z(c) of an image and the temperature T, which is 1 unless it is set:
///
/// ```text
/// probability(c) = exp(z(c) / T) / sum over k of exp(z(k) / T)
/// log odds(c)    = log( probability(c) / (1 - probability(c)) )
/// ```
///
/// # Examples
///
/// ```
/// use report::Predictions;
///
/// // Two classes, three images: label, logits, predicted class.
/// let logits = vec![vec![0.0, -2.0], vec![0.0, 0.5], vec![0.0, 3.0]];
/// let predictions = Predictions::new(2, vec![0, 0, 1], logits, vec![0, 1, 1]);
/// assert_eq!(predictions.confusion(), [[1, 1], [0, 1]]);
/// assert_eq!(predictions.accuracy(), 2.0 / 3.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    labels: Vec<usize>,
    /// Logits of all classes for each image.
    logits: Vec<Vec<f32>>,
    /// Predicted class of each image.
    predicted: Vec<usize>,
    classes: usize,
    temperature: f64,
    /// Sums of each image at the temperature.
    sums: Vec<Sums>,
}

/// Logarithms of sums of exponentials of an image's logits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sums {
    /// Sum over all classes.
    all: f64,
    /// Sum without the largest logit. The odds of a likely class would lose their digits in a difference of sums.
    rest: f64,
}

impl Sums {
    /// Computes the sums in ascending order, so that they do not depend on the order of the classes.
    fn of(logits: &[f32], temperature: f64) -> Self {
        let mut logits: Vec<f64> =
            logits.iter().map(|&logit| f64::from(logit) / temperature).collect();
        logits.sort_by(f64::total_cmp);
        let rest = &logits[..logits.len() - 1];
        Self { all: log_sum_exp(&logits), rest: log_sum_exp(rest) }
    }
}

/// Scores of one class against all others.
///
/// True positives (TP) are images of the class that are classified as it. False positives (FP) are other images that are
/// classified as it. False negatives (FN) are images of the class that are classified as another one.
///
/// ```text
/// precision = TP / (TP + FP)      recall = TP / (TP + FN)      F1 = 2 TP / (2 TP + FP + FN)
/// ```
///
/// A share of nothing (0 / 0) is 0.
#[doc(alias = "classification_report")]
#[doc(alias = "precision_recall_fscore_support")]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// Precision: true positives / predicted positives (0 if nothing was predicted).
    pub precision: f64,
    /// Recall: true positives / images of the class (0 if it has no images).
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Number of images of the class.
    pub support: usize,
}

impl Predictions {
    /// Creates predictions from the label, the logits of all classes and the predicted class of each image.
    ///
    /// Logits may be shifted by a constant for each image, so logarithms of probabilities are logits too. A model with
    /// one output *z* for two classes has the logits (0, z).
    ///
    /// # Panics
    ///
    /// Panics in these cases:
    ///
    /// - The vectors have different lengths, or a row of logits does not have `classes` values.
    /// - A logit is NaN or infinite.
    /// - A label or predicted class is not below `classes`, or `classes` is below 2.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![2.0, 1.0, -1.0], vec![0.5, 0.7, 0.5]];
    /// let predictions = Predictions::new(3, vec![0, 2], logits, vec![0, 1]);
    /// assert_eq!((predictions.len(), predictions.classes()), (2, 3));
    /// assert_eq!((predictions.label(1), predictions.predicted(1)), (2, 1));
    /// assert!(predictions.is_correct(0) && !predictions.is_correct(1));
    /// ```
    pub fn new(
        classes: usize,
        labels: Vec<usize>,
        logits: Vec<Vec<f32>>,
        predicted: Vec<usize>,
    ) -> Self {
        assert!(classes >= 2, "a classifier needs at least two classes");
        assert!(labels.len() == logits.len() && labels.len() == predicted.len());
        assert!(labels.iter().chain(&predicted).all(|&class| class < classes));
        assert!(logits.iter().all(|row| row.len() == classes));
        assert!(logits.iter().flatten().all(|logit| logit.is_finite()), "logits must be finite");
        let sums = logits.iter().map(|row| Sums::of(row, 1.0)).collect();
        Self { labels, logits, predicted, classes, temperature: 1.0, sums }
    }

    /// Sets the temperature by which logits are divided before probabilities are computed. Predicted classes do not
    /// change. With two classes, rankings by log odds do not change either.
    ///
    /// # Panics
    ///
    /// Panics if `temperature` is not positive and finite.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let predictions = Predictions::new(2, vec![1], vec![vec![0.0, 400.0]], vec![1]);
    /// assert_eq!(predictions.confidence(0), 1.0);
    /// let calibrated = predictions.with_temperature(200.0);
    /// assert!((calibrated.confidence(0) - 0.8808).abs() < 1e-4);
    /// ```
    pub fn with_temperature(self, temperature: f64) -> Self {
        assert!(temperature > 0.0 && temperature.is_finite(), "a temperature is positive");
        let sums = self.logits.iter().map(|row| Sums::of(row, temperature)).collect();
        Self { temperature, sums, ..self }
    }

    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns true if the predictions have no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns the label of image `at`.
    pub fn label(&self, at: usize) -> usize {
        self.labels[at]
    }

    /// Returns the predicted class of image `at`.
    pub fn predicted(&self, at: usize) -> usize {
        self.predicted[at]
    }

    /// Returns the logit of `class` for image `at`, divided by the temperature.
    pub fn logit(&self, at: usize, class: usize) -> f64 {
        f64::from(self.logits[at][class]) / self.temperature
    }

    /// Returns the label of each image.
    pub(crate) fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns the logits of each image, not divided by the temperature.
    pub(crate) fn raw_logits(&self) -> &[Vec<f32>] {
        &self.logits
    }

    /// Returns the temperature by which logits are divided.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Returns the logarithm of the probability of `class` for image `at`.
    pub fn log_probability(&self, at: usize, class: usize) -> f64 {
        self.logit(at, class) - self.sums[at].all
    }

    /// Returns the logarithm of the odds of `class` for image `at`. Unlike probabilities, log odds tell apart images
    /// that the model is almost certain of.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, 400.0], vec![0.0, 900.0]];
    /// let predictions = Predictions::new(2, vec![1, 1], logits, vec![1, 1]);
    /// assert_eq!([0, 1].map(|at| predictions.probability(at, 1)), [1.0, 1.0]);
    /// assert_eq!([0, 1].map(|at| predictions.log_odds(at, 1)), [400.0, 900.0]);
    /// ```
    #[doc(alias = "margin")]
    pub fn log_odds(&self, at: usize, class: usize) -> f64 {
        if self.classes == 2 {
            return self.logit(at, class) - self.logit(at, 1 - class);
        }
        let log_probability = self.log_probability(at, class);
        if log_probability > -std::f64::consts::LN_2 {
            // Only the largest logit has a probability above 1/2.
            self.logit(at, class) - self.sums[at].rest
        } else {
            log_probability - (-log_probability.exp()).ln_1p()
        }
    }

    /// Returns the probability of `class` for image `at`, from 0 to 1.
    pub fn probability(&self, at: usize, class: usize) -> f64 {
        self.log_probability(at, class).exp()
    }

    /// Returns the probability of the predicted class for image `at`, from 0 to 1.
    pub fn confidence(&self, at: usize) -> f64 {
        self.probability(at, self.predicted[at])
    }

    /// Returns true if the predicted class of image `at` is its label.
    pub fn is_correct(&self, at: usize) -> bool {
        self.labels[at] == self.predicted[at]
    }

    /// Returns the share of correct predictions, or NaN without images.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let probabilities = vec![vec![0.9, 0.1], vec![0.4, 0.6]];
    /// let predictions = Predictions::new(2, vec![0, 0], probabilities, vec![0, 1]);
    /// assert_eq!(predictions.accuracy(), 0.5);
    /// ```
    #[doc(alias = "accuracy_score")]
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.len()).filter(|&at| self.is_correct(at)).count();
        right as f64 / self.len() as f64
    }

    /// Returns the images of class `label` that are classified as `predicted`.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let probabilities = vec![vec![0.9, 0.1], vec![0.4, 0.6], vec![0.3, 0.7]];
    /// let predictions = Predictions::new(2, vec![0, 0, 0], probabilities, vec![0, 1, 1]);
    /// assert_eq!(predictions.cell(0, 1), [1, 2]);
    /// ```
    pub fn cell(&self, label: usize, predicted: usize) -> Vec<usize> {
        let in_cell = |&at: &usize| self.labels[at] == label && self.predicted[at] == predicted;
        (0..self.len()).filter(in_cell).collect()
    }

    /// Returns the confusion matrix: the number of images for each label (row) and predicted class (column).
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let probabilities = vec![vec![0.9, 0.1], vec![0.4, 0.6], vec![0.3, 0.7]];
    /// let predictions = Predictions::new(2, vec![0, 0, 1], probabilities, vec![0, 1, 1]);
    /// assert_eq!(predictions.confusion(), [[1, 1], [0, 1]]);
    /// ```
    #[doc(alias = "confusion_matrix")]
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let mut counts = vec![vec![0; self.classes]; self.classes];
        for (&label, &predicted) in self.labels.iter().zip(&self.predicted) {
            counts[label][predicted] += 1;
        }
        counts
    }

    /// Returns the number of images for each pair (label, predicted class) that occurs. Unlike [`Self::confusion`], the
    /// result does not grow with the square of the number of classes.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let probabilities = vec![vec![0.9, 0.1], vec![0.4, 0.6], vec![0.3, 0.7]];
    /// let predictions = Predictions::new(2, vec![0, 0, 0], probabilities, vec![0, 1, 1]);
    /// assert_eq!(predictions.pairs(), [((0, 0), 1), ((0, 1), 2)].into());
    /// ```
    pub fn pairs(&self) -> BTreeMap<(usize, usize), usize> {
        let mut pairs = BTreeMap::new();
        for (&label, &predicted) in self.labels.iter().zip(&self.predicted) {
            *pairs.entry((label, predicted)).or_insert(0) += 1;
        }
        pairs
    }

    /// Returns the scores of each class, as defined by scikit-learn's `precision_recall_fscore_support`.
    ///
    /// See [`ClassScores`] for the formulas.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let probabilities = vec![vec![0.9, 0.1], vec![0.4, 0.6], vec![0.3, 0.7], vec![0.1, 0.9]];
    /// let predictions = Predictions::new(2, vec![0, 0, 1, 1], probabilities, vec![0, 1, 1, 1]);
    /// let [cats, dogs] = predictions.scores()[..] else { unreachable!() };
    /// assert_eq!((cats.precision, cats.recall, cats.support), (1.0, 0.5, 2));
    /// assert_eq!((dogs.precision, dogs.recall, dogs.f1), (2.0 / 3.0, 1.0, 0.8));
    /// ```
    #[doc(alias = "classification_report")]
    #[doc(alias = "f1_score")]
    #[doc(alias = "precision_recall_fscore_support")]
    #[doc(alias = "precision_score")]
    #[doc(alias = "recall_score")]
    pub fn scores(&self) -> Vec<ClassScores> {
        let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
        let [mut rights, mut supports, mut takens] = [0; 3].map(|_| vec![0; self.classes]);
        for ((label, predicted), count) in self.pairs() {
            supports[label] += count;
            takens[predicted] += count;
            if label == predicted {
                rights[label] = count;
            }
        }
        let of_class = |class: usize| {
            let [right, support, taken] = [rights[class], supports[class], takens[class]];
            ClassScores {
                precision: share(right, taken),
                recall: share(right, support),
                f1: share(2 * right, taken + support),
                support,
            }
        };
        (0..self.classes).map(of_class).collect()
    }

    /// Returns the misclassified images, the most confident first.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, 0.4], vec![0.0, -2.2], vec![0.0, 900.0], vec![0.0, 400.0]];
    /// let predictions = Predictions::new(2, vec![0; 4], logits, vec![1, 0, 1, 1]);
    /// assert_eq!(predictions.mistakes(), [2, 3, 0]);
    /// ```
    #[doc(alias = "top losses")]
    pub fn mistakes(&self) -> Vec<usize> {
        let mut wrong: Vec<usize> = (0..self.len()).filter(|&at| !self.is_correct(at)).collect();
        let log_odds = |at: usize| self.log_odds(at, self.predicted[at]);
        wrong.sort_by(|&a, &b| log_odds(b).total_cmp(&log_odds(a)));
        wrong
    }

    /// Returns the images whose two largest probabilities differ by less than 0.5, those with the smallest difference of
    /// the two largest logits first.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let logits = vec![vec![0.0, -0.9], vec![0.0, -2.2], vec![0.0, 0.2]];
    /// let predictions = Predictions::new(2, vec![0, 0, 0], logits, vec![0, 0, 1]);
    /// assert_eq!(predictions.least_certain(), [2, 0]);
    /// ```
    #[doc(alias = "active learning")]
    #[doc(alias = "margin sampling")]
    #[doc(alias = "uncertainty sampling")]
    pub fn least_certain(&self) -> Vec<usize> {
        let largest_two = |at: usize| {
            let larger_two = |[first, second]: [f64; 2], class: usize| {
                let value = self.log_probability(at, class);
                if value > first { [value, first] } else { [first, second.max(value)] }
            };
            (0..self.classes).fold([f64::NEG_INFINITY; 2], larger_two)
        };
        let mut images: Vec<(f64, usize)> = (0..self.len())
            .map(|at| (largest_two(at), at))
            .filter(|([first, second], _)| first.exp() - second.exp() < 0.5)
            .map(|([first, second], at)| (first - second, at))
            .collect();
        images.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        images.into_iter().map(|(_, at)| at).collect()
    }

    /// Returns true if the model is accurate enough for [`Self::label_errors`] to be meaningful. Its accuracy must
    /// exceed the midpoint between 1 and the accuracy of always predicting the largest class.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// let of = |predicted: Vec<usize>| {
    ///     let row = |&class: &usize| if class == 0 { vec![0.0, -2.0] } else { vec![0.0, 2.0] };
    ///     let logits = predicted.iter().map(row).collect();
    ///     Predictions::new(2, vec![0, 0, 1, 1], logits, predicted)
    /// };
    /// assert!(of(vec![0, 0, 1, 1]).can_find_label_errors()); // accuracy 1, more than (1/2 + 1) / 2
    /// assert!(!of(vec![0, 1, 1, 1]).can_find_label_errors()); // accuracy 3/4
    /// ```
    pub fn can_find_label_errors(&self) -> bool {
        let scores = self.scores();
        let largest = scores.iter().map(|class| class.support).max().unwrap_or(0);
        let always = largest as f64 / self.len().max(1) as f64;
        self.accuracy() > f64::midpoint(always, 1.0)
    }

    /// Returns images whose label may be wrong, the likeliest first. This is confident learning (C. Northcutt and others,
    /// 2021; cleanlab: `find_label_issues` with `confident_learning`), ranked by the logit of the confident class minus
    /// that of the label. It assumes that the model was not trained on the images.
    ///
    /// With the probability p(i, c) of class *c* for image *i*, the usual confidence of a class is
    ///
    /// ```text
    /// t(c) = mean of p(i, c) over the images i with label c
    /// ```
    ///
    /// An image with label *l* is listed if the model is confident of another class *c*: p(i, c) >= t(c) - 1e-6, and *c* is
    /// the only such class, or else the most likely class. Images whose most likely class is *l* are not listed. The order
    /// is by log p(i, c) - log p(i, l), largest first.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::Predictions;
    ///
    /// // The last image has label 0, but looks like class 1.
    /// let logits = vec![vec![0.0, -2.2], vec![0.0, -1.4], vec![0.0, 1.4], vec![0.0, 2.9]];
    /// let predictions = Predictions::new(2, vec![0, 0, 1, 0], logits, vec![0, 0, 1, 1]);
    /// assert_eq!(predictions.label_errors(), [3]);
    /// ```
    #[doc(alias = "cleanlab")]
    #[doc(alias = "confident learning")]
    #[doc(alias = "find_label_issues")]
    pub fn label_errors(&self) -> Vec<usize> {
        let mut usual = vec![0.0; self.classes];
        for at in 0..self.len() {
            usual[self.labels[at]] += self.probability(at, self.labels[at]);
        }
        for (usual, class) in usual.iter_mut().zip(self.scores()) {
            *usual /= class.support as f64;
        }
        // Both margins are cleanlab's.
        let margin = 1e-6;
        let confident = |at: usize| {
            let label = self.labels[at];
            let classes = || 0..self.classes;
            let nearly = |class: usize| if class == label { margin } else { 0.0 };
            let score = |class: usize| self.probability(at, class) + nearly(class);
            // The first of equal ones.
            let most_likely = classes().rev().max_by(|&a, &b| score(a).total_cmp(&score(b)))?;
            if most_likely == label {
                return None;
            }
            let is_confident =
                |&class: &usize| self.probability(at, class) >= usual[class] - margin;
            let mut confident = classes().filter(is_confident);
            let class = match (confident.next()?, confident.next()) {
                (only, None) => only,
                _ => most_likely,
            };
            (class != label).then_some((at, self.logit(at, class) - self.logit(at, label)))
        };
        let mut found: Vec<(usize, f64)> = (0..self.len()).filter_map(confident).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.into_iter().map(|(at, _)| at).collect()
    }
}

/// Returns log(sum of exp(value)) of ascending values, without overflow.
fn log_sum_exp(ascending: &[f64]) -> f64 {
    let largest = ascending[ascending.len() - 1];
    largest + ascending.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}
