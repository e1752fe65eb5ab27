//! `permafrost compare`: compares runs in one table and draws their curves on one page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::report::{ComparedRun, Comparison, Epoch};
use clap::Args;
use model::load_card;
use quoting::Shown;
use train::{RunConfig, RunDirectory};

use crate::history::History;
use crate::printed::{stderr, stdout};

/// Settings omitted from the comparison. They control caching, saving and logging; the configured number of epochs is
/// already shown with the completed epochs.
const NOT_COMPARED: [&str; 4] =
    ["data.cache_dir", "train.epochs", "train.save_every", "train.tensorboard"];

/// Setting that is compared only if a run trains on features. There it affects the order of the samples, which depends
/// on how many of them fit in memory.
const CACHE: &str = "data.cache_mb";

/// Maximum number of class names in a note.
const NAMED: usize = 6;

/// Compare runs: print results and differing settings, and write a page with all curves
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost compare runs/train runs/train-2
  permafrost compare runs/train runs/train-2 runs/train-3 --out three.html")]
pub(crate) struct CompareArguments {
    /// Run directories, such as runs/train
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Page to write; an earlier comparison is replaced
    #[arg(long, value_name = "FILE", default_value = "compare.html")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &CompareArguments) -> anyhow::Result<ExitCode> {
    let CompareArguments { runs, out } = arguments;
    check_replaceable(out)?;
    let runs = read_each_once(runs)?;
    anyhow::ensure!(!runs.is_empty(), "no run was named\nhint: name run directories of `train`");
    for Run { config, .. } in &runs {
        RunDirectory::check_outside(out, &config.data.path)?;
    }
    let comparison = compared(&runs);
    print_tables(&comparison)?;
    let spreads = spreads_text(&comparison);
    if !spreads.is_empty() {
        write!(stdout(), "\n{spreads}")?;
    }
    formats::write_atomic(out, comparison.page().as_bytes())?;
    writeln!(stdout(), "Wrote {}.", out.shown())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the comparison of runs to `out`. Returns the mean and the spread of runs that differ only in the seed, a line
/// each.
pub(crate) fn write(runs: &[PathBuf], out: &Path) -> anyhow::Result<String> {
    let comparison = compared(&read_each_once(runs)?);
    formats::write_atomic(out, comparison.page().as_bytes())?;
    Ok(spreads_text(&comparison))
}

fn spreads_text(comparison: &Comparison) -> String {
    comparison.spreads().iter().map(|spread| format!("{spread}\n")).collect()
}

/// Returns an error if `out` exists and is not a page of an earlier comparison.
fn check_replaceable(out: &Path) -> anyhow::Result<()> {
    match fs::read(out) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Ok(bytes) if Comparison::is_page(&bytes) => Ok(()),
        _ => anyhow::bail!(
            "`{}` already exists and is not a page of `compare`\nhint: remove it, or name another file with `--out`",
            out.shown()
        ),
    }
}

/// Run, as read from its directory.
struct Run {
    name: String,
    config: RunConfig,
    history: History,
    /// Class names, if the run has saved a model.
    classes: Option<Vec<String>>,
    /// Epoch of the best model, if there is one.
    best: Option<usize>,
}

impl Run {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let config = RunDirectory::settings(path)?;
        let history = if path.join(History::FILE).exists() {
            History::read(path)?
        } else {
            History { epochs: vec![], seconds: 0.0 }
        };
        let card = ["last", "previous", "best"].iter().find_map(|at| load_card(path.join(at)).ok());
        // Collecting the components drops a trailing slash, which shells add on completion.
        let name = path.components().collect::<PathBuf>().to_string_lossy().into_owned();
        let best = load_card(path.join("best")).ok().and_then(|card| card.metrics);
        let (best, classes) = (best.map(|metrics| metrics.epoch), card.map(|card| card.classes));
        Ok(Self { name, config, history, classes, best })
    }

    /// Returns everything that determines the validation images of the run.
    fn validation(&self) -> impl PartialEq {
        let data = &self.config.data;
        // The seed affects the split only if the split is random.
        let seed = data.validation_split.map(|_| self.config.data_seed());
        (
            data.path.clone(),
            data.features.clone(),
            data.validation_split,
            data.group_duplicates,
            seed,
        )
    }

    /// Returns the reason why the validation metrics are not comparable with those of `first`, if any.
    fn difference(&self, first: &Self) -> Option<Difference<'_>> {
        match (&self.classes, &first.classes) {
            (Some(classes), Some(of_first)) if classes != of_first => {
                Some(Difference::Classes(classes))
            }
            _ => (self.validation() != first.validation()).then_some(Difference::Images),
        }
    }

    /// Returns true if all epochs are complete or patience has run out.
    fn is_complete(&self, best: Option<&Epoch>) -> bool {
        let (train, epochs) = (&self.config.train, self.history.epochs.len());
        let waited = epochs.saturating_sub(best.map_or(0, |best| best.epoch));
        epochs >= train.epochs || train.patience.is_some_and(|patience| waited >= patience)
    }

    /// Returns notes about the run: an early end, or a difference from `first` that prevents a comparison.
    fn notes(&self, first: &Self, best: Option<&Epoch>) -> String {
        let mut notes = vec![];
        if !self.is_complete(best) {
            notes.push("not complete".to_owned());
        }
        match self.difference(first) {
            Some(Difference::Classes(classes)) => {
                let named = classes.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>();
                let more = classes.len() - named.len();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let (name, named) = (&first.name, named.join(", "));
                notes.push(format!("classes differ from {name}: {named}{more}"));
            }
            Some(Difference::Images) => {
                notes.push(format!("validation images differ from {}", first.name));
            }
            None => {}
        }
        notes.join("; ")
    }
}

/// Reason why the validation metrics of two runs are not comparable.
enum Difference<'a> {
    Classes(&'a [String]),
    Images,
}

/// Reads the runs. If a directory is named twice, reads it once and prints a message. Skips pages of comparisons, also with a message,
/// which a pattern such as `runs/seeds/*` matches too.
fn read_each_once(paths: &[PathBuf]) -> anyhow::Result<Vec<Run>> {
    let mut runs = vec![];
    let mut seen: Vec<PathBuf> = vec![];
    let is_page = |path: &PathBuf| {
        path.is_file() && fs::read(path).is_ok_and(|bytes| Comparison::is_page(&bytes))
    };
    for path in paths {
        if is_page(path) {
            writeln!(stderr(), "`{}` is a page of `compare` and not shown", path.shown())?;
            continue;
        }
        let run = Run::read(path)?;
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        if seen.contains(&place) {
            writeln!(stderr(), "`{}` is named twice and shown once", run.name.shown())?;
            continue;
        }
        seen.push(place);
        runs.push(run);
    }
    Ok(runs)
}

fn compared(runs: &[Run]) -> Comparison {
    let settings: Vec<_> = runs.iter().map(|run| run.config.named_settings()).collect();
    let is_of_features = runs.iter().any(|run| run.config.data.features.is_some());
    let differs = |name: &&String| {
        let of_first = settings[0].get(*name);
        !NOT_COMPARED.contains(&name.as_str())
            && (is_of_features || *name != CACHE)
            && settings.iter().any(|of_run| of_run.get(*name) != of_first)
    };
    let names: BTreeSet<&String> = settings.iter().flat_map(BTreeMap::keys).collect();
    let names: Vec<&String> = names.into_iter().filter(differs).collect();
    let of_run = |(run, settings): (&Run, &BTreeMap<String, String>)| {
        let mut compared = ComparedRun {
            name: run.name.clone(),
            history: run.history.epochs.clone(),
            best: run.best,
            epochs: run.config.train.epochs,
            is_complete: false,
            seconds: run.history.seconds,
            settings: names.iter().map(|name| settings.get(*name).cloned()).collect(),
            is_comparable: run.difference(&runs[0]).is_none(),
            notes: String::new(),
        };
        compared.is_complete = run.is_complete(compared.best());
        compared.notes = run.notes(&runs[0], compared.best());
        compared
    };
    Comparison {
        settings: names.iter().map(ToString::to_string).collect(),
        runs: runs.iter().zip(&settings).map(of_run).collect(),
    }
}

/// Prints a table with one row of results per run, then a table with one row per differing setting and one column per
/// run. A single table would be wider than a terminal.
fn print_tables(comparison: &Comparison) -> anyhow::Result<()> {
    let shown = |row: Vec<String>| row.iter().map(|cell| cell.shown().to_string()).collect();
    let mut rows: Vec<Vec<String>> = comparison.table().into_iter().map(shown).collect();
    let results = rows[0].len() - comparison.settings.len();
    let settings: Vec<Vec<String>> = rows.iter_mut().map(|row| row.split_off(results)).collect();
    print_table(&rows)?;
    if comparison.settings.is_empty() {
        return Ok(());
    }
    let names = rows[1..].iter().map(|row| row[0].clone());
    let mut of_settings = vec![std::iter::once("setting".to_owned()).chain(names).collect()];
    for at in 0..comparison.settings.len() {
        of_settings.push(settings.iter().map(|row| row[at].clone()).collect());
    }
    writeln!(stdout())?;
    print_table(&of_settings)
}

/// Prints a table with text columns aligned left and numbers aligned right.
fn print_table(rows: &[Vec<String>]) -> anyhow::Result<()> {
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let is_text = ["run", "notes", "setting"].contains(&rows[0][column].as_str());
            line += &if is_text { format!("{cell:width$}") } else { format!("{cell:>width$}") };
            line += "  ";
        }
        writeln!(stdout(), "{}", line.trim_end())?;
    }
    Ok(())
}
