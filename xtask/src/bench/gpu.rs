//! `cargo xtask bench gpu`: times the frozen base and the whole example on a GPU with libtorch.
//!
//! Features are checked against the CPU's. With `--python`, PyTorch's own VGG16 is timed too.

use std::fs;
use std::io::{Write, stdout};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::job;
use super::race::Race;
use super::rounds::Rounds;
use crate::keras;
use crate::program;

#[derive(Args)]
pub(crate) struct GpuArguments {
    /// Folder with `train` and `validation`, each with two classes [default: `../shared/pets` from the workspace root]
    dir: Option<PathBuf>,
    /// Device; `libtorch` is the CPU
    #[arg(long, default_value = "libtorch:cuda:0")]
    device: String,
    /// Batch sizes in images
    #[arg(long, value_delimiter = ',', default_values_t = [32, 128, 512])]
    batches: Vec<usize>,
    /// Python with PyTorch, to time PyTorch too
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Number of training images of the whole job; half as many are used for validation
    #[arg(long, default_value_t = 2000)]
    images: usize,
    /// Number of epochs of the whole job
    #[arg(long, default_value_t = 50)]
    epochs: usize,
    /// Number of rounds after the warm-up
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

/// Range of the difference of features from the CPU's, relative to their length, for each precision.
///
/// Float32 differs by the order of operations. TF32 has a mantissa of 10 bits and bfloat16 one of 7, through 13 layers.
/// A smaller difference than the minimum for bfloat16 shows that bfloat16 was not used. Without a GPU, TF32 is computed
/// as float32.
const PRECISIONS: [(&str, RangeInclusive<f64>); 3] =
    [("f32", 0.0..=1e-4), ("tf32", 0.0..=5e-3), ("bf16", 1e-4..=3e-2)];

pub(super) fn run(root: &Path, pets: &Path, arguments: &GpuArguments) -> Result<()> {
    let GpuArguments { device, batches, python, images, epochs, rounds, .. } = arguments;
    let target = match device.strip_prefix("libtorch") {
        Some("") => "cpu",
        Some(gpu) if gpu.starts_with(":cuda:") => &gpu[1..],
        _ => {
            anyhow::bail!(
                "`{device}` is not a libtorch device\nhint: use libtorch:cuda:N or libtorch"
            )
        }
    };
    let example = build_example(root)?;
    let program = example.parent().and_then(Path::parent).context("expected a folder")?;
    let program = program.join(format!("permafrost{}", std::env::consts::EXE_SUFFIX));

    let listed = Command::new(&program).arg("devices").output()?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    ensure!(
        listed.lines().any(|line| line.split_whitespace().next() == Some(device)),
        "expected the device `{device}`, found:\n{listed}hint: run `cargo xtask fetch libtorch --cuda` for a GPU, or use `--device libtorch` for the CPU"
    );
    let mut out = stdout();
    for (precision, expected) in PRECISIONS {
        let error = difference(&example, target, precision)?;
        writeln!(
            out,
            "{precision}: relative difference of the features from the CPU's: {error:.1e}"
        )?;
        ensure!(
            expected.contains(&error),
            "expected a relative difference of {:e} to {:e}, found {error:e}\nhint: see `Network::convolve` in crates/vgg-tch",
            expected.start(),
            expected.end()
        );
    }
    let counted = Rounds { peers: python.is_some(), rounds: *rounds, json: false };
    for (precision, _) in PRECISIONS {
        for &batch in batches {
            let what =
                format!("images through VGG16 at 180x180 on {device}, {precision}, batch {batch}");
            let mut race = Race::new(&what, batch, &counted)?;
            let batch = batch.to_string();
            race.enter(
                "permafrost",
                Command::new(&example).args(["time", target, precision, &batch]),
            )?;
            for (name, mode) in
                [("eager", "eager"), ("compiled", "compile"), ("CUDA graph", "graph")]
            {
                if let Some(python) = python
                    && (mode == "eager" || target != "cpu")
                {
                    let script = root.join("bench/gpu.py");
                    let arguments = [target, precision, &batch, mode];
                    race.enter(name, Command::new(python).arg("-B").arg(script).args(arguments))?;
                }
            }
            race.run()?;
        }
    }

    let data = root.join("target/bench-gpu");
    keras::clear(&data)?;
    let images_of = arguments.dir.as_deref().unwrap_or(pets);
    let folder = data.join("images");
    job::repeat(&images_of.join("train"), &folder.join("train"), *images)?;
    job::repeat(&images_of.join("validation"), &folder.join("validation"), images / 2)?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(["train", "--weights", "none", "--device", device, "--epochs", &epochs.to_string()])
        .arg("--out")
        .arg(data.join("run"))
        .arg(&folder)
        .stdout(Stdio::null())
        .status()
        .context("could not start `permafrost`")?;
    ensure!(status.success(), "`permafrost train` ended with {status}");
    writeln!(
        out,
        "The whole job, {epochs} epochs of {images} + {} images on {device}: {:.1} s",
        images / 2,
        start.elapsed().as_secs_f64()
    )?;
    fs::remove_dir_all(&data).with_context(|| format!("could not clear `{}`", data.display()))
}

/// Builds the example that times and checks libtorch, and next to it the program with that feature.
pub(super) fn build_example(root: &Path) -> Result<PathBuf> {
    // Uses the same packages and features as `cargo test -p cli -p vgg-tch`, so that its build is reused.
    let packages = ["--package", "cli", "--package", "vgg-tch"];
    let features = program::all(&["cli/libtorch", "vgg-tch/libtorch"]);
    let what = ["--features", &features, "--bins", "--example", "tch"];
    program::build(root, "examples/tch", &[&packages[..], &what].concat())
}

/// Returns the difference of a device's features from the CPU's, relative to their length.
fn difference(example: &Path, target: &str, precision: &str) -> Result<f64> {
    let output = Command::new(example).args(["check", target, precision]).output()?;
    ensure!(
        output.status.success(),
        "`tch check {target} {precision}` ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().with_context(|| format!("expected a number, found `{}`", printed.trim()))
}
