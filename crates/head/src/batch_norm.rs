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
#[derive(Clone, Debug, Default)]
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

    /// Returns the values of each array, in the order of [`Self::ARRAYS`].
    pub(crate) fn to_arrays(&self) -> [Vec<f32>; 4] {
        [&self.gamma, &self.beta, &self.moving_mean, &self.moving_variance].map(|parameter| {
            let data = parameter.val().into_data();
            data.as_slice::<f32>().expect("32-bit floats").to_vec()
        })
    }
}

/// Folds a batch normalization after a dense layer into its kernel (inputs, units) and bias, in 64
/// bits.
pub(crate) fn fold(kernel: &mut [f32], bias: &mut [f32], arrays: &[Vec<f32>; 4]) {
    let [gamma, beta, mean, variance] = arrays;
    let scales: Vec<f64> = gamma
        .iter()
        .zip(variance)
        .map(|(&gamma, &variance)| f64::from(gamma) / (f64::from(variance) + EPSILON).sqrt())
        .collect();
    for row in kernel.chunks_mut(bias.len()) {
        for (weight, scale) in row.iter_mut().zip(&scales) {
            *weight = (f64::from(*weight) * scale) as f32;
        }
    }
    for (((bias, scale), &mean), &beta) in bias.iter_mut().zip(&scales).zip(mean).zip(beta) {
        *bias = ((f64::from(*bias) - f64::from(mean)) * scale + f64::from(beta)) as f32;
    }
}
