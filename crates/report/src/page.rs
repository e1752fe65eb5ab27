//! `report.html`: one file that needs no network and no script.

use std::fmt::Write as _;

use image::RgbImage;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::{Chart, Line, number, range_of};
use crate::thumbnail::thumbnail;
use crate::{BINS, Predictions};

/// How many pictures a list shows.
const LISTED: usize = 24;

/// How many pictures all cells of the confusion matrix show together.
const IN_CELLS: usize = 240;

/// The side of a picture on the page, in pixels, and that of one in a cell's list.
const SIDES: [u32; 2] = [128, 80];

/// The precision for which a threshold is named.
const PRECISION: f64 = 0.95;

/// What is on the page of a run.
pub struct Page<'a> {
    /// The run's name.
    pub name: &'a str,
    /// The classes' names.
    pub classes: &'a [String],
    /// How every epoch went.
    pub history: &'a [Epoch],
    /// The epoch that the model is of.
    pub best: usize,
    /// What the model says of the validation photographs.
    pub predictions: &'a Predictions,
    /// The validation photographs, by their place among the predictions.
    pub photographs: &'a [Photograph],
    /// Training photographs before and after augmentation.
    pub augmented: &'a [[RgbImage; 2]],
    /// Names and values: versions, digests, times.
    pub facts: &'a [(String, String)],
    /// What to type to train it again.
    pub command: &'a str,
    /// Every setting.
    pub settings: &'a str,
}

/// An epoch of a run's history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// The mean loss and the accuracy in training.
    pub training: [f64; 2],
    /// The same on the validation photographs.
    pub validation: [f64; 2],
}

/// A photograph of the page.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// Its file, as people know it.
    pub name: String,
    /// Its pixels.
    pub picture: RgbImage,
}

impl Page<'_> {
    /// The page's text.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many photographs as predictions, or none, or not as many classes.
    pub fn write(&self) -> String {
        let Self { name, classes, predictions, photographs, .. } = self;
        assert!(photographs.len() == predictions.len() && !photographs.is_empty());
        assert_eq!(classes.len(), predictions.classes());
        let result = self.result();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (name) ": " (result) }
                    style { (PreEscaped(include_str!("page.css"))) }
                }
                body {
                    header { h1 { (name) } p.result { (result) } }
                    main {
                        (self.curves())
                        (self.confusion())
                        (self.scores())
                        (self.worth_a_look())
                        (self.calibration())
                        (self.augmentation())
                        (self.repeat())
                    }
                }
            }
        }
        .into_string()
    }

    fn result(&self) -> String {
        let right = (0..self.predictions.len()).filter(|&at| self.predictions.is_right(at)).count();
        format!(
            "{right} of {} validation photographs told right, {:.1} %",
            self.predictions.len(),
            100.0 * self.predictions.accuracy()
        )
    }

    fn curves(&self) -> Markup {
        let chart = |at: usize, what: &'static str| {
            let of = |values: fn(&Epoch) -> [f64; 2]| -> Vec<[f64; 2]> {
                self.history.iter().map(|epoch| [epoch.epoch as f64, values(epoch)[at]]).collect()
            };
            let (training, validation) = (of(|epoch| epoch.training), of(|epoch| epoch.validation));
            let values = training.iter().chain(&validation).map(|point| point[1]);
            let last = self.history.last().map_or(1, |epoch| epoch.epoch).max(2);
            Chart {
                label: &format!("{what} by epoch, in training and on validation photographs"),
                axes: ["epoch", what],
                ranges: [[1.0, last as f64], range_of(values)],
                whole_steps: true,
                lines: vec![
                    Line { name: "training", style: "first", points: training },
                    Line { name: "validation", style: "second", points: validation },
                ],
                mark: Some((self.best as f64, &format!("best: {}", self.best))),
            }
            .draw()
        };
        html! {
            section {
                h2 { "Did it learn?" }
                p { "The model is that of epoch " (self.best) " of " (self.history.len())
                    ", which has the lowest loss on the validation photographs." }
                div.charts { (chart(0, "loss")) (chart(1, "accuracy")) }
            }
        }
    }

    fn confusion(&self) -> Markup {
        let counts = self.predictions.confusion();
        let most = counts.iter().flatten().copied().max().unwrap_or(1).max(1);
        let cells =
            || (0..counts.len()).flat_map(|label| (0..counts.len()).map(move |to| (label, to)));
        let filled = cells().filter(|&(label, to)| counts[label][to] > 0).count().max(1);
        let each = (IN_CELLS / filled).clamp(1, LISTED);
        html! {
            section {
                h2 { "Where is it wrong?" }
                p { "A row is what photographs are, a column what they are taken for. A number leads to its photographs." }
                div.wide { table.confusion {
                    thead { tr { th {} @for class in self.classes { th scope="col" { (class) } } } }
                    tbody { @for (label, row) in counts.iter().enumerate() { tr {
                        th scope="row" { (self.classes[label]) }
                        @for (to, &count) in row.iter().enumerate() {
                            td class=(if label == to { "right" } else { "wrong" })
                                style=(format!("--share:{:.2}", count as f64 / most as f64)) {
                                @if count > 0 { a href=(format!("#cell-{label}-{to}")) { (count) } } @else { "0" }
                            }
                        }
                    } } }
                } }
                @for (label, to) in cells() {
                    @if counts[label][to] > 0 {
                        @let pictures = self.predictions.cell(label, to);
                        div.cell id=(format!("cell-{label}-{to}")) tabindex="-1" {
                            h3 { (self.classes[label]) " taken for " (self.classes[to]) ": " (pictures.len()) }
                            (self.pictures(&pictures[..pictures.len().min(each)], SIDES[1]))
                            @if pictures.len() > each { p.more { "and " (pictures.len() - each) " more" } }
                        }
                    }
                }
            }
        }
    }

    fn scores(&self) -> Markup {
        let scores = self.predictions.scores();
        let share = |value: f64| format!("{value:.3}");
        let auc = |class| self.predictions.auc(class).map_or("-".into(), share);
        let curve = (self.classes.len() == 2).then(|| self.predictions.roc(1));
        let threshold =
            (self.classes.len() == 2).then(|| self.predictions.threshold_for(1, PRECISION));
        html! {
            section {
                h2 { "How well are classes told apart?" }
                div.wide { table.scores {
                    thead { tr { th scope="col" { "class" } @for name in ["precision", "recall", "F1", "AUC", "photographs"] { th scope="col" { (name) } } } }
                    tbody { @for (class, found) in scores.iter().enumerate() { tr {
                        th scope="row" { (self.classes[class]) }
                        td { (share(found.precision)) } td { (share(found.recall)) } td { (share(found.f1)) }
                        td { (auc(class)) } td { (found.support) }
                    } } }
                } }
                @if let Some(points) = curve && !points.is_empty() {
                    div.charts { (Chart {
                        label: &format!("Receiver operating characteristic of {}", self.classes[1]),
                        axes: ["false positives", "true positives"],
                        ranges: [[0.0, 1.0]; 2],
                        whole_steps: false,
                        lines: vec![
                            Line { name: &self.classes[1], style: "first", points: points.iter().map(|point| [point.false_positives, point.true_positives]).collect() },
                            Line { name: "by chance", style: "level", points: vec![[0.0, 0.0], [1.0, 1.0]] },
                        ],
                        mark: None,
                    }.draw()) }
                }
                @match threshold {
                    Some(Some(found)) => p {
                        "To be right in " (number(100.0 * PRECISION)) " % of the photographs taken for " (self.classes[1])
                        ", take those with a probability of " (number(found.probability)) " or more: that finds "
                        (number(100.0 * found.recall)) " % of them."
                    },
                    Some(None) => p { "No threshold makes it right in " (number(100.0 * PRECISION)) " % of the photographs taken for " (self.classes[1]) "." },
                    None => {}
                }
            }
        }
    }

    fn worth_a_look(&self) -> Markup {
        let first = |pictures: Vec<usize>| pictures.into_iter().take(LISTED).collect::<Vec<_>>();
        let lists = [
            (
                "The surest mistakes",
                "Told wrong, those that the model is surest of first.",
                first(self.predictions.mistakes()),
            ),
            (
                "Labels that may be wrong",
                "Taken for another class as surely as that class's own photographs are in the mean: look whether they lie in the right folder.",
                first(self.predictions.label_errors()),
            ),
            (
                "The least certain",
                "The two likeliest classes are almost level.",
                first(self.predictions.least_certain()),
            ),
        ];
        html! {
            @for (title, what, pictures) in lists {
                section {
                    h2 { (title) }
                    @if pictures.is_empty() { p { "None." } } @else { p { (what) } (self.pictures(&pictures, SIDES[0])) }
                }
            }
        }
    }

    fn pictures(&self, pictures: &[usize], side: u32) -> Markup {
        html! {
            ul.pictures { @for &at in pictures {
                @let (label, decided) = (self.predictions.label(at), self.predictions.decided(at));
                @let Photograph { name, picture } = &self.photographs[at];
                li style=(format!("width:{side}px")) {
                    img src=(thumbnail(picture, side)) alt=(format!("{name}, of class {}", self.classes[label])) title=(name) loading="lazy";
                    span class=(if label == decided { "said" } else { "said wrong" }) {
                        (self.classes[decided]) " " (format!("{:.0} %", 100.0 * self.predictions.confidence(at)))
                    }
                    span.name { (name) }
                }
            } }
        }
    }

    fn calibration(&self) -> Markup {
        let bins = self.predictions.reliability();
        let points = bins.iter().filter(|bin| bin.count > 0);
        let points: Vec<_> = points.map(|bin| [bin.confidence, bin.accuracy]).collect();
        let temperature = self.predictions.temperature();
        let verdict = match temperature {
            warm if warm > 1.1 => "it is too sure of itself",
            cold if cold < 0.9 => "it is less sure than it could be",
            _ => "it is about as sure as it should be",
        };
        html! {
            section {
                h2 { "Is it as often right as it says?" }
                p { "Expected calibration error " (number(self.predictions.calibration_error())) " over " (BINS)
                    " bins of confidence; temperature " (number(temperature)) ": " (verdict) "." }
                div.charts { (Chart {
                    label: "Accuracy by confidence",
                    axes: ["confidence", "accuracy"],
                    ranges: [[0.0, 1.0]; 2],
                    whole_steps: false,
                    lines: vec![
                        Line { name: "this model", style: "first", points },
                        Line { name: "as often right as it says", style: "level", points: vec![[0.0, 0.0], [1.0, 1.0]] },
                    ],
                    mark: None,
                }.draw()) }
            }
        }
    }

    fn augmentation(&self) -> Markup {
        html! {
            @if !self.augmented.is_empty() {
                section {
                    h2 { "What augmentation does" }
                    p { "Photographs of the first training batch, before and after." }
                    ul.pairs { @for [before, after] in self.augmented {
                        li { img src=(thumbnail(before, SIDES[0])) alt="before"; img src=(thumbnail(after, SIDES[0])) alt="after"; }
                    } }
                }
            }
        }
    }

    fn repeat(&self) -> Markup {
        let mut settings = String::new();
        for line in self.settings.lines() {
            let _ = writeln!(settings, "{line}");
        }
        html! {
            section {
                h2 { "To train it again" }
                pre { code { (self.command) } }
                div.wide { table.facts { tbody { @for (name, value) in self.facts { tr { th scope="row" { (name) } td { (value) } } } } } }
                details { summary { "Every setting (config.toml)" } pre { code { (settings) } } }
            }
        }
    }
}
