//! Runs of the program in a temporary folder, on generated images.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Path of the built program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_permafrost");

/// Settings of a run that takes a second: the first layers of the base, small images.
const QUICK: &str =
    "--weights none --image-size 32 --last-layer block1_pool --pooling max --batch-size 4";

/// Temporary folder in which the program runs.
pub(crate) struct TestDir {
    folder: tempfile::TempDir,
    /// Cache directory of the user.
    caches: tempfile::TempDir,
    /// Device that is used if no argument names one.
    device: Option<&'static str>,
}

/// Exit status and output of the program.
pub(crate) struct CommandResult {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestDir {
    /// Creates an empty folder.
    pub(crate) fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Self { folder: folder(), caches: folder(), device: None }
    }

    /// Creates a folder with `photos/train` and `photos/validation`, each with two classes of six images: stripes along
    /// and stripes across.
    pub(crate) fn with_photos() -> Self {
        let workplace = Self::new();
        for set in ["train", "validation"] {
            for class in ["across", "along"] {
                for number in 0..6 {
                    workplace.image(&format!("photos/{set}/{class}/{number}.png"), class, number);
                }
            }
        }
        workplace
    }

    /// Writes an image of stripes.
    pub(crate) fn image(&self, path: &str, class: &str, number: u32) {
        let image = RgbImage::from_fn(40, 36, |x, y| {
            let at = number + if class == "along" { x } else { y };
            Rgb([if at % 8 < 4 { 200 } else { 60 }, 100, (number * 30) as u8])
        });
        image.save(self.make_room(path)).expect("a writable folder");
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.make_room(path), bytes).expect("a writable folder");
    }

    /// Reads a text file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
    }

    /// Returns a path in the folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Returns all paths below the folder with their lengths, sorted.
    pub(crate) fn all_files(&self) -> Vec<(PathBuf, u64)> {
        all_files(self.folder.path())
    }

    /// Returns the paths of the cache entries of a kind.
    pub(crate) fn cached(&self, kind: &str) -> Vec<PathBuf> {
        let folder = self.caches().join("permafrost").join(kind);
        if !folder.exists() {
            return vec![];
        }
        let files = all_files(&folder).into_iter().map(|(path, _)| path);
        files.filter(|path| path.is_file()).collect()
    }

    /// Returns the names in a folder, sorted.
    pub(crate) fn names_in(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Returns the content of each file below a folder, or `None` for a folder or an unreadable file.
    pub(crate) fn contents(&self, path: &str) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let folder = self.path(path);
        let files = self.all_files().into_iter().map(|(path, _)| path);
        let files = files.filter(|path| path.starts_with(&folder));
        files.map(|path| (path.clone(), fs::read(path).ok())).collect()
    }

    /// Returns a command of the program with these arguments, split at spaces.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        self.command_of(PROGRAM, arguments)
    }

    /// Returns a command of `program`, which may be a copy, with these arguments.
    pub(crate) fn command_of(&self, program: impl AsRef<OsStr>, arguments: &str) -> Command {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace());
        self.at_home(&mut command);
        command
    }

    /// Sets the working directory, the cache directory and the device of `command`.
    fn at_home<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.device.map(|device| ("PERMAFROST_DEVICE", device)));
        command.current_dir(&self.folder).env("XDG_CACHE_HOME", self.caches())
    }

    /// Selects the CPU's own engine, whose features are cached.
    pub(crate) fn on_cpu(self) -> Self {
        Self { device: Some("cpu"), ..self }
    }

    /// Returns the cache directory of the user.
    pub(crate) fn caches(&self) -> &Path {
        self.caches.path()
    }

    /// Runs the program with these arguments.
    pub(crate) fn run(&self, arguments: &str) -> CommandResult {
        CommandResult::of(&mut self.command(arguments))
    }

    /// Runs a Bash script, in which `$0` is the program.
    #[cfg(unix)]
    pub(crate) fn shell(&self, script: &str) -> CommandResult {
        CommandResult::of(self.at_home(Command::new("bash").args(["-c", script, PROGRAM])))
    }

    /// Trains on `photos` for a second with these arguments added, and expects success.
    pub(crate) fn train(&self, arguments: &str) -> CommandResult {
        self.run(&quick(arguments)).expect_success()
    }

    /// Returns the model card of a bundle.
    pub(crate) fn card(&self, model: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(&format!("{model}/model.json"))).expect("a model card")
    }

    /// Returns the history of a run without its durations, one row per epoch.
    pub(crate) fn history(&self, run: &str) -> Vec<Vec<String>> {
        let text = self.read(&format!("{run}/history.csv"));
        text.lines()
            .map(|line| {
                let mut cells: Vec<String> = line.split(',').map(String::from).collect();
                cells.remove(5);
                cells
            })
            .collect()
    }

    /// Changes a checkpoint to one of another engine, and returns the name of that engine.
    pub(crate) fn on_another_engine(&self, state: &str) -> &'static str {
        let another = "winograd f32 on another";
        let path = format!("{state}/state.json");
        let mut json: Value = serde_json::from_str(&self.read(&path)).expect("a state");
        let before = json["engines"][0].take().as_str().expect("an engine").to_owned();
        let text = self.read(&path).replace(&before, another);
        let digest: String =
            Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        self.write(&path, text);
        let path = format!("{state}/digests.json");
        let mut digests: Value = serde_json::from_str(&self.read(&path)).expect("digests");
        digests["state.json"] = digest.into();
        self.write(&path, digests.to_string());
        another
    }

    /// Sets all kernels of a model's head to the same large value, which is finite but gives logits that are NaN or
    /// infinite. The card becomes one of format 2, which has no digest of the arrays.
    pub(crate) fn overflowing(&self, model: &str) {
        let path = self.path(&format!("{model}/model.safetensors"));
        let mut arrays = formats::read_arrays(&path).expect("the arrays");
        for (name, array) in &mut arrays {
            array.data.fill(if name.ends_with("kernel") { 1e38 } else { 0.0 });
        }
        formats::write_safetensors(&path, &arrays).expect("a writable folder");
        let path = format!("{model}/model.json");
        let mut card: Value = serde_json::from_str(&self.read(&path)).expect("a card");
        card["format"] = 2.into();
        card.as_object_mut().expect("an object").remove("arrays").expect("a digest");
        self.write(&path, card.to_string());
    }

    fn make_room(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a writable folder");
        path
    }
}

/// Returns the arguments of a quick run on `photos`, with these added.
pub(crate) fn quick(arguments: &str) -> String {
    format!("train photos {QUICK} {arguments}")
}

/// Runs the program and expects an error that names `named`, with a hint and without any written file.
pub(crate) fn refused(workplace: &TestDir, arguments: &str, named: &str) {
    let before = workplace.all_files();
    let done = workplace.run(arguments);
    assert_eq!(done.status, Some(2), "{arguments}\n{}{}", done.stdout, done.stderr);
    assert!(done.stderr.lines().any(|line| line.starts_with("error: ")), "{}", done.stderr);
    assert!(done.stderr.contains(named), "`{named}` in: {}", done.stderr);
    assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    assert_eq!(workplace.all_files(), before, "{arguments} left something");
}

/// Returns all paths below a folder with their lengths, sorted.
fn all_files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            files.push((entry.path(), metadata.len()));
        }
    }
    files.sort();
    files
}

impl CommandResult {
    /// Runs a program to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::of_output(command.output().expect("the program starts"))
    }

    /// Converts the output of a program.
    pub(crate) fn of_output(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Returns itself if the program succeeded, and panics otherwise.
    pub(crate) fn expect_success(self) -> Self {
        assert_eq!(self.status, Some(0), "{}\n{}", self.stdout, self.stderr);
        self
    }
}
