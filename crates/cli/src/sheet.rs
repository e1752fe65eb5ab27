//! Contact sheet of small images below headings, drawn row by row.

use font8x8::{BASIC_FONTS, GREEK_FONTS, HIRAGANA_FONTS, LATIN_FONTS, UnicodeFonts};
use image::{GenericImage, Rgb, RgbImage};

/// Height and width of an image on the sheet in pixels, the same as in the Keras example.
pub(crate) const CELL: u32 = 180;

/// Space between images in pixels.
const GAP: u32 = 6;

/// Height and width of a font dot in pixels.
const DOT: u32 = 2;

/// Height and width of a letter in pixels.
const LETTER: u32 = 8 * DOT;

/// Height of a heading in pixels.
const HEADING: u32 = LETTER + 2 * GAP;

const PAPER: Rgb<u8> = Rgb([250; 3]);
const INK: Rgb<u8> = Rgb([20; 3]);

/// Contact sheet, drawn down to the row `y`.
pub(crate) struct Sheet {
    image: RgbImage,
    y: u32,
}

impl Sheet {
    /// Returns the number of pixels of a sheet, or `None` on overflow.
    pub(crate) fn pixels(classes: usize, rows: usize, across: usize) -> Option<usize> {
        let (height, width) = size(classes, rows, across)?;
        (height as usize).checked_mul(width as usize)
    }

    /// Creates an empty sheet with `rows` rows of `across` images for each of `classes` classes.
    ///
    /// # Panics
    ///
    /// Panics if the height or the width overflows.
    pub(crate) fn new(classes: usize, rows: usize, across: usize) -> Self {
        let (height, width) =
            size(classes, rows, across).expect("the size of the sheet does not overflow");
        Self { image: RgbImage::from_pixel(width, height, PAPER), y: 0 }
    }

    /// Draws a heading. Letters beyond the right edge are cut off.
    pub(crate) fn begin_class(&mut self, heading: &str) {
        for (letter, x) in heading.chars().zip((GAP..self.image.width()).step_by(LETTER as usize)) {
            self.draw_letter(letter, x, self.y + GAP);
        }
        self.y += HEADING;
    }

    /// Draws a row of images.
    ///
    /// # Panics
    ///
    /// Panics if the row is wider than the sheet, or if the sheet is full.
    pub(crate) fn add_row(&mut self, images: &[RgbImage]) {
        for (x, image) in (GAP..).step_by((CELL + GAP) as usize).zip(images) {
            self.image.copy_from(image, x, self.y).expect("the row fits on the sheet");
        }
        self.y += CELL + GAP;
    }

    /// Returns the sheet down to the last drawn row.
    pub(crate) fn into_image(self) -> RgbImage {
        image::imageops::crop_imm(&self.image, 0, 0, self.image.width(), self.y).to_image()
    }

    fn draw_letter(&mut self, letter: char, x: u32, y: u32) {
        let fonts = [
            BASIC_FONTS.get(letter),
            LATIN_FONTS.get(letter),
            GREEK_FONTS.get(letter),
            HIRAGANA_FONTS.get(letter),
            BASIC_FONTS.get('?'),
        ];
        let rows = fonts.into_iter().flatten().next().unwrap_or_default();
        for (row, dots) in (0..).zip(rows) {
            for column in (0..8).filter(|column| dots >> column & 1 == 1) {
                for (dx, dy) in (0..DOT * DOT).map(|at| (at % DOT, at / DOT)) {
                    let (x, y) = (x + column * DOT + dx, y + row * DOT + dy);
                    if let Some(pixel) = self.image.get_pixel_mut_checked(x, y) {
                        *pixel = INK;
                    }
                }
            }
        }
    }
}

/// Returns the (height, width) of a sheet in pixels, or `None` on overflow.
fn size(classes: usize, rows: usize, across: usize) -> Option<(u32, u32)> {
    let [classes, rows, across] =
        [classes, rows, across].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let of_class = rows.checked_mul(CELL + GAP)?.checked_add(HEADING)?;
    Some((of_class.checked_mul(classes)?, across.checked_mul(CELL + GAP)?.checked_add(GAP)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_without_a_glyph_are_drawn_as_question_marks() {
        let drawn = |text: &str| {
            let mut sheet = Sheet::new(1, 1, 1);
            sheet.begin_class(text);
            sheet.into_image().into_raw()
        };
        assert!(drawn("cats").contains(&INK.0[0]));
        assert!(!drawn(" ").contains(&INK.0[0]));
        assert_ne!(drawn("é"), drawn("?"));
        assert_eq!(drawn("熊"), drawn("?"));
        assert_eq!(drawn(&"w".repeat(500)).len(), drawn("w").len());
    }

    #[test]
    fn overflowing_sheet_size_is_none() {
        assert_eq!(Sheet::pixels(2, 1, 3), Some(2 * (28 + 186) * (3 * 186 + 6)));
        assert_eq!(Sheet::pixels(2, usize::MAX, 1), None);
    }
}
