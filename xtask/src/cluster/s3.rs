//! Checks images and features in an object store: a real server over HTTP that verifies signatures.
//!
//! A twentieth of its answers fail, and it is killed and started again while workers compute. The feature set must be
//! complete all the same, and training on it must give the same history as training on the images. Refusals must be
//! clear, and no output may contain a secret.

use std::fs::{self, File, OpenOptions};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf, absolute};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::pieces::pieces_of;
use super::site::{Base, Site};
use crate::object_store::{Keys, Server};
use crate::program;

const SHARDS: usize = 8;
const PIECES: usize = 4;
const VIEWS: &str = "2";

/// Share of requests that fail.
const FAIL: &str = "0.05";
/// Pause before the server starts again, and number of complete pieces at which it is killed.
const AWAY: Duration = Duration::from_secs(5);
const FIRST: usize = SHARDS * PIECES / 4;
/// Maximum number of starts of a worker. An engine would restart it too.
const STARTS: usize = 4;

const IMAGES: &str = "s3://images/pets";
const SET: &str = "s3://features/pets";

/// Keys with a wrong secret, which must not be printed either.
const WRONG: Keys = Keys { secret: "another+secret/which+the/store+does/not", ..Keys::RIGHT };

/// Checks the program as it is built with object stores.
pub(super) fn check(site: &Site) -> Result<()> {
    let program = program::permafrost(&site.root, &["cli/remote"])?;
    let buckets = site.folder.join("buckets");
    let images = buckets.join("images/pets");
    copy_images(&site.images, &images)?;
    let set = buckets.join("features/pets");
    fs::create_dir_all(&set)?;

    let mut server = Server::start(&site.root, &buckets, &["--fail", FAIL])?;
    let base = Base::of(site)?;
    let client = Client { site, program: absolute(program)?, url: server.url.clone(), base };
    let begin = Instant::now();
    compute(&client, &mut server, &set)?;
    let seconds = begin.elapsed().as_secs_f64() - AWAY.as_secs_f64();
    writeln!(stdout(), "cluster: wrote all other pieces in {seconds:.1} s")?;
    client.expect_whole("check")?;
    upload_in_parts(&client, &images, &buckets)?;
    expect_same_histories(&client, &images, &set)?;
    mend(&client, &set)?;
    expect_refusals(&client)?;
    let files = expect_nothing_secret(&site.folder, &["buckets"])?;
    writeln!(stdout(), "cluster: no secret in {files} files of runs and output")?;
    let (requests, failed) = server.requests()?;
    writeln!(stdout(), "cluster: {failed} of {requests} requests failed on purpose")?;
    ensure!(failed > requests / 40, "expected about {FAIL} of them to fail");
    Ok(())
}

/// The program, with the store's URL and keys in its environment.
struct Client<'a> {
    site: &'a Site,
    program: PathBuf,
    url: String,
    base: Base,
}

impl Client<'_> {
    fn command(&self, keys: Keys, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.site.folder);
        keys.tell(&mut command, &self.url);
        // The most detailed log is the most likely to contain a secret.
        command.env("RUST_LOG", "trace").stdin(Stdio::null());
        command
    }

    /// Runs the program, expects this exit status, and returns its standard output and its error message. All output is
    /// also written to a file called `name`.
    fn run_with(
        &self,
        keys: Keys,
        name: &str,
        status: i32,
        arguments: &[&str],
    ) -> Result<[String; 2]> {
        let output =
            self.command(keys, arguments).output().context("could not start the program")?;
        let file = self.site.folder.join(name).with_extension("txt");
        fs::write(&file, [&output.stdout[..], &output.stderr].concat())?;
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
        let printed = said[0].clone().into_owned();
        // The error message follows the log.
        let error = said[1].split_once("\nerror: ").map(|(_, error)| error.to_owned());
        let error = error.unwrap_or_default();
        ensure!(
            output.status.code() == Some(status),
            "expected status {status} of `permafrost {}`, found {}, and `{}`:\n{printed}{error}",
            arguments.join(" "),
            output.status,
            file.display()
        );
        Ok([printed, error])
    }

    fn run(&self, name: &str, status: i32, arguments: &[&str]) -> Result<String> {
        let [printed, _] = self.run_with(Keys::RIGHT, name, status, arguments)?;
        Ok(printed)
    }

    /// Returns the arguments of a worker, without its share.
    fn features<'a>(&'a self, data: &'a str, out: &'a str) -> Vec<&'a str> {
        [&["features", data, "--out", out][..], &self.base.arguments()].concat()
    }

    fn expect_whole(&self, name: &str) -> Result<()> {
        let checked = self.run(name, 0, &["features", IMAGES, "--check", SET])?;
        write!(stdout(), "cluster: {checked}")?;
        ensure!(checked.starts_with("Complete: "), "expected a complete set, found:\n{checked}");
        Ok(())
    }
}

/// Copies the images, and one more under a name that URLs and signatures must encode.
fn copy_images(from: &Path, to: &Path) -> Result<()> {
    let mut first = None;
    for class in ["train/cats", "train/dogs", "validation/cats", "validation/dogs"] {
        fs::create_dir_all(to.join(class))?;
        for entry in fs::read_dir(from.join(class))? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(class).join(entry.file_name()))?;
            first.get_or_insert(entry.path());
        }
    }
    let strange = to.join("train/cats/Kätzchen im Schnee");
    fs::create_dir_all(&strange)?;
    let first = first.context("expected images")?;
    fs::copy(first, strange.join("№ 1 + 100 % & #é.jpg"))?;
    Ok(())
}

/// A running worker, killed when dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // Best effort: an error here can't be handled.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Computes all shards at the same time, and kills and restarts the server meanwhile.
fn compute(client: &Client<'_>, server: &mut Server, set: &Path) -> Result<()> {
    let start = |shard: usize| -> Result<Worker> {
        let log = client.site.folder.join(format!("shard-{shard}.txt"));
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let (share, pieces) = (format!("{shard}/{SHARDS}"), PIECES.to_string());
        let more = ["--shard", &share, "--pieces", &pieces, "--views", VIEWS];
        let arguments = [&client.features(IMAGES, SET)[..], &more].concat();
        let mut command = client.command(Keys::RIGHT, &arguments);
        command.stdout(log.try_clone()?).stderr(log);
        Ok(Worker(command.spawn().context("could not start the program")?))
    };
    let there = || -> Result<usize> { (0..SHARDS).map(|shard| pieces_of(set, shard)).sum() };
    let is_at_work = |worker: &mut Worker| Ok::<_, anyhow::Error>(worker.0.try_wait()?.is_none());

    let mut workers = (0..SHARDS).map(start).collect::<Result<Vec<_>>>()?;
    while there()? < FIRST {
        let at_work = workers.iter_mut().map(is_at_work).collect::<Result<Vec<_>>>()?;
        ensure!(at_work.contains(&true), "all workers ended after {} pieces", there()?);
        sleep(Duration::from_millis(20));
    }
    server.kill_and_start_after(AWAY)?;
    // While the server is away, nothing is written.
    let before = there()?;
    let at_work = workers.iter_mut().map(is_at_work).collect::<Result<Vec<_>>>()?;
    let at_work = at_work.into_iter().filter(|is| *is).count();
    ensure!(
        before < SHARDS * PIECES && at_work > 0,
        "expected running workers and missing pieces, found {before} pieces and {at_work} running workers"
    );
    let mut again = 0;
    for (shard, worker) in workers.iter_mut().enumerate() {
        let mut starts = 1;
        while !worker.0.wait()?.success() {
            ensure!(
                starts < STARTS,
                "the worker of shard {shard} failed {STARTS} times\nhint: see `shard-{shard}.txt`"
            );
            *worker = start(shard)?;
            (starts, again) = (starts + 1, again + 1);
        }
    }
    writeln!(
        stdout(),
        "cluster: the server was killed after {before} of {} pieces, with {at_work} of {SHARDS} workers running, and was down for {AWAY:.0?}; restarted workers: {again}",
        SHARDS * PIECES
    )?;
    Ok(())
}

/// Computes a piece so large that it is uploaded in parts, and compares it with the same piece on a disk.
fn upload_in_parts(client: &Client<'_>, images: &Path, buckets: &Path) -> Result<()> {
    let images = images.to_str().context("expected a path in Unicode")?;
    for (name, data, out) in
        [("large-remote", IMAGES, "s3://features/large"), ("large-local", images, "large")]
    {
        let arguments = client.features(data, out);
        // Without pooling, a piece has the whole feature map.
        let pooling = arguments.iter().position(|word| *word == "--pooling").context("pooling")?;
        client.run(name, 0, &[&arguments[..pooling], &arguments[pooling + 2..]].concat())?;
    }
    let [remote, local] = [buckets.join("features/large"), client.site.folder.join("large")];
    for entry in fs::read_dir(&local)? {
        let entry = entry?;
        let read = |path: &Path| -> Result<Vec<u8>> {
            let bytes = fs::read(path)?;
            let is_card = path.extension().is_some_and(|extension| extension == "json");
            if is_card { without_contents(&bytes) } else { Ok(bytes) }
        };
        let found = read(&remote.join(entry.file_name()))?;
        ensure!(found == read(&entry.path())?, "{:?} differs", entry.file_name());
    }
    Ok(())
}

/// Returns a piece's card without `contents`: digests on a disk, but ETags in a store that has them.
fn without_contents(card: &[u8]) -> Result<Vec<u8>> {
    let mut card: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(card)?;
    card.remove("contents");
    Ok(serde_json::to_vec(&card)?)
}

/// Trains on the images and on the feature set, in memory and streamed, and compares the histories.
fn expect_same_histories(client: &Client<'_>, images: &Path, set: &Path) -> Result<()> {
    let images = images.to_str().context("expected a path in Unicode")?;
    let copy = set.to_str().context("expected a path in Unicode")?;
    let base = client.base.arguments();
    let weights = client.base.weights();
    let streamed = ["--cache-mb", "0"];
    let of_set = |set, more: &[&'static str]| [&["--features", set], &weights[..], more].concat();
    for (mode, of_one, of_other) in [
        ("plain", [&[images, "--no-augment"], &base[..]].concat(), of_set(SET, &["--no-augment"])),
        ("views", [&[images, "--views", VIEWS], &base[..]].concat(), of_set(SET, &[])),
        ("streamed", of_set(copy, &streamed), of_set(SET, &streamed)),
    ] {
        let [one, other] = ["local", "remote"].map(|place| format!("{mode}-{place}"));
        for (run, more) in [(&one, of_one), (&other, of_other)] {
            let all = ["train", "--epochs", "5", "--quiet", "--out", run];
            client.run(run, 0, &[&all[..], &more].concat())?;
        }
        let (one, other) = (client.site.history(&one)?, client.site.history(&other)?);
        ensure!(one == other, "{mode}: expected the local history {one:?}, found {other:?}");
        let last = one.last().context("expected epochs")?;
        writeln!(stdout(), "cluster: the same history over S3 and locally ({mode}): {last}")?;
    }
    Ok(())
}

/// Truncates an object. The check must report it, and its worker must compute it again.
fn mend(client: &Client<'_>, set: &Path) -> Result<()> {
    let piece = format!("shard-00003-of-{SHARDS:05}-piece-0001-of-{PIECES:04}");
    let object = set.join(&piece).with_extension("safetensors");
    let file = File::options().write(true).open(&object)?;
    file.set_len(file.metadata()?.len() - 4)?;
    let checked = client.run("check-damaged", 1, &["features", "--check", SET])?;
    let expected = format!("damaged {piece}.safetensors: it has ");
    ensure!(checked.contains(&expected), "expected `{expected}`, found:\n{checked}");
    let (share, pieces) = (format!("3/{SHARDS}"), PIECES.to_string());
    let more = ["--shard", &share, "--pieces", &pieces, "--views", VIEWS];
    let said = client.run("again", 0, &[&client.features(IMAGES, SET)[..], &more].concat())?;
    ensure!(
        said.contains(&format!("Recomputing {piece}: ")),
        "expected `{piece}` again, found:\n{said}"
    );
    client.expect_whole("check-mended")
}

/// Checks the errors for a wrong secret and for missing buckets.
fn expect_refusals(client: &Client<'_>) -> Result<()> {
    let nowhere = "s3://nowhere/pets";
    for (name, keys, arguments, expected) in [
        (
            "wrong-secret",
            WRONG,
            client.features(IMAGES, SET),
            [format!("access to `{IMAGES}` is denied"), "SignatureDoesNotMatch".into()],
        ),
        (
            "no-images",
            Keys::RIGHT,
            client.features(nowhere, SET),
            [format!("`{nowhere}` was not found"), "NoSuchBucket".into()],
        ),
        (
            "no-features",
            Keys::RIGHT,
            client.features(IMAGES, nowhere),
            [format!("`{nowhere}` was not found"), "NoSuchBucket".into()],
        ),
        (
            "no-set",
            Keys::RIGHT,
            vec!["features", "--check", nowhere],
            [format!("`{nowhere}` was not found"), "NoSuchBucket".into()],
        ),
    ] {
        let [_, error] = client.run_with(keys, name, 2, &arguments)?;
        for expected in [&expected[0], &expected[1], "\nhint: "] {
            ensure!(error.contains(expected), "{name}: expected `{expected}`, found:\n{error}");
        }
    }
    writeln!(stdout(), "cluster: errors name the wrong secret and the missing buckets")?;
    Ok(())
}

/// Reads all files below `folder`, except in folders whose names are in `but`, and returns their number.
///
/// # Errors
/// Returns an error if a file contains a key or a secret.
fn expect_nothing_secret(folder: &Path, but: &[&str]) -> Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if !but.iter().any(|name| entry.file_name() == *name) {
                files += expect_nothing_secret(&entry.path(), but)?;
            }
            continue;
        }
        let bytes = fs::read(entry.path())?;
        for secret in [Keys::RIGHT.id, Keys::RIGHT.secret, WRONG.secret] {
            let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            ensure!(!is_there, "`{}` contains a secret", entry.path().display());
        }
        files += 1;
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_outside_exempt_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("run/last")).unwrap();
        fs::create_dir_all(folder.path().join("buckets")).unwrap();
        fs::write(folder.path().join("run/config.toml"), "epochs = 5\n").unwrap();
        fs::write(folder.path().join("buckets/upload"), Keys::RIGHT.secret).unwrap();
        assert_eq!(expect_nothing_secret(folder.path(), &["buckets"]).unwrap(), 1);
        let said = format!("signed with {}\n", Keys::RIGHT.secret);
        fs::write(folder.path().join("run/last/said"), said).unwrap();
        assert!(expect_nothing_secret(folder.path(), &["buckets"]).is_err());
    }
}
