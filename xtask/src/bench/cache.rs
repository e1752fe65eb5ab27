//! `cargo xtask bench cache`: times the commands with an empty cache, with a filled one and without a cache.
//!
//! Training that uses the cache filled by a run with another seed and learning rate must have the same history as
//! without a cache.

use std::fs;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::accuracy::IMAGENET;
use crate::crashes::without_seconds;
use crate::keras::clear;
use crate::program;

#[derive(Args)]
pub(crate) struct CacheArguments {
    /// Number of images of about their original size
    #[arg(long, default_value_t = 500)]
    images: usize,
    /// Number of images of 12 megapixels
    #[arg(long, default_value_t = 100)]
    large: usize,
    /// Weights file of VGG16 [default: the file in `../shared` from the workspace root]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// Times the commands on variations of the images in `pets`.
///
/// # Errors
/// Returns an error if images or weights are missing, a command fails, or cached features change the history of a run.
pub(super) fn run(root: &Path, pets: &Path, arguments: &CacheArguments) -> Result<()> {
    let folder = absolute(root.join("target/bench-cache"))?;
    clear(&folder)?;
    let program = absolute(program::permafrost(root, &[])?)?;
    let vary = program::example(root, "vary")?;
    let weights =
        arguments.weights.clone().unwrap_or_else(|| root.join("../shared").join(IMAGENET));
    let weights = absolute(weights)?;
    ensure!(weights.is_file(), "expected weights at `{}`, found none", weights.display());
    let bench = Bench { program, folder, weights };

    for (name, count, megapixels) in
        [("small", arguments.images, "0"), ("large", arguments.large, "12")]
    {
        let data = bench.folder.join(name);
        let mut varied = Command::new(&vary);
        varied.arg(pets.join("train")).arg(&data).args([&count.to_string(), megapixels]);
        program::start(&mut varied, "see its output above")?;
        let what = format!("{count} images, {name}");
        bench.train(&what, &data, &["--no-augment"])?;
        if name == "small" {
            bench.train(&what, &data, &["--views", "3"])?;
            bench.use_model(&what, &data)?;
        }
    }
    Ok(())
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
    weights: PathBuf,
}

impl Bench {
    /// Returns the program with the weights, run in the folder of all runs.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--weights").arg(&self.weights).current_dir(&self.folder);
        command.stdin(Stdio::null());
        command
    }

    /// Times training up to the first step with an empty cache, a filled one and none.
    fn train(&self, what: &str, data: &Path, mode: &[&str]) -> Result<()> {
        let data = data.to_str().context("expected a path in Unicode")?;
        let kind = Path::new(data).file_name().context("expected a name")?.to_string_lossy();
        let named = |run: &str| format!("{kind}-{run}{}", mode.concat());
        let first_step = |run: &str, more: &[&str]| {
            let out = named(run);
            let all = ["train", data, "--json", "--device", "cpu", "--epochs", "5", "--out", &out];
            self.seconds_to_step(&[&all[..], mode, more].concat())
        };
        clear(&self.folder.join("cache"))?;
        let cache = ["--cache-dir", "cache"];
        let empty = first_step("empty", &cache)?;
        // Augmented copies depend on the seed, so `--views` needs the same one.
        let seed = if mode[0] == "--views" { "0" } else { "1" };
        let other = ["--seed", seed, "--learning-rate", "0.0005"];
        let filled = first_step("filled", &[&cache[..], &other].concat())?;
        let without = first_step("without", &[&["--no-cache"][..], &other].concat())?;
        let history = |run: &str| -> Result<String> {
            let path = self.folder.join(named(run)).join("history.csv");
            Ok(without_seconds(&fs::read_to_string(path)?).join("\n"))
        };
        ensure!(history("filled")? == history("without")?, "the history of the cached run differs");
        writeln!(
            stdout(),
            "{what}, train {}: first step after {empty:.2} s, {filled:.2} s with cached features, {without:.2} s without a cache; the same history",
            mode.join(" ")
        )?;
        Ok(())
    }

    /// Times the commands that use a trained model.
    fn use_model(&self, what: &str, data: &Path) -> Result<()> {
        let data = data.to_str().context("expected a path in Unicode")?;
        let model = "small-empty--no-augment/best";
        for arguments in [
            &["evaluate", model, data][..],
            &["predict", model, data],
            &["report", "small-empty--no-augment"],
        ] {
            clear(&self.folder.join("cache"))?;
            let seconds = |cache: &[&str]| -> Result<f64> {
                let begin = Instant::now();
                let mut command = self.command(&[arguments, cache].concat());
                program::start(command.stdout(Stdio::null()), "see its output above")?;
                Ok(begin.elapsed().as_secs_f64())
            };
            let (empty, filled) =
                (seconds(&["--cache-dir", "cache"])?, seconds(&["--cache-dir", "cache"])?);
            let without = seconds(&["--no-cache"])?;
            writeln!(
                stdout(),
                "{what}, {}: {empty:.2} s, {filled:.2} s with cached features, {without:.2} s without a cache",
                arguments[0]
            )?;
        }
        Ok(())
    }

    /// Returns the seconds from the start of the program to its first step.
    fn seconds_to_step(&self, arguments: &[&str]) -> Result<f64> {
        let begin = Instant::now();
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn()?;
        let mut seconds = None;
        for line in BufReader::new(child.stdout.take().context("piped output")?).lines() {
            if seconds.is_none() && line?.contains("\"event\":\"step\"") {
                seconds = Some(begin.elapsed().as_secs_f64());
            }
        }
        let status = child.wait()?;
        ensure!(status.success(), "`permafrost {}` ended with {status}", arguments.join(" "));
        seconds.context("expected a step")
    }
}
