//! `cargo xtask bench`: times parts of the program, and other programs that do the same in the same run.

mod cache;
mod gpu;
mod job;
mod race;
mod rounds;
mod scale;
mod script;
mod spread;
mod store;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Subcommand;

use self::race::Race;
use self::rounds::Rounds;
use self::script::script_of;
use crate::program;

/// Part of the program to time.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time the frozen base: VGG16 at 180x180 in float32, on all cores
    Base {
        /// Batch size in images
        #[arg(long, default_value_t = 32)]
        batch: usize,
        /// Also time libtorch on the CPU, in float32 and bfloat16
        #[arg(long)]
        libtorch: bool,
        #[command(flatten)]
        rounds: Rounds,
    },
    /// Time the augmentation: flip, rotation, zoom and preprocessing at 180x180
    Augment {
        #[command(flatten)]
        rounds: Rounds,
    },
    /// Time reading images: decoding and resizing to 180x180
    Photos {
        /// Folder of images only, at any depth [default: `../shared/pets/train` from the workspace root]
        dir: Option<PathBuf>,
        #[command(flatten)]
        rounds: Rounds,
    },
    /// Time training steps of the head: 32 images, 12,800 features and 256 units
    Head {
        #[command(flatten)]
        rounds: Rounds,
    },
    /// Time cross-validation of logistic regression: 5 folds of 2000 images with 512 and with 12,800 features
    Linear {
        #[command(flatten)]
        rounds: Rounds,
    },
    /// Time whole training runs of the example, exact and with `--views 10`
    ///
    /// Also estimates the time of 50 epochs of 2000 training and 1000 validation images.
    Job(job::JobArguments),
    /// Time the first training step and the commands that use a model, with and without the cache
    Cache(cache::CacheArguments),
    /// Measure the cost of sharding the features, and a worker's memory
    Scale(scale::ScaleArguments),
    /// Time computing features into a distant object store, and training on them
    Store(store::StoreArguments),
    /// Time the base and the whole example on a GPU with libtorch, checked against the CPU
    Gpu(gpu::GpuArguments),
}

/// Runs a benchmark in the workspace at `root`. `pets` has the images that are used if no folder is named.
///
/// # Errors
/// Returns an error if a program can't be built, installed or started, or does not answer with a number.
pub(crate) fn run(root: &Path, pets: &Path, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Base { batch, libtorch, rounds } => base(root, *batch, *libtorch, rounds),
        Bench::Augment { rounds } => augment(root, rounds),
        Bench::Photos { dir, rounds } => {
            let dir = dir.clone().unwrap_or_else(|| pets.join("train"));
            photos(root, &dir, rounds)
        }
        Bench::Head { rounds } => head(root, rounds),
        Bench::Linear { rounds } => linear(root, rounds),
        Bench::Job(arguments) => job::run(root, pets, arguments),
        Bench::Cache(arguments) => cache::run(root, pets, arguments),
        Bench::Scale(arguments) => scale::run(root, pets, arguments),
        Bench::Store(arguments) => store::run(root, pets, arguments),
        Bench::Gpu(arguments) => gpu::run(root, pets, arguments),
    }
}

/// Times both compositions of the augmentation: one warp, and with `--peers` also one warp per step as in Keras.
fn augment(root: &Path, rounds: &Rounds) -> Result<()> {
    const IMAGES: usize = 1024;
    let (example, count) = (program::example(root, "augment")?, IMAGES.to_string());
    let what = "images flipped, rotated, zoomed and preprocessed at 180x180";
    let mut race = Race::new(what, IMAGES, rounds)?;
    race.enter("permafrost", Command::new(&example).args(["once", &count]))?;
    if rounds.peers {
        race.enter("stepwise", Command::new(&example).args(["stepwise", &count]))?;
        race.enter("keras", script_of(root, "augment.py")?.arg(&count))?;
    }
    race.run()
}

/// Times decoding of a folder's images, repeated until they are at least 2000.
fn photos(root: &Path, dir: &Path, rounds: &Rounds) -> Result<()> {
    const AT_LEAST: usize = 2000;
    let files = job::files_below(dir)?.len();
    let times = AT_LEAST.div_ceil(files);
    let (example, again) = (program::example(root, "photos")?, times.to_string());
    let what = format!("images of {} decoded and resized to 180x180", dir.display());
    let mut race = Race::new(&what, files * times, rounds)?;
    race.enter("permafrost", Command::new(example).arg(dir).arg(&again))?;
    if rounds.peers {
        race.enter("tensorflow", script_of(root, "photos.py")?.arg(dir).arg(&again))?;
    }
    race.run()
}

fn head(root: &Path, rounds: &Rounds) -> Result<()> {
    const STEPS: usize = 100;
    let (example, steps) = (program::example(root, "head")?, STEPS.to_string());
    let what = "images through a training step of the head, 32 a step";
    let mut race = Race::new(what, STEPS * 32, rounds)?;
    race.enter("permafrost", Command::new(example).arg(&steps))?;
    if rounds.peers {
        race.enter("keras", script_of(root, "head.py")?.arg(&steps))?;
    }
    race.run()
}

fn linear(root: &Path, rounds: &Rounds) -> Result<()> {
    const IMAGES: usize = 2000;
    let example = program::example(root, "linear")?;
    for width in ["512", "12800"] {
        let what = format!("images with {width} features through 5-fold cross-validation");
        let mut race = Race::new(&what, IMAGES, rounds)?;
        race.enter("permafrost", Command::new(&example).arg(width))?;
        if rounds.peers {
            race.enter("scikit-learn", script_of(root, "linear.py")?.arg(width))?;
        }
        race.run()?;
    }
    Ok(())
}

fn base(root: &Path, batch: usize, libtorch: bool, rounds: &Rounds) -> Result<()> {
    let example = program::example(root, "base")?;
    let count = batch.to_string();
    let what = format!("images through VGG16 at 180x180, batch {batch}");
    let mut race = Race::new(&what, batch, rounds)?;
    race.enter("permafrost", Command::new(&example).args(["winograd", &count]))?;
    race.enter("outputs", Command::new(&example).args(["outputs", &count]))?;
    if rounds.peers {
        race.enter("keras", script_of(root, "base.py")?.arg(&count))?;
        race.enter("burn_flex", Command::new(&example).args(["flex", &count]))?;
    }
    if libtorch {
        let tch = gpu::build_example(root)?;
        race.enter("libtorch", Command::new(&tch).args(["time", "cpu", "f32", &count]))?;
        race.enter("libtorch_bf16", Command::new(&tch).args(["time", "cpu", "bf16", &count]))?;
    }
    race.run()
}
