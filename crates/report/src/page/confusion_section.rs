//! The confusion of many classes on the page: an image of all cells, and a table of the largest confusions.

use std::io::Cursor;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::ImageFormat;
use maud::{Markup, html};

use super::confusion::{Confusion, SHOWN, legend, named, shortened};
use crate::RunReport;

/// Margin for class names, in pixels of the page.
const NAMES: f64 = 150.0;

impl RunReport<'_> {
    /// Draws all cells, with as many class names as fit.
    pub(crate) fn draw_cells(&self) -> Markup {
        let mut png = Cursor::new(vec![]);
        let cells = self.predictions.cells();
        cells.write_to(&mut png, ImageFormat::Png).expect("an image can be encoded into memory");
        let address = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png.into_inner()));
        let size = NAMES + SHOWN;
        html! {
            figure.chart style=(format!("max-width:{size}px")) {
                svg viewBox=(format!("0 0 {size} {size}")) role="img" aria-label=(format!("Confusion matrix of {} classes", self.classes.len())) {
                    image.cells href=(address) x=(NAMES) y=(NAMES) width=(SHOWN) height=(SHOWN) {}
                    rect.edge x=(NAMES) y=(NAMES) width=(SHOWN) height=(SHOWN) {}
                    @for (middle, name) in named(self.classes) {
                        @let (at, name) = (NAMES + middle + 4.0, shortened(name));
                        text x=(NAMES - 8.0) y=(format!("{at:.1}")) text-anchor="end" { (name) }
                        text transform=(format!("translate({at:.1} {}) rotate(-90)", NAMES - 8.0)) { (name) }
                    }
                }
                figcaption { (legend(self.classes.len()).join("; ")) }
            }
        }
    }

    /// Returns a table of the largest confusions. Each number links to its images.
    pub(crate) fn list_confusions(&self) -> Markup {
        let all = self.predictions.pairs();
        let wrong = all.keys().filter(|(label, predicted)| label != predicted).count();
        let largest = self.predictions.largest_confusions();
        html! {
            h3 { "Largest confusions" }
            p { (largest.len()) " of " (wrong) " confused pairs of classes. A number links to its images." }
            div.wide tabindex="0" role="region" aria-label="Largest confusions" { table.scores.confusions {
                thead { tr { @for name in ["class", "classified as", "images", "share of the class"] { th scope="col" { (name) } } } }
                tbody { @for Confusion { label, predicted, count } in largest {
                    @let support: usize = all.range((label, 0)..(label + 1, 0)).map(|(_, count)| count).sum();
                    tr {
                        th scope="row" { (self.classes[label]) }
                        td { (self.classes[predicted]) }
                        td { a href=(format!("#cell-{label}-{predicted}")) { (count) } }
                        td { (format!("{:.1}\u{a0}%", 100.0 * count as f64 / support as f64)) }
                    }
                } }
            } }
        }
    }
}
