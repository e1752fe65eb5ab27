//! `cargo xtask package`: packages every library as it would be published.
//!
//! Most names of the crates are taken in the index. Such a library is published as `permafrost-NAME`, and its code still
//! calls it `NAME`. The renaming is done in a copy of the libraries in `target/package-names`, so that the workspace
//! keeps its short names.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use crate::cargo::cargo;
use crate::files::{libraries, read, write};
use crate::program;

/// Libraries whose names are free.
const FREE: [&str; 3] = ["vgg", "vgg-tch", "winograd"];

/// Copies the libraries at `root` with their published names, and packages them without compiling.
///
/// # Errors
/// Returns an error if git or cargo fails, or if a manifest has an unexpected form.
pub(crate) fn run(root: &Path) -> Result<()> {
    let copy = root.join("target/package-names");
    if copy.exists() {
        fs::remove_dir_all(&copy)
            .with_context(|| format!("could not remove `{}`", copy.display()))?;
    }
    let libraries = libraries(root)?;
    copy_files(root, &copy, &libraries)?;
    write(&copy.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)?;
    write(&copy.join("Cargo.toml"), &of_workspace(&read(&root.join("Cargo.toml"))?)?)?;
    for library in &libraries {
        let path = copy.join("crates").join(library).join("Cargo.toml");
        let manifest = of_library(&read(&path)?, library)
            .with_context(|| format!("could not rename the package of `{library}`"))?;
        write(&path, &manifest)?;
    }

    let mut command = cargo();
    command.args(["package", "--workspace", "--no-verify", "--allow-dirty", "--offline"]);
    command.env("CARGO_TARGET_DIR", copy.join("target")).current_dir(&copy);
    program::start(&mut command, "see the messages above")?;
    let folder = copy.join("target/package");
    let packed = fs::read_dir(&folder)
        .with_context(|| format!("could not read `{}`", folder.display()))?
        .filter(|entry| {
            entry.as_ref().is_ok_and(|entry| entry.path().extension() == Some("crate".as_ref()))
        })
        .count();
    ensure!(packed == libraries.len(), "expected {} packages, found {packed}", libraries.len());
    writeln!(stdout(), "{packed} libraries packaged in `{}`", folder.display())?;
    Ok(())
}

/// Copies the files of the libraries that git tracks or would track. Symbolic links are copied as files.
fn copy_files(root: &Path, copy: &Path, libraries: &[String]) -> Result<()> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]);
    command.args(libraries.iter().map(|library| format!("crates/{library}")));
    let listed = command.current_dir(root).output().context("could not start `git`")?;
    ensure!(listed.status.success(), "`git ls-files` ended with {}", listed.status);
    let names = String::from_utf8(listed.stdout).context("expected file names in UTF-8")?;
    for name in names.split_terminator('\0').filter(|name| root.join(name).is_file()) {
        let path = copy.join(name);
        let folder = path.parent().context("expected a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(root.join(name), &path))
            .with_context(|| format!("could not copy `{name}`"))?;
    }
    Ok(())
}

/// Returns the name under which a library is published.
fn published(library: &str) -> String {
    if FREE.contains(&library) { library.to_owned() } else { format!("permafrost-{library}") }
}

/// Returns the manifest of the workspace with the libraries alone, and with their published names as dependencies.
fn of_workspace(manifest: &str) -> Result<String> {
    let mut manifest: Table = manifest.parse()?;
    manifest.remove("profile");
    let workspace = table(&mut manifest, "workspace")?;
    workspace.insert("members".into(), vec!["crates/*"].into());
    table(workspace, "package")?.remove("publish").context("expected `publish`, found none")?;
    for (name, dependency) in table(workspace, "dependencies")?.iter_mut() {
        if let Some(dependency) = dependency.as_table_mut()
            && dependency.contains_key("path")
        {
            ensure!(dependency.contains_key("version"), "the dependency `{name}` has no version");
            dependency.insert("package".into(), published(name).into());
        }
    }
    Ok(toml::to_string(&manifest)?)
}

/// Returns the manifest of a library with its published name.
fn of_library(manifest: &str, library: &str) -> Result<String> {
    let mut manifest: Table = manifest.parse()?;
    let package = table(&mut manifest, "package")?;
    for key in ["description", "keywords", "categories"] {
        ensure!(package.contains_key(key), "expected `{key}`, found none");
    }
    package.remove("publish").context("expected `publish`, found none")?;
    package.insert("name".into(), published(library).into());
    let lib = manifest.entry("lib").or_insert_with(|| Table::new().into());
    let lib = lib.as_table_mut().context("expected a table `lib`")?;
    lib.insert("name".into(), library.replace('-', "_").into());
    Ok(toml::to_string(&manifest)?)
}

fn table<'a>(manifest: &'a mut Table, key: &str) -> Result<&'a mut Table> {
    let table = manifest.get_mut(key).and_then(Value::as_table_mut);
    table.with_context(|| format!("expected a table `{key}`, found none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_gets_its_published_name_and_keeps_its_name_in_code() {
        let manifest = "[package]\nname = \"head\"\ndescription = \"d\"\nkeywords = []\ncategories = []\npublish.workspace = true\n";
        let renamed: Table = of_library(manifest, "head").expect("a manifest").parse().unwrap();
        assert_eq!(renamed["package"]["name"].as_str(), Some("permafrost-head"));
        assert_eq!(renamed["lib"]["name"].as_str(), Some("head"));
        let error = of_library("[package]\nname = \"head\"\n", "head").expect_err("an error");
        assert!(error.to_string().contains("expected `description`"), "{error}");
    }

    #[test]
    fn dependency_on_a_library_needs_a_version() {
        let manifest = "[workspace]\n[workspace.package]\npublish = false\n[workspace.dependencies]\nvgg = { path = \"crates/vgg\" }\n";
        let error = of_workspace(manifest).expect_err("an error");
        assert!(error.to_string().contains("`vgg` has no version"), "{error}");
    }
}
