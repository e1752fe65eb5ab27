//! Confusion of many classes: an image with a colored cell for each pair of classes, and the pairs that are confused
//! most. The size of the image does not grow with the number of classes.

use image::{Rgba, RgbaImage};

use super::colors::{FIRST, SECOND, color};
use crate::Predictions;

/// Maximum number of classes for which cells have numbers.
pub(crate) const MANY: usize = 30;

/// Maximum number of confusions that are listed.
const LISTED: usize = 30;

/// Height and width of the image of all cells, in pixels.
const SIDE: usize = 1600;

/// Height and width of that image on the page and in a file, in pixels of the page.
pub(crate) const SHOWN: f64 = 800.0;

/// Minimum distance between two class names.
const LINE: f64 = 16.0;

/// Minimum opacity of a cell that has images.
const FAINTEST: f64 = 0.25;

/// Maximum number of cells in each dimension. More cells would be too small to see.
const CELLS: usize = 200;

/// Returns the legend of the image, line by line.
pub(crate) fn legend(classes: usize) -> Vec<String> {
    let mut lines = vec![
        "rows: labels, columns: predicted classes".to_owned(),
        "blue: correct, orange: wrong; stronger: larger share of the row".to_owned(),
    ];
    let shared = classes.div_ceil(CELLS);
    if shared > 1 {
        lines.push(format!(
            "a cell covers up to {shared} x {shared} classes, in the color of the strongest pair"
        ));
    }
    lines
}

/// Images of a class that are classified as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Confusion {
    pub(crate) label: usize,
    pub(crate) predicted: usize,
    /// Number of the images.
    pub(crate) count: usize,
}

impl Predictions {
    /// Returns the largest confusions, those with the most images first.
    pub(crate) fn largest_confusions(&self) -> Vec<Confusion> {
        let pairs = self.pairs().into_iter().filter(|((label, predicted), _)| label != predicted);
        let mut found: Vec<Confusion> = pairs
            .map(|((label, predicted), count)| Confusion { label, predicted, count })
            .collect();
        found.sort_by_key(|confusion| std::cmp::Reverse(confusion.count));
        found.truncate(LISTED);
        found
    }

    /// Returns an image with a cell for each pair of classes. Rows are labels, columns are predicted classes. The opacity
    /// of a cell grows with its share of the row. If the classes outnumber the cells, neighboring classes share a cell,
    /// which shows its most opaque pair.
    pub(crate) fn cells(&self) -> RgbaImage {
        let pairs = self.pairs();
        let mut support = vec![0; self.classes()];
        pairs.iter().for_each(|((label, _), count)| support[*label] += count);
        let cells = self.classes().min(CELLS);
        let gap = SIDE / cells / 16;
        let pixels = |class: usize| {
            let cell = class * cells / self.classes();
            let [from, to] = [cell, cell + 1].map(|cell| cell * SIDE / cells);
            from as u32..(to - gap) as u32
        };
        let mut image = RgbaImage::new(SIDE as u32, SIDE as u32);
        for ((label, predicted), count) in pairs {
            let share = count as f64 / support[label] as f64;
            let opacity = (255.0 * (FAINTEST + (1.0 - FAINTEST) * share.sqrt())) as u8;
            let [r, g, b] = color(if label == predicted { FIRST } else { SECOND }).0;
            for (y, x) in pixels(label).flat_map(|y| pixels(predicted).map(move |x| (y, x))) {
                let pixel = image.get_pixel_mut(x, y);
                if pixel.0[3] < opacity {
                    *pixel = Rgba([r, g, b, opacity]);
                }
            }
        }
        image
    }
}

/// Returns the classes whose names fit, each with the middle of its cells in pixels of the page and its name.
pub(crate) fn named(classes: &[String]) -> impl Iterator<Item = (f64, &str)> {
    let cell = SHOWN / classes.len() as f64;
    let every = (LINE / cell).ceil() as usize;
    let named = classes.iter().enumerate().step_by(every.max(1));
    named.map(move |(at, name)| ((at as f64 + 0.5) * cell, name.as_str()))
}

/// Maximum number of letters shown of a class name.
const NAME: usize = 18;

/// Returns the name, shortened with an ellipsis if it is long.
pub(crate) fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(classes: usize, pairs: &[(usize, usize)]) -> Predictions {
        let rows = pairs.iter().map(|_| vec![0.0; classes]).collect();
        let (labels, predicted) = pairs.iter().copied().unzip();
        Predictions::new(classes, labels, rows, predicted)
    }

    #[test]
    fn cell_color_shows_correctness_and_opacity_the_share() {
        let cells = predictions(40, &[(0, 0), (0, 0), (0, 0), (0, 1), (39, 0)]).cells();
        let pixel =
            |label: u32, predicted: u32| cells.get_pixel(predicted * 40 + 20, label * 40 + 20).0;
        let [blue, orange] = [FIRST, SECOND].map(|hue| color(hue).0);
        assert_eq!(pixel(0, 0)[..3], blue);
        assert_eq!((&pixel(0, 1)[..3], pixel(0, 1)[3]), (&orange[..], 159));
        assert_eq!((&pixel(39, 0)[..3], pixel(39, 0)[3]), (&orange[..], 255));
        assert!(pixel(0, 0)[3] > pixel(0, 1)[3] && pixel(1, 1)[3] == 0);
    }

    #[test]
    fn neighboring_classes_share_a_visible_cell() {
        let cells = predictions(5000, &[(4999, 4999), (0, 4999), (1, 0), (1, 1)]).cells();
        assert_eq!(cells.dimensions(), (1600, 1600));
        for (x, y, opacity) in
            [(1599, 1599, 255), (1592, 0, 255), (1599, 7, 255), (7, 7, 198), (8, 8, 0)]
        {
            assert_eq!(cells.get_pixel(x, y).0[3], opacity, "{x}, {y}");
        }
        assert_eq!(named(&vec![String::from("a"); 5000]).count(), 50);
    }

    #[test]
    fn confusions_are_sorted_by_count_without_correct_ones() {
        let found =
            predictions(3, &[(0, 1), (2, 1), (2, 1), (1, 1), (1, 1), (1, 1)]).largest_confusions();
        let confusion = |label, predicted, count| Confusion { label, predicted, count };
        assert_eq!(found, [confusion(2, 1, 2), confusion(0, 1, 1)]);
    }
}
