//! Images that the model which a run starts from was trained on.

use std::fs::canonicalize;
use std::path::{Path, PathBuf};

use photos::{ImageDataset, SplitDatasets, SplitShares};
use train::{InitialWeights, RunConfig, RunDirectory};

use crate::split_table::SplitTable;

/// Maximum number of runs in a chain of models, each of which starts from the one before.
const CHAIN: usize = 100;

/// Training images of an earlier run.
enum TrainingImages {
    /// Images that the table of the run lists, relative to a folder.
    Listed(SplitTable, PathBuf),
    /// All images below a folder.
    Below(PathBuf),
}

/// Returns the number of validation and test images of a run that were training images of the run whose model it starts
/// from, or of the runs before that one. Runs that no longer exist, and runs on feature sets, count none.
fn images_seen_before(config: &RunConfig, images: &SplitDatasets) -> usize {
    let known: Vec<TrainingImages> =
        runs_before(config).filter_map(|(run, config)| TrainingImages::of(&run, &config)).collect();
    if known.is_empty() {
        return 0;
    }
    let seen = |images: &ImageDataset| {
        let paths = (0..images.labels().len()).filter_map(|at| canonicalize(images.path(at)).ok());
        paths.filter(|path| known.iter().any(|images| images.contains(path))).count()
    };
    seen(&images.validation) + images.test.as_ref().map_or(0, seen)
}

/// Returns a note about images that the model which a run starts from was trained on, if there are any.
pub(crate) fn note(config: &RunConfig, images: &SplitDatasets) -> Option<String> {
    let count = images_seen_before(config, images);
    (count > 0).then(|| {
        format!(
            "The model that the run starts from was trained on {count} of the validation and test images, so the metrics say less about new images."
        )
    })
}

/// Returns the flags that split images as the run did whose model a run starts from. Returns `None` if that run did not
/// divide a folder, or if both runs have the same flags.
pub(crate) fn flags_of_split(config: &RunConfig) -> Option<String> {
    let flags_of = |config: &RunConfig| {
        let data = &config.data;
        let fraction =
            |flag: &str, value: Option<f64>| value.map(|value| format!("{flag} {value} "));
        let flags = [
            fraction("--val-split", data.validation_split),
            fraction("--test-split", data.test_split),
            data.group_duplicates.then(|| "--group-duplicates ".to_owned()),
        ];
        let flags: String = flags.into_iter().flatten().collect();
        (!flags.is_empty()).then(|| format!("{flags}--data-seed {}", config.data_seed()))
    };
    let (_, before) = runs_before(config).next()?;
    flags_of(&before).filter(|flags| flags_of(config).as_ref() != Some(flags))
}

/// Returns the runs that a run continues, the last one first.
fn runs_before(config: &RunConfig) -> impl Iterator<Item = (PathBuf, RunConfig)> {
    let before = |config: &RunConfig| {
        let InitialWeights::Model(model) = &config.start else { return None };
        let run = model.parent()?.to_owned();
        let config = RunDirectory::settings(&run).ok()?;
        Some((run, config))
    };
    std::iter::successors(before(config), move |(_, config)| before(config)).take(CHAIN)
}

impl TrainingImages {
    fn of(run: &Path, config: &RunConfig) -> Option<Self> {
        let root = canonicalize(&config.data.path).ok()?;
        if let Some(table) = SplitTable::read(run).ok()? {
            return Some(Self::Listed(table, root));
        }
        let layout = config.data.layout(false).ok()?;
        let is_divided = layout.shares() != SplitShares::default();
        (!is_divided).then(|| canonicalize(&layout.train.path).ok().map(Self::Below))?
    }

    /// Returns true if an image was a training image. `path` is canonical.
    fn contains(&self, path: &Path) -> bool {
        match self {
            Self::Listed(table, root) => path.starts_with(root) && table.is_training(path, root),
            Self::Below(folder) => path.starts_with(folder),
        }
    }
}
