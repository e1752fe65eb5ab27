//! Optimizer for all parameters of a module, with its state stored by parameter name.
//!
//! Burn's own optimizers store state by random parameter ids. When a state is loaded, they drop entries that do not
//! match without an error, so that a resumed run would differ from an uninterrupted one.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use formats::{Array, Arrays};

use crate::{OptimizerStateError, ParameterGradients, ParameterState, ParameterUpdate};

/// Optimizer with the state of every parameter of a module. [`RmsProp`](crate::RmsProp), [`Adam`](crate::Adam) and
/// [`Sgd`](crate::Sgd) have the formulas of a step.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use train::{HeadConfig, Optimizer, RmsProp, binary_cross_entropy};
///
/// let device = Device::flex().autodiff();
/// let mut head = HeadConfig { hidden_units: vec![4], dropout: 0.0, ..HeadConfig::default() }.init(2, 2, 1, &device);
/// let mut optimizer = Optimizer::new(|_| RmsProp::default(), &head);
/// let features = Tensor::<2>::from_data([[1.0f32, -2.0], [0.5, 3.0]], &device);
/// let labels = Tensor::<2>::from_data([[0.0f32], [1.0]], &device);
/// let mut losses = vec![];
/// for _ in 0..20 {
///     let loss = binary_cross_entropy(head.forward(features.clone()), labels.clone());
///     losses.push(loss.clone().into_scalar::<f32>());
///     head = optimizer.step(head, loss.backward());
/// }
/// assert!(losses[19] < losses[0]);
/// ```
#[doc(alias = "RMSprop")]
#[doc(alias = "torch.optim")]
#[derive(Clone, Debug)]
pub struct Optimizer {
    slots: BTreeMap<String, (ParameterUpdate, ParameterState)>,
    /// Number of steps so far.
    iteration: u64,
    /// Factor of all learning rates.
    rate_factor: f64,
}

impl Optimizer {
    /// Creates an optimizer for the parameters of `module`, before the first step. `update` returns the settings of a
    /// parameter by its name, such as `dense/kernel`.
    ///
    /// # Panics
    ///
    /// Panics if two parameters have the same name.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use train::{HeadConfig, Optimizer, RmsProp};
    ///
    /// let device = Device::flex().autodiff();
    /// let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() }.init(2, 2, 1, &device);
    /// // The head learns faster than the unfrozen layers.
    /// let rmsprop = |name: &str| RmsProp {
    ///     learning_rate: if name.starts_with("dense") { 1e-3 } else { 1e-5 },
    ///     ..RmsProp::default()
    /// };
    /// let optimizer = Optimizer::new(rmsprop, &head);
    /// assert_eq!(optimizer.to_arrays()["dense/kernel/velocity"].data, [0.0; 8]);
    /// ```
    #[doc(alias = "param_groups")]
    pub fn new<M: Module, U: Into<ParameterUpdate>>(
        update: impl Fn(&str) -> U,
        module: &M,
    ) -> Self {
        let update = |name: &str| update(name).into();
        let mut visitor = NewSlots { update, path: vec![], slots: BTreeMap::new() };
        module.visit(&mut visitor);
        Self { slots: visitor.slots, iteration: 0, rate_factor: 1.0 }
    }

    /// Returns `module` after a step against gradients, from Burn's `loss.backward()` or from
    /// [`ForwardPass::backward`](crate::ForwardPass::backward). Parameters that require no gradient do not change.
    ///
    /// # Panics
    ///
    /// Panics if the optimizer was created for another module, or if the loss does not depend on one of the parameters.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M, gradients: impl Into<ParameterGradients>) -> M {
        self.iteration += 1;
        module.map(&mut Step { optimizer: self, gradients: gradients.into(), path: vec![] })
    }

    /// Returns the state as arrays, by names such as `dense/kernel/velocity`.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use train::{HeadConfig, Optimizer, RmsProp};
    ///
    /// let device = Device::flex().autodiff();
    /// let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() }.init(2, 2, 1, &device);
    /// let optimizer = Optimizer::new(|_| RmsProp { momentum: 0.9, ..RmsProp::default() }, &head);
    /// let names: Vec<String> = optimizer.to_arrays().into_keys().collect();
    /// assert_eq!(names[..2], ["dense/bias/momentum", "dense/bias/velocity"]);
    /// ```
    #[doc(alias = "state_dict")]
    pub fn to_arrays(&self) -> Arrays {
        let mut arrays = Arrays::new();
        for (name, (_, slot)) in &self.slots {
            for (part, tensor) in slot.parts() {
                if let Some(tensor) = tensor {
                    let data = tensor.to_data();
                    let values = data.as_slice::<f32>().expect("32-bit floats").to_vec();
                    arrays.insert(format!("{name}/{part}"), Array::new(vec![values.len()], values));
                }
            }
        }
        arrays
    }

    /// Sets the number of steps so far, which Adam depends on, and the factor of all learning rates. A new optimizer has 0
    /// and 1. Each [`step`](Self::step) counts itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use train::{Adam, HeadConfig, Optimizer};
    ///
    /// let device = Device::flex().autodiff();
    /// let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() }.init(2, 2, 1, &device);
    /// let mut optimizer = Optimizer::new(|_| Adam::default(), &head);
    /// optimizer.set_progress(1_000, 0.1); // the next step is the 1001st, at a tenth of the rates
    /// ```
    #[doc(alias = "lr_scheduler")]
    pub fn set_progress(&mut self, iteration: u64, rate_factor: f64) {
        (self.iteration, self.rate_factor) = (iteration, rate_factor);
    }

    /// Creates an optimizer for `module` with the state in `arrays`.
    ///
    /// # Errors
    ///
    /// Returns an error if the state of a parameter is missing, has another shape, or is NaN or infinite, or if an
    /// array belongs to no parameter.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use train::{HeadConfig, Optimizer, RmsProp};
    ///
    /// let device = Device::flex();
    /// let head = HeadConfig { hidden_units: vec![4], dropout: 0.5, ..HeadConfig::default() };
    /// let head = head.init(2, 2, 1, &device.clone().autodiff());
    /// let state = Optimizer::new(|_| RmsProp::default(), &head).to_arrays();
    /// let optimizer =
    ///     Optimizer::with_arrays(|_| RmsProp::default(), &head, state.clone(), &device)?;
    /// assert_eq!(optimizer.to_arrays(), state);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "load_state_dict")]
    pub fn with_arrays<M: Module, U: Into<ParameterUpdate>>(
        update: impl Fn(&str) -> U,
        module: &M,
        mut arrays: Arrays,
        device: &Device,
    ) -> Result<Self, OptimizerStateError> {
        let mut optimizer = Self::new(update, module);
        let mut take = |name: &str, part: &str, tensor: &mut Tensor<1>| {
            let name = format!("{name}/{part}");
            let Some(array) = arrays.remove(&name) else {
                return Err(OptimizerStateError::Missing(name));
            };
            let expected = tensor.dims().to_vec();
            if array.shape != expected {
                return Err(OptimizerStateError::Shape { name, found: array.shape, expected });
            }
            if !array.is_finite() {
                return Err(OptimizerStateError::NonFinite(name));
            }
            *tensor = Tensor::from_data(TensorData::new(array.data, expected), device);
            Ok(())
        };
        for (name, (_, slot)) in &mut optimizer.slots {
            for (part, tensor) in slot.parts_mut() {
                if let Some(tensor) = tensor {
                    take(name, part, tensor)?;
                }
            }
        }
        match arrays.keys().next() {
            Some(name) => Err(OptimizerStateError::Unknown(name.clone())),
            None => Ok(optimizer),
        }
    }
}

/// Returns the name of an array at the end of a path of modules: `dense_1/kernel` for `dense.1.weight`, and
/// `block5_conv1/bias` for `block5_conv1.bias`.
fn name_at(path: &[String]) -> String {
    let [before @ .., last] = path else { return String::new() };
    let part = if last == "weight" { "kernel" } else { last };
    let layer = match before {
        [.., kind, number] if let Ok(number) = number.parse() => head::layer_name(kind, number),
        [.., layer] => layer.clone(),
        [] => return part.to_owned(),
    };
    format!("{layer}/{part}")
}

struct NewSlots<U> {
    update: U,
    path: Vec<String>,
    slots: BTreeMap<String, (ParameterUpdate, ParameterState)>,
}

impl<U: Fn(&str) -> ParameterUpdate> ModuleVisitor for NewSlots<U> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let value = parameter.val();
        if value.is_require_grad() {
            let name = name_at(&self.path);
            let update = (self.update)(&name);
            let slot = update.new_slot(&value.inner());
            let other = self.slots.insert(name, (update, slot));
            assert!(other.is_none(), "two parameters are named `{}`", name_at(&self.path));
        }
    }
}

struct Step<'a> {
    optimizer: &'a mut Optimizer,
    gradients: ParameterGradients,
    path: Vec<String>,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = name_at(&self.path);
        parameter.map(|value| {
            if !value.is_require_grad() {
                return value;
            }
            let gradient = self.gradients.remove(&name, &value);
            let gradient = gradient.unwrap_or_else(|| panic!("`{name}` has no gradient"));
            let Optimizer { slots, iteration, rate_factor } = &mut *self.optimizer;
            let slot = slots.remove(&name);
            let (update, slot) = slot.unwrap_or_else(|| panic!("`{name}` has no slot"));
            let (value, slot) =
                update.step(value.inner(), gradient, slot, *iteration, *rate_factor);
            slots.insert(name, (update, slot));
            value.autodiff().require_grad()
        })
    }
}

#[cfg(test)]
mod tests {
    use head::HeadConfig;

    use super::*;
    use crate::RmsProp;

    fn optimizer_and_head(rmsprop: RmsProp) -> (Optimizer, head::Head) {
        let device = Device::flex().autodiff();
        let head = HeadConfig { hidden_units: vec![3], dropout: 0.0, ..HeadConfig::default() }
            .init(2, 2, 1, &device);
        let mut optimizer = Optimizer::new(|_| rmsprop, &head);
        let features = Tensor::from_data([[1.0, -2.0], [0.5, 3.0]], &device);
        let loss = head.forward(features).sum();
        let head = optimizer.step(head, loss.backward());
        (optimizer, head)
    }

    #[test]
    fn every_head_parameter_is_updated_and_has_named_state() {
        let (optimizer, head) = optimizer_and_head(RmsProp::default());
        let fresh = HeadConfig { hidden_units: vec![3], dropout: 0.0, ..HeadConfig::default() }
            .init(2, 2, 1, &Device::flex());
        for (moved, fresh) in head.to_arrays().into_iter().zip(fresh.to_arrays()) {
            assert_eq!((&moved.0, &moved.1), (&fresh.0, &fresh.1));
            assert!(moved.2.iter().zip(&fresh.2).all(|(after, before)| after != before));
        }
        let names: Vec<String> = optimizer.to_arrays().into_keys().collect();
        assert_eq!(
            names,
            [
                "dense/bias/velocity",
                "dense/kernel/velocity",
                "dense_1/bias/velocity",
                "dense_1/kernel/velocity"
            ]
        );
    }

    #[test]
    fn state_round_trips_and_mismatched_arrays_are_refused() {
        let rmsprop = RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() };
        let (optimizer, head) = optimizer_and_head(rmsprop);
        let arrays = optimizer.to_arrays();
        assert_eq!(arrays.len(), 12);
        let again = |arrays| Optimizer::with_arrays(|_| rmsprop, &head, arrays, &Device::flex());
        assert_eq!(again(arrays.clone()).expect("its own state").to_arrays(), arrays);

        let mut lacking = arrays.clone();
        lacking.remove("dense_1/bias/momentum");
        assert_eq!(
            again(lacking).expect_err("a part").to_string(),
            "`dense_1/bias/momentum` is missing"
        );
        let mut more = arrays.clone();
        more.insert("other/kernel/velocity".into(), Array::new(vec![1], vec![0.0]));
        assert_eq!(
            again(more).expect_err("more").to_string(),
            "`other/kernel/velocity` is not an array of any parameter"
        );
        let mut other = arrays;
        other.insert("dense/bias/mean".into(), Array::new(vec![2], vec![0.0; 2]));
        assert_eq!(
            again(other).expect_err("another shape").to_string(),
            "`dense/bias/mean` has the shape [2], expected [3]"
        );
    }
}
