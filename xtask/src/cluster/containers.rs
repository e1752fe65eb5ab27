//! Checks the manifest of Kubernetes and the job definition of AWS Batch.
//!
//! Both must be valid by the official schemas. Their command lines are run unchanged, except that the built program
//! replaces the image and folders replace the URLs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::pieces::names_of;
use super::printed::printed;
use super::site::Site;
use crate::keras::install;

/// Shard that is computed with the command lines of both Kubernetes and AWS Batch.
const OF_BATCH: usize = 3;

/// Path of the weights in the image, to which `cargo xtask fetch weights` writes them.
const WEIGHTS: &str = "data/weights/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5";

/// Output of `tests/deploy/manifests.py`.
#[derive(Deserialize)]
struct Manifests {
    versions: Vec<String>,
    workers: usize,
    /// Writable folder of a container.
    scratch: String,
    kubernetes: Container,
    batch: Container,
}

/// Arguments and environment of the program in a container.
#[derive(Deserialize)]
struct Container {
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// Checks `deploy/kubernetes.yaml` and `deploy/aws-batch.json`.
pub(super) fn check(site: &Site) -> Result<()> {
    let checks = site.root.join("tests/deploy");
    let python = site.root.join("target/cluster/python");
    let python = install(&python, &checks.join("requirements.txt"))?;
    let mut reading = Command::new(python);
    // `-B`: writes no bytecode next to the scripts.
    reading.arg("-B").arg(checks.join("manifests.py")).arg(site.root.join("deploy"));
    let manifests: Manifests = serde_json::from_str(&printed(&mut reading)?)
        .context("could not parse the output of `manifests.py`")?;
    writeln!(
        stdout(),
        "cluster: valid for Kubernetes {} and for AWS Batch",
        manifests.versions.join(", ")
    )?;

    draw_weights(site)?;
    let (set, of_batch) = (site.folder.join("set"), site.folder.join("set-of-batch"));
    for index in 0..manifests.workers {
        let worker = [("JOB_COMPLETION_INDEX", index)];
        run(site, &manifests.kubernetes, &manifests.scratch, &worker, &set)?;
    }
    site.expect_whole(&set)?;

    let worker =
        [("AWS_BATCH_JOB_ARRAY_INDEX", OF_BATCH), ("AWS_BATCH_JOB_ARRAY_SIZE", manifests.workers)];
    run(site, &manifests.batch, &manifests.scratch, &worker, &of_batch)?;
    expect_same_shard(&set, &of_batch)?;
    writeln!(stdout(), "cluster: AWS Batch writes the same bytes as Kubernetes")?;
    Ok(())
}

/// Writes random weights of the same network at the path of the pretrained ones.
fn draw_weights(site: &Site) -> Result<()> {
    let draw = "train --demo --weights none --last-layer block5_pool --image-size 32 --epochs 1 --no-augment --quiet --out model";
    site.run(&draw.split(' ').collect::<Vec<_>>())?;
    let path = site.folder.join(WEIGHTS);
    fs::create_dir_all(path.parent().context("expected a folder")?)?;
    site.run(&"export model/best --format keras --out model.keras".split(' ').collect::<Vec<_>>())?;
    // The program recognizes a weights file by its content, not by its name.
    fs::rename(site.folder.join("model.keras"), path)?;
    Ok(())
}

/// Runs a container's command line with its environment and the variables that the engine adds, and no others.
fn run(
    site: &Site,
    container: &Container,
    scratch: &str,
    worker: &[(&str, usize)],
    set: &Path,
) -> Result<()> {
    let folder = site.folder.join("scratch");
    fs::create_dir_all(&folder)?;
    let arguments = on_folders(&container.arguments, text(&site.images)?, text(set)?)?;
    let mut command = Command::new(&site.program);
    command.args(arguments).current_dir(&site.folder).env_clear();
    for (name, value) in &container.environment {
        let value = if value == scratch { text(&folder)? } else { value };
        command.env(name, value);
    }
    command.envs(worker.iter().map(|(name, value)| (name, value.to_string())));
    let said = printed(&mut command)?;
    let [(by, shard), ..] = worker else { return Ok(()) };
    let expected = format!("Shard {shard} of ");
    ensure!(
        said.starts_with(&expected) && said.contains(by) && said.contains("\nComplete: "),
        "expected `{expected}... ({by})` and `Complete: `, found:\n{said}"
    );
    Ok(())
}

/// Returns the arguments with the two URLs replaced by folders.
fn on_folders(arguments: &[String], images: &str, set: &str) -> Result<Vec<String>> {
    let mut replaced = (0, 0);
    let mut before = "";
    let mut on_folders = vec![];
    for argument in arguments {
        on_folders.push(match (argument.starts_with("s3://"), before) {
            (true, "--out") => {
                replaced.1 += 1;
                set.to_owned()
            }
            (true, _) => {
                replaced.0 += 1;
                images.to_owned()
            }
            (false, _) => argument.clone(),
        });
        before = argument;
    }
    ensure!(
        replaced == (1, 1),
        "expected a URL of images and a URL after `--out` in `{}`",
        arguments.join(" ")
    );
    Ok(on_folders)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("expected a path in Unicode, found `{}`", path.display()))
}

/// Compares a shard of two feature sets byte by byte.
fn expect_same_shard(set: &Path, other: &Path) -> Result<()> {
    let names = names_of(set, OF_BATCH)?;
    ensure!(
        !names.is_empty(),
        "expected pieces of shard {OF_BATCH} in `{}`, found none",
        set.display()
    );
    ensure!(names == names_of(other, OF_BATCH)?, "expected the same names in both sets");
    for name in names {
        let same = fs::read(set.join(&name))? == fs::read(other.join(&name))?;
        ensure!(same, "`{name}` differs");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_urls_are_replaced_by_folders() {
        let line = words("features s3://a/b --out s3://c/d --pieces 16");
        let expected = words("features PETS --out SET --pieces 16");
        assert_eq!(on_folders(&line, "PETS", "SET").unwrap(), expected);
        assert!(on_folders(&words("features s3://a --pieces 16"), "PETS", "SET").is_err());
        assert!(on_folders(&words("features a --out s3://c"), "PETS", "SET").is_err());
    }

    #[test]
    fn differing_shards_are_detected() {
        let root = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| root.path().join(name));
        for set in [&one, &other] {
            fs::create_dir(set).unwrap();
        }
        assert!(expect_same_shard(&one, &other).is_err());
        let name = "shard-00003-of-00008-piece-0000-of-0016.json";
        fs::write(one.join(name), "1").unwrap();
        assert!(expect_same_shard(&one, &other).is_err());
        fs::write(other.join(name), "2").unwrap();
        assert!(expect_same_shard(&one, &other).is_err());
        fs::write(other.join(name), "1").unwrap();
        expect_same_shard(&one, &other).unwrap();
    }
}
