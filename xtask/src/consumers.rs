//! `cargo xtask consumers`: checks that single crates can be used from outside the workspace.
//!
//! First each library is checked alone, with and without its default features: in the workspace, another package's
//! features may hide that the library does not ask for them. Then a foreign workspace is written to `target/consumers`, with one program per library: its README's
//! dependencies and examples. Each program has own modules `model` and `train`, which must not conflict with the crates
//! of these names. The programs are only checked: `cargo test` runs the same examples as doc tests.
//!
//! The foreign workspace shares the lock file and the target folder.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use toml::{Table, Value};

use crate::cargo::cargo;
use crate::files::{libraries, read, write};
use crate::program;
use crate::readme::{examples, first_block};

/// Address in the READMEs that stands for the one of this repository.
const REPOSITORY: &str = "URL";

/// Dependencies of hidden lines in the READMEs' examples: temporary folders, and images in them.
const OF_HIDDEN_LINES: [&str; 2] = ["image", "tempfile"];

/// Start of each program. Examples are not linted, like doc tests.
const PROGRAM: &str = "#![allow(unused)]
mod model {}
mod train {}
";

/// Checks every library at `root` alone, then the foreign workspace.
///
/// # Errors
/// Returns an error if a library or program does not compile, or if a README has no dependencies or no example.
pub(crate) fn run(root: &Path) -> Result<()> {
    let libraries = libraries(root)?;
    for library in &libraries {
        writeln!(stdout(), "library `{library}` alone:")?;
        let manifest: Table =
            read(&root.join("crates").join(library).join("Cargo.toml"))?.parse()?;
        for features in selections(&manifest) {
            let mut arguments = vec!["check", "--offline", "--package", library];
            arguments.extend(features.iter().map(String::as_str));
            let hint = format!(
                "a feature may be missing in the dependencies of `crates/{library}/Cargo.toml`"
            );
            in_cargo(root, root, &arguments, &hint)?;
        }
    }

    let foreign = root.join("target/consumers");
    if foreign.exists() {
        fs::remove_dir_all(&foreign)
            .with_context(|| format!("could not remove `{}`", foreign.display()))?;
    }
    let manifest: Table = read(&root.join("Cargo.toml"))?.parse()?;
    let shared =
        manifest["workspace"]["dependencies"].as_table().context("expected dependencies")?;
    for library in &libraries {
        let readme = root.join("crates").join(library).join("README.md");
        let consumer = Consumer::of(library, &read(&readme)?, shared, root)
            .with_context(|| format!("could not turn `{}` into a program", readme.display()))?;
        let folder = foreign.join(library);
        write(&folder.join("Cargo.toml"), &consumer.manifest)?;
        write(&folder.join("src/main.rs"), &consumer.program)?;
    }
    write(&foreign.join("Cargo.toml"), &workspace(&libraries, &manifest)?)?;
    write(&foreign.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)?;

    writeln!(stdout(), "the foreign workspace in `{}`:", foreign.display())?;
    // Not `--locked`: the workspace's lock file has more packages than this one needs and must be allowed to shrink.
    // `--offline` keeps other versions out.
    let hint = "correct the README; if crates were missing, run `cargo fetch`";
    in_cargo(root, &foreign, &["check", "--offline", "--workspace"], hint)?;
    writeln!(
        stdout(),
        "{} libraries compile alone, and in another workspace as their READMEs say",
        libraries.len()
    )?;
    Ok(())
}

/// Returns the selections of features to check a library with: the default, and if it is not empty, none, and each feature
/// of several alone.
fn selections(manifest: &Table) -> Vec<Vec<String>> {
    let default = manifest.get("features").and_then(|it| it.get("default")?.as_array());
    let default = default.into_iter().flatten().filter_map(Value::as_str);
    let default: Vec<&str> = default.collect();
    let mut selections = vec![vec![]];
    if !default.is_empty() {
        selections.push(vec!["--no-default-features".to_owned()]);
    }
    if default.len() > 1 {
        let alone = |feature: &&str| {
            ["--no-default-features", "--features", feature].map(str::to_owned).to_vec()
        };
        selections.extend(default.iter().map(alone));
    }
    selections
}

/// Runs cargo in `folder`, and builds into the target folder of the workspace at `root`.
fn in_cargo(root: &Path, folder: &Path, arguments: &[&str], hint: &str) -> Result<()> {
    let mut command = cargo();
    command.args(arguments).env("CARGO_TARGET_DIR", root.join("target")).current_dir(folder);
    program::start(&mut command, hint)
}

/// Program that uses a library as its README says.
struct Consumer {
    manifest: String,
    program: String,
}

impl Consumer {
    /// Creates the program of a README. `shared` contains the dependencies of our workspace at `root`.
    fn of(library: &str, readme: &str, shared: &Table, root: &Path) -> Result<Self> {
        let stanza = first_block(readme, "toml").context("expected a block `toml`, found none")?;
        let mut stanza: Table = stanza.parse()?;
        let dependencies = stanza.get_mut("dependencies").and_then(Value::as_table_mut);
        let dependencies = dependencies.context("expected `[dependencies]`, found none")?;
        ensure!(dependencies.contains_key(library), "the dependencies do not contain `{library}`");
        for (name, dependency) in dependencies.iter_mut() {
            if dependency.get("git").and_then(Value::as_str) == Some(REPOSITORY) {
                let dependency = dependency.as_table_mut().context("expected a table")?;
                let package = dependency.get("package").and_then(Value::as_str).unwrap_or(name);
                let path = root.join("crates").join(package);
                let path = path.to_str().context("expected a root in Unicode")?.to_owned();
                dependency.remove("git");
                dependency.insert("path".into(), path.into());
            }
        }
        for name in OF_HIDDEN_LINES {
            dependencies.entry(name).or_insert(shared[name].clone());
        }

        let examples = examples(readme);
        ensure!(!examples.is_empty(), "expected a block `rust`, found none");
        let mut program = PROGRAM.to_owned();
        for (number, code) in examples.iter().enumerate() {
            program += &format!("mod example_{number} {{\n{}\n}}\n", as_function(code));
        }
        program += "fn main() {}\n";

        let mut manifest = Table::new();
        let package = [
            ("name", format!("{library}-consumer")),
            ("version", "0.0.0".into()),
            ("edition", "2024".into()),
        ];
        let package = package.map(|(key, value)| (key.to_owned(), Value::from(value)));
        manifest.insert("package".into(), Table::from_iter(package).into());
        manifest.insert("dependencies".into(), stanza["dependencies"].clone());
        Ok(Self { manifest: toml::to_string(&manifest)?, program })
    }
}

/// Returns an example as a function `main`, as rustdoc does.
fn as_function(code: &str) -> String {
    if code.contains("fn main(") {
        // The example's own `main` returns a result.
        let code = code.replacen("fn main(", "fn example(", 1);
        format!("{code}\npub fn main() {{\n    example().unwrap();\n}}")
    } else if code.contains("\nOk::<") {
        format!(
            "pub fn main() {{\n    fn example() -> Result<(), impl std::fmt::Debug> {{\n{code}\n}}\n    example().unwrap();\n}}"
        )
    } else {
        format!("pub fn main() {{\n{code}\n}}")
    }
}

/// Returns the manifest of the foreign workspace, with the profiles of our workspace for dependencies.
fn workspace(members: &[String], ours: &Table) -> Result<String> {
    let mut workspace = Table::new();
    workspace.insert("resolver".into(), "3".into());
    workspace.insert("members".into(), members.to_vec().into());
    let mut manifest = Table::new();
    manifest.insert("workspace".into(), workspace.into());
    let profile = ours.get("profile").context("expected profiles, found none")?;
    manifest.insert("profile".into(), profile.clone());
    Ok(toml::to_string(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# c\n\n```toml\n[dependencies]\nc = { git = \"URL\" } # ours\n```\n\n```rust\n# use c::D;\nD::new();\n```\n";

    fn consumer(readme: &str) -> Result<Consumer> {
        let shared = "image = \"1\"\ntempfile = \"3\"\n".parse().expect("TOML");
        Consumer::of("c", readme, &shared, Path::new("/root"))
    }

    #[test]
    fn program_has_the_readmes_dependencies_and_examples() {
        let consumer = consumer(README).expect("a README");
        let manifest: Table = consumer.manifest.parse().expect("TOML");
        let path = manifest["dependencies"]["c"]["path"].as_str().map(Path::new);
        assert_eq!(path, Some(Path::new("/root/crates/c")));
        assert!(manifest["dependencies"]["c"].get("git").is_none());
        assert!(consumer.program.contains("use c::D;\nD::new();"), "{}", consumer.program);
    }

    #[test]
    fn readme_without_dependencies_or_examples_is_an_error() {
        for (part, expected) in [
            ("```toml", "expected a block `toml`"),
            ("[dependencies]", "expected `[dependencies]`"),
            ("c = {", "do not contain `c`"),
            ("```rust", "expected a block `rust`"),
        ] {
            let other = if part == "c = {" { "d = {" } else { "" };
            let error = consumer(&README.replace(part, other)).err().expect("an error");
            assert!(error.to_string().contains(expected), "{part}: {error}");
        }
    }
}
