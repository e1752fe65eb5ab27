//! Dropout masks that follow from the seed, the epoch and the step, so that a resumed run repeats
//! them.

use random::{AddressedRng, Purpose};

use crate::HeadConfig;

/// Returns the dropout mask of step `step` in epoch `epoch` of a run with seed `seed`, for a batch
/// of `rows` rows. The same arguments give the same mask.
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
/// - output: (`rows`, hidden)
///
/// # Examples
///
/// ```
/// use head::{HeadConfig, dropout_mask};
///
/// let config = HeadConfig { hidden_units: 4, dropout: 0.5 };
/// let mask = dropout_mask(&config, 7, 1, 0, 3); // seed 7, epoch 1, step 0, 3 rows
/// assert_eq!(mask.len(), 3 * 4);
/// assert!(mask.iter().all(|&scale| scale == 0.0 || scale == 2.0));
/// assert_eq!(mask, dropout_mask(&config, 7, 1, 0, 3));
/// ```
#[doc(alias = "Dropout")]
pub fn dropout_mask(
    config: &HeadConfig,
    seed: u64,
    epoch: u64,
    step: u64,
    rows: usize,
) -> Vec<f32> {
    let mut draws = AddressedRng::at(seed, Purpose::Dropout, epoch, step);
    let kept = 1.0 / (1.0 - config.dropout);
    let unit = || if draws.unit() < config.dropout { 0.0 } else { kept };
    std::iter::repeat_with(unit).take(rows * config.hidden_units).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_drops_its_fraction_and_scales_the_rest() {
        let config = HeadConfig { hidden_units: 1_000, dropout: 0.3 };
        let mask = dropout_mask(&config, 1, 2, 3, 50);
        let dropped = mask.iter().filter(|&&value| value == 0.0).count();
        // 15,000 of 50,000 expected, standard deviation 102.
        assert!((14_490..15_510).contains(&dropped), "{dropped}");
        assert!(mask.iter().all(|&value| value == 0.0 || value == 1.0 / 0.7));
    }

    #[test]
    fn mask_depends_only_on_seed_epoch_and_step() {
        let config = HeadConfig::default();
        assert_eq!(dropout_mask(&config, 1, 2, 3, 4), dropout_mask(&config, 1, 2, 3, 4));
        assert_ne!(dropout_mask(&config, 1, 2, 3, 4), dropout_mask(&config, 1, 2, 4, 4));
        assert_ne!(dropout_mask(&config, 1, 2, 3, 4), dropout_mask(&config, 1, 3, 3, 4));
    }

    #[test]
    fn without_dropout_every_unit_is_kept() {
        let config = HeadConfig { dropout: 0.0, ..HeadConfig::default() };
        assert!(dropout_mask(&config, 1, 0, 0, 2).iter().all(|&value| value == 1.0));
    }
}
