//! Tests of the page and plots of a run with many classes. Memory and file sizes must not grow with the square of the
//! number of classes.

use image::{GrayImage, Rgb, RgbImage};
use peak_alloc::PeakAlloc;
use report::{Epoch, Predictions, ReportImage, RunReport};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Number of images of each class.
const EACH: usize = 2;

/// A page with its plots.
struct Written {
    page: String,
    plots: Vec<(&'static str, Vec<u8>)>,
    /// Peak memory, in megabytes.
    peak: f32,
}

/// Returns predictions of which half are correct, a quarter are nearly correct and a quarter are arbitrary.
fn predictions(classes: usize) -> Predictions {
    let labels: Vec<usize> = (0..classes * EACH).map(|at| at / EACH).collect();
    let decide = |(at, &label): (usize, &usize)| match at % 4 {
        0 | 1 => label,
        2 => (label / 10 * 10 + at % 10).min(classes - 1),
        _ => at * 7919 % classes,
    };
    let predicted: Vec<usize> = labels.iter().enumerate().map(decide).collect();
    let row = |(at, &predicted): (usize, &usize)| {
        let sure = 0.3 + 0.6 * (at * 31 % 100) as f32 / 100.0;
        let mut row = vec![((1.0 - sure) / (classes - 1) as f32).ln(); classes];
        row[predicted] = sure.ln();
        row
    };
    let logits = predicted.iter().enumerate().map(row).collect();
    Predictions::new(classes, labels, logits, predicted)
}

fn write(classes: usize) -> Written {
    let names: Vec<String> = (0..classes)
        .map(|class| format!("{}{class:04}", ["=cat ", "Labrador retriever ", "owl "][class % 3]))
        .collect();
    let predictions = predictions(classes);
    MEMORY.reset_peak_usage();
    let epoch =
        |epoch| Epoch { epoch, training: [1.0 / epoch as f64, 0.5], validation: [0.9, 0.6] };
    let page = RunReport {
        name: "run",
        classes: &names,
        history: &[epoch(1), epoch(2), epoch(3)],
        epochs: 3,
        best: 2,
        monitor: "lowest val_loss",
        predictions: &predictions,
        folds: None,
        test: None,
        notes: &[],
        augmented: &[],
        facts: &[],
        command: "permafrost train",
        settings: "",
    };
    let image = |at: usize| {
        let noise = |x: u32, y: u32| (x * 7 + y * 13 + (x * y) % 31 + at as u32) as u8;
        let image = RgbImage::from_fn(180, 180, |x, y| Rgb([noise(x, y), noise(y, x), 99]));
        Ok::<_, ()>(ReportImage { name: format!("{at}.jpg"), image })
    };
    let heat_map = |_| Ok(GrayImage::from_pixel(5, 5, image::Luma([200])));
    let text = page.write(image, heat_map).expect("images");
    let plots = page.plots();
    Written { page: text, plots, peak: MEMORY.peak_usage_as_mb() }
}

/// A single test for memory and bytes, so that no other test runs meanwhile.
#[test]
fn report_of_1000_classes_is_bounded_in_memory_and_size() {
    for classes in [30, 31, 1000] {
        let Written { page, plots, peak } = write(classes);
        let bytes = |name| {
            let found = plots.iter().find(|(found, _)| *found == name);
            found.map(|(_, bytes)| bytes)
        };
        let image = bytes("confusion.png").expect("an image");
        assert!(peak < 500.0, "{classes}: {peak} MB");
        assert!(page.len() < 5_000_000, "{classes}: {} bytes", page.len());
        assert!(image.len() < 2_000_000, "{classes}: {} bytes", image.len());
        assert_eq!(page.contains("table class=\"confusion\""), classes <= 30);
        assert!(page.matches("<li style=").count() <= 1000 && page.matches("<tr>").count() <= 100);
        if classes <= 30 {
            assert_eq!(bytes("scores.csv"), None);
            continue;
        }
        let table = String::from_utf8(bytes("scores.csv").expect("a table").clone()).expect("text");
        assert_eq!(table.lines().count(), classes + 1);
        assert!(table.starts_with("class,precision,recall,f1,images\n\"'=cat 0000\","), "{table}");
        for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next()) {
            let id = format!("id=\"{}\"", link.expect("an end"));
            assert_eq!(page.matches(&id).count(), 1, "{id}");
        }
    }
}
