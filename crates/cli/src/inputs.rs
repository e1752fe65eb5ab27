//! Inputs of `train`: weights, and images or their features.

use std::io::{self, Write};
use std::path::Path;

use cache::DiskCache;
use features::Extractor;
use photos::{Cache, Layout, SkippedFiles, SplitDatasets, is_test_folder};
use quoting::{Shown, cell};
use shards::FeatureSet;
use train::{Data, DataConfig, FeatureData, RunConfig, RunDirectory};
use vgg::Weights;

use crate::device::Devices;
use crate::output::Output;
use crate::pipe::stderr;
use crate::run_summary::RunSummary;
use crate::skipped::print_skipped_files;
use crate::split_names::SplitNames;
use crate::verify_resume::Verification;
use crate::warnings::about_data;
use crate::{cache_arguments, events, split_table, starting_model};

/// Inputs of a training run.
pub(crate) struct Inputs {
    pub(crate) devices: Devices,
    pub(crate) weights: Weights,
    source: LoadedData,
}

/// Data of a run that was found but not yet read.
pub(crate) enum DataSource {
    Images(Layout),
    Features(FeatureSet),
}

impl DataSource {
    /// Returns the class names.
    pub(crate) fn classes(&self) -> &[String] {
        match self {
            Self::Images(layout) => &layout.train.classes,
            Self::Features(set) => set.classes(),
        }
    }
}

enum LoadedData {
    Images { extractor: Box<Extractor>, layout: Layout, images: Box<SplitDatasets> },
    Features(FeatureData),
}

impl Inputs {
    /// Creates the base, reads the images and reports skipped files. If `run` is given, reads the images that it
    /// started with. If `strict` is true, returns an error if an image can't be read. A feature set needs neither base
    /// nor images.
    pub(crate) fn load(
        config: &RunConfig,
        devices: Devices,
        weights: Weights,
        found: DataSource,
        run: Option<&RunDirectory>,
        strict: bool,
        output: Output,
    ) -> anyhow::Result<Self> {
        let layout = match found {
            DataSource::Images(layout) => layout,
            DataSource::Features(set) => {
                if run.is_none() {
                    warn_of_test_folder(&set)?;
                }
                return Self::of_features(config, devices, weights, set, output);
            }
        };
        let base = devices.base(&config.base, &weights)?;
        let DataConfig { cache_dir, cache_gb, path, .. } = &config.data;
        let disk = cache_arguments::open(cache_dir.as_deref(), *cache_gb, &[path])?;
        let cache = Cache { memory: config.data.memory(), disk: disk.clone() };
        let extractor = Box::new(Extractor::new(base, disk));
        let images = match run {
            Some(run) => split_table::reload(run.path(), config, &layout, &cache)?,
            None => split_table::load(config, &layout, &cache)?,
        };
        let skipped = &images.skipped;
        for file in &skipped.unreadable {
            output.emit(|| events::skipped(&file.path, &file.reason))?;
        }
        if strict && !skipped.unreadable.is_empty() {
            return Err(unreadable(skipped));
        }
        if output.is_for_people() {
            print_skipped_files(skipped)?;
        }
        let source = LoadedData::Images { extractor, layout, images: Box::new(images) };
        Ok(Self { devices, weights, source })
    }

    fn of_features(
        config: &RunConfig,
        devices: Devices,
        weights: Weights,
        set: FeatureSet,
        output: Output,
    ) -> anyhow::Result<Self> {
        let data = FeatureData::divide(set, config, &weights)?;
        if data.set().engines().len() > 1 {
            let engines: Vec<&str> = data.set().engines().keys().map(String::as_str).collect();
            writeln!(
                stderr(),
                "warning: these features were computed by several engines, {}: they may differ in the last digits from piece to piece",
                engines.join(" and ")
            )?;
        }
        for skipped in data.set().skipped() {
            output.emit(|| events::skipped(Path::new(&skipped.key), &skipped.reason))?;
        }
        Ok(Self { devices, weights, source: LoadedData::Features(data) })
    }

    /// Returns the data of all splits.
    pub(crate) fn data(&self) -> Data<'_> {
        match &self.source {
            LoadedData::Images { extractor, images, .. } => Data::Images { extractor, images },
            LoadedData::Features(data) => Data::Features(data),
        }
    }

    /// Returns the disk cache, if the run uses one.
    pub(crate) fn cache(&self) -> Option<&DiskCache> {
        match &self.source {
            LoadedData::Images { extractor, .. } => extractor.cache(),
            LoadedData::Features(_) => None,
        }
    }

    /// Writes `split.csv` and `skipped.csv` if the run needs them and does not have them. A run that was killed early
    /// has neither.
    pub(crate) fn write_tables(
        &self,
        run: &RunDirectory,
        config: &RunConfig,
    ) -> anyhow::Result<()> {
        match &self.source {
            LoadedData::Images { layout, images, .. } => {
                write_skipped(run, &images.skipped)?;
                split_table::write(run.path(), config, layout, images)
            }
            // The feature set contains this information.
            LoadedData::Features(_) => Ok(()),
        }
    }

    pub(crate) fn summary<'a>(
        &'a self,
        config: &'a RunConfig,
        path: Option<&'a Path>,
    ) -> RunSummary<'a> {
        let splits = match &self.source {
            LoadedData::Images { layout, .. } => SplitNames::of_layout(layout, config),
            LoadedData::Features(data) => SplitNames::of_features(data, config),
        };
        let layout = match &self.source {
            LoadedData::Images { layout, .. } => Some(layout),
            LoadedData::Features(_) => None,
        };
        let mut warnings = about_data(config, self.data(), layout);
        if let LoadedData::Images { images, .. } = &self.source {
            let is_new = path.is_none_or(|run| !run.join("last").exists());
            warnings.extend(starting_model::note(config, images).map(|note| {
                match starting_model::flags_of_split(config).filter(|_| is_new) {
                    Some(flags) => format!("{note} To split the images as before: {flags}."),
                    None => note,
                }
            }));
        }
        RunSummary { config, weights: &self.weights, data: self.data(), splits, warnings, path }
    }

    pub(crate) fn verification<'a>(&'a self, config: &'a RunConfig) -> Verification<'a> {
        let (weights, data, device) = (&self.weights, self.data(), self.devices.tensors());
        Verification { config, weights, data, device }
    }
}

/// Warns if the validation images of a feature set are those of a test folder, as in sets of earlier versions.
fn warn_of_test_folder(set: &FeatureSet) -> io::Result<()> {
    let validation = set.folders().and_then(|folders| folders.validation.as_ref());
    match validation.filter(|folder| is_test_folder(Path::new(folder))) {
        Some(folder) => writeln!(
            stderr(),
            "warning: the features are from an earlier version, which used the folder `{}` for validation: the model will be selected on the test images\nhint: compute them again with `permafrost features --replace`",
            folder.shown()
        ),
        None => Ok(()),
    }
}

/// Returns the error of a strict run, which names every file that can't be read.
fn unreadable(skipped: &SkippedFiles) -> anyhow::Error {
    let mut text = format!("{} image file(s) can't be read", skipped.unreadable.len());
    for file in &skipped.unreadable {
        text += &format!("\n  `{}`: {}", file.path.shown(), file.reason.shown());
    }
    anyhow::anyhow!("{text}\nhint: repair or remove them, or omit `--strict` to skip them")
}

/// Writes `skipped.csv`, unless no file was skipped or the table exists.
fn write_skipped(run: &RunDirectory, skipped: &SkippedFiles) -> anyhow::Result<()> {
    let path = run.path().join("skipped.csv");
    if skipped.unreadable.is_empty() || path.exists() {
        return Ok(());
    }
    let mut table = csv::Writer::from_writer(vec![]);
    table.write_record(["file", "reason"])?;
    for file in &skipped.unreadable {
        table.write_record([&*cell(&file.path.to_string_lossy()), &cell(&file.reason)])?;
    }
    Ok(formats::write_atomic(&path, &table.into_inner()?)?)
}
