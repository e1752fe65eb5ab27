//! `cargo xtask bench job`: times whole runs of the example on images at their original size.
//!
//! The programs take turns. Their times are also scaled to the example's 50 epochs of 2000 + 1000 images.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::script::script_of;
use super::spread::spread;
use crate::program;

#[derive(Args)]
pub(crate) struct JobArguments {
    /// Folder with `train` and `validation`, each with two classes [default: `../shared/pets` from the workspace root]
    dir: Option<PathBuf>,
    /// Number of training images; half as many are used for validation
    ///
    /// The images of the folder are repeated.
    #[arg(long, default_value_t = 500)]
    images: usize,
    /// Number of epochs of a round
    ///
    /// The first epoch does not count, unless it is the only one.
    #[arg(long, default_value_t = 3)]
    epochs: usize,
    /// Number of augmented copies of each image in the second mode
    #[arg(long, default_value_t = 10)]
    views: usize,
    /// Also time Keras on TensorFlow
    #[arg(long)]
    peers: bool,
    /// Number of rounds, without a warm-up
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Training images, validation images and epochs of the example.
const EXAMPLE: [f64; 3] = [2000.0, 1000.0, 50.0];

/// Times that a program prints as JSON.
#[derive(Deserialize)]
struct Timed {
    #[serde(default)]
    load_seconds: f64,
    #[serde(default)]
    base_seconds: f64,
    epoch_seconds: Vec<f64>,
    peak_bytes: Option<u64>,
}

/// Figures of one program: medians over all rounds, and the seconds of all counted epochs.
struct Figures {
    name: String,
    load: f64,
    base: f64,
    epochs: Vec<f64>,
    peak_megabytes: f64,
}

pub(super) fn run(root: &Path, pets: &Path, arguments: &JobArguments) -> Result<()> {
    let JobArguments { images, epochs, views, rounds, .. } = *arguments;
    ensure!(
        images >= 4 && epochs > 0 && rounds > 0 && views > 0,
        "expected at least 4 images, 1 epoch, 1 view and 1 round"
    );
    let scratch = root.join("target/bench-job");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)
            .with_context(|| format!("could not clear `{}`", scratch.display()))?;
    }
    let data = scratch.join("images");
    let dir = arguments.dir.as_deref().unwrap_or(pets);
    repeat(&dir.join("train"), &data.join("train"), images)?;
    repeat(&dir.join("validation"), &data.join("validation"), images / 2)?;

    let ours = program::example(root, "job")?;
    let views = [views.to_string()];
    let mut contestants: Vec<(String, Command, &[String])> = vec![
        ("permafrost".into(), Command::new(&ours), &[]),
        (format!("permafrost, {} views", views[0]), Command::new(&ours), &views),
    ];
    if arguments.peers {
        contestants.push(("keras".into(), script_of(root, "job.py")?, &[]));
    }
    let epochs = epochs.to_string();
    let mut timed: Vec<Vec<Timed>> = contestants.iter().map(|_| vec![]).collect();
    for round in 0..rounds {
        for (number, (name, program, more)) in contestants.iter().enumerate() {
            let run = scratch.join(format!("{round}-{number}/run"));
            let mut command = Command::new(program.get_program());
            command.args(program.get_args()).arg(&data).arg(&run).arg(&epochs).args(*more);
            timed[number].push(answer(name, &mut command)?);
            // The folder is removed, so that a run with views starts without those of an earlier round, and to save
            // disk space.
            fs::remove_dir_all(&run)
                .with_context(|| format!("could not clear `{}`", run.display()))?;
        }
    }
    let figures = contestants.iter().zip(&timed).map(|((name, ..), timed)| figures(name, timed));
    let figures = figures.collect::<Result<Vec<_>>>()?;
    let report = if arguments.json { json(&figures, images) } else { table(&figures, arguments) };
    writeln!(stdout(), "{report}")?;
    Ok(())
}

/// Starts a program and reads the JSON object that it prints.
fn answer(name: &str, command: &mut Command) -> Result<Timed> {
    let output = command.output().with_context(|| format!("could not start `{name}`"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "`{name}` ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let timed: Timed = serde_json::from_str(printed.trim())
        .with_context(|| format!("expected times from `{name}`, found `{}`", printed.trim()))?;
    ensure!(
        timed.epoch_seconds.iter().all(|&seconds| seconds > 0.0) && !timed.epoch_seconds.is_empty(),
        "expected the seconds of the epochs from `{name}`, found {:?}",
        timed.epoch_seconds
    );
    Ok(timed)
}

fn figures(name: &str, timed: &[Timed]) -> Result<Figures> {
    let median = |values: Vec<f64>| spread(&values).map(|[_, median, _]| median);
    let after_the_first = |timed: &Timed| match timed.epoch_seconds.as_slice() {
        [_, later @ ..] if !later.is_empty() => later.to_vec(),
        only => only.to_vec(),
    };
    let peak = |timed: &Timed| timed.peak_bytes.unwrap_or(0) as f64 / 1e6;
    Ok(Figures {
        name: name.to_owned(),
        load: median(timed.iter().map(|timed| timed.load_seconds).collect())?,
        base: median(timed.iter().map(|timed| timed.base_seconds).collect())?,
        epochs: timed.iter().flat_map(after_the_first).collect(),
        peak_megabytes: median(timed.iter().map(peak).collect())?,
    })
}

impl Figures {
    fn epoch(&self) -> f64 {
        spread(&self.epochs).map_or(f64::NAN, |[_, median, _]| median)
    }

    /// Returns the seconds of the example for the work done once and for its 50 epochs. Both are proportional to the
    /// number of training images: here as in the example, validation has half as many.
    fn example(&self, images: usize) -> [f64; 2] {
        let [train, _, epochs] = EXAMPLE;
        let more = train / images as f64;
        [(self.load + self.base) * more, self.epoch() * more * epochs]
    }
}

fn json(figures: &[Figures], images: usize) -> String {
    let of = |figures: &Figures| {
        let [once, epochs] = figures.example(images);
        json!({
            "name": figures.name,
            "load_seconds": figures.load,
            "base_seconds": figures.base,
            "epoch_seconds": figures.epoch(),
            "example_seconds": {"once": once, "epochs": epochs},
            "peak_megabytes": figures.peak_megabytes,
        })
    };
    json!({"images": images, "runs": figures.iter().map(of).collect::<Vec<_>>()}).to_string()
}

fn table(figures: &[Figures], arguments: &JobArguments) -> String {
    let JobArguments { images, rounds, peers, .. } = *arguments;
    let mut table = format!(
        "the example on {images} + {} images at 180x180, {rounds} rounds; seconds, median (minimum to maximum)\n  {:<22} {:>6} {:>7} {:>25} {:>8}   50 epochs of 2000 + 1000",
        images / 2,
        "",
        "load",
        "base",
        "epoch",
        "peak MB",
    );
    let keras = figures.last().filter(|_| peers);
    for one in figures {
        let [once, epochs] = one.example(images);
        let [least, median, largest] = spread(&one.epochs).unwrap_or([f64::NAN; 3]);
        let epoch = format!("{median:.2} ({least:.2} to {largest:.2})");
        table += &format!(
            "\n  {:<22} {:>6.1} {:>7.1} {epoch:>25} {:>8.0}   {once:.0} once + {epochs:.0} = {:.0} s",
            one.name,
            one.load,
            one.base,
            one.peak_megabytes,
            once + epochs
        );
        if let Some(keras) = keras.filter(|keras| keras.name != one.name) {
            let [_, of_keras] = keras.example(images);
            table += &format!(
                ": Keras takes {:.1} times as long, {:.1} times an epoch",
                of_keras / (once + epochs),
                keras.epoch() / median
            );
        }
    }
    table
}

/// Fills the folder `to` with `count` images, repeating those of the two classes in `from`.
pub(super) fn repeat(from: &Path, to: &Path, count: usize) -> Result<()> {
    let mut classes: Vec<PathBuf> =
        entries(from)?.into_iter().filter(|path| path.is_dir()).collect();
    classes.sort();
    ensure!(
        classes.len() == 2,
        "expected two classes in `{}`, found {}\nhint: name a folder with `train` and `validation`: `cargo xtask bench job DIR`",
        from.display(),
        classes.len()
    );
    for (number, class) in classes.iter().enumerate() {
        let files = files_below(class)?;
        let to = to.join(class.file_name().context("expected a name")?);
        fs::create_dir_all(&to).with_context(|| format!("could not create `{}`", to.display()))?;
        for at in (number..count).step_by(2) {
            let file = &files[at / 2 % files.len()];
            let name = file.file_name().context("expected a name")?.to_string_lossy();
            let copy = to.join(format!("{at:06}-{name}"));
            fs::copy(file, &copy)
                .with_context(|| format!("could not write `{}`", copy.display()))?;
        }
    }
    Ok(())
}

/// Returns all files below a folder, sorted, except hidden ones. Returns an error if it finds none.
pub(super) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (vec![], vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "expected images in `{}`, found none", folder.display());
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
        let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
        Ok(entries.iter().filter(|entry| !hidden(entry)).map(fs::DirEntry::path).collect())
    };
    read().with_context(|| {
        format!("could not read `{}`\nhint: name a folder of images", folder.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(epoch_seconds: &[f64], base_seconds: f64) -> Timed {
        let epoch_seconds = epoch_seconds.to_vec();
        Timed { load_seconds: 1.0, base_seconds, epoch_seconds, peak_bytes: Some(2_000_000) }
    }

    #[test]
    fn first_epoch_is_excluded_and_times_scale_with_images() {
        let rounds =
            [timed(&[9.0, 2.0, 3.0], 4.0), timed(&[9.0, 2.0, 1.0], 6.0), timed(&[9.0, 2.0], 5.0)];
        let figures = figures("ours", &rounds).unwrap();
        assert_eq!((figures.load, figures.base, figures.epoch()), (1.0, 5.0, 2.0));
        assert_eq!(figures.peak_megabytes, 2.0);
        assert_eq!(figures.example(500), [24.0, 400.0]);
        let only = super::figures("ours", &[timed(&[9.0], 0.0)]).unwrap();
        assert_eq!(only.epoch(), 9.0);
    }

    #[test]
    fn images_are_repeated_per_class() {
        let root = tempfile::tempdir().unwrap();
        let from = root.path().join("from");
        for file in ["a/1.jpg", "a/2.jpg", "b/1.jpg"] {
            let path = from.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let to = root.path().join("to");
        repeat(&from, &to, 5).unwrap();
        let read = |file: &str| fs::read_to_string(to.join(file)).unwrap();
        assert_eq!(files_below(&to).unwrap().len(), 5);
        assert_eq!(read("a/000004-1.jpg"), "a/1.jpg");
        assert_eq!(read("b/000003-1.jpg"), "b/1.jpg");
        assert!(repeat(&from.join("a"), &to, 5).is_err());
        assert!(files_below(&root.path().join("nowhere")).is_err());
    }
}
