//! Batch normalization as Keras computes it.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// Constant added to the variance for numerical stability, as in Keras.
const EPSILON: f64 = 1e-3;

/// Share of the moving averages that a step keeps, as in Keras.
const MOMENTUM: f64 = 0.99;

/// Batch normalization of the outputs of a dense layer (S. Ioffe and C. Szegedy, "Batch
/// Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", 2015).
/// The constants and the formula are those of `keras.layers.BatchNormalization`:
///
/// ```text
/// output = gamma (input - mean) / sqrt(variance + 0.001) + beta
/// moving <- 0.99 moving + 0.01 batch         for mean and variance, in training
/// ```
///
/// In training, mean and variance are those of the batch; the variance is divided by the number of
/// rows. Otherwise they are the moving averages.
#[derive(Module, Debug)]
pub(crate) struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    moving_mean: Param<Tensor<1>>,
    moving_variance: Param<Tensor<1>>,
}

/// Mean and variance of a batch for each hidden layer with batch normalization, from a training
/// step.
#[derive(Clone, Debug)]
pub struct BatchMoments(pub(crate) Vec<[Tensor<1>; 2]>);

impl BatchNorm {
    /// Names of the arrays of a batch normalization, in the order of [`Self::to_arrays`].
    pub(crate) const ARRAYS: [&str; 4] = ["gamma", "beta", "moving_mean", "moving_variance"];

    /// Creates a batch normalization with these arrays of one value a unit.
    pub(crate) fn new(arrays: [Vec<f32>; 4], device: &Device) -> Self {
        let tensor = |values: Vec<f32>| {
            let length = values.len();
            Tensor::from_data(TensorData::new(values, [length]), device)
        };
        let [gamma, beta, moving_mean, moving_variance] = arrays.map(tensor);
        let fixed = |tensor| Param::from_tensor(tensor).set_require_grad(false);
        Self {
            gamma: Param::from_tensor(gamma),
            beta: Param::from_tensor(beta),
            moving_mean: fixed(moving_mean),
            moving_variance: fixed(moving_variance),
        }
    }

    /// Normalizes with the moving averages.
    pub(crate) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        self.normalize(input, self.moving_mean.val(), self.moving_variance.val())
    }

    /// Normalizes over the batch. Returns its mean and variance, too.
    pub(crate) fn forward_training(&self, input: Tensor<2>) -> (Tensor<2>, [Tensor<1>; 2]) {
        let mean: Tensor<1> = input.clone().mean_dim(0).squeeze_dim(0);
        let centered = input.clone() - mean.clone().unsqueeze();
        let variance: Tensor<1> = centered.square().mean_dim(0).squeeze_dim(0);
        let output = self.normalize(input, mean.clone(), variance.clone());
        (output, [mean.inner(), variance.inner()])
    }

    fn normalize(&self, input: Tensor<2>, mean: Tensor<1>, variance: Tensor<1>) -> Tensor<2> {
        let scale = self.gamma.val() / (variance + EPSILON).sqrt();
        (input - mean.unsqueeze()) * scale.unsqueeze() + self.beta.val().unsqueeze()
    }

    /// Moves the averages toward the moments of a batch, without autodiff.
    pub(crate) fn with_moments(self, [mean, variance]: [Tensor<1>; 2]) -> Self {
        let moved = |moving: Param<Tensor<1>>, batch: Tensor<1>| {
            moving.map(|moving| {
                let is_autodiff = moving.device().is_autodiff();
                let moving = if is_autodiff { moving.inner() } else { moving };
                let moved = moving * MOMENTUM + batch * (1.0 - MOMENTUM);
                if is_autodiff { moved.autodiff() } else { moved }
            })
        };
        Self {
            moving_mean: moved(self.moving_mean, mean),
            moving_variance: moved(self.moving_variance, variance),
            ..self
        }
    }

    /// Returns the normalization by the moving averages.
    pub(crate) fn normalization(&self) -> Normalization {
        let [gamma, beta, mean, variance] = self.to_arrays();
        Normalization { gamma, beta, mean, variance, epsilon: EPSILON }
    }

    /// Returns the values of each array, in the order of [`Self::ARRAYS`].
    pub(crate) fn to_arrays(&self) -> [Vec<f32>; 4] {
        [&self.gamma, &self.beta, &self.moving_mean, &self.moving_variance].map(|parameter| {
            let data = parameter.val().into_data();
            data.as_slice::<f32>().expect("32-bit floats").to_vec()
        })
    }
}

/// Parameters of a batch normalization, one value for each unit, and its epsilon.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// Scales.
    pub gamma: Vec<f32>,
    /// Shifts.
    pub beta: Vec<f32>,
    /// Means.
    pub mean: Vec<f32>,
    /// Variances.
    pub variance: Vec<f32>,
    /// Constant added to the variances.
    pub epsilon: f64,
}

impl Normalization {
    /// Returns the factor and the summand of each unit: output = factor input + summand.
    ///
    /// # Panics
    ///
    /// Panics if the lists have different lengths.
    ///
    /// # Examples
    ///
    /// ```
    /// use head::Normalization;
    ///
    /// let normalization = Normalization {
    ///     gamma: vec![4.0],
    ///     beta: vec![1.0],
    ///     mean: vec![-1.0],
    ///     variance: vec![3.0],
    ///     epsilon: 1.0,
    /// };
    /// assert_eq!(normalization.affine(), [[2.0, 3.0]]);
    /// ```
    pub fn affine(&self) -> Vec<[f64; 2]> {
        let Self { gamma, beta, mean, variance, epsilon } = self;
        let units = gamma.len();
        assert_eq!([beta.len(), mean.len(), variance.len()], [units; 3]);
        let of_unit = |at: usize| {
            let factor = f64::from(gamma[at]) / (f64::from(variance[at]) + epsilon).sqrt();
            [factor, f64::from(beta[at]) - f64::from(mean[at]) * factor]
        };
        (0..units).map(of_unit).collect()
    }

    /// Folds the normalization into the dense layer before it: its kernel (inputs, units) and bias
    /// (units), in 64 bits.
    ///
    /// # Panics
    ///
    /// Panics if the layer has another number of units.
    ///
    /// # Examples
    ///
    /// ```
    /// use head::Normalization;
    ///
    /// let one = |value| vec![value];
    /// let (gamma, beta, mean, variance) = (one(4.0), one(1.0), one(-1.0), one(3.0));
    /// let normalization = Normalization { gamma, beta, mean, variance, epsilon: 1.0 };
    /// let (mut kernel, mut bias) = ([1.0, 0.5], [0.25]);
    /// normalization.fold_into(&mut kernel, &mut bias);
    /// assert_eq!((kernel, bias), ([2.0, 1.0], [3.5]));
    /// ```
    pub fn fold_into(&self, kernel: &mut [f32], bias: &mut [f32]) {
        let affine = self.affine();
        assert_eq!(affine.len(), bias.len());
        for row in kernel.chunks_mut(bias.len()) {
            for (weight, [factor, _]) in row.iter_mut().zip(&affine) {
                *weight = (f64::from(*weight) * factor) as f32;
            }
        }
        for (bias, [factor, summand]) in bias.iter_mut().zip(&affine) {
            *bias = (f64::from(*bias) * factor + summand) as f32;
        }
    }
}
