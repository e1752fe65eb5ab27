//! Dropout masks that follow from the seed, the epoch and the step, so that a resumed run repeats
//! them.

use random::{AddressedRng, Purpose};

use crate::HeadConfig;

/// Returns the dropout masks of step `step` in epoch `epoch` of a run with seed `seed`, for a batch
/// of `rows` rows with `inputs` features. There is one for each hidden layer, or one for the
/// features without hidden layers. The same arguments give the same masks. Empty without dropout.
///
/// ```text
/// mask = 0                    with probability dropout
///      = 1 / (1 - dropout)    otherwise
/// ```
///
/// So the expected value of a hidden unit is the same as without dropout (N. Srivastava and others,
/// "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014; scaled as in Keras's
/// `Dropout`).
///
/// # Shapes
///
/// - output: (`rows`, units) for each hidden layer, or (`rows`, `inputs`) without hidden layers
///
/// # Examples
///
/// ```
/// use head::{HeadConfig, dropout_masks};
///
/// let config = HeadConfig { hidden_units: vec![4], ..HeadConfig::default() };
/// let masks = dropout_masks(&config, 10, 7, 1, 0, 3); // 10 inputs, seed 7, epoch 1, step 0, 3 rows
/// assert_eq!((masks.len(), masks[0].len()), (1, 3 * 4));
/// assert!(masks[0].iter().all(|&scale| scale == 0.0 || scale == 2.0));
/// assert_eq!(masks, dropout_masks(&config, 10, 7, 1, 0, 3));
/// ```
#[doc(alias = "Dropout")]
pub fn dropout_masks(
    config: &HeadConfig,
    inputs: usize,
    seed: u64,
    epoch: u64,
    step: u64,
    rows: usize,
) -> Vec<Vec<f32>> {
    let HeadConfig { hidden_units, dropout, .. } = config;
    if *dropout == 0.0 {
        return vec![];
    }
    let mut draws = AddressedRng::at(seed, Purpose::Dropout, epoch, step);
    let kept = 1.0 / (1.0 - dropout);
    let mut mask = |units: usize| -> Vec<f32> {
        let scale = |_| if draws.unit() < *dropout { 0.0 } else { kept };
        (0..rows * units).map(scale).collect()
    };
    match hidden_units.as_slice() {
        [] => vec![mask(inputs)],
        units => units.iter().map(|&units| mask(units)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_drops_its_fraction_and_scales_the_rest() {
        let config =
            HeadConfig { hidden_units: vec![1_000], dropout: 0.3, ..HeadConfig::default() };
        let mask = &dropout_masks(&config, 5, 1, 2, 3, 50)[0];
        let dropped = mask.iter().filter(|&&value| value == 0.0).count();
        // 15,000 of 50,000 expected, standard deviation 102.
        assert!((14_490..15_510).contains(&dropped), "{dropped}");
        assert!(mask.iter().all(|&value| value == 0.0 || value == 1.0 / 0.7));
    }

    #[test]
    fn masks_depend_only_on_seed_epoch_and_step() {
        let config = HeadConfig { hidden_units: vec![256, 64], ..HeadConfig::default() };
        let masks = dropout_masks(&config, 5, 1, 2, 3, 4);
        assert_eq!(masks, dropout_masks(&config, 5, 1, 2, 3, 4));
        assert_ne!(masks, dropout_masks(&config, 5, 1, 2, 4, 4));
        assert_ne!(masks, dropout_masks(&config, 5, 1, 3, 3, 4));
        // The first mask does not depend on the layers that follow, but each layer has other draws.
        assert_eq!(masks[0], dropout_masks(&HeadConfig::default(), 5, 1, 2, 3, 4)[0]);
        assert_ne!(masks[1], masks[0][..masks[1].len()]);
    }

    #[test]
    fn masks_are_for_the_inputs_of_the_dense_layers() {
        let lengths = |hidden_units, dropout| -> Vec<usize> {
            let config = HeadConfig { hidden_units, dropout, ..HeadConfig::default() };
            dropout_masks(&config, 7, 1, 0, 0, 2).iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(vec![], 0.5), [14]);
        assert_eq!(lengths(vec![3, 5], 0.5), [6, 10]);
        assert!(lengths(vec![3, 5], 0.0).is_empty());
    }
}
