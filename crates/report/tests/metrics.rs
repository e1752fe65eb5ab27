//! Compares metrics with those of scikit-learn, SciPy and NumPy on random logits (`metrics.py`).
//!
//! All are the same formulas in 64-bit floats, so they agree to rounding. The temperature is a minimum: scikit-learn's search
//! stops at a relative width of 1e-7.

use report::{ClassScores, Predictions, ThresholdRule};
use serde_json::Value;

fn numbers<T: serde::de::DeserializeOwned>(case: &Value, name: &str) -> T {
    serde_json::from_value(case[name].clone()).expect("what metrics.py prints")
}

/// Returns true if two numbers agree to 1e-9, relative to numbers above 1.
fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

fn expect_close(found: Option<f64>, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            assert!(close(found, expected), "{what}: {found} {expected}")
        }
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn metrics_match_scikit_learn() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("metrics.json")).expect("cases");
    assert_eq!(cases.len(), 7);
    for case in &cases {
        let logits: Vec<Vec<f32>> = numbers(case, "logits");
        let predictions = Predictions::new(
            logits[0].len(),
            numbers(case, "labels"),
            logits,
            numbers(case, "predicted"),
        );
        let [precision, recall, f1]: [Vec<f64>; 3] =
            ["precision", "recall", "f1"].map(|name| numbers(case, name));
        let support: Vec<usize> = numbers(case, "support");
        let [auc, average]: [Vec<Option<f64>>; 2] =
            ["auc", "average_precision"].map(|name| numbers(case, name));
        let thresholds: Vec<[Option<[f64; 3]>; 3]> =
            numbers(case, "best_f1_precision_0.9_recall_0.8");
        let calibrated = predictions.clone().with_temperature(numbers(case, "scale"));
        for (class, found) in predictions.scores().into_iter().enumerate() {
            let ClassScores { precision: p, recall: r, f1: f, support: s } = found;
            assert!(close(p, precision[class]) && close(r, recall[class]) && close(f, f1[class]));
            assert_eq!(s, support[class]);
            expect_close(predictions.auc(class), auc[class], "AUC");
            expect_close(predictions.average_precision(class), average[class], "average precision");
            let [best, precision, recall] = thresholds[class];
            for (rule, expected) in [
                (ThresholdRule::BestF1, best),
                (ThresholdRule::Precision(0.9), precision),
                (ThresholdRule::Recall(0.8), recall),
            ] {
                let found = calibrated.choose_threshold(class, rule);
                let found = found.map(|found| [found.log_odds, found.precision, found.recall]);
                for part in 0..3 {
                    let of = |found: Option<[f64; 3]>| found.map(|found| found[part]);
                    expect_close(of(found), of(expected), &format!("{rule} of class {class}"));
                }
            }
        }
        for (name, found) in [
            ("calibration_error", predictions.calibration_error()),
            ("log_loss", predictions.log_loss()),
            ("brier", predictions.brier_score()),
            ("balanced_accuracy", predictions.balanced_accuracy()),
            ("mcc", predictions.matthews_correlation()),
        ] {
            expect_close(Some(found), numbers(case, name), name);
        }
        if let Some(expected) = numbers::<Option<f64>>(case, "temperature") {
            let found = predictions.fit_temperature().expect("a minimum");
            assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
        }
    }
}

/// The loss has no minimum, so the temperature minimizes the cross-entropy with Platt's targets.
#[test]
fn temperature_of_separated_images_is_finite() {
    let logits = vec![vec![0.0, 900.0], vec![0.0, -300.0], vec![0.0, 500.0]];
    let labels = vec![1, 0, 1];
    let predictions = Predictions::new(2, labels.clone(), logits, labels);
    let found = predictions.fit_temperature().expect("a temperature");
    let loss = |temperature| {
        let scaled = predictions.clone().with_temperature(temperature);
        let of_image = |at| {
            let label = scaled.label(at);
            -0.8 * scaled.log_probability(at, label) - 0.2 * scaled.log_probability(at, 1 - label)
        };
        (0..3).map(of_image).sum::<f64>()
    };
    assert!(loss(found) < loss(1.001 * found) && loss(found) < loss(found / 1.001), "{found}");
}

#[test]
fn model_worse_than_chance_has_no_temperature() {
    let logits = vec![vec![0.0, 2.0], vec![0.0, -2.0]];
    let predictions = Predictions::new(2, vec![0, 1], logits, vec![1, 0]);
    assert_eq!(predictions.fit_temperature(), None);
    let equal = Predictions::new(2, vec![0, 1], vec![vec![3.0, 3.0]; 2], vec![0, 0]);
    assert_eq!(equal.fit_temperature(), None);
}

/// The slope of the loss is 0 but for rounding, whose sign depends on the numbers.
#[test]
fn model_that_ignores_its_images_has_no_temperature() {
    for classes in [2, 3, 5, 10] {
        for case in 0..40u32 {
            let row: Vec<f32> = (0..classes as u32)
                .map(|at| ((at + 1) * (case + 3) * 7919 % 1009) as f32 / 37.0)
                .collect();
            let labels: Vec<usize> = (0..10 * classes).map(|at| at % classes).collect();
            let predictions =
                Predictions::new(classes, labels.clone(), vec![row; labels.len()], labels);
            assert_eq!(predictions.fit_temperature(), None, "{classes} classes, case {case}");
        }
    }
}
