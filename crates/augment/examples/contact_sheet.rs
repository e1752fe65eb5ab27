//! Draws an image and its augmented copies in 11 epochs as a contact sheet, an uncompressed PPM file:
//!
//!     cargo run -p augment --example contact_sheet -- [FILE.ppm]

use std::error::Error;
use std::io::{Write, stdout};
use std::path::PathBuf;

use augment::{AugmentConfig, Draw, ImageRef};

const SIZE: usize = 120;
const ROWS: usize = 3;
const COLUMNS: usize = 4;

/// Squares of the letter F, one bit each. The letter has no symmetry, so that flips and rotations are visible.
const LETTER: [u8; 8] = [0x00, 0x3c, 0x20, 0x20, 0x38, 0x20, 0x20, 0x00];

/// Returns the pixel at this index of the image: the letter on a gradient.
fn pixel(at: usize) -> [u8; 3] {
    let [y, x] = [at / SIZE, at % SIZE];
    let is_ink = (LETTER[y * 8 / SIZE] << (x * 8 / SIZE)) & 0x80 != 0;
    if is_ink { [250, 220, 60] } else { [x as u8, y as u8, 160] }
}

fn main() -> Result<(), Box<dyn Error>> {
    let default = || std::env::temp_dir().join("contact_sheet.ppm");
    let path = std::env::args_os().nth(1).map_or_else(default, PathBuf::from);
    let pixels: Vec<u8> = (0..SIZE * SIZE).flat_map(pixel).collect();
    let (image, config) = (ImageRef::new(&pixels, SIZE, SIZE), AugmentConfig::default());
    let mut copy = vec![0.0; pixels.len()];
    let mut sheet = vec![0; pixels.len() * ROWS * COLUMNS];
    for tile in 0..ROWS * COLUMNS {
        // The first tile is the image itself. Seed, epoch and index of the image determine its copies.
        let draw = if tile == 0 { Draw::default() } else { config.draw(1, tile as u64, 0) };
        draw.apply(&image, config.compose, &mut copy, |rgb| rgb);
        for (y, line) in copy.chunks_exact(SIZE * 3).enumerate() {
            let start = ((tile / COLUMNS * SIZE + y) * COLUMNS + tile % COLUMNS) * SIZE * 3;
            sheet[start..].iter_mut().zip(line).for_each(|(byte, value)| *byte = *value as u8);
        }
        writeln!(stdout(), "{tile:>2}: {draw:?}")?;
    }
    let header = format!("P6 {} {} 255\n", COLUMNS * SIZE, ROWS * SIZE);
    std::fs::write(&path, [header.into_bytes(), sheet].concat())?;
    Ok(writeln!(stdout(), "contact sheet: {}", path.display())?)
}
