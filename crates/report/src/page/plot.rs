//! Charts and confusion matrices as PNG files, in the page's light colors.

use std::io::Cursor;

use ab_glyph::{FontRef, PxScale};
use image::imageops::{overlay, thumbnail};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use imageproc::drawing::{
    draw_filled_circle_mut, draw_filled_rect_mut, draw_polygon_mut, draw_text_mut, text_size,
};
use imageproc::point::Point;
use imageproc::rect::Rect;

use super::chart::{Anchor, Chart, DOT, Shape};
use super::colors::{CARD, FIRST, INK, LINE, SECOND, SOFT, color, mixed};
use super::confusion::{MANY, SHOWN, legend, named, shortened};
use super::run_report::SCORES;
use crate::{ClassScores, Predictions, RunReport};

/// Pixels of a file for each pixel of the page, in each dimension.
const PIXEL_RATIO: f64 = 2.0;

/// Pixels drawn for each pixel of a file, in each dimension, for smooth edges.
const SUPERSAMPLING: f64 = 2.0;

const FONT_SIZE: f64 = 13.0;

/// Margin around a plot.
const AROUND: f64 = 14.0;

/// Maximum side of a cell in the confusion matrix.
const CELL: f64 = 64.0;
const CAPTION: &str = "rows: labels, columns: predicted classes";

impl RunReport<'_> {
    /// Returns the charts and the confusion matrix of the page as PNG files, each with its file name. If the run has
    /// more classes than the page lists, a CSV table of all scores is added.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{Epoch, Predictions, RunReport};
    ///
    /// let classes = ["cat".to_owned(), "dog".to_owned()];
    /// let probabilities = vec![vec![0.9, 0.1], vec![0.2, 0.8]];
    /// let predictions = Predictions::new(2, vec![0, 1], probabilities, vec![0, 1]);
    /// let report = RunReport {
    ///     name: "run 1",
    ///     classes: &classes,
    ///     history: &[Epoch { epoch: 1, training: [0.3, 0.9], validation: [0.4, 0.7] }],
    ///     epochs: 1,
    ///     best: 1,
    ///     monitor: "lowest val_loss",
    ///     predictions: &predictions,
    ///     folds: None,
    ///     test: None,
    ///     notes: &[],
    ///     augmented: &[],
    ///     facts: &[],
    ///     command: "train pets",
    ///     settings: "",
    /// };
    /// let plots = report.plots();
    /// let names: Vec<&str> = plots.iter().map(|(name, _)| *name).collect();
    /// assert_eq!(names, ["loss.png", "accuracy.png", "reliability.png", "confusion.png", "roc.png"]);
    /// assert!(plots.iter().all(|(_, png)| png.starts_with(b"\x89PNG")));
    /// ```
    #[doc(alias = "matplotlib")]
    #[doc(alias = "png")]
    pub fn plots(&self) -> Vec<(&'static str, Vec<u8>)> {
        let is_of_many = self.classes.len() > MANY;
        let mut plots = vec![];
        if !self.history.is_empty() {
            plots.push(("loss.png", self.loss().png()));
            plots.push(("accuracy.png", self.accuracy().png()));
        }
        plots.push(("reliability.png", self.reliability().png()));
        if is_of_many {
            plots.push(("confusion.png", confusion_of_many(self.classes, self.predictions)));
            plots.push((SCORES, table_of(self.classes, self.predictions)));
        } else {
            plots.push(("confusion.png", confusion(self.classes, &self.predictions.confusion())));
        }
        plots
            .extend(self.receiver_operating_characteristic().map(|chart| ("roc.png", chart.png())));
        plots
    }
}

impl Chart<'_> {
    fn png(&self) -> Vec<u8> {
        let [width, height] = self.size;
        let above = 26.0;
        let mut canvas = Canvas::new([width + 2.0 * AROUND, height + above + 2.0 * AROUND]);
        canvas.origin = [AROUND, AROUND];
        let key = self.lines.iter().map(|line| (line.style, line.name));
        let mut x = 0.0;
        for (style, text) in std::iter::once(("what", self.axes[1])).chain(key) {
            if style != "what" {
                canvas.path(style, &[[x, 8.0], [x + 18.0, 8.0]]);
                x += 24.0;
            }
            canvas.text(if style == "what" { INK } else { SOFT }, [x, 12.0], Anchor::Start, text);
            x += canvas.width_of(text) + 18.0;
        }
        canvas.origin[1] += above;
        for shape in self.shapes() {
            match shape {
                Shape::Line { style, from, to } => canvas.path(style, &[from, to]),
                Shape::Path { style, points } => canvas.path(style, &points),
                Shape::Dot { style, at } => canvas.dot(style, at),
                Shape::Text { at, anchor, text, .. } => canvas.text(SOFT, at, anchor, &text),
            }
        }
        canvas.png()
    }
}

/// Returns the confusion matrix as a PNG file. Rows are labels, columns are predicted classes.
fn confusion(classes: &[String], counts: &[Vec<usize>]) -> Vec<u8> {
    let most = counts.iter().flatten().copied().max().unwrap_or(1).max(1);
    let cell = CELL.min(1600.0 / classes.len() as f64).max(FONT_SIZE + 2.0);
    let side = cell * classes.len() as f64;
    let names: Vec<String> = classes.iter().map(|class| shortened(class)).collect();
    let font = Canvas::new([1.0, 1.0]);
    let longest = names.iter().map(|name| font.width_of(name)).fold(0.0, f64::max);
    let margin = longest + 2.0 * AROUND;
    let width = (margin + side).max(font.width_of(CAPTION) + AROUND) + AROUND;
    let mut canvas = Canvas::new([width, margin + side + 3.0 * AROUND]);
    canvas.text(SOFT, [AROUND, 2.0 * AROUND - 2.0], Anchor::Start, CAPTION);
    canvas.origin = [margin, margin + 2.0 * AROUND];
    for (at, name) in names.iter().enumerate() {
        let middle = (at as f64 + 0.5) * cell;
        canvas.text(INK, [-10.0, middle + 4.0], Anchor::End, name);
        canvas.upright_text(INK, [middle + 4.0, -10.0], name);
    }
    for (label, row) in counts.iter().enumerate() {
        for (to, &count) in row.iter().enumerate() {
            let share = count as f64 / most as f64;
            let (strong, shown) = if label == to {
                (FIRST, 0.06 + 0.24 * share)
            } else {
                (SECOND, 0.05 + 0.3 * share)
            };
            let corner = [to as f64 * cell + 1.0, label as f64 * cell + 1.0];
            canvas.square(mixed(strong, shown), corner, cell - 2.0);
            let middle = [corner[0] + cell / 2.0 - 1.0, corner[1] + cell / 2.0 + 3.0];
            canvas.text(INK, middle, Anchor::Middle, &count.to_string());
        }
    }
    canvas.png()
}

/// Returns the confusion matrix of many classes as a PNG file. Its cells have colors instead of numbers.
fn confusion_of_many(classes: &[String], predictions: &Predictions) -> Vec<u8> {
    let names: Vec<(f64, String)> =
        named(classes).map(|(middle, name)| (middle, shortened(name))).collect();
    let font = Canvas::new([1.0, 1.0]);
    let longest = names.iter().map(|(_, name)| font.width_of(name)).fold(0.0, f64::max);
    let margin = longest + 2.0 * AROUND;
    let legend = legend(classes.len());
    let above = AROUND + FONT_SIZE * 1.5 * legend.len() as f64;
    let extent = margin + SHOWN + AROUND;
    let mut canvas = Canvas::new([extent, above + extent]);
    for (at, line) in (1..).zip(&legend) {
        let place = [AROUND, AROUND + FONT_SIZE * 1.5 * f64::from(at) - 4.0];
        canvas.text(SOFT, place, Anchor::Start, line);
    }
    let corner = [margin, above + margin];
    canvas.origin = corner;
    for (middle, name) in names {
        canvas.text(INK, [-10.0, middle + 4.0], Anchor::End, &name);
        canvas.upright_text(INK, [middle + 4.0, -10.0], &name);
    }
    let edge = [[0.0, 0.0], [SHOWN, 0.0], [SHOWN, SHOWN], [0.0, SHOWN], [0.0, 0.0]];
    canvas.path("grid", &edge);
    let mut image = DynamicImage::ImageRgb8(canvas.finished());
    let [x, y] = corner.map(|value| (value * PIXEL_RATIO) as i64);
    overlay(&mut image, &DynamicImage::ImageRgba8(predictions.cells()), x, y);
    png(&image.into_rgb8())
}

/// Returns the scores of all classes as a CSV file.
fn table_of(classes: &[String], predictions: &Predictions) -> Vec<u8> {
    let mut table = "class,precision,recall,f1,images\n".to_owned();
    for (class, ClassScores { precision, recall, f1, support }) in
        classes.iter().zip(predictions.scores())
    {
        let class = quoting::cell(class).replace('"', "\"\"");
        table += &format!("\"{class}\",{precision},{recall},{f1},{support}\n");
    }
    table.into_bytes()
}

/// Image that is drawn at a higher resolution than the file.
struct Canvas {
    image: RgbImage,
    /// Position of (0, 0), in pixels of the page.
    origin: [f64; 2],
    font: FontRef<'static>,
}

impl Canvas {
    /// Creates an empty canvas of (width, height), in pixels of the page.
    fn new(size: [f64; 2]) -> Self {
        let [width, height] = size.map(|extent| (extent * PIXEL_RATIO * SUPERSAMPLING) as u32);
        Self {
            image: RgbImage::from_pixel(width, height, color(CARD)),
            origin: [0.0; 2],
            font: FontRef::try_from_slice(dejavu::sans::regular()).expect("a font"),
        }
    }

    fn scale() -> PxScale {
        // `PxScale` is the height between the font's lowest and highest point, 1.16 times the font size of browsers.
        PxScale::from((FONT_SIZE * 1.16 * PIXEL_RATIO * SUPERSAMPLING) as f32)
    }

    fn place(&self, at: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| (at[axis] + self.origin[axis]) * PIXEL_RATIO * SUPERSAMPLING)
    }

    /// Returns the width of a text, in pixels of the page.
    fn width_of(&self, text: &str) -> f64 {
        f64::from(text_size(Self::scale(), &self.font, text).0) / (PIXEL_RATIO * SUPERSAMPLING)
    }

    fn text(&mut self, hue: &str, at: [f64; 2], anchor: Anchor, text: &str) {
        let part = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => 0.5,
            Anchor::End => 1.0,
        };
        let [x, y] = self.place([at[0] - part * self.width_of(text), at[1] - FONT_SIZE * 0.95]);
        let Self { image, font, .. } = self;
        draw_text_mut(image, color(hue), x as i32, y as i32, Self::scale(), font, text);
    }

    /// Draws a text that runs upward from `at`.
    fn upright_text(&mut self, hue: &str, at: [f64; 2], text: &str) {
        let mut lying = Self::new([self.width_of(text) + 2.0, FONT_SIZE * 1.6]);
        lying.text(hue, [1.0, FONT_SIZE * 1.2], Anchor::Start, text);
        let upright = image::imageops::rotate270(&lying.image);
        let [x, y] = self.place([at[0] - FONT_SIZE * 1.2, at[1]]);
        let y = y as i64 - i64::from(upright.height());
        overlay(&mut self.image, &upright, x as i64, y);
    }

    fn square(&mut self, fill: Rgb<u8>, corner: [f64; 2], side: f64) {
        let [x, y] = self.place(corner).map(|value| value as i32);
        let side = (side * PIXEL_RATIO * SUPERSAMPLING) as u32;
        draw_filled_rect_mut(&mut self.image, Rect::at(x, y).of_size(side, side), fill);
    }

    fn dot(&mut self, style: &str, at: [f64; 2]) {
        let [x, y] = self.place(at).map(|value| value.round() as i32);
        let radius = (DOT * PIXEL_RATIO * SUPERSAMPLING) as i32;
        draw_filled_circle_mut(&mut self.image, (x, y), radius, color(pen(style).0));
    }

    fn path(&mut self, style: &str, points: &[[f64; 2]]) {
        let (hue, width, dash) = pen(style);
        let places: Vec<[f64; 2]> = points.iter().map(|point| self.place(*point)).collect();
        let (hue, half) = (color(hue), width * PIXEL_RATIO * SUPERSAMPLING / 2.0);
        for pair in places.windows(2) {
            let [from, to] = [pair[0], pair[1]];
            let along = [to[0] - from[0], to[1] - from[1]];
            let length = along[0].hypot(along[1]);
            let on_it = |at: f64| [0, 1].map(|axis| from[axis] + along[axis] * at / length);
            let step = dash.map_or(length, |dash| dash * PIXEL_RATIO * SUPERSAMPLING).max(1.0);
            let mut at = 0.0;
            while at < length {
                self.stroke(hue, half, on_it(at), on_it((at + step).min(length)));
                at += 2.0 * step;
            }
        }
        if dash.is_none() && half > 2.0 {
            for [x, y] in places {
                let middle = (x.round() as i32, y.round() as i32);
                draw_filled_circle_mut(&mut self.image, middle, half as i32, hue);
            }
        }
    }

    fn stroke(&mut self, hue: Rgb<u8>, half: f64, from: [f64; 2], to: [f64; 2]) {
        let along = [to[0] - from[0], to[1] - from[1]];
        let length = along[0].hypot(along[1]);
        let aside = [-along[1] * half / length, along[0] * half / length];
        let corner = |[x, y]: [f64; 2], sign: f64| {
            Point::new((x + sign * aside[0]).round() as i32, (y + sign * aside[1]).round() as i32)
        };
        let corners = [corner(from, 1.0), corner(to, 1.0), corner(to, -1.0), corner(from, -1.0)];
        if corners[0] != corners[3] {
            draw_polygon_mut(&mut self.image, &corners, hue);
        }
    }

    /// Returns the drawing at the resolution of the file.
    fn finished(self) -> RgbImage {
        let (width, height) = self.image.dimensions();
        let smooth = |extent: u32| (f64::from(extent) / SUPERSAMPLING) as u32;
        thumbnail(&self.image, smooth(width), smooth(height))
    }

    /// Returns the drawing as a PNG file.
    fn png(self) -> Vec<u8> {
        png(&self.finished())
    }
}

fn png(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    image.write_to(&mut bytes, ImageFormat::Png).expect("an image can be encoded into memory");
    bytes.into_inner()
}

/// Returns the color, the width and the dash length of a style, as defined in `page.css`.
fn pen(style: &str) -> (&'static str, f64, Option<f64>) {
    match style {
        "first" => (FIRST, 2.0, None),
        "second" => (SECOND, 2.0, None),
        "level" => (SOFT, 1.2, Some(4.0)),
        "mark" => (SOFT, 1.0, Some(3.0)),
        "grid" => (LINE, 1.0, None),
        _ => (SOFT, 1.0, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plot_colors_match_the_page_style_sheet() {
        let css = include_str!("page.css");
        for (name, hue) in [
            ("card", CARD),
            ("ink", INK),
            ("soft", SOFT),
            ("line", LINE),
            ("first", FIRST),
            ("second", SECOND),
        ] {
            assert!(css.contains(&format!("--{name}: {hue};")), "{name}");
        }
    }
}
