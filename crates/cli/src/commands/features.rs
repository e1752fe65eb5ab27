//! `permafrost features`: computes one shard of a set of base features, or checks such a set.

use std::collections::BTreeSet;
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::features::Extractor;
use augment::AugmentConfig;
use clap::Args;
use quoting::Shown;
use serde_json::json;
use shards::{
    Checked, Dtype, FeatureSettings, FindingKind, Folders, ImageIndex, ShardEvent, ShardJob,
    ShardOutcome, Sharding, Skipped, Store, ViewSettings, check, compute, local_path,
};
use train::{RunDirectory, WeightsChoice};
use vgg::{VggConfig, Weights, without_instructions};

use crate::arguments::{AugmentArguments, BaseArguments, one_of};
use crate::bar::Bar;
use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::interrupt::{STOPPED, StopOnCtrlC};
use crate::pipe::{raw_stdout, stderr, stdout};
use crate::settings::{check_fetched, weights_named};
use crate::shard_selection::ShardSelection;
use crate::skipped::print_ignored_folders;

/// Compute the features of images for `train --features`, on one or many machines
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:
  permafrost features photos --out features
  permafrost features photos --out features --shard 3/8 --pieces 4 --views 10
  permafrost features s3://bucket/photos --out s3://bucket/features
  permafrost features --check features"
)]
pub(crate) struct FeaturesArguments {
    /// Folder of images as for `train`, a URL (s3://, gs://, az://), or a `.txt` file with one path per line
    ///
    /// Paths in a list are relative to the folder of the list, and stay below it.
    #[arg(value_name = "DATA", required_unless_present = "check")]
    data: Option<String>,
    /// Location of the feature set: a folder or URL (file://, s3://, gs://, az://)
    #[arg(long, help_heading = "Output", value_name = "URL", required_unless_present = "check")]
    out: Option<String>,
    /// Compute only shard I of N, from 0 [default: from the batch system, else 0/1]
    ///
    /// Batch systems set JOB_COMPLETION_INDEX and JOB_COMPLETIONS, SLURM_ARRAY_TASK_ID, or AWS_BATCH_JOB_ARRAY_INDEX.
    #[arg(long, help_heading = "Output", value_name = "I/N")]
    shard: Option<String>,
    /// Pieces per shard; an interrupted worker loses one piece
    #[arg(
        long,
        alias = "steps",
        help_heading = "Output",
        value_name = "PIECES",
        default_value_t = 1
    )]
    pieces: usize,
    /// Also compute this many augmented copies of each training image [default: none]
    #[arg(long, help_heading = "Augmentation", value_name = "COPIES")]
    views: Option<usize>,
    /// Data type of the stored features
    #[arg(long, help_heading = "Output", value_name = "TYPE", default_value = "float32", value_parser = one_of::<Dtype>(&["float32", "float16"]))]
    dtype: Dtype,
    #[command(flatten)]
    base: BaseArguments,
    /// Weights of the base: `imagenet`, `none` (random) or a file [default: imagenet]
    ///
    /// `cargo xtask fetch weights` downloads the ImageNet weights.
    #[arg(long, help_heading = "Base", value_name = "WEIGHTS")]
    weights: Option<String>,
    #[command(flatten)]
    augment: AugmentArguments,
    /// Random seed of augmented copies and random weights
    #[arg(long, help_heading = "Augmentation", value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Fail if an image file can't be read, instead of skipping it
    #[arg(long, help_heading = "Data")]
    strict: bool,
    /// Fail if existing pieces were computed with a different or unknown instruction set
    ///
    /// With `--check`, refuse a set whose pieces were computed by several engines.
    #[arg(long, help_heading = "Device")]
    strict_engine: bool,
    /// Replace existing pieces that were computed with other settings
    #[arg(long, help_heading = "Output")]
    replace: bool,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    cache: CacheArguments,
    /// Check the feature set at URL: list missing, stale and damaged pieces
    ///
    /// With DATA, also list pieces that were computed from other images than the current ones.
    #[arg(long, help_heading = "Check", value_name = "URL", conflicts_with_all = ["out", "shard", "replace"])]
    check: Option<String>,
    /// Print the findings as JSON
    #[arg(long, help_heading = "Check", requires = "check")]
    json: bool,
}

pub(crate) fn run(arguments: &FeaturesArguments) -> anyhow::Result<ExitCode> {
    match (&arguments.check, &arguments.data, &arguments.out) {
        (Some(url), data, _) => check_set(url, data.as_deref(), arguments),
        (None, Some(data), Some(out)) => compute_shard(arguments, data, out),
        _ => unreachable!("clap requires `DATA` and `--out` without `--check`"),
    }
}

fn compute_shard(arguments: &FeaturesArguments, data: &str, out: &str) -> anyhow::Result<ExitCode> {
    let views = arguments.view_settings()?;
    let share = ShardSelection::find(arguments.shard.as_deref(), |name| env::var(name).ok())?;
    let sharding = Sharding::new(share.shards, arguments.pieces)?;
    if let (Some(out), Some(data)) = (local_path(out)?, local_path(data)?)
        && data.is_dir()
    {
        RunDirectory::check_outside(&out, &data)?;
    }
    if let Some(folder) = local_path(out)? {
        anyhow::ensure!(
            !folder.join("config.toml").exists(),
            "`{}` is a run directory of `train`\nhint: name another folder with `--out`",
            folder.shown()
        );
    }
    let store = Store::open(out)?;
    let images = ImageIndex::find(data, |key| sharding.piece_of(key).shard == share.shard)?;
    let config = arguments.base.config(VggConfig::default());
    let named = arguments.weights.as_deref();
    let choice = weights_named(named, config.variant, arguments.seed)?;
    check_fetched(named, &choice, config.variant)?;
    let weights = match &choice {
        WeightsChoice::Seed(seed) => Weights::seeded(&config, *seed)?,
        WeightsChoice::File(path) => Weights::load(path, &config)?,
    };
    let base = arguments.device.open()?.base(&config, &weights)?;
    let settings = FeatureSettings::new(&config, &weights, &base, &images, arguments.dtype, views);
    let local = local_path(data)?;
    let folders: Vec<&Path> = local.iter().map(PathBuf::as_path).collect();
    let extractor = Extractor::new(base, arguments.cache.open(&folders)?);
    let bar = Bar::default();
    let on_ctrl_c = StopOnCtrlC::new(bar.clone())?;
    let stop = on_ctrl_c.token();
    writeln!(
        stdout(),
        "Shard {} of {} ({}), numbered from 0: {} file(s), {} class(es), {} piece(s), to {}",
        share.shard,
        share.shards,
        share.by,
        images.count(),
        images.classes().len(),
        sharding.pieces(),
        store.place().to_string().shown()
    )?;
    if let Some(Folders { train, validation, test }) = images.folders() {
        let mut text = match validation {
            Some(validation) => {
                format!("{} for training, {} for validation", train.shown(), validation.shown())
            }
            None => format!("{} for training and validation", train.shown()),
        };
        if let Some(test) = test {
            text += &format!(", {} for the test after training", test.shown());
        }
        writeln!(stdout(), "Splits: {text}")?;
    }
    print_ignored_folders(&images.unused().iter().map(PathBuf::from).collect::<Vec<_>>())?;
    let job = ShardJob {
        images: &images,
        extractor: &extractor,
        settings: &settings,
        sharding,
        shard: share.shard,
        store: &store,
        strict: arguments.strict,
        strict_engine: arguments.strict_engine,
        replace: arguments.replace,
        stop: &stop,
    };
    let (mut found, mut written) = (0, 0);
    let mut others = BTreeSet::new();
    let mut shown = Ok(());
    let mut print = |line: String| {
        if shown.is_ok() {
            shown = bar.out_of_the_way(|| writeln!(stdout(), "{line}"));
        }
    };
    let outcome = compute(&job, |event| match event {
        ShardEvent::Found { .. } => found += 1,
        ShardEvent::OtherEngine { found, .. } => {
            others.insert(found);
        }
        ShardEvent::Recompute { piece, reason } => {
            print(format!("Recomputing {piece}: it {}", reason.shown()))
        }
        ShardEvent::Progress { done, total } => bar.count(done, total, "images"),
        ShardEvent::Skipped(Skipped { key, reason }) => {
            bar.say(&format!("skipped `{}`: {}", key.shown(), reason.shown()));
        }
        ShardEvent::Written { piece, images, bytes } => {
            written += 1;
            let megabytes = bytes as f64 / 1e6;
            print(format!("Wrote {piece}: {images} images, {megabytes:.1} MB"));
        }
        _ => {}
    });
    bar.clear();
    for other in &others {
        let is_known = without_instructions(other) != other;
        writeln!(
            stderr(),
            "warning: existing pieces were computed by {other}{}, this machine has {}: features may differ in the last digits from piece to piece\nhint: recompute them with `--strict-engine --replace`",
            if is_known { "" } else { " with an unknown instruction set" },
            settings.engine
        )?;
    }
    warn_of_fault(extractor.cache())?;
    let outcome = outcome?;
    shown?;
    let (there, pieces) = (found + written, sharding.pieces());
    match outcome {
        ShardOutcome::Complete => {
            writeln!(stdout(), "Complete: {written} piece(s) computed, {found} already existed.")?;
            Ok(ExitCode::SUCCESS)
        }
        ShardOutcome::Stopped => {
            writeln!(
                stdout(),
                "Stopped: {there} of {pieces} piece(s) are complete. The current piece is lost. Start the command again to compute the rest."
            )?;
            if there == 0 {
                writeln!(stdout(), "To lose less, use more pieces, such as `--pieces 20`.")?;
            }
            Ok(ExitCode::from(STOPPED))
        }
    }
}

impl FeaturesArguments {
    fn view_settings(&self) -> anyhow::Result<Option<ViewSettings>> {
        let augment = self.augment.config(AugmentConfig::default());
        augment.validate()?;
        let Some(count) = self.views else { return Ok(None) };
        anyhow::ensure!(
            (1..=10_000).contains(&count) && !augment.is_none(),
            "`--views` is {count}, expected 1 to 10,000 and at least one augmentation\nhint: omit it to compute the features of unaugmented images"
        );
        Ok(Some(ViewSettings { count, augment, seed: self.seed }))
    }
}

fn check_set(
    url: &str,
    data: Option<&str>,
    arguments: &FeaturesArguments,
) -> anyhow::Result<ExitCode> {
    let store = Store::open(url)?;
    let images = data.map(|data| ImageIndex::find(data, |_| true)).transpose()?;
    let bar = Bar::default();
    let checked = check(&store, images.as_ref(), |done, total| {
        bar.move_to(done, total, format!("{done}/{total}"), "pieces checked".into());
    });
    bar.clear();
    let Checked { findings, pieces, images, skipped, engines } = checked?;
    if arguments.json {
        let checked = json!({
            "place": store.place(),
            "pieces": pieces,
            "photographs": images,
            "skipped": skipped,
            "engines": engines,
            "findings": findings,
        });
        writeln!(raw_stdout(), "{checked}")?;
    } else {
        let mut out = stdout();
        for finding in &findings {
            let kind = match finding.kind {
                FindingKind::Missing => "missing",
                FindingKind::Stale => "stale",
                FindingKind::Damaged => "damaged",
            };
            writeln!(out, "{kind:7} {}: it {}", finding.name.shown(), finding.reason.shown())?;
        }
        let summary = format!("{images} images, {skipped} skipped, in {pieces} piece(s)");
        match findings.len() {
            0 => writeln!(out, "Complete: {summary}")?,
            count => writeln!(
                out,
                "{count} finding(s): {summary}.\nRemove damaged and stale pieces, and restart the workers of their shards, with `--replace` if settings differ."
            )?,
        }
    }
    let is_mixed = engines.len() > 1;
    if is_mixed {
        let engines: Vec<String> =
            engines.iter().map(|(engine, pieces)| format!("{pieces} by {engine}")).collect();
        writeln!(
            stderr(),
            "warning: the pieces were computed by several engines, {}: features may differ in the last digits from piece to piece\nhint: with `--strict-engine`, a worker refuses pieces of another engine; add `--replace` to recompute them",
            engines.join(", ")
        )?;
    }
    let is_refused = !findings.is_empty() || is_mixed && arguments.strict_engine;
    Ok(ExitCode::from(u8::from(is_refused)))
}
