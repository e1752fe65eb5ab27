//! `permafrost devices`: lists the devices of this build and measures their speed.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use vgg::{Precision, VggConfig, Weights};

use crate::device::{DeviceName, Devices};
use crate::printed::stdout;

/// Minimum duration of a measurement, after a warm-up batch.
const MIN_DURATION: Duration = Duration::from_secs(2);

/// List the devices of this build on this machine
#[derive(Args)]
#[command(after_help = "Examples:
  permafrost devices
  permafrost devices --measure")]
pub(crate) struct DevicesArguments {
    /// Measure VGG16's base on each device, in images of 180 x 180 per second
    #[arg(long)]
    measure: bool,
}

pub(crate) fn run(arguments: &DevicesArguments) -> anyhow::Result<ExitCode> {
    let mut out = stdout();
    for name in DeviceName::available() {
        write!(out, "{:<20} {}", name.to_string(), name.about())?;
        if arguments.measure {
            out.flush()?;
            for precision in name.precisions() {
                let speed = measured(&name, *precision)?;
                write!(out, "  {} {speed:.1} images/s", precision.name())?;
                out.flush()?;
            }
        }
        writeln!(out)?;
    }
    let missing = DeviceName::missing_features();
    if !missing.is_empty() {
        writeln!(out, "Not in this build: {}", missing.join(", "))?;
    }
    writeln!(out, "`--device auto` selects {}.", DeviceName::fastest())?;
    Ok(ExitCode::SUCCESS)
}

/// Measures the throughput of VGG16's base in images per second.
fn measured(name: &DeviceName, precision: Precision) -> anyhow::Result<f64> {
    let config = VggConfig::default();
    let weights = Weights::seeded(&config, 0)?;
    let base = Devices::open(&name.config(precision))?.base(&config, &weights)?;
    let batch = base.batch().unwrap_or(32);
    let images = vec![0.5; batch * config.image_size.iter().product::<usize>() * 3];
    base.features(&images)?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < MIN_DURATION {
        base.features(&images)?;
        count += batch;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
