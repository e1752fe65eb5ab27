//! Lists the duplicates, near duplicates and unreadable files of a folder that has one subfolder per class:
//!
//!     cargo run -p photos --example duplicates -- [FOLDER]
//!
//! Without FOLDER, the program generates a folder with some of each.

use std::error::Error;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize, thumbnail};
use photos::{Layout, RgbImage, Survey, key_of};

/// Returns an image of blurred random colors.
fn blurred(number: u32) -> RgbImage {
    let mut state = number + 1;
    let colors = RgbImage::from_fn(8, 6, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([24, 16, 8].map(|shift| (state >> shift) as u8))
    });
    resize(&colors, 320, 240, FilterType::Triangle)
}

/// Writes six images, a copy of the first, a thumbnail of the second under the wrong class, and an incomplete file.
fn generate(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let [cats, dogs] = ["cats", "dogs"].map(|class| folder.join(class));
    for (number, class) in [&cats, &dogs].into_iter().cycle().take(6).enumerate() {
        fs::create_dir_all(class)?;
        blurred(number as u32).save(class.join(format!("{number}.png")))?;
    }
    fs::copy(cats.join("0.png"), cats.join("copy.png"))?;
    thumbnail(&blurred(1), 160, 120).save(cats.join("thumbnail.jpg"))?;
    fs::write(dogs.join("incomplete.png"), &fs::read(dogs.join("1.png"))?[..1000])?;
    Ok(folder.to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => generate(temporary.path())?,
    };
    let survey = Survey::of(&Layout::list(&folder, None)?, None);
    for (kind, groups) in [("duplicates", &survey.same), ("near duplicates", &survey.near)] {
        for group in groups {
            let keys = group.members.iter().map(|image| key_of(&image.path, &folder));
            writeln!(stdout(), "{kind}: {}", keys.collect::<Vec<_>>().join(", "))?;
        }
    }
    for file in &survey.skipped.unreadable {
        writeln!(stdout(), "unreadable: {}: {}", key_of(&file.path, &folder), file.reason)?;
    }
    Ok(())
}
