//! Directory of a run and the paths of its files.

use std::fs::{self, DirEntry, File, TryLockError};
use std::io::ErrorKind;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formats::{UNFINISHED_FILE, open_in_place, write_atomic};

use crate::{RunConfig, TrainError};

/// Directory of a run. It is locked against other programs until this value and all its clones are dropped.
///
/// ```text
/// config.toml     every setting, written first
/// .lock           locked by the program that writes here
/// history.csv     one row an epoch
/// run.log         log, line by line
/// tensorboard/    if enabled: event files in `train` and `validation`, new ones each time the run resumes
/// best/           model with the best value of the monitored metric
/// last/           checkpoint: the last model, `optimizer.safetensors`, `state.json` and, written last,
///                 `digests.json` with the SHA-256 of the other files
/// previous/       the checkpoint before `last`
/// ```
#[doc(alias = "checkpoint directory")]
#[doc(alias = "log_dir")]
#[derive(Clone, Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Lock. The system releases it if the program is killed.
    _lock: Arc<File>,
}

impl RunDirectory {
    /// Checks that a run can be created at `path`. The path must not exist, or be a folder that is empty or has only
    /// files that a killed run leaves at its start.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder holds a run or other files, or can't be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunDirectory, TrainError};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// RunDirectory::check_free(&folder.path().join("runs/train"))?; // does not exist
    /// std::fs::write(folder.path().join("notes.txt"), "")?;
    /// let refused = RunDirectory::check_free(folder.path());
    /// assert!(matches!(refused, Err(TrainError::NotEmpty(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_free(path: impl AsRef<Path>) -> Result<(), TrainError> {
        let path = path.as_ref();
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

    /// Checks that `path` is not inside the data directory, where output would be mistaken for a class.
    ///
    /// # Errors
    ///
    /// Returns an error if it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::RunDirectory;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let pets = folder.path().join("pets");
    /// std::fs::create_dir(&pets)?;
    /// assert!(RunDirectory::check_outside(&folder.path().join("runs"), &pets).is_ok());
    /// assert!(RunDirectory::check_outside(&pets.join("runs"), &pets).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_outside(path: impl AsRef<Path>, data: impl AsRef<Path>) -> Result<(), TrainError> {
        let path = path.as_ref();
        let data = data.as_ref();
        let path = std::path::absolute(path).map_err(|error| TrainError::io(path, error))?;
        let there = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
        match (there, data.canonicalize()) {
            (Some(there), Ok(whole)) if there.starts_with(&whole) => {
                Err(TrainError::RunInData { path, data: data.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Creates the directory and writes `config.toml`.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder holds a run or other files, if a setting is invalid, or if it can't be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, RunDirectory, WeightsChoice};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let config = RunConfig::new("pets", WeightsChoice::File("vgg16.h5".into()));
    /// let path = folder.path().join("runs/train");
    /// let run = RunDirectory::create(&path, &config)?;
    /// assert!(run.config().exists());
    /// assert_eq!(run.best(), path.join("best")); // the run creates it
    /// assert!(RunDirectory::create(&path, &config).is_err()); // already holds a run
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(path: impl AsRef<Path>, config: &RunConfig) -> Result<Self, TrainError> {
        let path = path.as_ref();
        Self::check_free(path)?;
        config.validate()?;
        let text = toml::to_string(config).expect("valid settings are plain data");
        fs::create_dir_all(path).map_err(|error| TrainError::io(path, error))?;
        let run = Self::locked(path)?;
        write_atomic(run.config(), text.as_bytes())?;
        Ok(run)
    }

    /// Creates the first of PATH, PATH-2, PATH-3 and so on that does not exist. Programs that do so at the same time
    /// get different directories.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is invalid, or if the directory can't be written.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, RunDirectory, WeightsChoice};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// let path = folder.path().join("runs/train");
    /// let first = RunDirectory::create_numbered(&path, &config)?;
    /// let second = RunDirectory::create_numbered(&path, &config)?;
    /// assert_eq!(first.path(), path);
    /// assert_eq!(second.path(), folder.path().join("runs/train-2"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_numbered(path: impl AsRef<Path>, config: &RunConfig) -> Result<Self, TrainError> {
        let path = path.as_ref();
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
            // Unlike a test whether the path exists, this succeeds for one program only.
            match fs::create_dir(&path) {
                Ok(()) => return Self::create(&path, config),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(TrainError::io(&path, error)),
            }
        }
        unreachable!("the numbers are unbounded")
    }

    /// Opens the directory of a run and reads its settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder does not hold a run, if another program has locked it, or if the settings can't
    /// be read or are invalid.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, RunDirectory, WeightsChoice};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("run");
    /// let config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// drop(RunDirectory::create(&path, &config)?); // unlocks the directory
    /// let (run, read) = RunDirectory::open(&path)?;
    /// assert_eq!((run.path(), &read), (path.as_path(), &config));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, RunConfig), TrainError> {
        let path = path.as_ref();
        let config = Self::settings(path)?;
        Ok((Self::locked(path)?, config))
    }

    /// Reads the settings of a run without locking its directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder does not hold a run, or if the settings can't be read or are invalid.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::{RunConfig, RunDirectory, WeightsChoice};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("run");
    /// let config = RunConfig::new("pets", WeightsChoice::Seed(1));
    /// let _run = RunDirectory::create(&path, &config)?; // stays locked
    /// assert_eq!(RunDirectory::settings(&path)?, config);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settings(path: impl AsRef<Path>) -> Result<RunConfig, TrainError> {
        let path = path.as_ref();
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
            // Some network drives do not support locks. Runs there are not protected.
            Err(TryLockError::Error(error)) => tracing::warn!(%error, "the run can't be locked"),
            Ok(()) => {}
        }
        Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) })
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the settings.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// Returns the path of the metrics of every epoch.
    #[doc(alias = "CSVLogger")]
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// Returns the path of the log. The caller that sets up logging writes it.
    pub fn log(&self) -> PathBuf {
        self.path.join("run.log")
    }

    /// Returns the path of the TensorBoard event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// Returns the path of the best model.
    #[doc(alias = "ModelCheckpoint")]
    #[doc(alias = "save_best_only")]
    pub fn best(&self) -> PathBuf {
        self.path.join("best")
    }

    /// Returns the path of the last checkpoint.
    #[doc(alias = "BackupAndRestore")]
    pub fn last(&self) -> PathBuf {
        self.path.join("last")
    }

    /// Returns the path of the checkpoint before [`Self::last`].
    pub fn previous(&self) -> PathBuf {
        self.path.join("previous")
    }
}

pub(crate) const CONFIG: &str = "config.toml";
const LOCK: &str = ".lock";
