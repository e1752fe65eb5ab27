//! Compares metrics with those of scikit-learn and NumPy on random predictions (`metrics.py`).

use report::{ClassScores, Predictions};
use serde_json::Value;

fn numbers<T: serde::de::DeserializeOwned>(case: &Value, name: &str) -> T {
    serde_json::from_value(case[name].clone()).expect("what metrics.py prints")
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9
}

#[test]
fn metrics_match_scikit_learn() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("metrics.json")).expect("cases");
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let classes = numbers(case, "classes");
        let predictions = Predictions::new(
            classes,
            numbers(case, "labels"),
            numbers(case, "probabilities"),
            numbers(case, "predicted"),
        );
        let [precision, recall, f1]: [Vec<f64>; 3] =
            ["precision", "recall", "f1"].map(|name| numbers(case, name));
        let support: Vec<usize> = numbers(case, "support");
        let auc: Vec<Option<f64>> = numbers(case, "auc");
        let thresholds: Vec<Option<[f64; 2]>> =
            numbers(case, "recall_and_threshold_at_precision_0.9");
        for (class, found) in predictions.scores().into_iter().enumerate() {
            let ClassScores { precision: p, recall: r, f1: f, support: s } = found;
            assert!(close(p, precision[class]) && close(r, recall[class]) && close(f, f1[class]));
            assert_eq!(s, support[class]);
            match (predictions.auc(class), auc[class]) {
                (Some(found), Some(expected)) => {
                    assert!(close(found, expected), "{found} {expected}")
                }
                (found, expected) => assert_eq!(found, expected),
            }
            match (predictions.threshold_for(class, 0.9), thresholds[class]) {
                (Some(found), Some([recall, threshold])) => {
                    assert!(close(found.recall, recall) && close(found.probability, threshold));
                }
                (found, expected) => assert_eq!(found.map(|_| ()), expected.map(|_| ())),
            }
        }
        assert!(close(predictions.calibration_error(), numbers(case, "calibration_error")));
        // The loss is flat near its minimum, so minima agree only to the square root of the floating-point precision.
        let (found, expected): (f64, f64) =
            (predictions.temperature(), numbers(case, "temperature"));
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
    }
}
