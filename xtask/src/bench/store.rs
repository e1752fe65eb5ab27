//! `cargo xtask bench store`: measures the cost of a remote object store, for computing features and for training on
//! them.
//!
//! Features of the same images are computed twice: on the local disk, and through an S3 interface with latency and
//! limited bandwidth. Then a head is trained on each feature set, which is larger than `--cache-mb` allows in memory.
//! The time of further epochs shows the cost of reading features again.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use super::scale::repeated;
use crate::crashes::without_seconds;
use crate::keras::clear;
use crate::object_store::{Keys, Server};
use crate::program;

#[derive(Args)]
pub(crate) struct StoreArguments {
    /// Number of images
    #[arg(long, default_value_t = 4000)]
    images: usize,
    /// Number of timed epochs after the first
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    /// Maximum size of features in memory in megabytes
    #[arg(long, default_value_t = 128)]
    cache_mb: usize,
    /// Latency of each request in milliseconds
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// Bandwidth to and from the store in megabytes per second
    #[arg(long, default_value_t = 100.0)]
    mb_per_second: f64,
}

/// Measures with the images in `pets`.
///
/// # Errors
/// Returns an error if images are missing, a program can't be built or fails, or the histories of the local and the
/// remote run differ.
pub(super) fn run(root: &Path, pets: &Path, arguments: &StoreArguments) -> Result<()> {
    let StoreArguments { images, epochs, cache_mb, latency_ms, mb_per_second } = arguments;
    let folder = absolute(root.join("target/bench-store"))?;
    clear(&folder)?;
    let buckets = folder.join("buckets");
    let near = repeated(pets, &buckets.join("near/images"), *images)?;
    for bucket in ["far", "near"] {
        fs::create_dir_all(buckets.join(bucket))?;
    }
    let program = absolute(program::permafrost(root, &["cli/remote"])?)?;
    let faults = [latency_ms.to_string(), mb_per_second.to_string()];
    let faults = ["--latency-ms", &faults[0], "--mb-per-second", &faults[1]];
    let server = Server::start(root, &buckets, &faults)?;
    let mut out = stdout();
    writeln!(out, "far: {latency_ms} ms per request, {mb_per_second} MB/s")?;

    let client = Client { program, folder: folder.clone(), url: server.url.clone() };
    let mut seconds = vec![];
    for (place, data, set) in [
        ("near", near.display().to_string(), buckets.join("near/set").display().to_string()),
        ("far", "s3://near/images".into(), "s3://far/set".into()),
    ] {
        let before = server.requests()?.0;
        let took =
            client.run(&["features", &data, "--out", &set, "--pieces", "4", "--no-cache"])?;
        writeln!(
            out,
            "{images} images {place}: {took:.1} s, {:.1} images/s, {} requests",
            *images as f64 / took,
            server.requests()?.0 - before
        )?;
        seconds.push(took);
    }
    writeln!(out, "far: {:.3} of the speed of near", seconds[0] / seconds[1])?;

    let mut histories = vec![];
    for (place, set) in
        [("near", buckets.join("near/set").display().to_string()), ("far", "s3://far/set".into())]
    {
        let (before, cache) = (server.requests()?.0, cache_mb.to_string());
        let train = |epochs: usize| {
            let (run, epochs) = (format!("{place}-{epochs}"), epochs.to_string());
            let what = ["train", "--features", &set, "--cache-mb", &cache, "--quiet"];
            client.run(&[&what[..], &["--epochs", &epochs, "--out", &run]].concat())
        };
        let first = train(1)?;
        let epoch = (train(1 + epochs)? - first) / *epochs as f64;
        // A fifth of the images is for validation and read once.
        let shown = *images as f64 * 0.8;
        writeln!(
            out,
            "an epoch {place}, {cache_mb} MB in memory: {epoch:.2} s, {:.0} images/s; up to the end of the first {first:.1} s; {} requests",
            shown / epoch,
            server.requests()?.0 - before
        )?;
        let history = folder.join(format!("{place}-{}/history.csv", 1 + epochs));
        histories.push(without_seconds(&fs::read_to_string(history)?));
    }
    ensure!(histories[0] == histories[1], "expected equal histories, found {histories:?}");
    Ok(())
}

/// The program, with the store's URL and keys in its environment.
struct Client {
    program: PathBuf,
    folder: PathBuf,
    url: String,
}

impl Client {
    /// Runs the program without pretrained weights, and returns the seconds that it took.
    fn run(&self, arguments: &[&str]) -> Result<f64> {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["--weights", "none", "--device", "cpu"]);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        Keys::RIGHT.tell(&mut command, &self.url);
        let start = Instant::now();
        let status = command.status()?;
        ensure!(status.success(), "`permafrost {}` ended with {status}", arguments.join(" "));
        Ok(start.elapsed().as_secs_f64())
    }
}
