//! Trained model: a dense layer.

/// Dense layer that computes logits: one for two classes, whose sigmoid is the probability of the second class, else one
/// for each class, whose softmax are the probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearModel {
    /// Kernel (features, outputs).
    pub kernel: Vec<f64>,
    /// Bias (outputs).
    pub bias: Vec<f64>,
}

impl LinearModel {
    /// Computes the logits of a row of features.
    ///
    /// ```text
    /// logits = features x kernel + bias
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the row has another number of features.
    ///
    /// # Examples
    ///
    /// ```
    /// let model = linear::LinearModel { kernel: vec![2.0, -1.0], bias: vec![0.5] };
    /// assert_eq!(model.logits(&[1.0, 3.0]), [-0.5]);
    /// ```
    #[doc(alias = "decision_function")]
    pub fn logits(&self, features: &[f32]) -> Vec<f64> {
        let outputs = self.bias.len();
        assert_eq!(
            features.len() * outputs,
            self.kernel.len(),
            "as many features as the model has"
        );
        let mut logits = self.bias.clone();
        for (&value, weights) in features.iter().zip(self.kernel.chunks_exact(outputs)) {
            for (logit, weight) in logits.iter_mut().zip(weights) {
                *logit += f64::from(value) * weight;
            }
        }
        logits
    }

    /// Computes the probability of each class for a row of features.
    ///
    /// # Panics
    ///
    /// Panics if the row has another number of features.
    ///
    /// # Examples
    ///
    /// ```
    /// let model = linear::LinearModel { kernel: vec![2.0, -1.0], bias: vec![1.0] };
    /// assert_eq!(model.probabilities(&[1.0, 3.0]), [0.5, 0.5]);
    /// ```
    #[doc(alias = "predict_proba")]
    pub fn probabilities(&self, features: &[f32]) -> Vec<f64> {
        probabilities(&self.logits(features))
    }
}

/// Returns the probability of each class.
pub(crate) fn probabilities(logits: &[f64]) -> Vec<f64> {
    let logits = if let &[second] = logits { vec![0.0, second] } else { logits.to_vec() };
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Returns the negative logarithm of the probability of a label.
pub(crate) fn loss(logits: &[f64], label: usize) -> f64 {
    if let &[second] = logits {
        let margin = if label == 1 { second } else { -second };
        return (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
    }
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    sum.ln() + largest - logits[label]
}
