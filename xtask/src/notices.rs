//! `cargo xtask notices`: writes the licence texts of all packages in a build of the program, for a container image or
//! an archive that contains it.
//!
//! The packages are listed by `cargo tree` for this platform and these features, without build and test dependencies.
//! The texts are the licence files of each package. Equal texts are written once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fetch::Manifest;
use serde::Deserialize;

use crate::cargo::cargo;
use crate::output::say;

/// Beginnings of the names of licence files, in upper case.
const FILES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// The fields of `cargo metadata` that are used.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package, as `cargo metadata` lists it.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

/// Writes the workspace's licences and `THIRD-PARTY.txt` into the folder `into`, for the program with these features.
///
/// # Errors
/// Returns an error if the packages can't be listed, or a file can't be read or written.
pub(crate) fn run(root: &Path, features: &str, into: &Path) -> Result<()> {
    // The metadata lists all packages of the workspace, `cargo tree` only the packages in the program.
    let metadata = said_by(root, &["metadata", "--format-version", "1"])?;
    let tree = ["--package", "cli", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let contained = said_by(root, &[&["tree", "--features", features], &tree[..]].concat())?;
    let metadata =
        serde_json::from_str(&metadata).context("the output of `cargo metadata` is invalid")?;
    let (count, mut text) = notices(&metadata, &contained)?;
    text += "\nPretrained weights, if they come with the program\n\n";
    let manifest = Manifest::built_in()?;
    for weights in &manifest.weights {
        text += &format!("{}: {}\n", weights.file.name, weights.file.licence);
    }
    fs::create_dir_all(into).with_context(|| format!("could not create `{}`", into.display()))?;
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        fs::copy(root.join(name), into.join(name))
            .with_context(|| format!("could not copy `{name}` into `{}`", into.display()))?;
    }
    let path = into.join("THIRD-PARTY.txt");
    fs::write(&path, text).with_context(|| format!("could not write `{}`", path.display()))?;
    say(&format!("`{}`: the licences of {count} packages", path.display()))
}

/// Runs cargo with `--locked` and returns its standard output.
fn said_by(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = cargo()
        .args(arguments)
        .arg("--locked")
        .current_dir(root)
        .output()
        .context("could not start `cargo`")?;
    ensure!(
        output.status.success(),
        "`cargo {}` ended with {}: {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns the number of third-party packages in the program, and their licences as text.
fn notices(metadata: &Metadata, tree: &str) -> Result<(usize, String)> {
    let packages = contained(metadata, tree);
    let mut list = String::new();
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in &packages {
        let Package { name, version, license, repository, .. } = package;
        let licence = license.as_deref().unwrap_or("see its licence file");
        list += &format!("{name} {version}: {licence}");
        let texts = texts(package)?;
        if texts.is_empty() {
            let repository = repository.as_deref().unwrap_or("no address stated");
            list += &format!(" (without a licence file; {repository})");
        }
        list.push('\n');
        for text in texts {
            by_text.entry(text).or_default().push(format!("{name} {version}"));
        }
    }
    for (text, names) in &by_text {
        list += &format!("\n{}\n{}:\n\n{}\n", "-".repeat(80), names.join(", "), text.trim());
    }
    Ok((packages.len(), list))
}

/// Returns the third-party packages that the program contains, sorted by name. `tree` has one package per line, such as
/// `half v2.7.1`.
fn contained<'a>(metadata: &'a Metadata, tree: &str) -> Vec<&'a Package> {
    let names: BTreeSet<_> =
        tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>()).collect();
    let is_contained = |package: &&Package| {
        let Package { name, version, source, .. } = package;
        let version = format!("v{version}");
        source.is_some() && names.contains(&vec![name.as_str(), version.as_str()])
    };
    let mut packages: Vec<_> = metadata.packages.iter().filter(is_contained).collect();
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    packages
}

/// Returns the texts of the licence files in a package's folder.
fn texts(package: &Package) -> Result<BTreeSet<String>> {
    let folder = package.manifest_path.parent().unwrap_or(&package.manifest_path);
    let read = |path: &Path| -> Result<String> {
        let bytes =
            fs::read(path).with_context(|| format!("could not read `{}`", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
    };
    let entries = fs::read_dir(folder)
        .with_context(|| format!("could not read the folder `{}`", folder.display()))?;
    let mut texts = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && FILES.iter().any(|start| name.starts_with(start)) {
            texts.insert(read(&path)?);
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_of_dependencies_are_listed_without_duplicates() {
        let folder = tempfile::tempdir().unwrap();
        let package = |name: &str, source: &str, licence: &str| {
            let root = folder.path().join(name);
            fs::create_dir(&root).unwrap();
            if !licence.is_empty() {
                fs::write(root.join("LICENSE-MIT"), licence).unwrap();
            }
            format!(
                r#"{{"name": "{name}", "version": "1.0.0", "license": "MIT", "source": {source},
                "repository": "https://example.org/{name}", "manifest_path": "{}/Cargo.toml"}}"#,
                root.display()
            )
        };
        let packages = [
            package("cli", "null", "ours"),
            package("used", "\"registry\"", "Copyright A\r\n"),
            package("below", "\"registry\"", "Copyright A\n"),
            package("bare", "\"registry\"", ""),
            package("tests", "\"registry\"", "Copyright C"),
        ];
        let metadata = format!(r#"{{"packages": [{}]}}"#, packages.join(","));
        let tree = "cli v1.0.0 (/here)\nused v1.0.0\nbelow v1.0.0\nbare v1.0.0\nused v1.0.0 (*)\n\
                    tests v2.0.0\n";
        let (count, text) = notices(&serde_json::from_str(&metadata).unwrap(), tree).unwrap();
        assert_eq!(count, 3);
        let expected = format!(
            "bare 1.0.0: MIT (without a licence file; https://example.org/bare)\n\
             below 1.0.0: MIT\nused 1.0.0: MIT\n\n{}\nbelow 1.0.0, used 1.0.0:\n\nCopyright A\n",
            "-".repeat(80)
        );
        assert_eq!(text, expected);
    }
}
