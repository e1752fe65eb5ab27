//! Median and range of the results of several rounds.

use anyhow::{Result, ensure};

/// Returns the minimum, median and maximum.
pub(super) fn spread(values: &[f64]) -> Result<[f64; 3]> {
    ensure!(!values.is_empty(), "expected at least one round, found none");
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let (count, middle) = (values.len(), values.len() / 2);
    let median =
        if count % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
    Ok([values[0], median, values[count - 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_minimum_median_and_maximum() {
        assert_eq!(spread(&[5.0, 1.0, 9.0, 2.0, 7.0]).unwrap(), [1.0, 5.0, 9.0]);
        assert_eq!(spread(&[3.0]).unwrap(), [3.0; 3]);
        assert_eq!(spread(&[5.0, 1.0, 2.0, 9.0]).unwrap(), [1.0, 3.5, 9.0]);
        assert!(spread(&[]).is_err());
    }
}
