//! A run's folder: where its files lie.
//!
//! ```text
//! config.toml     every setting, written first
//! .lock           locked by the program that writes here
//! history.csv     a row an epoch
//! run.log         what happened, line by line
//! tensorboard/    with `tensorboard`: event files in `train` and `validation`, new ones each time it goes on
//! best/           the model with the lowest val_loss
//! last/           the last model, and what is needed to go on: `optimizer.safetensors`, `state.json` and,
//!                 last written, `digests.json` with the SHA-256 of the others
//! previous/       what was `last` before
//! ```

use std::fs::{self, DirEntry, File, TryLockError};
use std::io::ErrorKind;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::{UNFINISHED_FILE, open_in_place, write_whole};

use crate::{RunConfig, TrainError};

/// A folder that holds a run, locked: no one else writes there while this or a clone of it is alive.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The system unlocks it where the program is killed.
    _lock: Arc<File>,
}

impl RunFolder {
    /// Checks that a run can be written to `path`: there is nothing, or a folder that holds at most what a
    /// run that was killed at once has left.
    ///
    /// # Errors
    ///
    /// It holds a run already, or something else.
    pub fn check_free(path: &Path) -> Result<(), TrainError> {
        if path.join(CONFIG).exists() {
            return Err(TrainError::RunExists(path.to_owned()));
        }
        match fs::read_dir(path) {
            Ok(entries) => {
                let is_left = |entry: &DirEntry| {
                    entry.file_name() == LOCK
                        || entry.file_name().to_string_lossy().starts_with(UNFINISHED_FILE)
                };
                match entries.flatten().find(|entry| !is_left(entry)) {
                    Some(_) => Err(TrainError::NotEmpty(path.to_owned())),
                    None => Ok(()),
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(TrainError::io(path, error)),
        }
    }

    /// Checks that what is written to `path` would not lie among the photographs in `data`, where it would
    /// be taken for a class.
    ///
    /// # Errors
    ///
    /// It would.
    pub fn check_outside(path: &Path, data: &Path) -> Result<(), TrainError> {
        let path = std::path::absolute(path).map_err(|error| TrainError::io(path, error))?;
        let there = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
        match (there, data.canonicalize()) {
            (Some(there), Ok(whole)) if there.starts_with(&whole) => {
                Err(TrainError::RunInData { path, data: data.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Makes the folder, with `config.toml` as the first thing in it.
    ///
    /// # Errors
    ///
    /// It holds a run already, or something else, or the system refuses to write there.
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self, TrainError> {
        Self::check_free(path)?;
        config.validate()?;
        let text = toml::to_string(config).expect("valid settings are plain data");
        fs::create_dir_all(path).map_err(|error| TrainError::io(path, error))?;
        let run = Self::locked(path)?;
        write_whole(&run.config(), text.as_bytes())?;
        Ok(run)
    }

    /// Makes the first folder of PATH, PATH-2, PATH-3 and so on that is not there yet. Of several programs that do so
    /// at once, each gets a folder of its own.
    ///
    /// # Errors
    ///
    /// The system refuses to write there.
    pub fn create_numbered(path: &Path, config: &RunConfig) -> Result<Self, TrainError> {
        config.validate()?;
        if let Some(around) = path.parent() {
            fs::create_dir_all(around).map_err(|error| TrainError::io(around, error))?;
        }
        let numbered = (2_u64..).map(|number| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!("-{number}"));
            name.into()
        });
        for path in iter::once(path.to_owned()).chain(numbered) {
            // Unlike a look whether it is there, this tells one program alone that the folder is new.
            match fs::create_dir(&path) {
                Ok(()) => return Self::create(&path, config),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(TrainError::io(&path, error)),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Opens a folder that holds a run, and reads its settings.
    ///
    /// # Errors
    ///
    /// There is no run, another program is at work on it, or its settings can't be read or are out of their
    /// ranges.
    pub fn open(path: &Path) -> Result<(Self, RunConfig), TrainError> {
        let config = Self::settings(path)?;
        Ok((Self::locked(path)?, config))
    }

    /// Reads the settings of the run in a folder, which another program may be at work on.
    ///
    /// # Errors
    ///
    /// There is no run, or its settings can't be read or are out of their ranges.
    pub fn settings(path: &Path) -> Result<RunConfig, TrainError> {
        let config_path = path.join(CONFIG);
        let text = match fs::read_to_string(&config_path) {
            Ok(text) => text,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Err(TrainError::NoRun(path.to_owned()));
            }
            Err(error) => return Err(TrainError::io(&config_path, error)),
        };
        let config: RunConfig = toml::from_str(&text).map_err(|error| TrainError::Config {
            path: config_path,
            reason: error.to_string().trim_end().to_owned(),
        })?;
        config.validate()?;
        Ok(config)
    }

    fn locked(path: &Path) -> Result<Self, TrainError> {
        let lock_path = path.join(LOCK);
        let mut options = File::options();
        let lock = open_in_place(&lock_path, options.write(true).create(true).truncate(false))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(TrainError::Locked(path.to_owned())),
            // Some network drives have no locks; a run there is as safe as without them.
            Err(TryLockError::Error(error)) => tracing::warn!(%error, "the run can't be locked"),
            Ok(()) => {}
        }
        Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// The table of epochs.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// What happened, line by line. Whoever sets up logs writes it.
    pub fn log(&self) -> PathBuf {
        self.path.join("run.log")
    }

    /// What TensorBoard draws curves from.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// The model with the lowest val_loss.
    pub fn best(&self) -> PathBuf {
        self.path.join("best")
    }

    /// The last model, and all that is needed to go on.
    pub fn last(&self) -> PathBuf {
        self.path.join("last")
    }

    /// What was [`Self::last`] before.
    pub fn previous(&self) -> PathBuf {
        self.path.join("previous")
    }
}

pub(crate) const CONFIG: &str = "config.toml";
const LOCK: &str = ".lock";
