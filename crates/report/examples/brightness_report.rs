//! Prints metrics of a classifier of dark and bright images, and writes a report to REPORT or a temporary file:
//!
//!     cargo run -p report --example brightness_report -- [REPORT]

use std::error::Error;
use std::io::{Write, stdout};

use image::{GrayImage, Luma, Rgb, RgbImage};
use report::{Epoch, Predictions, ReportImage, RunReport};

/// Returns the gray level of image `at`. Every second image is bright, the others are dark, and the levels overlap.
fn level(at: usize) -> u8 {
    (at * 7919 % 161 + at % 2 * 90) as u8
}

/// Returns the predictions for 200 images. The logit of `bright` is linear in the gray level.
fn predict(first: usize) -> Predictions {
    let images = first..first + 200;
    let bright = |at: usize| 0.1 * (f32::from(level(at)) - 125.0);
    let logits = images.clone().map(|at| vec![0.0, bright(at)]).collect();
    let predicted = images.clone().map(|at| usize::from(bright(at) > 0.0)).collect();
    Predictions::new(2, images.map(|at| at % 2).collect(), logits, predicted)
}

fn main() -> Result<(), Box<dyn Error>> {
    let results = |found: &Predictions| {
        let loss = |at: usize| -found.log_probability(at, found.label(at));
        [(0..found.len()).map(loss).sum::<f64>() / found.len() as f64, found.accuracy()]
    };
    let (training, predictions) = (results(&predict(0)), predict(200));
    let report = RunReport {
        name: "brightness",
        classes: &["dark", "bright"].map(String::from),
        history: &[Epoch { epoch: 1, training, validation: results(&predictions) }],
        epochs: 1,
        best: 1,
        monitor: "lowest val_loss",
        predictions: &predictions,
        folds: None,
        test: None,
        notes: &[],
        augmented: &[],
        facts: &[],
        command: "cargo run -p report --example brightness_report",
        settings: "",
    };
    let image = |at: usize| {
        let image = RgbImage::from_pixel(96, 96, Rgb([level(200 + at); 3]));
        Ok::<_, std::convert::Infallible>(ReportImage { name: format!("{at}.png"), image })
    };
    let heat_map = |at: usize| Ok(GrayImage::from_pixel(1, 1, Luma([level(200 + at)])));
    let Ok(page) = report.write(image, heat_map);
    let path = std::env::args_os().nth(1);
    let path = path.unwrap_or_else(|| std::env::temp_dir().join("brightness_report.html").into());
    std::fs::write(&path, page)?;
    let (accuracy, error) = (predictions.accuracy(), predictions.calibration_error());
    writeln!(stdout(), "accuracy {accuracy:.3}, calibration error {error:.3}")?;
    Ok(writeln!(stdout(), "report: {}", path.display())?)
}
