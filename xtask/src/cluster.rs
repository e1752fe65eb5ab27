//! `cargo xtask cluster`: runs the files in `deploy/` as their engines do, and computes features in an object store.
//!
//! Each check starts the built program on real images and pretrained weights, and leaves its output in a folder below
//! `target/cluster`.

mod containers;
mod daemons;
mod pieces;
mod printed;
mod s3;
mod site;
mod slurm;

use std::io::{Write, stdout};
use std::path::{Path, absolute};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use self::site::Site;
use crate::keras::clear;
use crate::program;

/// Check to run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// The batch script on a temporary Slurm
    Slurm,
    /// The manifest of Kubernetes and the job definition of AWS Batch
    Kubernetes,
    /// Images and features in an object store that fails at random and is killed in the middle
    S3,
}

/// Checks `deploy/` of the workspace at `root` with the images and weights in `shared`.
///
/// # Errors
/// Returns an error if test material or an engine is missing, the program can't be built, or a check fails.
pub(crate) fn run(root: &Path, shared: &Path, check: Option<Check>) -> Result<()> {
    let shared = absolute(shared)?;
    let images = shared.join("pets");
    let weights = shared.join("weights/vgg19_blocks1-3.safetensors");
    for path in [&images, &weights] {
        ensure!(
            path.exists(),
            "expected test material at `{}`, found none\nhint: name the folder with `pets` and `weights`: `cargo xtask cluster --shared DIR`",
            path.display()
        );
    }
    let root = absolute(root)?;
    let program = absolute(program::permafrost(&root, &[])?)?;
    for wanted in Check::value_variants() {
        if check.is_some_and(|check| check != *wanted) {
            continue;
        }
        let name = wanted.to_possible_value().expect("every check has a name");
        let name = name.get_name();
        let folder = root.join("target/cluster").join(name);
        clear(&folder)?;
        let site = Site {
            root: root.clone(),
            program: program.clone(),
            images: images.clone(),
            weights: weights.clone(),
            folder,
        };
        let begin = Instant::now();
        match wanted {
            Check::Slurm => slurm::check(&site)?,
            Check::Kubernetes => containers::check(&site)?,
            Check::S3 => s3::check(&site)?,
        }
        writeln!(stdout(), "cluster: {name} passed in {:.0?}", begin.elapsed())?;
    }
    Ok(())
}
