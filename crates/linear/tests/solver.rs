//! Accuracy of the solver at the ends of the valid values of C, and errors.

use linear::{LinearError, LogisticRegression, Samples};

/// Returns `count` samples of `width` features, of which the first `positive` are of class 1.
fn samples(count: usize, width: usize, positive: usize) -> (Vec<f32>, Vec<usize>) {
    let value = |at: usize| ((at as f64 * 12.9898).sin() * 43_758.545_3).fract() as f32;
    let labels = (0..count).map(|row| usize::from(row < positive)).collect();
    ((0..count * width).map(value).collect(), labels)
}

/// The bias has no penalty, so a small kernel does not show that it has converged. Expected: a fit with a tolerance a
/// hundred times smaller.
#[test]
fn imbalanced_classes_converge_for_any_strength() {
    let (features, labels) = samples(300, 20, 3);
    let samples = Samples::new(&features, &labels, 2).expect("samples");
    for c in [1e-10, 1e-6, 1e-3, 1.0, 1e3] {
        let default = LogisticRegression { c, ..LogisticRegression::default() };
        let fit = |tolerance| LogisticRegression { tolerance, ..default }.fit(&samples, &|| false);
        let (found, exact) = (fit(default.tolerance).expect("a fit"), fit(1e-12).expect("a fit"));
        let off = (found.objective - exact.objective) / exact.objective;
        assert!(off.abs() < 2e-10, "C {c}: {off:e}");
        if c < 1e-8 {
            // Only the bias remains: the logarithm of 3 to 297.
            assert!((found.model.bias[0] - (3.0f64 / 297.0).ln()).abs() < 1e-3);
        }
    }
}

#[test]
fn unreachable_tolerance_is_an_error_at_once() {
    let (features, labels) = samples(60, 100, 30);
    let samples = Samples::new(&features, &labels, 2).expect("samples");
    let regression = LogisticRegression { tolerance: 1e-300, ..LogisticRegression::default() };
    let error = regression.fit(&samples, &|| false).expect_err("rounding errors");
    let LinearError::NotConverged { iterations, .. } = error else { panic!("{error}") };
    assert!(iterations < regression.max_iterations, "{iterations}");
}

#[test]
fn invalid_settings_samples_and_cancellation_are_errors() {
    let (features, labels) = samples(10, 2, 5);
    let valid = Samples::new(&features, &labels, 2).expect("samples");
    for c in [0.0, -1.0, 1e11, f64::NAN] {
        let regression = LogisticRegression { c, ..LogisticRegression::default() };
        let error = regression.fit(&valid, &|| false).expect_err("a setting");
        assert!(matches!(error, LinearError::Setting { name: "c", .. }), "{error}");
    }
    let cancelled = LogisticRegression::default().fit(&valid, &|| true).expect_err("cancelled");
    assert_eq!(cancelled, LinearError::Cancelled);
    assert_eq!(Samples::new(&[], &[], 2).expect_err("empty"), LinearError::Empty);
    assert_eq!(Samples::new(&features, &labels, 1).expect_err("one"), LinearError::Classes(1));
    let third = Samples::new(&features, &labels, 3).expect("samples");
    let error = LogisticRegression::default().fit(&third, &|| false).expect_err("no samples");
    assert_eq!(error, LinearError::EmptyClass(2));
}
