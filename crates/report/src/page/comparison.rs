//! Comparison of several runs: a table, and one page that needs neither network nor scripts.

use maud::{Markup, PreEscaped, html};

use super::chart::{Chart, Line, WIDE, range_of};
use super::document::document;
use crate::Epoch;

/// Line styles: eight colors, then the same colors dashed and dotted. With more runs the styles repeat.
#[rustfmt::skip]
const LOOKS: [&str; 24] = [
    "c0 solid", "c1 solid", "c2 solid", "c3 solid", "c4 solid", "c5 solid", "c6 solid", "c7 solid",
    "c0 dashed", "c1 dashed", "c2 dashed", "c3 dashed", "c4 dashed", "c5 dashed", "c6 dashed", "c7 dashed",
    "c0 dotted", "c1 dotted", "c2 dotted", "c3 dotted", "c4 dotted", "c5 dotted", "c6 dotted", "c7 dotted",
];

/// Maximum number of lines for which a chart has a legend. With more lines, the table serves as the legend.
const KEYS: usize = 4;

/// Text of an empty table cell.
const NONE: &str = "-";

/// Name of the setting of the seed.
const SEED: &str = "train.seed";

/// Heading of the column of notes.
const NOTES: &str = "notes";

/// Value of the meta tag that identifies a page of this module.
const GENERATOR: &str = "permafrost compare";

/// Comparison of runs.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Names of the settings in which the runs differ.
    pub settings: Vec<String>,
    /// Compared runs, at least one.
    pub runs: Vec<ComparedRun>,
}

/// One of the compared runs.
#[derive(Clone, Debug)]
pub struct ComparedRun {
    /// Name of the run.
    pub name: String,
    /// Results of all complete epochs.
    pub history: Vec<Epoch>,
    /// Number of the epoch of the best model; `None` for the one with the lowest val_loss.
    pub best: Option<usize>,
    /// Configured number of epochs.
    pub epochs: usize,
    /// True if the run has ended.
    pub is_complete: bool,
    /// Duration of the complete epochs, in seconds.
    pub seconds: f64,
    /// Value of each setting of the comparison, if the run has one.
    pub settings: Vec<Option<String>>,
    /// True if the validation results can be compared with those of the first run.
    pub is_comparable: bool,
    /// Further notes, or an empty string.
    pub notes: String,
}

impl ComparedRun {
    /// Returns the epoch of the best model, or the first one with the lowest validation loss.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{ComparedRun, Epoch};
    ///
    /// let epoch = |epoch, loss| Epoch { epoch, training: [0.3, 0.9], validation: [loss, 0.8] };
    /// let run = ComparedRun {
    ///     name: "run 1".into(),
    ///     history: vec![epoch(1, 0.5), epoch(2, 0.4), epoch(3, 0.6)],
    ///     best: None,
    ///     epochs: 3,
    ///     is_complete: true,
    ///     seconds: 12.0,
    ///     settings: vec![],
    ///     is_comparable: true,
    ///     notes: String::new(),
    /// };
    /// assert_eq!(run.best().map(|epoch| epoch.epoch), Some(2));
    /// ```
    pub fn best(&self) -> Option<&Epoch> {
        let of_model = |number| self.history.iter().find(|epoch| epoch.epoch == number);
        self.best.and_then(of_model).or_else(|| {
            self.history.iter().min_by(|a, b| a.validation[0].total_cmp(&b.validation[0]))
        })
    }
}

/// Mean and spread of the best epochs of runs that differ only in the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedSpread {
    /// Names of the runs, two or more.
    pub runs: Vec<String>,
    /// Mean and standard deviation (of a sample) of the val_loss.
    pub val_loss: [f64; 2],
    /// Mean and standard deviation (of a sample) of the val_accuracy.
    pub val_accuracy: [f64; 2],
}

impl SeedSpread {
    fn of(runs: &[&ComparedRun]) -> Self {
        let spread = |metric: usize| {
            let values: Vec<f64> =
                runs.iter().filter_map(|run| Some(run.best()?.validation[metric])).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            [mean, (squares / (count - 1.0)).sqrt()]
        };
        let runs = runs.iter().map(|run| run.name.clone()).collect();
        Self { runs, val_loss: spread(0), val_accuracy: spread(1) }
    }
}

impl std::fmt::Display for SeedSpread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([loss, of_loss], [accuracy, of_accuracy]) = (self.val_loss, self.val_accuracy);
        write!(
            f,
            "{} runs that differ only in the seed: val_loss {loss:.4} ± {of_loss:.4}, val_accuracy {accuracy:.4} ± {of_accuracy:.4} (mean and standard deviation)",
            self.runs.len()
        )
    }
}

impl Comparison {
    /// Returns the table: a row of headings, then one row for each run.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{ComparedRun, Comparison, Epoch};
    ///
    /// let run = |name: &str, loss, rate: &str| ComparedRun {
    ///     name: name.into(),
    ///     history: vec![Epoch { epoch: 1, training: [0.3, 0.9], validation: [loss, 0.8] }],
    ///     best: None,
    ///     epochs: 1,
    ///     is_complete: true,
    ///     seconds: 12.0,
    ///     settings: vec![Some(rate.into())],
    ///     is_comparable: true,
    ///     notes: String::new(),
    /// };
    /// let runs = vec![run("first", 0.5, "0.001"), run("second", 0.4, "0.01")];
    /// let comparison = Comparison { settings: vec!["learning rate".into()], runs };
    /// let table = comparison.table();
    /// assert_eq!(table[0][..4], ["run", "best epoch", "val_loss", "val_accuracy"]);
    /// assert_eq!(table[0][4..], ["epochs", "epochs' seconds", "learning rate"]);
    /// assert_eq!(table[2], ["second", "1", "0.4000", "0.8000", "1/1", "12.0", "0.01"]);
    /// ```
    pub fn table(&self) -> Vec<Vec<String>> {
        let has_notes = self.runs.iter().any(|run| !run.notes.is_empty());
        let results =
            ["run", "best epoch", "val_loss", "val_accuracy", "epochs", "epochs' seconds"];
        let mut headings: Vec<String> = results.map(String::from).into();
        headings.extend(has_notes.then(|| NOTES.to_owned()));
        headings.extend(self.settings.iter().cloned());
        let row = |run: &ComparedRun| {
            let best = run.best();
            let of_best = |text: &dyn Fn(&Epoch) -> String| best.map_or(NONE.into(), text);
            let mut row = vec![
                run.name.clone(),
                of_best(&|best| best.epoch.to_string()),
                of_best(&|best| format!("{:.4}", best.validation[0])),
                of_best(&|best| format!("{:.4}", best.validation[1])),
                format!("{}/{}", run.history.len(), run.epochs),
                format!("{:.1}", run.seconds),
            ];
            row.extend(has_notes.then(|| run.notes.clone()));
            row.extend(run.settings.iter().map(|text| text.clone().unwrap_or(NONE.into())));
            row
        };
        std::iter::once(headings).chain(self.runs.iter().map(row)).collect()
    }

    /// Returns the mean and the spread of runs that differ only in the seed, for each group of two or more complete runs
    /// with different seeds that can be compared.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{ComparedRun, Comparison, Epoch};
    ///
    /// let run = |seed: &str, loss| ComparedRun {
    ///     name: format!("seed {seed}"),
    ///     history: vec![Epoch { epoch: 1, training: [0.3, 0.9], validation: [loss, 0.8] }],
    ///     best: None,
    ///     epochs: 1,
    ///     is_complete: true,
    ///     seconds: 12.0,
    ///     settings: vec![Some(seed.into())],
    ///     is_comparable: true,
    ///     notes: String::new(),
    /// };
    /// let runs = vec![run("1", 0.25), run("2", 0.75)];
    /// let comparison = Comparison { settings: vec!["train.seed".into()], runs };
    /// let [spread] = &comparison.spreads()[..] else { panic!("one group") };
    /// assert_eq!((spread.runs.len(), spread.val_loss[0]), (2, 0.5));
    /// assert!((spread.val_loss[1] - 0.125f64.sqrt()).abs() < 1e-12);
    /// ```
    pub fn spreads(&self) -> Vec<SeedSpread> {
        let Some(seed) = self.settings.iter().position(|name| name == SEED) else {
            return vec![];
        };
        type Key = (Vec<Option<String>>, usize);
        let mut groups: Vec<(Key, Vec<&ComparedRun>)> = vec![];
        for run in &self.runs {
            if !run.is_comparable || !run.is_complete || run.best().is_none() {
                continue;
            }
            let mut settings = run.settings.clone();
            settings[seed] = None;
            let key = (settings, run.epochs);
            match groups.iter_mut().find(|(of_group, _)| *of_group == key) {
                Some((_, runs))
                    if runs.iter().all(|other| other.settings[seed] != run.settings[seed]) =>
                {
                    runs.push(run);
                }
                Some(_) => {}
                None => groups.push((key, vec![run])),
            }
        }
        groups.retain(|(_, runs)| runs.len() > 1);
        groups.iter().map(|(_, runs)| SeedSpread::of(runs)).collect()
    }

    /// Returns true if a file is a page made by [`Self::page`].
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!report::Comparison::is_page(b"<html>another page</html>"));
    /// ```
    pub fn is_page(bytes: &[u8]) -> bool {
        let mark = generator().into_string();
        bytes.windows(mark.len()).any(|found| found == mark.as_bytes())
    }

    /// Returns the HTML text of the page.
    ///
    /// # Examples
    ///
    /// ```
    /// use report::{ComparedRun, Comparison};
    ///
    /// let run = ComparedRun {
    ///     name: "first".into(),
    ///     history: vec![],
    ///     best: None,
    ///     epochs: 20,
    ///     is_complete: true,
    ///     seconds: 0.0,
    ///     settings: vec![],
    ///     is_comparable: true,
    ///     notes: String::new(),
    /// };
    /// let page = Comparison { settings: vec![], runs: vec![run] }.page();
    /// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("No epoch is complete yet"));
    /// assert!(Comparison::is_page(page.as_bytes()));
    /// ```
    pub fn page(&self) -> String {
        let heading = match self.runs.len() {
            1 => "1 run".to_owned(),
            count => format!("{count} runs compared"),
        };
        let head = html! { (generator()) style { (PreEscaped(self.style())) } };
        let main = html! { (self.results()) (self.curves()) };
        document(&heading, &self.result(), head, main).into_string()
    }

    /// Returns true if the validation results of the runs can be compared with each other.
    fn is_comparable(&self) -> bool {
        self.runs.iter().all(|run| run.is_comparable)
    }

    /// Returns a sentence that names the best run.
    fn result(&self) -> String {
        if !self.is_comparable() {
            return "Validated on different images, so the runs can't be ranked".to_owned();
        }
        let runs = self.runs.iter().filter_map(|run| Some((run, run.best()?)));
        let best = runs.min_by(|(_, a), (_, b)| a.validation[0].total_cmp(&b.validation[0]));
        match best {
            Some((run, best)) => format!(
                "{} has the lowest val_loss: {:.4} after epoch {}",
                run.name, best.validation[0], best.epoch
            ),
            None => "No epoch is complete yet".to_owned(),
        }
    }

    /// Returns the style sheet. Hovering over a run in the table highlights its lines.
    fn style(&self) -> String {
        let mut style = include_str!("comparison.css").to_owned();
        if self.runs.len() > KEYS {
            style += ".chart .key { display: none; }\n";
        }
        for look in LOOKS.iter().take(self.runs.len()) {
            let look = look.replace(' ', ".");
            let others = format!("svg > :is(polyline, circle):not(.{look})");
            style += &format!("main:has(tr.{look}:hover) {others} {{ opacity: 0.15; }}\n");
        }
        style
    }

    fn results(&self) -> Markup {
        let mut rows = self.table();
        let headings = rows.remove(0);
        let lowest =
            |at: usize| self.runs.iter().filter_map(move |run| Some(run.best()?.validation[at]));
        let best = [lowest(0).min_by(f64::total_cmp), lowest(1).max_by(f64::total_cmp)];
        // Columns 2 and 3 are the val_loss and the val_accuracy of the best epoch.
        let is_best = |run: &ComparedRun, column: usize| {
            self.is_comparable()
                && column.checked_sub(2).is_some_and(|at| {
                    best.get(at).is_some_and(|best| {
                        best.is_some() && *best == run.best().map(|epoch| epoch.validation[at])
                    })
                })
        };
        html! {
            section {
                h2 { "Results" }
                p {
                    "Results are from the epoch of the best model"
                    @if self.is_comparable() { "; the best of all runs are marked." } @else { "." }
                    @if !self.settings.is_empty() { " Only settings that differ are shown." }
                }
                @for spread in self.spreads() { p { (spread) "." } }
                div.wide tabindex="0" role="region" aria-label="Runs" { table.runs {
                    thead { tr { @for name in &headings {
                        // A name of a setting may break after its dot.
                        th.notes[name == NOTES] scope="col" { @for part in name.split_inclusive('.') { (part) wbr; } }
                    } } }
                    tbody { @for ((run, row), look) in self.runs.iter().zip(&rows).zip(LOOKS.iter().cycle()) {
                        tr class=(look) { @for (column, text) in row.iter().enumerate() {
                            @if column == 0 { th scope="row" { span.key { i class=(look) {} } (text) } }
                            @else { td.best[is_best(run, column)].notes[headings[column] == NOTES] { (text) } }
                        } }
                    } }
                } }
            }
        }
    }

    fn curves(&self) -> Markup {
        html! {
            section {
                h2 { "Learning curves" }
                div.charts {
                    (self.chart("val_loss", |epoch| epoch.validation[0]))
                    (self.chart("val_accuracy", |epoch| epoch.validation[1]))
                    (self.chart("loss", |epoch| epoch.training[0]))
                    (self.chart("accuracy", |epoch| epoch.training[1]))
                }
            }
        }
    }

    fn chart<'a>(&'a self, what: &'static str, value: fn(&Epoch) -> f64) -> Markup {
        let with_look = self.runs.iter().zip(LOOKS.iter().cycle());
        let line = |(run, style): (&'a ComparedRun, &&'static str)| {
            let points = run.history.iter().map(|epoch| [epoch.epoch as f64, value(epoch)]);
            Line { name: &run.name, style, points: points.collect() }
        };
        let lines = with_look.filter(|(run, _)| !run.history.is_empty()).map(line);
        let lines: Vec<Line<'_>> = lines.collect();
        let points = || lines.iter().flat_map(|line| &line.points);
        let last = points().map(|point| point[0]).fold(2.0, f64::max);
        let values = range_of(points().map(|point| point[1]));
        Chart {
            label: format!("{what} by epoch, for each run"),
            size: WIDE,
            axes: ["epoch", what],
            ranges: [[1.0, last], values],
            whole_steps: true,
            lines,
            mark: None,
        }
        .draw()
    }
}

fn generator() -> Markup {
    html! { meta name="generator" content=(GENERATOR); }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, val_losses: &[f64]) -> ComparedRun {
        let epochs = val_losses.iter().zip(1..);
        ComparedRun {
            name: name.to_owned(),
            history: epochs
                .map(|(&loss, epoch)| Epoch {
                    epoch,
                    training: [2.0 * loss, 0.5],
                    validation: [loss, 1.0 - loss],
                })
                .collect(),
            best: None,
            epochs: 3,
            is_complete: true,
            seconds: 1.25,
            is_comparable: true,
            settings: vec![(!val_losses.is_empty()).then(|| "0.1".into())],
            notes: String::new(),
        }
    }

    fn comparison(runs: Vec<ComparedRun>) -> Comparison {
        Comparison { settings: vec!["train.learning_rate".into()], runs }
    }

    #[test]
    fn table_shows_best_epochs_and_optional_notes() {
        let mut runs = vec![run("a", &[0.5, 0.25, 0.25]), run("b", &[])];
        let results =
            "run|best epoch|val_loss|val_accuracy|epochs|epochs' seconds|train.learning_rate";
        let of_a = "a|2|0.2500|0.7500|3/3|1.2|0.1";
        let rows = |runs: &[ComparedRun]| -> Vec<String> {
            comparison(runs.to_vec()).table().iter().map(|row| row.join("|")).collect()
        };
        assert_eq!(rows(&runs), [results, of_a, "b|-|-|-|0/3|1.2|-"]);
        runs[1].notes = "not complete".into();
        let noted = [
            results.replace("|train", "|notes|train"),
            of_a.replace("|0.1", "||0.1"),
            "b|-|-|-|0/3|1.2|not complete|-".into(),
        ];
        assert_eq!(rows(&runs), noted);
    }

    #[test]
    fn page_names_and_marks_the_best_run() {
        let runs = vec![run("a", &[0.5, 0.375]), run("b", &[0.25]), run("c", &[])];
        let page = comparison(runs).page();
        assert!(page.contains("b has the lowest val_loss: 0.2500 after epoch 1"), "{page}");
        let marked: Vec<&str> = page
            .split("<td class=\"best\">")
            .skip(1)
            .filter_map(|rest| rest.split('<').next())
            .collect();
        assert_eq!(marked, ["0.2500", "0.7500"]);
        // Two runs have a line in each of the four charts.
        assert_eq!(page.matches("<polyline class=\"c0 solid\"").count(), 4);
        assert_eq!(page.matches("<polyline").count(), 8);
        assert!(comparison(vec![run("c", &[])]).page().contains("No epoch is complete yet"));
        // If the runs were validated on different images, no run is marked as the best.
        let other = ComparedRun { is_comparable: false, ..run("d", &[0.125]) };
        let page = comparison(vec![run("a", &[0.5]), other]).page();
        assert!(page.contains("Validated on different images") && !page.contains("class=\"best\""));
    }

    #[test]
    fn page_has_no_external_resources_or_scripts() {
        let page = comparison(vec![run("<b>&", &[0.5, 0.25])]).page();
        for outside in ["http", "<script", "@import", "url(", "<link", "javascript", "<b>"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("&lt;b&gt;&amp;"));
    }

    #[test]
    fn page_is_recognized_by_its_generator() {
        let page = comparison(vec![run("a", &[0.5])]).page();
        assert!(Comparison::is_page(page.as_bytes()));
        let other = page.replace(GENERATOR, "another program");
        assert!(!Comparison::is_page(other.as_bytes()) && !Comparison::is_page(b""));
    }

    /// Checks WCAG 2.2, success criterion 1.4.11.
    #[test]
    fn curve_colors_have_enough_contrast() {
        let luminance = |hex: &str| -> f64 {
            let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a color");
            let linear = |value: u8| match f64::from(value) / 255.0 {
                dark if dark <= 0.04045 => dark / 12.92,
                light => ((light + 0.055) / 1.055).powf(2.4),
            };
            0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
        };
        // The light color comes first, then the dark one.
        let colors = |css: &'static str, name: &str| -> Vec<f64> {
            let begins = format!("{name}: ");
            css.split(&begins).skip(1).map(|rest| luminance(&rest[..7])).collect()
        };
        let cards = colors(include_str!("page.css"), "--card");
        assert_eq!(cards.len(), 2);
        for name in (0..8).map(|number| format!("--c{number}")) {
            let hues = colors(include_str!("comparison.css"), &name);
            assert_eq!(hues.len(), 2, "{name}");
            for (hue, card) in hues.iter().zip(&cards) {
                let contrast = (hue.max(*card) + 0.05) / (hue.min(*card) + 0.05);
                assert!(contrast >= 3.0, "{name}: {contrast}");
            }
        }
    }
}
