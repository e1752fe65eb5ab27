//! A temporary root folder with a manifest for one test, in which the built program is run.

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A root folder with its manifest, removed when dropped.
pub(crate) struct Sandbox {
    root: TempDir,
}

/// Result of a run of the program.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// Creates a sandbox whose manifest has one file of VGG16 weights, `tiny.h5`.
    pub(crate) fn with_weights(url: &str, size: usize, digest: &str) -> Self {
        Self::with_manifest(&format!(
            r#"
            archives = []
            [[weights]]
            base = "vgg16"
            include_top = false
            [weights.file]
            name = "tiny.h5"
            urls = ["{url}/tiny.h5"]
            size = {size}
            digest = "{digest}"
            licence = "CC BY 4.0"
            path = "weights/tiny.h5"
            "#
        ))
    }

    /// Creates the same sandbox, with `tiny.safetensors` as a second file of the same weights and size.
    pub(crate) fn with_weights_of_two_names(url: &str, size: usize, digest: &str) -> Self {
        let sandbox = Self::with_weights(url, size, digest);
        let manifest = fs::read_to_string(sandbox.path("manifest.toml")).unwrap();
        let same = format!(
            r#"
            [weights.same]
            name = "tiny.safetensors"
            size = {size}
            digest = "{digest}"
            licence = "CC BY 4.0"
            path = "weights/tiny.safetensors"
            "#
        );
        sandbox.write("manifest.toml", (manifest + &same).as_bytes());
        sandbox
    }

    /// Creates a sandbox whose manifest has class names for the dense layers, `names.json`, and no weights.
    pub(crate) fn with_class_names(url: &str, size: usize, digest: &str) -> Self {
        Self::with_manifest(&format!(
            r#"
            archives = []
            weights = []
            [[class_names]]
            name = "names.json"
            urls = ["{url}/names.json"]
            size = {size}
            digest = "{digest}"
            licence = "none"
            path = "weights/names.json"
            "#
        ))
    }

    /// Creates a sandbox whose manifest has one archive without a digest, `pets.zip`, of two cats and one dog.
    pub(crate) fn with_archive(url: &str, size: usize) -> Self {
        Self::with_manifest(&format!(
            r#"
            weights = []
            [[archives]]
            inside = "pets"
            folders = {{ "train/cats" = 2, "train/dogs" = 1 }}
            unpacked_at_most = 1000
            [archives.file]
            name = "pets.zip"
            urls = ["{url}/pets.zip"]
            size = {size}
            licence = "CC BY 4.0"
            path = "pets"
            "#
        ))
    }

    /// Creates a sandbox with this manifest.
    pub(crate) fn with_manifest(manifest: &str) -> Self {
        let sandbox = Self { root: TempDir::new().unwrap() };
        sandbox.write("manifest.toml", manifest.as_bytes());
        sandbox
    }

    /// Adds a second address for `tiny.h5` to the manifest.
    pub(crate) fn add_address(&self, url: &str) {
        let manifest = fs::read_to_string(self.path("manifest.toml")).unwrap();
        let manifest = manifest.replace("/tiny.h5\"]", &format!("/tiny.h5\", \"{url}/tiny.h5\"]"));
        self.write("manifest.toml", manifest.as_bytes());
    }

    /// Runs `xtask` with these arguments, and this root and manifest.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        outcome_of(&mut self.command(arguments))
    }

    /// Returns the command of [`run`](Self::run), without a proxy and without waits between attempts.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).arg("--root").arg(self.root.path());
        command.arg("--manifest").arg(self.path("manifest.toml")).args(["--pace", "0"]);
        // A proxy of this machine must not be asked for addresses on it.
        for proxy in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        command
    }

    /// Returns a path below the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Returns a path below the root's `data`.
    pub(crate) fn data(&self, relative: &str) -> PathBuf {
        self.path("data").join(relative)
    }

    /// Writes a file, and creates its parent folders.
    pub(crate) fn write(&self, relative: &str, bytes: &[u8]) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Returns the names in a folder, sorted, without the lock.
    pub(crate) fn names_in(&self, relative: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(relative)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock");
        names.sort();
        names
    }
}

/// Runs a command to its end.
pub(crate) fn outcome_of(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Returns a zip archive of these files.
pub(crate) fn zip_with(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Returns a zip archive that contains only a symbolic link.
pub(crate) fn zip_with_link(name: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink(name, "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap().into_inner()
}
