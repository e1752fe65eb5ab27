//! `cargo xtask agreement`: trains the same runs on the CPU engine and on libtorch, and checks that they agree.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::accuracy::{IMAGENET, Program, SMALL, best_of};
use crate::{keras, program};

/// Maximum relative difference of a figure of the first epoch from the CPU's. Both devices compute in float32, in a
/// different order.
const FIRST_EPOCH: f64 = 1e-3;

/// Maximum number of validation images that the best models of the two devices may classify differently.
const MAX_DIFFERENCE: f64 = 2.0;

/// Maximum difference of the mean accuracy of the best models if the base is computed in bfloat16.
const BFLOAT16: f64 = 0.01;

/// Seeds of the runs on the images in `shared`. A mean of fewer is too uncertain for [`BFLOAT16`].
const SEEDS: [&str; 4] = ["1", "2", "3", "4"];

/// Trains on each device: the demo, the whole ImageNet VGG16 once, and a small base four times on the images in
/// `shared`.
///
/// # Errors
/// Returns an error if test material is missing, a command fails, or the runs do not agree.
pub(crate) fn run(root: &Path, shared: &Path) -> Result<()> {
    let pets = shared.join("pets");
    let (weights, base) = (shared.join(SMALL.0), SMALL.1);
    let runs = root.join("target/agreement");
    keras::clear(&runs)?;
    let binary = &program::permafrost(root, &["cli/libtorch"])?;
    let program = Program { root, binary, images: &pets, weights: &weights, base };

    let [cpu, libtorch] =
        ["cpu", "libtorch"].map(|device| (device, runs.join(format!("demo-{device}"))));
    for (device, run) in [&cpu, &libtorch] {
        program.train(run, &["--demo", "--device", device])?;
    }
    compare("demo", &cpu.1, &libtorch.1, 100.0)?;

    // With pooling: on flattened features of the ImageNet weights, steps are so large that a run is chaotic.
    let program_of_imagenet = Program {
        weights: &shared.join(IMAGENET),
        base: &["--pooling", "avg", "--image-size", "96"],
        ..program
    };
    let [cpu, libtorch] = ["cpu", "libtorch"].map(|device| {
        let run = runs.join(format!("imagenet-{device}"));
        let more = ["--epochs", "2", "--no-augment", "--device", device, "--precision", "f32"];
        program_of_imagenet.train_on_images(&run, &more).map(|()| run)
    });
    compare("VGG16 of ImageNet", &cpu?, &libtorch?, 72.0)?;

    // All seeds of a device share the features.
    let devices = [["cpu", "f32"], ["libtorch", "f32"], ["libtorch", "bf16"]];
    let [cpu, libtorch, bf16] = devices.map(|[device, precision]| {
        let run = runs.join(format!("images-{device}-{precision}"));
        let more = ["--epochs", "50", "--no-augment", "--seeds", &SEEDS.join(",")];
        let more = [&more[..], &["--device", device, "--precision", precision]].concat();
        program.train_on_images(&run, &more).map(|()| run)
    });
    let (cpu, libtorch, bf16) = (cpu?, libtorch?, bf16?);
    let mut means = [0.0; 2];
    for seed in SEEDS {
        let [cpu, libtorch, bf16] =
            [&cpu, &libtorch, &bf16].map(|runs| runs.join(format!("seed-{seed}")));
        compare(&format!("images, seed {seed}"), &cpu, &libtorch, 72.0)?;
        for (mean, run) in means.iter_mut().zip([&cpu, &bf16]) {
            *mean += best_of(run)?.val_accuracy / SEEDS.len() as f64;
        }
    }
    let [cpu, bf16] = means;
    writeln!(stdout(), "images: mean val_accuracy {cpu:.4}, in bfloat16 {bf16:.4}")?;
    ensure!((cpu - bf16).abs() <= BFLOAT16, "expected a difference of at most {BFLOAT16}");
    Ok(())
}

/// Compares two runs that validate on `images` images.
fn compare(what: &str, cpu: &Path, other: &Path, images: f64) -> Result<()> {
    let farthest = first_epoch(cpu)?
        .iter()
        .zip(first_epoch(other)?)
        .map(|(cpu, other)| (cpu - other).abs() / cpu.abs())
        .fold(0.0, f64::max);
    let [cpu, other] = [best_of(cpu)?.val_accuracy, best_of(other)?.val_accuracy];
    writeln!(
        stdout(),
        "{what}: first epoch differs by {farthest:.1e}, val_accuracy at the best val_loss {cpu:.4} and {other:.4}"
    )?;
    ensure!(
        farthest <= FIRST_EPOCH,
        "expected a difference of the first epoch of at most {FIRST_EPOCH:e}"
    );
    let apart = ((cpu - other) * images).abs();
    ensure!(
        apart <= MAX_DIFFERENCE + 1e-6,
        "expected accuracies that differ by at most {MAX_DIFFERENCE} images"
    );
    Ok(())
}

/// Returns loss, accuracy, val_loss and val_accuracy of the first epoch in a run's history.
fn first_epoch(run: &Path) -> Result<Vec<f64>> {
    let path = run.join("history.csv");
    let table = fs::read_to_string(&path)
        .with_context(|| format!("could not read `{}`", path.display()))?;
    let line = table.lines().nth(1);
    let line = line.with_context(|| format!("`{}` has no epochs", path.display()))?;
    let number = |cell: &str| {
        cell.parse::<f64>().with_context(|| format!("`{cell}` in `{line}` is not a number"))
    };
    let figures: Vec<f64> = line.split(',').skip(1).take(4).map(number).collect::<Result<_>>()?;
    ensure!(figures.len() == 4, "expected four figures in `{line}`");
    Ok(figures)
}
