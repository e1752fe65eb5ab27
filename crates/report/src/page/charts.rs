//! The charts of a run's page.

use super::chart::{Chart, Line, SQUARE, WIDE, range_of};
use crate::{Epoch, Predictions, RunReport};

impl RunReport<'_> {
    pub(crate) fn loss(&self) -> Chart<'_> {
        self.by_epoch("loss", 0)
    }

    pub(crate) fn accuracy(&self) -> Chart<'_> {
        self.by_epoch("accuracy", 1)
    }

    fn by_epoch(&self, what: &'static str, at: usize) -> Chart<'_> {
        let of = |values: fn(&Epoch) -> [f64; 2]| -> Vec<[f64; 2]> {
            self.history.iter().map(|epoch| [epoch.epoch as f64, values(epoch)[at]]).collect()
        };
        let (training, validation) = (of(|epoch| epoch.training), of(|epoch| epoch.validation));
        let values = training.iter().chain(&validation).map(|point| point[1]);
        let last = self.history.last().map_or(1, |epoch| epoch.epoch).max(2);
        Chart {
            label: format!("{what} by epoch, in training and validation"),
            size: WIDE,
            axes: ["epoch", what],
            ranges: [[1.0, last as f64], range_of(values)],
            whole_steps: true,
            lines: vec![
                Line { name: "training", style: "first", points: training },
                Line { name: "validation", style: "second", points: validation },
            ],
            mark: Some((self.best as f64, format!("best: {}", self.best))),
        }
    }

    /// Returns the ROC curve of the second of two classes, or `None` for more classes or if one class has no images.
    pub(crate) fn receiver_operating_characteristic(&self) -> Option<Chart<'_>> {
        let [_, second] = self.classes else { return None };
        let points = self.predictions.roc(1);
        let points: Vec<[f64; 2]> = points
            .iter()
            .map(|point| [point.false_positive_rate, point.true_positive_rate])
            .collect();
        (!points.is_empty()).then(|| Chart {
            label: format!("Receiver operating characteristic of {second}"),
            size: SQUARE,
            axes: ["false positive rate", "true positive rate"],
            ranges: [[0.0, 1.0]; 2],
            whole_steps: false,
            lines: vec![Line { name: second, style: "first", points }, diagonal("chance level")],
            mark: None,
        })
    }

    /// Returns the reliability diagram: accuracy by confidence.
    pub(crate) fn reliability(&self) -> Chart<'_> {
        let points = |predictions: &Predictions| {
            let bins = predictions.reliability();
            let bins = bins.iter().filter(|bin| bin.count > 0);
            bins.map(|bin| [bin.confidence, bin.accuracy]).collect()
        };
        let found = self.predictions;
        let mut lines = vec![Line { name: "this model", style: "first", points: points(found) }];
        if found.temperature() != 1.0 {
            let points = points(&found.clone().with_temperature(1.0));
            lines.push(Line { name: "before calibration", style: "second", points });
        }
        lines.push(diagonal("perfect calibration"));
        Chart {
            label: "Accuracy by confidence".into(),
            size: SQUARE,
            axes: ["confidence", "accuracy"],
            ranges: [[0.0, 1.0]; 2],
            whole_steps: false,
            lines,
            mark: None,
        }
    }
}

fn diagonal(name: &str) -> Line<'_> {
    Line { name, style: "level", points: vec![[0.0, 0.0], [1.0, 1.0]] }
}
