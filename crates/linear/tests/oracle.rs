//! Compares fits and cross-validations with scikit-learn. `oracle.py` computes the fixture.

use linear::{Fold, LogisticRegression, Samples, cross_validate};
use serde::Deserialize;

#[derive(Deserialize)]
struct Oracle {
    folds: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    count: usize,
    width: usize,
    classes: usize,
    c: f64,
    class_weights: Vec<f64>,
    /// Value that scikit-learn reached with a tolerance of 1e-8.
    objective: f64,
    /// Class of each sample.
    decisions: Vec<usize>,
    /// Probabilities of each sample, from a model that was not trained on its fold.
    held_out: Vec<Vec<f64>>,
}

/// Returns the features and labels that `oracle.py` computes from the same formulas.
fn samples(case: &Case) -> (Vec<f32>, Vec<usize>) {
    let labels: Vec<usize> =
        (0..case.count).map(|row| (row * row + row * 7919) % 1009 % case.classes).collect();
    let feature = |row: usize, column: usize| {
        let noise = row * (2 * column + 3) * 7919 + column * column * 31 + row * row * 13;
        let shift = if column % case.classes == labels[row] { 1.5 } else { 0.0 };
        ((noise % 997) as f64 / 997.0 * 8.0 + shift) as f32
    };
    let rows = (0..case.count).flat_map(|row| (0..case.width).map(move |column| (row, column)));
    (rows.map(|(row, column)| feature(row, column)).collect(), labels)
}

fn oracle() -> Oracle {
    serde_json::from_str(include_str!("oracle.json")).expect("a fixture")
}

/// The objective is within 1e-6 of scikit-learn's, and the decisions are the same. Our tolerance is an upper bound of the
/// gradient, so a lower value than scikit-learn's is as right as a higher one.
#[test]
fn objective_and_decisions_match_scikit_learn() {
    for case in oracle().cases {
        let (features, labels) = samples(&case);
        let samples = Samples::new(&features, &labels, case.classes).expect("samples");
        let samples = samples.with_class_weights(case.class_weights.clone()).expect("weights");
        let regression = LogisticRegression { c: case.c, ..LogisticRegression::default() };
        let fit = regression.fit(&samples, &|| false).expect("it converges");
        let off = (fit.objective - case.objective).abs() / case.objective;
        let what =
            format!("{} x {}, {} classes, C {}", case.count, case.width, case.classes, case.c);
        assert!(off < 1e-6, "{what}: {} {}", fit.objective, case.objective);
        let decision = |row: &[f32]| {
            let probabilities = fit.model.probabilities(row);
            let most =
                (0..case.classes).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
            most.expect("classes")
        };
        let found: Vec<usize> = features.chunks_exact(case.width).map(decision).collect();
        assert_eq!(found, case.decisions, "{what}");
    }
}

/// The probabilities of held-out samples are within 1e-4 of scikit-learn's.
#[test]
fn held_out_probabilities_match_scikit_learn() {
    let oracle = oracle();
    let mut largest: f64 = 0.0;
    for case in &oracle.cases {
        let (features, labels) = samples(case);
        let samples = Samples::new(&features, &labels, case.classes).expect("samples");
        let samples = samples.with_class_weights(case.class_weights.clone()).expect("weights");
        let folds = Fold::all(&(0..case.count).map(|row| row % oracle.folds).collect::<Vec<_>>());
        let regression = LogisticRegression { c: case.c, ..LogisticRegression::default() };
        let found =
            cross_validate(&regression, &samples, &folds, &|| false).expect("fits that converge");
        let softmax = |logits: &Vec<f64>| -> Vec<f64> {
            let logits =
                if let &[second] = &logits[..] { vec![0.0, second] } else { logits.clone() };
            let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - most).exp()).sum();
            logits.iter().map(|logit| (logit - most).exp() / sum).collect()
        };
        for (logits, expected) in found.logits.iter().zip(&case.held_out) {
            for (found, expected) in softmax(logits).iter().zip(expected) {
                largest = largest.max((found - expected).abs());
            }
        }
    }
    assert!(largest < 1e-4, "{largest}");
}
