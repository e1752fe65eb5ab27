//! `permafrost show`: draws a contact sheet with images of each class, decoded and resized as for training.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use augment::{AugmentConfig, ImageRef};
use clap::Args;
use image::{ImageFormat, Rgb, RgbImage};
use photos::{Folder, Layout, PhotosError, has_image_extension, load_image};
use quoting::Shown;
use random::{AddressedRng, Purpose};
use rayon::prelude::*;
use train::RunDirectory;

use crate::arguments::AugmentArguments;
use crate::printed::{stderr, stdout};
use crate::sheet::{CELL, Sheet};
use crate::skipped::print_ignored_folders;

/// Random seed for the choice of images and for their augmentation, fixed so that a sheet is reproducible.
const SEED: u64 = 0;

/// Maximum size of a sheet in pixels. Together with the PNG encoder, such a sheet takes about 500 MB of memory.
const LARGEST: usize = 100_000_000;

/// Draw a contact sheet of each class, optionally with augmented copies
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost show photos
  permafrost show photos --augment 8 --count 3 --rotation 0.2 --out augmented.png")]
pub(crate) struct ShowArguments {
    /// Folder with one subfolder of images per class, or with the folders train, validation and test
    ///
    /// If there is a training folder, only its images are shown.
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// PNG file to write
    #[arg(long, value_name = "FILE", default_value = "sheet.png")]
    out: PathBuf,
    /// Augmented copies to show of each image
    #[arg(long, value_name = "COPIES", default_value_t = 0)]
    augment: usize,
    /// Images to show of each class
    #[arg(long, value_name = "IMAGES", default_value_t = 8)]
    count: usize,
    #[command(flatten)]
    settings: AugmentArguments,
}

pub(crate) fn run(arguments: &ShowArguments) -> anyhow::Result<ExitCode> {
    let ShowArguments { data, out, augment: versions, count, .. } = arguments;
    anyhow::ensure!(
        !out.exists(),
        "`{}` already exists\nhint: remove it, or name another file with `--out`",
        out.shown()
    );
    anyhow::ensure!(
        out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")),
        "`{}` does not end in `.png`\nhint: name a PNG file with `--out`",
        out.shown()
    );
    let augment = arguments.settings.config(AugmentConfig::default());
    augment.validate()?;
    let layout = Layout::list(data, None)?;
    RunDirectory::check_outside(out, data)?;
    // A class without images gets an empty row. Only these faults prevent a sheet.
    let is_grave = |fault: &PhotosError| {
        matches!(fault, PhotosError::NoClasses(_) | PhotosError::SameSubfolders { .. })
    };
    if let Some(fault) = layout.faults().into_iter().find(is_grave) {
        return Err(fault.into());
    }
    let folder = &layout.train;
    let (across, rows) =
        if *versions > 0 { (versions.saturating_add(1), *count) } else { (*count, 1) };
    let pixels = Sheet::pixels(folder.classes.len(), rows, across);
    anyhow::ensure!(
        *count > 0 && pixels.is_some_and(|pixels| pixels <= LARGEST),
        "a contact sheet of {} classes with {count} images in {} version(s) each is invalid, expected at least one image and at most {LARGEST} pixels\nhint: change `--count` and `--augment`",
        folder.classes.len(),
        versions.saturating_add(1)
    );

    let mut is_empty = true;
    let mut sheet = Sheet::new(folder.classes.len(), rows, across);
    for (label, name) in folder.classes.iter().enumerate() {
        let shown = drawn_images(folder, label, *count)?;
        is_empty &= shown.is_empty();
        let files = folder.files[label].len();
        sheet.begin_class(&format!("{name}: {} of {files} files", shown.len()));
        if *versions == 0 {
            sheet.add_row(&shown);
            continue;
        }
        for (item, image) in shown.into_iter().enumerate() {
            let version = |epoch: usize| augmented(&image, augment, epoch, item);
            let others: Vec<RgbImage> = (0..*versions).into_par_iter().map(version).collect();
            sheet.add_row(&[vec![image], others].concat());
        }
    }
    anyhow::ensure!(
        !is_empty,
        "no class in `{}` has a readable image\nhint: check that the files are readable JPEG, PNG, GIF, BMP, WebP or TIFF files",
        data.shown()
    );
    let mut png = Cursor::new(vec![]);
    sheet.into_image().write_to(&mut png, ImageFormat::Png)?;
    formats::write_atomic(out, png.get_ref())?;
    print_ignored_folders(&layout.beside.unused)?;
    let from = match folder.path == *data {
        true => String::new(),
        false => format!(" from `{}`", folder.path.shown()),
    };
    writeln!(stdout(), "Wrote {}{from}.", out.shown())?;
    Ok(ExitCode::SUCCESS)
}

/// Loads up to `count` images of a class in random order. Skips image files that can't be read, and reports them on
/// standard error.
fn drawn_images(folder: &Folder, label: usize, count: usize) -> anyhow::Result<Vec<RgbImage>> {
    let mut files = folder.files[label].clone();
    AddressedRng::at(SEED, Purpose::Drawing, 0, label as u64).shuffle(&mut files);
    let mut shown = vec![];
    for files in files.chunks(count) {
        let images: Vec<_> =
            files.par_iter().map(|file| load_image(file, [CELL as usize; 2])).collect();
        for (file, image) in files.iter().zip(images) {
            match image {
                Ok(pixels) if shown.len() < count => {
                    let image = RgbImage::from_raw(CELL, CELL, pixels.to_vec());
                    shown.push(image.expect("the image is CELL x CELL x 3"));
                }
                Err(reason) if has_image_extension(file) => {
                    writeln!(
                        stderr(),
                        "skipped `{}`: {}",
                        file.shown(),
                        reason.to_string().shown()
                    )?;
                }
                _ => {}
            }
        }
        if shown.len() == count {
            break;
        }
    }
    Ok(shown)
}

/// Returns the augmented copy of an image for one epoch.
fn augmented(image: &RgbImage, config: AugmentConfig, epoch: usize, item: usize) -> RgbImage {
    let mut values = vec![0.0; image.as_raw().len()];
    let image = ImageRef::new(image.as_raw(), CELL as usize, CELL as usize);
    let draw = config.draw(SEED, epoch as u64, item as u64);
    draw.apply(&image, config.compose, &mut values, |rgb| rgb);
    let (pixels, _) = values.as_chunks::<3>();
    RgbImage::from_fn(CELL, CELL, |x, y| {
        Rgb(pixels[(y * CELL + x) as usize].map(|v| v.round() as u8))
    })
}
