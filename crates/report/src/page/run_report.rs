//! `report.html`, the report of a run: one file that needs neither network nor scripts.

use image::{GrayImage, RgbImage};
use maud::{Markup, html};

use super::chart::number;
use super::confusion::MANY;
use super::document::document;
use super::image_lists::{ImageLists, ReportImage, SIDES};
use super::thumbnail::thumbnail;
use crate::{BINS, ClassScores, Estimate, FoldMetric, Predictions, ThresholdRule};

/// Number of classes in the table of scores if the run has too many classes for a confusion table.
const SCORED: usize = 30;

/// Precision for which the page states a threshold.
const PRECISION: f64 = 0.95;

/// Number of images from which on the page trusts a fitted temperature.
const TRUSTED: usize = 100;

/// File name of the table of all scores.
pub(crate) const SCORES: &str = "scores.csv";

/// Content of the page of a run, or of an evaluation without a run.
#[derive(Clone, Copy, Debug)]
pub struct RunReport<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// Class names.
    pub classes: &'a [String],
    /// Results of all epochs; empty for an evaluation without a run.
    pub history: &'a [Epoch],
    /// Configured number of epochs.
    pub epochs: usize,
    /// Number of the epoch that the model is from.
    pub best: usize,
    /// Reason why that epoch is the best, such as `lowest val_loss`.
    pub monitor: &'a str,
    /// Predictions for the validation images.
    pub predictions: &'a Predictions,
    /// Results of a cross-validation on the training images, if there is one.
    pub folds: Option<&'a FoldResults>,
    /// Predictions for the test images, if there are any. The page has only their metrics.
    pub test: Option<&'a Predictions>,
    /// Sentences about the data that readers of the metrics need to know, such as the number of duplicates.
    pub notes: &'a [String],
    /// Training images before and after augmentation.
    pub augmented: &'a [[RgbImage; 2]],
    /// Names and values, such as versions, digests and times.
    pub facts: &'a [(String, String)],
    /// Command that repeats the training or the evaluation.
    pub command: &'a str,
    /// All settings, as in `config.toml`; empty for an evaluation without a run.
    pub settings: &'a str,
}

/// Results of a cross-validation on the training images.
#[derive(Clone, Debug)]
pub struct FoldResults {
    /// Number of folds.
    pub count: usize,
    /// Number of training images.
    pub images: usize,
    /// Metrics over the folds.
    pub metrics: Vec<FoldMetric>,
    /// Predictions for each training image, from a model that was not trained on it; `None` if they are the predictions
    /// that the page is about, in a run without validation images.
    pub predictions: Option<Predictions>,
}

/// Results of one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean loss and accuracy on the training images.
    pub training: [f64; 2],
    /// Mean loss and accuracy on the validation images.
    pub validation: [f64; 2],
}

impl RunReport<'_> {
    /// Returns the HTML text of the page. `image` reads the validation image with the given index in the
    /// predictions. With a cross-validation, the training images have the indices after them. `heat_map` computes the heat map of the predicted class, with values from 0 to 255 over the whole
    /// image, at the resolution of the model.
    ///
    /// # Errors
    ///
    /// Returns the errors of `image` and `heat_map`.
    ///
    /// # Panics
    ///
    /// Panics if `predictions` is empty, or if its number of classes differs from `classes`.
    ///
    /// # Examples
    ///
    /// ```
    /// use image::{GrayImage, RgbImage};
    /// use report::{Epoch, Predictions, ReportImage, RunReport};
    /// use std::convert::Infallible;
    ///
    /// let classes = ["cat".to_owned(), "dog".to_owned()];
    /// let logits = vec![vec![0.0, -2.2], vec![0.0, 1.4], vec![0.0, -0.4]];
    /// let predictions = Predictions::new(2, vec![0, 1, 1], logits, vec![0, 1, 0]);
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
    /// let image = |at| ReportImage { name: format!("{at}.jpg"), image: RgbImage::new(8, 8) };
    /// let page = report.write(|at| Ok::<_, Infallible>(image(at)), |_| Ok(GrayImage::new(2, 2)))?;
    /// assert!(page.contains("2 of 3 validation images classified correctly"));
    /// # Ok::<(), Infallible>(())
    /// ```
    #[doc(alias = "html report")]
    pub fn write<E>(
        &self,
        image: impl Fn(usize) -> Result<ReportImage, E>,
        heat_map: impl Fn(usize) -> Result<GrayImage, E>,
    ) -> Result<String, E> {
        assert!(!self.predictions.is_empty());
        assert_eq!(self.classes.len(), self.predictions.classes());
        let folds = self.folds.and_then(|folds| folds.predictions.as_ref());
        let lists = ImageLists::read(self.classes, self.predictions, folds, image, heat_map)?;
        Ok(self.markup(&lists).into_string())
    }

    fn markup(&self, lists: &ImageLists<'_>) -> Markup {
        let main = html! {
            @if !self.history.is_empty() { (self.curves()) }
            @if !self.notes.is_empty() {
                section {
                    h2 { "Notes" }
                    @for note in self.notes { p { (note) } }
                }
            }
            (self.test())
            (self.metrics())
            (self.cross_validation())
            (self.confusion(lists))
            (self.scores())
            (lists.sections())
            (self.calibration())
            (self.augmentation())
            (self.repeat())
        };
        document(self.name, &self.result(), html! {}, main)
    }

    /// Returns true if the run has too many classes for a confusion table.
    fn is_of_many(&self) -> bool {
        self.classes.len() > MANY
    }

    /// Returns true if the predictions are for the validation images of a run.
    fn is_of_validation(&self) -> bool {
        let trains_on_all = self.folds.is_some_and(|folds| folds.predictions.is_none());
        let is_of_run = !self.settings.is_empty() || !self.history.is_empty();
        is_of_run && !trains_on_all
    }

    fn result(&self) -> String {
        let (predictions, images) = match self.test {
            Some(test) => (test, "test images"),
            None if self.is_of_validation() => (self.predictions, "validation images"),
            None => (self.predictions, "images"),
        };
        let right = (0..predictions.len()).filter(|&at| predictions.is_correct(at)).count();
        format!(
            "{right} of {} {images} classified correctly, {:.1}\u{a0}%",
            predictions.len(),
            100.0 * predictions.accuracy()
        )
    }

    fn curves(&self) -> Markup {
        html! {
            section {
                h2 { "Training curves" }
                p { "The model is from epoch " (self.best) " of " (self.history.len())
                    ", which has the " (self.monitor) "."
                    @if self.history.len() < self.epochs { " " (self.epochs) " epochs were configured." } }
                div.charts { (self.loss().draw()) (self.accuracy().draw()) }
            }
        }
    }

    /// Returns the metrics of the test images.
    fn test(&self) -> Markup {
        html! {
            @if let Some(test) = self.test {
                section {
                    h2 { "Test images" }
                    p { "In this run, the test images were used neither for training nor for the choice of the model. With 95\u{a0}% intervals, which are wider with fewer images." }
                    (table_of_metrics(test, "Metrics of the test images"))
                }
            }
        }
    }

    fn metrics(&self) -> Markup {
        html! {
            section {
                h2 { @if self.test.is_some() { "Validation images" } @else { "Metrics" } }
                p {
                    "With 95\u{a0}% intervals, which are wider with fewer images."
                    @if self.test.is_some() { " The other sections are about the validation images, too, if they name no others." }
                }
                (table_of_metrics(self.predictions, "Metrics"))
            }
        }
    }

    fn cross_validation(&self) -> Markup {
        let Some(FoldResults { count, images, metrics, predictions }) = self.folds else {
            return html! {};
        };
        html! {
            section {
                h2 { "Cross-validation" }
                p {
                    (images) " training images in " (count) " folds. The images of each fold were predicted by a model that was trained on others, and whose settings were chosen on others. The predicted class is the most likely one. Metrics of small folds are uncertain; the last column is about all images together."
                    @if predictions.is_none() { " All metrics and images of this page are from these predictions; the model itself was trained on all images." }
                }
                div.wide tabindex="0" role="region" aria-label="Cross-validation" { table.scores {
                    thead { tr { @for name in ["metric", "mean", "standard deviation", "all images"] { th scope="col" { (name) } } } }
                    tbody { @for FoldMetric { name, mean, deviation, overall, .. } in metrics { tr {
                        th scope="row" { (name) }
                        td { (format!("{mean:.4}")) }
                        td { (format!("{deviation:.4}")) }
                        td { (format!("{overall:.4}")) }
                    } } }
                } }
            }
        }
    }

    fn confusion(&self, lists: &ImageLists<'_>) -> Markup {
        html! {
            section {
                h2 { "Confusion matrix" }
                @if self.is_of_many() { (self.draw_cells()) (self.list_confusions()) } @else { (self.table_of_confusion()) }
                (lists.of_cells())
            }
        }
    }

    fn table_of_confusion(&self) -> Markup {
        let counts = self.predictions.confusion();
        let most = counts.iter().flatten().copied().max().unwrap_or(1).max(1);
        html! {
                p { "Rows are labels, columns are predicted classes. A number links to its images." }
                div.wide tabindex="0" role="region" aria-label="Confusion matrix" { table.confusion {
                    thead { tr { td {} @for class in self.classes { th scope="col" { (class) } } } }
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
        }
    }

    fn scores(&self) -> Markup {
        let all = self.predictions.scores();
        let mut scores: Vec<(usize, ClassScores)> = all.into_iter().enumerate().collect();
        if self.is_of_many() {
            scores.sort_by(|(_, a), (_, b)| a.f1.total_cmp(&b.f1));
            scores.truncate(SCORED);
        }
        let share = |value: f64| format!("{value:.3}");
        let auc = |class| self.predictions.auc(class).map_or("-".into(), share);
        html! {
            section {
                h2 { "Scores by class" }
                @if self.is_of_many() { p { "The " (scores.len()) " of " (self.classes.len()) " classes with the lowest F1." @if !self.settings.is_empty() || !self.history.is_empty() { " " code { (SCORES) } " among the plots lists all classes." } } }
                div.beside {
                    div {
                        div.wide tabindex="0" role="region" aria-label="Scores by class" { table.scores {
                            thead { tr { th scope="col" { "class" } @for name in ["precision", "recall", "F1", "AUC", "images"] { th scope="col" { (name) } } } }
                            tbody { @for (class, found) in scores { tr {
                                th scope="row" { (self.classes[class]) }
                                td { (share(found.precision)) } td { (share(found.recall)) } td { (share(found.f1)) }
                                td { (auc(class)) } td { (found.support) }
                            } } }
                        } }
                        (self.threshold())
                    }
                    @if let Some(chart) = self.receiver_operating_characteristic() { (chart.draw()) }
                }
            }
        }
    }

    /// Returns the threshold for the second of two classes, or nothing for another number of classes.
    fn threshold(&self) -> Markup {
        let [_, second] = self.classes else { return html! {} };
        let precision = format!("{}\u{a0}%", number(100.0 * PRECISION));
        html! {
            @match self.predictions.choose_threshold(1, ThresholdRule::Precision(PRECISION)) {
                Some(found) => p.below {
                    "A probability threshold of " (found.probability) " for " (second)
                    " gives a precision of at least " (precision) " and a recall of "
                    (number(100.0 * found.recall)) "\u{a0}%."
                },
                None => p.below { "No probability threshold for " (second) " gives a precision of at least " (precision) "." },
            }
        }
    }

    fn calibration(&self) -> Markup {
        let found = self.predictions;
        let error = |predictions: &Predictions| number(predictions.calibration_error());
        let uncalibrated = found.clone().with_temperature(1.0);
        html! {
            section {
                h2 { "Calibration" }
                div.beside {
                    div {
                        p { "Expected calibration error " (error(found)) " over " (BINS) " bins of confidence." }
                        @if found.len() < TRUSTED {
                            p { "With fewer than " (TRUSTED) " images, a calibration is uncertain." }
                        }
                        @if found.temperature() == 1.0 {
                            p { (self.missing_calibration()) }
                        } @else {
                            p { "The model divides its logits by the temperature " (number(found.temperature()))
                                ", which was fitted on the validation images of its run. Without it, the error is " (error(&uncalibrated)) "." }
                        }
                    }
                    (self.reliability().draw())
                }
            }
        }
    }

    /// Returns what a temperature would do for a model without one.
    fn missing_calibration(&self) -> String {
        let verdict = match self.predictions.fit_temperature() {
            None => return "The model is not calibrated, and no temperature would help.".into(),
            Some(warm) if warm > 1.1 => (warm, "the model is overconfident"),
            Some(cold) if cold < 0.9 => (cold, "the model is underconfident"),
            Some(other) => (other, "the model is well calibrated"),
        };
        format!("The best temperature for these images is {}: {}.", number(verdict.0), verdict.1)
    }

    fn augmentation(&self) -> Markup {
        html! {
            @if !self.augmented.is_empty() {
                section {
                    h2 { "Augmentation" }
                    p { "Images of the first training batch, before and after augmentation." }
                    ul.pairs { @for [before, after] in self.augmented {
                        li { img src=(thumbnail(before, SIDES[0])) alt="before"; img src=(thumbnail(after, SIDES[0])) alt="after"; }
                    } }
                }
            }
        }
    }

    fn repeat(&self) -> Markup {
        html! {
            section {
                h2 { "Reproducing the results" }
                pre tabindex="0" { code { (self.command) } }
                div.wide tabindex="0" role="region" aria-label="Facts about the run" { table.facts { tbody { @for (name, value) in self.facts { tr { th scope="row" { (name) } td { (value) } } } } } }
                @if !self.settings.is_empty() {
                    details { summary { "All settings (config.toml)" } pre tabindex="0" { code { (self.settings) } } }
                }
            }
        }
    }
}

fn table_of_metrics(predictions: &Predictions, label: &str) -> Markup {
    let text = |value: f64| format!("{value:.4}");
    html! {
        div.wide tabindex="0" role="region" aria-label=(label) { table.scores {
            thead { tr { @for name in ["metric", "value", "from", "to"] { th scope="col" { (name) } } } }
            tbody { @for (name, estimate) in predictions.evaluation().named() { tr {
                th scope="row" { (name) }
                @match estimate {
                    Some(Estimate { value, low, high }) => { td { (text(value)) } td { (text(low)) } td { (text(high)) } },
                    None => { td { "-" } td { "-" } td { "-" } },
                }
            } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a page for a model that confuses the first two of three classes. The name of the third contains markup.
    fn page_of(count: usize) -> String {
        let classes = ["cats", "dogs", "<b>&"].map(String::from);
        let labels: Vec<usize> = (0..count).map(|at| at % 3).collect();
        let logits: Vec<Vec<f32>> = (0..count)
            .map(|at| match at % 6 {
                0 | 4 => vec![0.0, 2.1, 0.0],
                1 | 3 => vec![1.9, 0.7, 0.0],
                _ => vec![0.0, 0.0, 1.1],
            })
            .collect();
        let predicted = (0..count).map(|at| [1, 0, 2, 0, 1, 2][at % 6]).collect();
        let predictions = Predictions::new(3, labels, logits, predicted);
        let epoch = |epoch| Epoch { epoch, training: [1.0, 0.5], validation: [0.9, 0.6] };
        let page = RunReport {
            name: "run <1>",
            classes: &classes,
            history: &[epoch(1), epoch(2)],
            epochs: 3,
            best: 2,
            monitor: "lowest val_loss",
            predictions: &predictions,
            folds: None,
            test: None,
            notes: &[],
            augmented: &[[RgbImage::new(9, 9), RgbImage::new(9, 9)]],
            facts: &[("weights".into(), "a & b".into())],
            command: "permafrost train",
            settings: "[data]",
        };
        let image = |at: usize| {
            let shade = (at * 37 % 256) as u8;
            let image = RgbImage::from_fn(64, 48, |x, y| {
                image::Rgb([shade, (x * 4) as u8, (y * 5) as u8 ^ shade])
            });
            Ok::<_, ()>(ReportImage { name: format!("cats/{at}.jpg"), image })
        };
        let heat_map = |_| Ok(GrayImage::from_pixel(5, 5, image::Luma([200])));
        page.write(image, heat_map).expect("images")
    }

    #[test]
    fn page_has_no_external_resources_or_scripts() {
        let page = page_of(60);
        for outside in ["http:", "https:", "<script", "@import", "url(", "<link", "javascript"] {
            assert!(!page.contains(outside), "{outside}");
        }
        for address in page.split("src=\"").skip(1) {
            assert!(
                address.starts_with("data:image/jpeg;base64,")
                    || address.starts_with("data:image/png;base64,")
            );
        }
        // If a tag has an attribute twice, browsers use the first.
        for tag in page.split('<').map(|part| part.split('>').next().unwrap_or_default()) {
            assert!(tag.matches(" class=").count() < 2, "{tag}");
        }
        assert!(page.contains("run &lt;1&gt;") && page.contains("&lt;b&gt;&amp;"));
        assert!(!page.contains("<b>") && page.contains("a &amp; b"));
    }

    #[test]
    fn confusion_counts_link_to_their_images() {
        let page = page_of(60);
        let links: Vec<&str> = page
            .split("href=\"#")
            .skip(1)
            .map(|rest| rest.split('"').next().expect("an end"))
            .collect();
        assert_eq!(links.len(), 5);
        for link in links {
            assert_eq!(page.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
        }
        assert!(page.contains("cats classified as dogs: 10"), "{page}");
        assert!(page.contains("loss by epoch") && page.contains("best: 2"));
        assert!(page.contains("epoch 2 of 2,") && page.contains("3 epochs were configured."));
    }

    #[test]
    fn page_of_1000_images_is_below_5_mb() {
        assert!(page_of(1000).len() < 5_000_000);
    }

    #[test]
    fn unreadable_or_unexplainable_image_is_an_error() {
        let classes = ["a", "b"].map(String::from);
        let predictions = Predictions::new(2, vec![0], vec![vec![0.0, 0.4]], vec![1]);
        let page = RunReport {
            name: "run",
            classes: &classes,
            history: &[],
            epochs: 1,
            best: 1,
            monitor: "lowest val_loss",
            predictions: &predictions,
            folds: None,
            test: None,
            notes: &[],
            augmented: &[],
            facts: &[],
            command: "",
            settings: "",
        };
        assert_eq!(page.write(Err::<ReportImage, _>, |_| Ok(GrayImage::new(1, 1))), Err(0));
        let image = |at| Ok(ReportImage { name: format!("{at}"), image: RgbImage::new(1, 1) });
        assert_eq!(page.write(image, |at| Err(at + 7)), Err(7));
    }
}
