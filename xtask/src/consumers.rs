//! `cargo xtask consumers`: checks that single crates can be used from outside the workspace.
//!
//! First each library is checked alone: in the workspace, another package's features may hide that the library does not
//! ask for them. Then each package in `xtask/consumers/` is copied into `target/consumers/`, built and run there as a
//! workspace that depends on our crates by path.
//!
//! It shares the workspace's lock file, target folder and profile, except the optimization level. Burn is built again,
//! as fewer packages ask for features of its dependencies. That takes 2.5 minutes unoptimized, 3.7 optimized.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use crate::cargo::cargo;

/// Folder names of the packages.
const CONSUMERS: [&str; 2] = ["augment", "vgg"];

/// Checks every library at `root` alone, then builds and runs every consumer.
///
/// # Errors
/// Returns an error if a library or consumer does not compile, or a consumer can't be written or fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    for library in libraries(root)? {
        writeln!(stdout(), "library `{library}` alone:")?;
        let status = cargo()
            .args(["check", "--offline", "--package", &library])
            .current_dir(root)
            .status()
            .context("could not start `cargo`")?;
        ensure!(
            status.success(),
            "the library `{library}` does not compile by itself: `cargo check` ended with {status}\n\
             hint: see the compiler output above; a feature may be missing in `crates/{library}/Cargo.toml`"
        );
    }
    for name in CONSUMERS {
        let source = root.join("xtask/consumers").join(name);
        let copy = root.join("target/consumers").join(name);
        let manifest = outside_manifest(
            &read(&source.join("Cargo.toml.in"))?,
            &read(&root.join("Cargo.toml"))?,
            root,
        )
        .with_context(|| format!("could not create the manifest of the consumer `{name}`"))?;
        write(&copy.join("Cargo.toml"), &manifest)?;
        write(&copy.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)?;
        write(&copy.join("src/main.rs"), &read(&source.join("src/main.rs"))?)?;

        writeln!(stdout(), "consumer `{name}`:")?;
        let status = cargo()
            // Not `--locked`: the workspace's lock file has more packages than this one needs and must be allowed to
            // shrink. `--offline` keeps other versions out.
            .args(["run", "--offline"])
            .env("CARGO_TARGET_DIR", root.join("target"))
            .current_dir(&copy)
            .status()
            .context("could not start `cargo`")?;
        ensure!(
            status.success(),
            "the consumer `{name}` ended with {status}\n\
             hint: see `{}`; if crates were missing, `cargo fetch` brings them",
            copy.display()
        );
    }
    Ok(())
}

/// Returns the names of the packages in `crates` that are libraries, sorted.
fn libraries(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("crates");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("could not read `{}`", folder.display()))?;
    let crates: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let libraries = crates.iter().filter(|path| path.join("src/lib.rs").is_file());
    let names = libraries.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    ensure!(!names.is_empty(), "expected libraries in `{}`, found none", folder.display());
    Ok(names)
}

/// Returns the consumer's manifest as that of a separate workspace, with absolute paths and the workspace's profiles,
/// in which `dev` is not optimized.
fn outside_manifest(consumer: &str, workspace: &str, root: &Path) -> Result<String> {
    let mut consumer: Table = consumer.parse()?;
    let workspace: Table = workspace.parse()?;
    if let Some(Value::Table(dependencies)) = consumer.get_mut("dependencies") {
        for (_, dependency) in dependencies {
            if let Some(Value::String(path)) = dependency.get_mut("path") {
                *path = root.join(&path).to_str().context("expected a root in Unicode")?.to_owned();
            }
        }
    }
    consumer.insert("workspace".into(), Table::new().into());
    if let Some(profile) = workspace.get("profile") {
        let mut profile = profile.clone();
        if let Some(Value::Table(dev)) = profile.get_mut("dev") {
            dev.insert("opt-level".into(), 0.into());
        }
        consumer.insert("profile".into(), profile);
    }
    Ok(toml::to_string(&consumer)?)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("could not write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumer_manifest_is_a_standalone_workspace() {
        let consumer =
            "[package]\nname = \"c\"\n[dependencies]\naugment = { path = \"crates/augment\" }\n";
        let workspace = "[workspace]\nmembers = [\"crates/*\"]\n[profile.dev]\nopt-level = 2\n";
        let manifest: Table =
            outside_manifest(consumer, workspace, Path::new("/root")).unwrap().parse().unwrap();
        assert_eq!(
            manifest["dependencies"]["augment"]["path"].as_str().map(Path::new),
            Some(Path::new("/root/crates/augment"))
        );
        assert_eq!(manifest["workspace"], Value::Table(Table::new()));
        assert_eq!(manifest["profile"]["dev"]["opt-level"], Value::Integer(0));
    }
}
