//! Lists of images on the page of a run: the images of each cell of the confusion matrix, mistakes, images whose label
//! may be wrong, and uncertain predictions. An image in several lists is read once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use image::{GrayImage, RgbImage};
use maud::{Markup, html};

use super::confusion::{Confusion, MANY};
use super::heat::glow;
use super::thumbnail::thumbnail;
use crate::Predictions;

/// Maximum number of images shown in a list.
const LISTED: usize = 24;

/// Target number of images in all cells of the confusion matrix together. Each list of a cell shows at least one.
const IN_CELLS: usize = 240;

/// Side of an image on the page and of an image in the list of a cell, in pixels.
pub(crate) const SIDES: [u32; 2] = [128, 80];

/// An image on the page.
#[derive(Clone, Debug)]
pub struct ReportImage {
    /// Path of the file, relative to the folder of images.
    pub name: String,
    /// Decoded pixels.
    pub image: RgbImage,
}

/// Lists of images, with the images that they show.
pub(crate) struct ImageLists<'a> {
    classes: &'a [String],
    predictions: &'a Predictions,
    lists: Vec<List>,
    /// Shown images, by their index in the predictions.
    shown: BTreeMap<usize, OnPage>,
}

/// An image, and a heat map of the predicted class if a list with heat maps shows the image.
struct OnPage {
    image: ReportImage,
    heat_map: Option<GrayImage>,
}

/// A list of images.
struct List {
    kind: Kind,
    /// Indices of the images that are shown.
    images: Vec<usize>,
    /// Number of images, shown or not.
    count: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Cell (label, predicted class) of the confusion matrix.
    Cell(usize, usize),
    Mistakes,
    LabelErrors,
    LeastCertain,
}

impl Kind {
    /// Returns the title and the description of a list that has its own section.
    fn title(self) -> Option<[&'static str; 2]> {
        match self {
            Self::Cell(..) => None,
            Self::Mistakes => {
                Some(["Most confident mistakes", "Misclassified images, the most confident first."])
            }
            Self::LabelErrors => Some([
                "Labels that may be wrong",
                "Classified as another class at least as confidently as that class's own images on average. Check that they are in the right folder.",
            ]),
            Self::LeastCertain => Some([
                "Least certain predictions",
                "The two most likely classes have similar probabilities.",
            ]),
        }
    }
}

impl<'a> ImageLists<'a> {
    /// Selects the images of all lists and reads them. `image` reads the image with the given index in the predictions.
    /// `heat_map` computes the heat map of the predicted class.
    ///
    /// # Errors
    ///
    /// Returns the errors of `image` and `heat_map`.
    pub(crate) fn read<E>(
        classes: &'a [String],
        predictions: &'a Predictions,
        image: impl Fn(usize) -> Result<ReportImage, E>,
        heat_map: impl Fn(usize) -> Result<GrayImage, E>,
    ) -> Result<Self, E> {
        let lists = lists_of(predictions);
        let mut shown = BTreeMap::<usize, OnPage>::new();
        for List { kind, images, .. } in &lists {
            for &at in images {
                let on_page = match shown.entry(at) {
                    Entry::Occupied(there) => there.into_mut(),
                    Entry::Vacant(free) => {
                        free.insert(OnPage { image: image(at)?, heat_map: None })
                    }
                };
                if kind.title().is_some() && on_page.heat_map.is_none() {
                    on_page.heat_map = Some(heat_map(at)?);
                }
            }
        }
        Ok(Self { classes, predictions, lists, shown })
    }

    /// Returns the lists of the cells of the confusion matrix. Links to `#cell-LABEL-DECIDED` lead to them.
    pub(crate) fn of_cells(&self) -> Markup {
        html! {
            @for List { kind, images, count } in &self.lists {
                @if let Kind::Cell(label, to) = kind {
                    div.cell id=(format!("cell-{label}-{to}")) tabindex="-1" {
                        h3 { (self.classes[*label]) " classified as " (self.classes[*to]) ": " (count) }
                        (self.images(images, SIDES[1]))
                        @if *count > images.len() { p.more { "and " (count - images.len()) " more" } }
                    }
                }
            }
        }
    }

    /// Returns the lists that have their own section.
    pub(crate) fn sections(&self) -> Markup {
        html! {
            @for List { kind, images, count } in &self.lists {
                @if let Some([title, what]) = kind.title() {
                    section {
                        h2 { (title) }
                        @if images.is_empty() {
                            p { @if matches!(kind, Kind::LabelErrors) && !self.predictions.can_find_label_errors() {
                                "The accuracy of the model is too low to find label errors."
                            } @else { "None." } }
                        } @else {
                            p { (what) @if *count > images.len() { " The first " (images.len()) " of " (count) "." } }
                            label.toggle { input type="checkbox" checked; "Show heat maps of the predicted class (Grad-CAM)" }
                            (self.images(images, SIDES[0]))
                        }
                    }
                }
            }
        }
    }

    fn images(&self, images: &[usize], side: u32) -> Markup {
        html! {
            ul.images { @for &at in images {
                @let (label, predicted) = (self.predictions.label(at), self.predictions.predicted(at));
                @let OnPage { image: ReportImage { name, image }, heat_map } = &self.shown[&at];
                li style=(format!("width:{side}px")) {
                    div.image {
                        img src=(thumbnail(image, side)) alt=(format!("{name}, of class {}", self.classes[label])) title=(name) loading="lazy";
                        @if let Some(map) = heat_map && side == SIDES[0] { img.glow src=(glow(map)) alt=""; }
                    }
                    span class=(if label == predicted { "said" } else { "said wrong" }) {
                        (self.classes[predicted]) " " (percent(self.predictions.confidence(at)))
                    }
                    span.name { (name.rsplit(['/', '\\']).next().unwrap_or(name)) }
                }
            } }
        }
    }
}

/// Returns a confidence in percent. One that would be rounded to 100 is given as a bound.
fn percent(confidence: f64) -> String {
    match confidence {
        high if high > 0.99 && high < 1.0 => ">99\u{a0}%".to_owned(),
        other => format!("{:.0}\u{a0}%", 100.0 * other),
    }
}

/// Selects the images of all lists.
fn lists_of(predictions: &Predictions) -> Vec<List> {
    let first = |kind, images: Vec<usize>, most: usize| {
        let count = images.len();
        List { kind, images: images.into_iter().take(most).collect(), count }
    };
    let cells: Vec<(usize, usize)> = if predictions.classes() > MANY {
        let largest = predictions.largest_confusions().into_iter();
        largest.map(|Confusion { label, predicted, .. }| (label, predicted)).collect()
    } else {
        predictions.pairs().into_keys().collect()
    };
    let each = (IN_CELLS / cells.len().max(1)).clamp(1, LISTED);
    let mut lists: Vec<List> = cells
        .into_iter()
        .map(|(label, to)| first(Kind::Cell(label, to), predictions.cell(label, to), each))
        .collect();
    for (kind, images) in [
        (Kind::Mistakes, predictions.mistakes()),
        (
            Kind::LabelErrors,
            if predictions.can_find_label_errors() { predictions.label_errors() } else { vec![] },
        ),
        (Kind::LeastCertain, predictions.least_certain()),
    ] {
        lists.push(first(kind, images, LISTED));
    }
    lists
}
