//! Lists of images on the page of a run: the images of each cell of the confusion matrix, images whose label may be wrong,
//! other mistakes, and uncertain predictions. The last three have no image in common, and show as many images of each
//! class as possible. An image in several lists is read once.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Predictions for the validation images, and then those of the cross-validation, if there is one.
    predictions: Cow<'a, Predictions>,
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
            Self::Mistakes => Some([
                "Most confident mistakes",
                "Misclassified images that are not among the possible label errors, the most confident first.",
            ]),
            Self::LabelErrors => Some([
                "Labels that may be wrong",
                "The model is at least as confident of another class as of that class's own images on average. Check that these images are in the right folder.",
            ]),
            Self::LeastCertain => Some([
                "Least certain predictions",
                "Other predictions whose two most likely classes have similar probabilities.",
            ]),
        }
    }
}

impl<'a> ImageLists<'a> {
    /// Selects the images of all lists and reads them. Label errors are also listed among the images that `folds` has
    /// predictions for. `image` reads the image with the given index in the predictions, and then in those of `folds`.
    /// `heat_map` computes the heat map of the predicted class.
    ///
    /// # Errors
    ///
    /// Returns the errors of `image` and `heat_map`.
    pub(crate) fn read<E>(
        classes: &'a [String],
        predictions: &'a Predictions,
        folds: Option<&Predictions>,
        image: impl Fn(usize) -> Result<ReportImage, E>,
        heat_map: impl Fn(usize) -> Result<GrayImage, E>,
    ) -> Result<Self, E> {
        let all = match folds {
            Some(folds) => Cow::Owned(predictions.clone().followed_by(folds)),
            None => Cow::Borrowed(predictions),
        };
        let lists = lists_of(predictions, &all);
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
        Ok(Self { classes, predictions: all, lists, shown })
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
                            p { (what) @if *count > images.len() { " " (images.len()) " of " (count) ", as evenly by class as possible." } }
                            p { "Select an image for the heat map of its predicted class (Grad-CAM)." }
                            label.toggle { input type="checkbox"; "Show all heat maps" }
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
                    @let image = html! {
                        img src=(thumbnail(image, side)) alt=(format!("{name}, of class {}", self.classes[label])) title=(name) loading="lazy";
                    };
                    @if let Some(map) = heat_map && side == SIDES[0] {
                        label.image {
                            input type="checkbox" aria-label=(format!("Heat map of {name}"));
                            (image)
                            img.glow src=(glow(map)) alt="";
                        }
                    } @else { div.image { (image) } }
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
fn lists_of(predictions: &Predictions, all: &Predictions) -> Vec<List> {
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
    let label_errors = if all.can_find_label_errors() { all.label_errors() } else { vec![] };
    let mut listed = BTreeSet::new();
    for (kind, mut images) in [
        (Kind::LabelErrors, label_errors),
        (Kind::Mistakes, predictions.mistakes()),
        (Kind::LeastCertain, predictions.least_certain()),
    ] {
        images.retain(|image| !listed.contains(image));
        let count = images.len();
        let images = of_all_classes(images, all);
        listed.extend(images.iter().copied());
        lists.push(List { kind, images, count });
    }
    lists
}

/// Returns at most [`LISTED`] of these ranked images, in their order: the first of each class, then the second of each
/// class, and so on.
fn of_all_classes(images: Vec<usize>, predictions: &Predictions) -> Vec<usize> {
    let mut seen = vec![0; predictions.classes()];
    let mut ranked: Vec<(usize, usize)> = vec![];
    for (rank, &image) in images.iter().enumerate() {
        let of_class = &mut seen[predictions.label(image)];
        ranked.push((*of_class, rank));
        *of_class += 1;
    }
    ranked.sort_unstable();
    ranked.truncate(LISTED);
    let mut ranks: Vec<usize> = ranked.into_iter().map(|(_, rank)| rank).collect();
    ranks.sort_unstable();
    ranks.into_iter().map(|rank| images[rank]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 40 images of class 0 are misclassified with more confidence than the three of class 1.
    #[test]
    fn lists_have_images_of_all_classes_and_none_in_common() {
        let labels: Vec<usize> = (0..160).map(|at| usize::from(at >= 140)).collect();
        let logits: Vec<Vec<f32>> = (0..160)
            .map(|at| match at {
                0..40 => vec![0.0, 500.0 - at as f32],
                40..60 => vec![0.01 * at as f32, 0.0],
                60..140 => vec![400.0, 0.0],
                140..143 => vec![0.1 * at as f32, 0.0],
                _ => vec![0.0, 300.0],
            })
            .collect();
        let predicted = logits.iter().map(|row| usize::from(row[1] > row[0])).collect();
        let predictions = Predictions::new(2, labels, logits, predicted);
        let lists = lists_of(&predictions, &predictions);
        let own: Vec<&List> = lists.iter().filter(|list| list.kind.title().is_some()).collect();
        let all: Vec<usize> = own.iter().flat_map(|list| list.images.iter().copied()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        let mistakes = own.iter().find(|list| matches!(list.kind, Kind::Mistakes));
        let List { images, count, .. } = mistakes.expect("a list");
        assert_eq!((images.len(), *count), (LISTED, 43));
        assert!([140, 141, 142].iter().all(|image| images.contains(image)), "{images:?}");
        assert_eq!(images[0], 0);
    }
}
