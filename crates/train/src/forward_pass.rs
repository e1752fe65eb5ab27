//! Forward and backward pass of a training step.

use burn::module::Module;
use burn::tensor::Tensor;
use head::{BatchMoments, FirstProduct};
use model::TrainableLayers;

use crate::ParameterGradients;
use crate::gradients::KernelGradient;

/// Forward pass of the trainable layers in a training step. Its [gradients](Self::backward) have the values of those of
/// `loss.backward()`.
///
/// Autodiff does not compute the gradient of the head's first kernel, unless layers of the base are unfrozen. On Burn's CPU
/// device, [`Adam`](crate::Adam), [`Sgd`](crate::Sgd), and [`RmsProp`](crate::RmsProp) without momentum and `centered`
/// compute it in parts while they update the kernel. On other devices and with
/// [`clip_norm`](crate::ParameterUpdate::clip_norm), it is computed at once.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use train::{ForwardPass, HeadConfig, Optimizer, RmsProp, TrainableLayers, binary_cross_entropy};
///
/// let device = Device::flex().autodiff();
/// let head = HeadConfig { hidden_units: vec![4], dropout: 0.0, ..HeadConfig::default() }.init(2, 2, 1, &device);
/// let mut layers = TrainableLayers::from_head(head, 2);
/// let mut optimizer = Optimizer::new(|_| RmsProp::default(), &layers);
/// let features = Tensor::<2>::from_data([[1.0f32, -2.0], [0.5, 3.0]], &device);
/// let labels = Tensor::<2>::from_data([[0.0f32], [1.0]], &device);
/// let mut losses = vec![];
/// for _ in 0..20 {
///     let pass = ForwardPass::new(&layers, features.clone(), &[]);
///     let loss = binary_cross_entropy(pass.logits.clone(), labels.clone());
///     losses.push(loss.clone().into_scalar::<f32>());
///     layers = optimizer.step(layers, pass.backward(&loss));
/// }
/// assert!(losses[19] < losses[0]);
/// ```
#[derive(Debug)]
pub struct ForwardPass {
    /// Logits (N, 1) or (N, classes).
    pub logits: Tensor<2>,
    /// Moments of the batch for [`TrainableLayers::with_moments`].
    pub moments: BatchMoments,
    /// First product, of which autodiff computes the gradient; `None` if it computes all gradients.
    first: Option<FirstProduct>,
}

impl ForwardPass {
    /// Computes the logits of a batch with these [dropout masks](head::dropout_masks). All tensors are on a device with
    /// autodiff.
    ///
    /// # Shapes
    ///
    /// - features: (N, backbone features)
    /// - masks: as for [`Head::forward_training`](head::Head::forward_training)
    ///
    /// # Examples
    ///
    /// See [`ForwardPass`].
    pub fn new(layers: &TrainableLayers, features: Tensor<2>, masks: &[Tensor<2>]) -> Self {
        let Some(FirstProduct { inputs, product }) = first_product(layers, &features, masks) else {
            let (logits, moments) = layers.forward_training(features, masks);
            return Self { logits, moments, first: None };
        };
        let product = product.autodiff().require_grad();
        let (logits, moments) = layers.head().forward_training_from(product.clone(), masks);
        Self { logits, moments, first: Some(FirstProduct { inputs, product }) }
    }

    /// Computes the gradients of a loss of these logits.
    ///
    /// # Panics
    ///
    /// Panics if the loss does not depend on the logits.
    pub fn backward(self, loss: &Tensor<1>) -> ParameterGradients {
        let mut gradients = loss.backward();
        let Some(FirstProduct { inputs, product }) = self.first else { return gradients.into() };
        let outputs = product.grad_remove(&mut gradients).expect("a loss of these logits");
        let name = format!("{}/kernel", head::layer_name("dense", 0));
        ParameterGradients::with_kernel(gradients, name, KernelGradient { inputs, outputs })
    }
}

/// Computes the first product of the head without autodiff. Returns `None` if layers of the base are unfrozen.
fn first_product(
    layers: &TrainableLayers,
    features: &Tensor<2>,
    masks: &[Tensor<2>],
) -> Option<FirstProduct> {
    let masks: Vec<_> = masks.iter().map(|mask| mask.clone().inner()).collect();
    layers.clone().valid().first_product(features.clone().inner(), &masks)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};
    use head::{HeadConfig, dropout_masks};
    use model::head_arrays;
    use vgg::{Pooling, VggConfig, Weights};

    use super::*;
    use crate::{
        Adam, Optimizer, ParameterUpdate, RmsProp, Sgd, UpdateRule, categorical_cross_entropy,
    };

    /// Trains twice on batches of 9 images of three classes: with the gradients of [`ForwardPass`], and with those of Burn's
    /// autodiff. Expects the same bits, because both add the products of a value in the order of the images.
    fn expect_the_same_training(
        mut layers: TrainableLayers,
        inputs: usize,
        config: &HeadConfig,
        update: ParameterUpdate,
    ) {
        let before = layers.to_arrays();
        let device = Device::flex().autodiff();
        let mut other = layers.clone();
        let mut optimizer = Optimizer::new(|_| update, &layers);
        let mut of_other = optimizer.clone();
        let labels = Tensor::from_data([0i64, 1, 2, 0, 1, 2, 0, 1, 2], &device);
        for step in 0..3 {
            let features = Tensor::random([9, inputs], Distribution::Normal(0.0, 1.0), &device);
            let masks = dropout_masks(config, inputs, 1, 1, step, 9);
            let mask = |values: Vec<f32>| Tensor::<1>::from_floats(&*values, &device);
            let masks: Vec<_> =
                masks.into_iter().map(|values| mask(values).reshape([9, -1])).collect();

            let pass = ForwardPass::new(&layers, features.clone(), &masks);
            let loss = categorical_cross_entropy(pass.logits.clone(), labels.clone());
            let moments = pass.moments.clone();
            layers = optimizer.step(layers, pass.backward(&loss)).with_moments(moments);

            let (logits, moments) = other.forward_training(features, &masks);
            let loss = categorical_cross_entropy(logits, labels.clone());
            other = of_other.step(other, loss.backward()).with_moments(moments);
        }
        let trained = layers.to_arrays();
        assert!(trained == other.to_arrays(), "{config:?} {update:?}");
        for (name, array) in &trained {
            assert!(array.is_finite() && *array != before[name], "{name} {config:?} {update:?}");
        }
    }

    /// 300 x 200 values are two parts in memory, of 163 and 137 rows.
    #[test]
    fn gradients_match_autodiff() {
        let heads = [
            HeadConfig { hidden_units: vec![200], ..HeadConfig::default() },
            HeadConfig { hidden_units: vec![], ..HeadConfig::default() },
            HeadConfig { hidden_units: vec![200, 5], batch_norm: true, ..HeadConfig::default() },
            HeadConfig { hidden_units: vec![200], dropout: 0.0, ..HeadConfig::default() },
        ];
        let (decay, sgd) = (0.01, Sgd { momentum: 0.9, ..Sgd::default() });
        let updates = [
            RmsProp::default().into(),
            RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() }.into(),
            ParameterUpdate { weight_decay: decay, ..Adam::default().into() },
            sgd.into(),
            Sgd::default().into(),
            ParameterUpdate { clip_norm: Some(0.1), ..UpdateRule::Sgd(Sgd::default()).into() },
        ];
        for head in &heads {
            for update in updates {
                let layers = head.init(300, 3, 1, &Device::flex().autodiff());
                let layers = TrainableLayers::from_head(layers, 300).with_feature_scale(3.0);
                expect_the_same_training(layers, 300, head, update);
            }
        }
    }

    /// The unfrozen layers need the gradient of the head's inputs.
    #[test]
    fn unfrozen_layers_are_trained_by_autodiff() {
        let base = VggConfig {
            image_size: [32, 32],
            last_layer: "block1_pool".into(),
            pooling: Pooling::Average,
            unfreeze: Some("block1_conv2".into()),
            ..VggConfig::default()
        };
        let device = Device::flex().autodiff();
        let head = HeadConfig { hidden_units: vec![8], dropout: 0.0, ..HeadConfig::default() };
        let mut arrays = head_arrays(&head.init(64, 3, 1, &device));
        let weights = Weights::seeded(&base, 1).expect("a base");
        for (name, _) in base.trainable_weights().expect("a base") {
            arrays.insert(name.clone(), weights.arrays()[&name].clone());
        }
        let layers = TrainableLayers::new(&base, &head, 3, arrays, &device).expect("its arrays");
        expect_the_same_training(layers, 32 * 32 * 64, &head, RmsProp::default().into());
    }
}
