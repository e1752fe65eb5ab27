//! `features`: sets computed in shares, read back, continued, checked, and refused.

use std::collections::BTreeMap;
use std::process::Command;
use std::{fs, iter};

use ::features::Cancellation;
use serde_json::Value;
use shards::{FeatureSet, Rows, Store};

use crate::permafrost::{Done, Workplace};

mod again;
mod damage;
mod inputs;
#[cfg(unix)]
mod stopped;
mod values;

/// A base that takes a moment, as `train` has it in `quick`.
const BASE: &str = "--weights none --size 32 --until block1_pool --pooling max";

/// Variables by which an engine may say which share it wants.
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

/// The program, wherever the tests themselves are run.
fn command(workplace: &Workplace, arguments: &str) -> Command {
    let mut command = workplace.command(&format!("features {arguments}"));
    VARIABLES.iter().for_each(|name| _ = command.env_remove(name));
    command
}

fn run(workplace: &Workplace, arguments: &str) -> Done {
    Done::of(&mut command(workplace, arguments))
}

/// Computes a share of `photos`.
fn compute(workplace: &Workplace, arguments: &str) -> Done {
    run(workplace, &format!("photos {BASE} {arguments}")).expect_success()
}

/// The names in a folder with what is in each file.
fn contents(workplace: &Workplace, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let names = workplace.names_in(folder).into_iter();
    names
        .map(|name| {
            let bytes = fs::read(workplace.path(folder).join(&name)).expect("a file");
            (name, bytes)
        })
        .collect()
}

fn open(workplace: &Workplace, folder: &str) -> FeatureSet {
    let store = Store::open(workplace.path(folder).to_str().expect("text")).expect("a place");
    FeatureSet::open(&store).unwrap_or_else(|error| panic!("{error}"))
}

/// Rewrites the JSON of each piece in a folder as the version before wrote it, without digests of contents.
fn as_of_schema_1(workplace: &Workplace, folder: &str) {
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

/// A photograph's label, its features as it is, and those of its views.
type Features = (usize, Vec<f32>, Vec<Vec<f32>>);

/// Those of every photograph of a set.
fn features(set: &FeatureSet) -> BTreeMap<String, Features> {
    let features = |photo: &shards::Photograph| {
        let rows = |view, row| Rows { piece: photo.piece, view, rows: row..row + 1 };
        let views = photo.trainable_row.into_iter();
        let views = views.flat_map(|row| (1..=set.views()).map(move |view| rows(Some(view), row)));
        let all: Vec<Rows> = iter::once(rows(None, photo.row)).chain(views).collect();
        let mut read = set.read(&all, &Cancellation::NEVER).expect("rows");
        let plain = read.remove(0);
        (photo.key.clone(), (photo.label, plain, read))
    };
    set.photographs().iter().map(features).collect()
}

/// What `check` finds, by kind, piece or object, and reason.
fn findings(workplace: &Workplace, arguments: &str) -> Vec<[String; 3]> {
    let done = run(workplace, &format!("{arguments} --json"));
    let checked: Value = serde_json::from_str(&done.stdout).expect("JSON");
    let findings = checked["findings"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let findings: Vec<_> =
        findings.map(|found| ["kind", "name", "reason"].map(|name| text(&found[name]))).collect();
    assert_eq!(done.status, Some(i32::from(!findings.is_empty())), "{}", done.stdout);
    findings
}

/// Runs the program and expects it to refuse, naming `named`.
fn refused(workplace: &Workplace, arguments: &str, named: &str) {
    expect_refused(&run(workplace, arguments), named);
}

fn expect_refused(done: &Done, named: &str) {
    assert_eq!(done.status, Some(2), "{}{}", done.stdout, done.stderr);
    let said = done.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(said.contains(named), "`{named}` in {said}");
    assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}
