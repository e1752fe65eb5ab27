//! `train --demo`: a generated, labeled image set, which tries the whole program without a download.
//!
//! The two classes have the same distributions of colors, sizes, positions and noise. Only the shapes differ: dots or
//! lines.

use std::fs::{self, File};
use std::path::Path;

use augment::AugmentConfig;
use formats::{create_folder, sync_folder};
use head::HeadConfig;
use image::{ImageFormat, Rgb, RgbImage};
use imageproc::drawing::{draw_filled_circle_mut, draw_polygon_mut};
use imageproc::point::Point;
use quoting::Shown;
use random::{AddressedRng, Purpose};
use rayon::prelude::*;
use train::{
    DataConfig, DeviceConfig, InitialWeights, LossConfig, OptimizerConfig, RunConfig, TrainConfig,
    WeightsChoice,
};
use vgg::{Pooling, VggConfig};

use crate::output::Output;

const FOLDER: &str = "data/demo";
const CLASSES: [&str; 2] = ["dots", "lines"];
const TRAINING: usize = 200;
const VALIDATION: usize = 50;

/// Height and width of the generated images in pixels. The program resizes them like other images.
const DRAWN_SIZE: u32 = 96;

/// Random seed of the images, fixed so that they are the same on every machine.
const SEED: u64 = 0;

/// Returns the settings of the demo: small images, the first two blocks of the base, random weights.
pub(crate) fn settings() -> RunConfig {
    RunConfig {
        weights: WeightsChoice::Seed(0),
        start: InitialWeights::Random,
        data: DataConfig::at(FOLDER),
        augment: AugmentConfig::default(),
        base: VggConfig {
            image_size: [48, 48],
            last_layer: "block2_pool".into(),
            pooling: Pooling::Maximum,
            ..VggConfig::default()
        },
        head: HeadConfig::default(),
        linear: None,
        loss: LossConfig::default(),
        optimizer: OptimizerConfig::default(),
        train: TrainConfig {
            epochs: 24,
            batch_size: 8,
            learning_rate: 5e-4,
            ..TrainConfig::default()
        },
        device: DeviceConfig::default(),
    }
}

/// Generates the images in `folder`, unless it exists. The images are written to a temporary folder, synced to disk and
/// renamed, so `folder` is always complete. If another process creates `folder` first, its images are used.
pub(crate) fn draw_where_missing(folder: &Path, output: Output) -> anyhow::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let count = draw_all(folder).map_err(|error| {
        let hint = "hint: the demo writes to `data/demo`; run it in a writable folder";
        anyhow::anyhow!("could not write the images to `{}`: {error}\n{hint}", folder.shown())
    })?;
    if let Some(count) = count {
        output.say(format_args!("Drew {count} images into {}.", folder.shown()))?;
    }
    Ok(())
}

/// Generates all images and returns their number, or `None` if another process created the folder first.
fn draw_all(folder: &Path) -> anyhow::Result<Option<usize>> {
    fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    let mut images = vec![];
    let is_first = create_folder(folder, |beside| -> anyhow::Result<()> {
        let mut folders = vec![];
        for (set, count) in [("train", TRAINING), ("validation", VALIDATION)] {
            for class in CLASSES {
                let class_folder = beside.join(set).join(class);
                fs::create_dir_all(&class_folder)?;
                let paths = (0..count).map(|at| class_folder.join(format!("{at:03}.png")));
                images.extend(paths.map(|path| (class, path)));
                folders.push(class_folder);
            }
            folders.push(beside.join(set));
        }
        images.par_iter().enumerate().try_for_each(|(item, (class, path))| {
            let image = draw(class, &mut AddressedRng::at(SEED, Purpose::Drawing, 0, item as u64));
            let mut file = File::create(path)?;
            image.write_to(&mut file, ImageFormat::Png)?;
            file.sync_all()?;
            anyhow::Ok(())
        })?;
        folders.iter().try_for_each(|folder| Ok(sync_folder(folder)?))
    })?;
    Ok(is_first.then_some(images.len()))
}

/// Draws shapes of the class on a background with noise.
fn draw(class: &str, draws: &mut AddressedRng) -> RgbImage {
    let size = DRAWN_SIZE as f32;
    let background = muted(draws);
    let mut image = RgbImage::from_pixel(DRAWN_SIZE, DRAWN_SIZE, background);
    for _ in 0..5 + draws.below(5) {
        let radius = draws.between(0.07, 0.12) * size;
        let center = [0; 2].map(|_| draws.between(0.0, size));
        let ink = contrasting(background, draws);
        if class == "dots" {
            let [x, y] = center.map(|coordinate| coordinate as i32);
            draw_filled_circle_mut(&mut image, (x, y), radius as i32, ink);
        } else {
            // The bar has about the area of the dot.
            draw_bar(&mut image, center, [radius * 3.0, radius * 0.2], draws.unit(), ink);
        }
    }
    let spread = draws.between(2.0, 12.0);
    for value in image.as_flat_samples_mut().samples {
        *value = (f32::from(*value) + draws.between(-spread, spread)).clamp(0.0, 255.0) as u8;
    }
    image
}

/// Draws a bar. `length` and `width` are half of its dimensions in pixels; `turn` rotates it by a fraction of a full
/// turn.
fn draw_bar(
    image: &mut RgbImage,
    [x, y]: [f32; 2],
    [length, width]: [f32; 2],
    turn: f32,
    ink: Rgb<u8>,
) {
    let (sin, cos) = (std::f32::consts::TAU * turn).sin_cos();
    let corners = [(1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)].map(|(along, across)| {
        let (along, across) = (along * length, across * width);
        Point::new((x + along * cos - across * sin) as i32, (y + along * sin + across * cos) as i32)
    });
    draw_polygon_mut(image, &corners, ink);
}

/// Returns a muted color.
fn muted(draws: &mut AddressedRng) -> Rgb<u8> {
    Rgb([0; 3].map(|_| 96 + draws.below(64) as u8))
}

/// Returns a color that is brighter or darker than `other` in every channel.
fn contrasting(other: Rgb<u8>, draws: &mut AddressedRng) -> Rgb<u8> {
    let step = if draws.coin() { 1.0 } else { -1.0 };
    Rgb(other.0.map(|value| (f32::from(value) + step * draws.between(70.0, 95.0)) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_demos_write_one_complete_dataset() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let demo = data.join("demo");
        let drawn: Vec<Option<usize>> = std::thread::scope(|threads| {
            let draw = || draw_all(&demo).expect("images");
            let drawing: Vec<_> = (0..3).map(|_| threads.spawn(draw)).collect();
            drawing.into_iter().map(|thread| thread.join().expect("images")).collect()
        });
        let whole = CLASSES.len() * (TRAINING + VALIDATION);
        assert!(drawn.contains(&Some(whole)), "{drawn:?}");
        assert_eq!(drawn.iter().flatten().count(), 1, "{drawn:?}");
        let count = |path: &Path| fs::read_dir(path).expect("a folder").count();
        assert_eq!(count(&data), 1);
        for (set, expected) in [("train", TRAINING), ("validation", VALIDATION)] {
            for class in CLASSES {
                assert_eq!(count(&demo.join(set).join(class)), expected);
            }
        }
    }

    /// Checks that the mean color does not reveal the class. For 200 images per class, the difference of the classes'
    /// means has a standard deviation of about 2 levels. Single images differ by about 20 levels.
    #[test]
    fn classes_have_the_same_mean_color() {
        let mean = |class| {
            let images = (0..200)
                .map(|item| draw(class, &mut AddressedRng::at(1, Purpose::Drawing, 0, item)));
            let values = images.flat_map(RgbImage::into_raw).map(f64::from);
            let (sum, count) =
                values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
            sum / f64::from(count)
        };
        let [dots, lines] = CLASSES.map(mean);
        assert!((dots - lines).abs() < 6.0, "{dots} and {lines}");
    }
}
