//! Logging to standard error, filtered by `RUST_LOG`, and to the `run.log` of a run.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use formats::{FormatError, open_in_place};
use quoting::Shown;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Filter of `run.log` if `RUST_LOG` is unset or invalid.
const OF_RUN: &str = "warn,permafrost=info,train=info,vgg=info,vgg_tch=info";

/// Log file of the run, set when a run starts.
static RUN_LOG: Mutex<Option<File>> = Mutex::new(None);

/// Log lines from before the start of the run, limited to `MOST_BEFORE_RUN` bytes. They are later written to the run's
/// log.
static BEFORE_RUN: Mutex<Vec<u8>> = Mutex::new(vec![]);
const MOST_BEFORE_RUN: usize = 1 << 16;

/// Last warning or error in the run's log, without its time.
static LAST_LINE: Mutex<String> = Mutex::new(String::new());

/// Output for standard error while it is held back.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Installs the logger, which writes each line with its time to standard error and to the run's log.
pub(crate) fn begin() {
    let of_run = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(OF_RUN));
    let to_stderr = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into());
    let to_stderr = to_stderr.from_env_lossy();
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = io::stderr().is_terminal() && !no_color;
    // Escape the text, so that each event takes exactly one line.
    let fields = debug_fn(|writer, field, value| match (field.name(), format!("{value:?}")) {
        ("message", text) => write!(writer, "{}", text.shown()),
        (name, text) => write!(writer, "{name}={}", text.shown()),
    });
    let fields = fields.delimited(" ");
    let said = fmt::layer().fmt_fields(fields.clone()).with_ansi(color).with_writer(|| Said);
    let to_file = fmt::layer().fmt_fields(fields).with_ansi(false).with_writer(|| RunLog);
    tracing_subscriber::registry()
        .with(said.with_filter(to_stderr))
        .with(to_file.with_filter(of_run))
        .init();
}

/// Appends log lines to the file at `path` from now on.
///
/// # Errors
///
/// Returns an error if the file can't be opened.
pub(crate) fn append_to(path: &Path) -> Result<(), FormatError> {
    let file = open_in_place(path, File::options().append(true).create(true))?;
    let before = mem::take(&mut *lock(&BEFORE_RUN));
    *lock(&RUN_LOG) = Some(file);
    RunLog.write_all(&before).expect("a log never fails");
    Ok(())
}

/// Holds back output to standard error, which the dashboard would overwrite.
pub(crate) fn hold() {
    *lock(&HELD) = Some(vec![]);
}

/// Prints the output that was held back.
pub(crate) fn release() {
    if let Some(held) = lock(&HELD).take() {
        // A failure to write to standard error can't be reported anywhere.
        _ = io::stderr().write_all(&held);
    }
}

/// Returns the last warning or error in the run's log, without its time.
pub(crate) fn last_line() -> String {
    lock(&LAST_LINE).clone()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Said;

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *lock(&HELD) {
            Some(held) => held.extend(bytes),
            None => io::stderr().write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct RunLog;

impl Write for RunLog {
    /// Appends `bytes`, which are complete lines, to the log.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A failure to write the log, such as on a full disk, must not stop the run.
        let mut log = lock(&RUN_LOG);
        if let Some(file) = log.as_mut() {
            _ = file.write_all(bytes);
            let line = String::from_utf8_lossy(bytes);
            let line = line.trim().split_once(' ').map_or("", |(_, line)| line);
            let line = line.trim_start();
            // The dashboard shows epochs itself.
            if line.starts_with("WARN") || line.starts_with("ERROR") {
                *lock(&LAST_LINE) = line.to_owned();
            }
        } else {
            let mut before = lock(&BEFORE_RUN);
            if before.len() + bytes.len() <= MOST_BEFORE_RUN {
                before.extend(bytes);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
