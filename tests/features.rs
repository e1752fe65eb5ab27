//! `features`: sets that are computed in shards, read, continued, checked or refused.

use std::collections::BTreeMap;
use std::process::Command;
use std::{fs, iter};

use ::features::Cancellation;
use serde_json::Value;
use shards::{FeatureSet, Rows, Store};

use crate::harness::{CommandResult, TestDir};

mod damage;
mod existing_pieces;
mod inputs;
#[cfg(unix)]
mod interruption;
mod values;

/// Arguments of a fast base, the one that `quick` uses.
const BASE: &str = "--weights none --image-size 32 --last-layer block1_pool --pooling max";

/// Variables with which job engines select the shard.
const VARIABLES: [&str; 8] = [
    "JOB_COMPLETION_INDEX",
    "JOB_COMPLETIONS",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_COUNT",
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_STEP",
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "AWS_BATCH_JOB_ARRAY_SIZE",
];

/// Returns a `features` command without the variables of a job engine that may run the tests.
fn command(workplace: &TestDir, arguments: &str) -> Command {
    let mut command = workplace.command(&format!("features {arguments}"));
    VARIABLES.iter().for_each(|name| _ = command.env_remove(name));
    command
}

fn run(workplace: &TestDir, arguments: &str) -> CommandResult {
    CommandResult::of(&mut command(workplace, arguments))
}

/// Computes a shard of `photos`.
fn compute(workplace: &TestDir, arguments: &str) -> CommandResult {
    run(workplace, &format!("photos {BASE} {arguments}")).expect_success()
}

/// Returns the names and the contents of the files in a folder.
fn contents(workplace: &TestDir, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let names = workplace.names_in(folder).into_iter();
    names
        .map(|name| {
            let bytes = fs::read(workplace.path(folder).join(&name)).expect("a file");
            (name, bytes)
        })
        .collect()
}

fn open(workplace: &TestDir, folder: &str) -> FeatureSet {
    let store = Store::open(workplace.path(folder).to_str().expect("text")).expect("a place");
    FeatureSet::open(&store).unwrap_or_else(|error| panic!("{error}"))
}

/// Rewrites the JSON of each piece in a folder in the previous format, which has no digests of contents.
fn as_of_schema_1(workplace: &TestDir, folder: &str) {
    for name in workplace.names_in(folder).iter().filter(|name| name.ends_with(".json")) {
        let path = format!("{folder}/{name}");
        let mut card: Value = serde_json::from_str(&workplace.read(&path)).expect("JSON");
        card["schema"] = 1.into();
        card.as_object_mut().expect("a card").remove("contents").expect("a digest");
        let object = card["object"].as_object_mut().expect("an object");
        object.remove("head_sha256").expect("a digest");
        workplace.write(&path, card.to_string());
    }
}

/// Label of an image, its features, and the features of its views.
type Features = (usize, Vec<f32>, Vec<Vec<f32>>);

/// Returns the label and the features of every image of a set, by key.
fn features(set: &FeatureSet) -> BTreeMap<String, Features> {
    let features = |photo: &shards::SetImage| {
        let rows = |view, row| Rows { piece: photo.piece, view, rows: row..row + 1 };
        let views = photo.trainable_row.into_iter();
        let views = views.flat_map(|row| (1..=set.views()).map(move |view| rows(Some(view), row)));
        let all: Vec<Rows> = iter::once(rows(None, photo.row)).chain(views).collect();
        let mut read = set.read(&all, &Cancellation::NEVER).expect("rows");
        let plain = read.remove(0);
        (photo.key.clone(), (photo.label, plain, read))
    };
    set.images().iter().map(features).collect()
}

/// Returns the kind, the name and the reason of each finding of `check`.
fn findings(workplace: &TestDir, arguments: &str) -> Vec<[String; 3]> {
    let done = run(workplace, &format!("{arguments} --json"));
    let checked: Value = serde_json::from_str(&done.stdout).expect("JSON");
    let findings = checked["findings"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let findings: Vec<_> =
        findings.map(|found| ["kind", "name", "reason"].map(|name| text(&found[name]))).collect();
    assert_eq!(done.status, Some(i32::from(!findings.is_empty())), "{}", done.stdout);
    findings
}

/// Runs the program and expects an error that names `named`.
fn refused(workplace: &TestDir, arguments: &str, named: &str) {
    expect_refused(&run(workplace, arguments), named);
}

fn expect_refused(done: &CommandResult, named: &str) {
    assert_eq!(done.status, Some(2), "{}{}", done.stdout, done.stderr);
    let said = done.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(said.contains(named), "`{named}` in {said}");
    assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}
