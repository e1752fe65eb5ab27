//! Writes slightly changed copies of the images in a folder, for `cargo xtask bench cache`:
//!
//!     vary FROM TO COUNT MEGAPIXELS
//!
//! FROM has one folder per class. TO gets the same class folders with COUNT JPEG files in total. Each file is an image
//! of FROM, a little brighter or darker and scaled to MEGAPIXELS. With 0 it has its original size.

use std::error::Error;
use std::fs;
use std::path::Path;

use image::imageops::FilterType;
use photos::files_below;
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, count, megapixels] = arguments.as_slice() else {
        return Err("usage: vary FROM TO COUNT MEGAPIXELS".into());
    };
    let (from, to) = (Path::new(from), Path::new(to));
    let (count, megapixels): (usize, f32) = (count.parse()?, megapixels.parse()?);
    let files = files_below(from)?;
    if files.is_empty() {
        return Err("expected images, found none".into());
    }
    (0..count).into_par_iter().try_for_each(|number| {
        // Spreads the copies evenly over the sorted files, and so over the classes.
        let file = &files[number * files.len() / count];
        let vary = || -> Result<(), Box<dyn Error>> {
            let image = image::open(file)?.brighten((number % 41) as i32 - 20).to_rgb8();
            let pixels = (image.width() * image.height()) as f32;
            let scale = if megapixels > 0.0 { (megapixels * 1e6 / pixels).sqrt() } else { 1.0 };
            let [width, height] =
                [image.width(), image.height()].map(|length| (length as f32 * scale) as u32);
            let image = image::imageops::resize(&image, width, height, FilterType::Triangle);
            let folder = file.parent().unwrap_or(from).strip_prefix(from)?;
            let folder = to.join(folder);
            fs::create_dir_all(&folder)?;
            Ok(image.save(folder.join(format!("{number}.jpg")))?)
        };
        vary().map_err(|error| format!("`{}`: {error}", file.display()))
    })?;
    Ok(())
}
