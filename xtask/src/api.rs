//! `cargo xtask api`: documents each library alone without warnings, compares its public API with the snapshot in
//! `tests/api`, and counts the functions with an example.
//!
//! rustdoc describes an API as JSON. This is unstable, so rustdoc needs `RUSTC_BOOTSTRAP`, and `public-api` must match
//! the pinned toolchain. In the environment of Cargo, the variable would change the output of build scripts, and all
//! dependencies would be compiled again. So Cargo starts this program as its `rustdoc`, and only this program sets it.

use std::ffi::OsStr;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use toml::Table;

use crate::cargo::cargo;
use crate::files::{libraries, read, write};
use crate::program;
use crate::status::exit_code;

/// Environment variable that makes this program run rustdoc.
const AS_RUSTDOC: &str = "PERMAFROST_AS_RUSTDOC";

/// Folder of the snapshots, relative to the root.
const SNAPSHOTS: &str = "tests/api";

/// Compares the public API of each library at `root` with its snapshot, or writes the snapshots if `update`.
///
/// # Errors
/// Returns an error if the documentation of a library has warnings, or if its API differs from the snapshot.
pub(crate) fn run(root: &Path, update: bool) -> Result<()> {
    let mut changed = vec![];
    for library in libraries(root)? {
        let json = document(root, &library)?;
        let api = list(&json)?;
        let snapshot = root.join(SNAPSHOTS).join(format!("{library}.txt"));
        if update {
            write(&snapshot, &api)?;
        } else {
            let old = if snapshot.exists() { read(&snapshot)? } else { String::new() };
            let changes = changes(&old, &api);
            if !changes.is_empty() {
                write!(stdout(), "{changes}")?;
                changed.push(format!("`{library}`"));
            }
        }
        let Examples { functions, with_example } = count_examples(&read(&json)?)?;
        let items = api.lines().count();
        writeln!(
            stdout(),
            "{library}: {items} public items, {with_example} of {functions} functions with an example"
        )?;
    }
    ensure!(
        changed.is_empty(),
        "the public API of {} differs from `{SNAPSHOTS}`\nhint: if this is intended, run `cargo xtask api --update` and describe the change in CHANGELOG.md",
        changed.join(", ")
    );
    Ok(())
}

/// Documents a library alone, and returns the path of the description.
fn document(root: &Path, library: &str) -> Result<PathBuf> {
    let target = root.join("target");
    let manifest: Table = read(&root.join("crates").join(library).join("Cargo.toml"))?.parse()?;
    // docs.rs builds with the same features.
    let metadata = manifest["package"].get("metadata").and_then(|it| it.get("docs")?.get("rs"));
    let features = metadata.and_then(|it| it.get("features")?.as_array());
    let features = features.into_iter().flatten().filter_map(toml::Value::as_str);
    let mut command = cargo();
    command
        .args(["rustdoc", "--quiet", "--offline", "--lib", "--package", library, "--features"])
        .arg(features.collect::<Vec<_>>().join(","))
        .arg("--")
        .args(["-D", "warnings", "-Z", "unstable-options", "--output-format", "json"])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTDOC", std::env::current_exe().context("could not find the path of this program")?)
        .env(AS_RUSTDOC, "1")
        .current_dir(root);
    program::start(&mut command, "see the messages above")?;
    Ok(target.join("doc").join(format!("{}.json", library.replace('-', "_"))))
}

/// Runs rustdoc with the arguments of this program if Cargo started it for that.
pub(crate) fn as_rustdoc() -> Option<Result<ExitCode>> {
    std::env::var_os(AS_RUSTDOC)?;
    let mut rustdoc = Command::new("rustdoc");
    rustdoc.args(std::env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", OsStr::new("1"));
    Some(rustdoc.status().map(exit_code).context("could not start `rustdoc`"))
}

/// Returns the public items of a description, one per line.
fn list(json: &Path) -> Result<String> {
    let builder = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true);
    let api = builder.build().with_context(|| format!("could not read `{}`", json.display()))?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// Returns the removed and the added lines.
fn changes(old: &str, new: &str) -> String {
    let missing = |from: &str, other: &str, sign: &str| -> String {
        let other: Vec<&str> = other.lines().collect();
        let missing = from.lines().filter(|line| !other.contains(line));
        missing.map(|line| format!("{sign} {line}\n")).collect()
    };
    missing(old, new, "-") + &missing(new, old, "+")
}

/// Numbers of public functions and methods.
#[derive(Debug, PartialEq, Eq)]
struct Examples {
    functions: usize,
    with_example: usize,
}

/// Counts the public functions and methods in a description, without those of traits.
fn count_examples(json: &str) -> Result<Examples> {
    let description: Value = serde_json::from_str(json)?;
    let index = description["index"].as_object().context("expected an index, found none")?;
    let functions: Vec<&Value> = index
        .values()
        .filter(|item| {
            item["crate_id"] == 0
                && item["visibility"] == "public"
                && !item["inner"]["function"].is_null()
        })
        .collect();
    let docs = functions.iter().filter_map(|item| item["docs"].as_str());
    let with_example = docs.filter(|docs| has_example(docs)).count();
    Ok(Examples { functions: functions.len(), with_example })
}

/// Returns true if documentation contains a block of Rust.
fn has_example(docs: &str) -> bool {
    let fences = docs.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
    // Every second fence ends a block.
    fences.step_by(2).any(|language| !["text", "toml", "json"].contains(&language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_the_removed_and_the_added_items() {
        assert_eq!(changes("a\nb\n", "b\nc\n"), "- a\n+ c\n");
        assert_eq!(changes("a\n", "a\n"), "");
    }

    #[test]
    fn only_public_functions_of_the_crate_are_counted() {
        let json = r#"{"index": {
            "1": {"crate_id": 0, "visibility": "public", "docs": "A.\n```\n1;\n```", "inner": {"function": {}}},
            "2": {"crate_id": 0, "visibility": "public", "docs": "B.\n```text\n1\n```\nC.", "inner": {"function": {}}},
            "3": {"crate_id": 0, "visibility": "default", "docs": null, "inner": {"function": {}}},
            "4": {"crate_id": 7, "visibility": "public", "docs": null, "inner": {"function": {}}},
            "5": {"crate_id": 0, "visibility": "public", "docs": null, "inner": {"struct": {}}}
        }}"#;
        let expected = Examples { functions: 2, with_example: 1 };
        assert_eq!(count_examples(json).expect("a description"), expected);
    }
}
