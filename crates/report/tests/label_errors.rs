//! Compares label errors with those of cleanlab. `label_errors.py` computes the fixture.

use report::Predictions;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    labels: Vec<usize>,
    logits: Vec<Vec<f32>>,
    issues: Vec<usize>,
}

#[test]
fn label_errors_equal_those_of_cleanlab() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("label_errors.json")).expect("a fixture");
    let largest = |row: &Vec<f32>| {
        let mut classes = 0..row.len();
        classes
            .find(|&class| row.iter().all(|other| row[class] >= *other))
            .expect("a largest logit")
    };
    let mut total = 0;
    for Case { labels, logits, issues } in cases {
        let predicted = logits.iter().map(largest).collect();
        let predictions = Predictions::new(logits[0].len(), labels, logits, predicted);
        let mut found = predictions.label_errors();
        found.sort_unstable();
        assert_eq!(found, issues);
        total += issues.len();
    }
    assert!(total > 50, "{total}");
}
