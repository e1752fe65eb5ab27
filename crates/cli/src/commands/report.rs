//! `permafrost report`: rewrites `report.html` of a run.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use photos::Cache;
use quoting::{Shown, argument};
use train::RunDirectory;

use crate::cache_arguments::{CacheArguments, warn_of_fault};
use crate::device::DeviceArguments;
use crate::printed::stdout;
use crate::{run_report, split_table};

/// Regenerate the report page of a run
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost report runs/train")]
pub(crate) struct ReportArguments {
    /// Run directory, such as runs/train
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Weights file of the run's base [default: found by its digest]
    ///
    /// Without it, the file is searched for by its digest: at its path during training, and in data/weights.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArguments,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: &ReportArguments) -> anyhow::Result<ExitCode> {
    let config = RunDirectory::settings(&arguments.run)?;
    anyhow::ensure!(
        config.data.features.is_none(),
        "the run in `{}` was trained on features, but a report needs images\nhint: evaluate its model on images with `permafrost evaluate {} FOLDER`",
        arguments.run.shown(),
        argument(arguments.run.join("best"))
    );
    let layout = split_table::layout_of(&config, true)?;
    let disk = arguments.cache.open_for_run(&config.data)?;
    let cache = Cache { memory: config.data.memory(), disk: disk.clone() };
    let images = split_table::reload(&arguments.run, &config, &layout, &cache)?;
    let weights = arguments.weights.clone();
    let devices = arguments.device.open()?;
    let path = run_report::write(&arguments.run, &config, &images, None, weights, &devices)?;
    warn_of_fault(disk.as_ref())?;
    writeln!(stdout(), "Wrote {}.", path.shown())?;
    Ok(ExitCode::SUCCESS)
}
