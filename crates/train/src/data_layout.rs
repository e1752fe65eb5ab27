//! Layout of the images of a run: found once, recorded in the settings, and opened again from there.

use std::path::PathBuf;

use photos::{Folder, HeldOut, Layout, PhotosError, SplitFolders, key_of, name_of_key};

use crate::{DataConfig, TrainError};

/// Name of the data folder itself in the settings.
const WHOLE: &str = ".";

impl DataConfig {
    /// Finds the layout of a new run's images, and records its folders and fractions in the settings.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Layout::find`] and [`Layout::with_test_split`]. It is also an error if the path of a folder is
    /// not UTF-8.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::DataConfig;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # for name in ["train/cat", "train/dog", "test/cat", "test/dog"] {
    /// #     std::fs::create_dir_all(folder.path().join(name))?;
    /// #     std::fs::write(folder.path().join(name).join("1.jpg"), "")?;
    /// # }
    /// // A folder with the subfolders `train` and `test`.
    /// let mut data = DataConfig::at(folder.path());
    /// let layout = data.find_layout()?;
    /// assert_eq!((data.validation_split, data.test_folder.as_deref()), (Some(0.2), Some("test")));
    /// assert_eq!(data.layout(true)?.train.files, layout.train.files);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn find_layout(&mut self) -> Result<Layout, TrainError> {
        let mut layout = Layout::find(&self.path, self.validation_split)?;
        if let Some(share) = self.test_split {
            layout = layout.with_test_split(share)?;
        }
        let name = |folder: &Folder| match (folder.path == self.path, folder.path.to_str()) {
            (true, _) => Ok(WHOLE.to_owned()),
            (false, Some(_)) => Ok(key_of(&folder.path, &self.path)),
            (false, None) => Err(TrainError::PathText(folder.path.clone())),
        };
        let of =
            |held_out: Option<&HeldOut>| held_out.and_then(HeldOut::folder).map(name).transpose();
        let (validation, test) = (of(Some(&layout.validation))?, of(layout.test.as_ref())?);
        self.train_folder = Some(name(&layout.train)?);
        (self.validation_folder, self.test_folder) = (validation, test);
        self.validation_split = layout.validation.share();
        Ok(layout)
    }

    /// Lists the images in the recorded folders, whatever other folders exist now. Without `with_test`, a test folder is
    /// not opened.
    ///
    /// Settings of earlier versions record no folders. These versions had no test images, and used a test folder for
    /// validation if there was no other.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Layout::find`]. It is also an error if the test folder has none of the classes.
    ///
    /// # Examples
    ///
    /// See [`find_layout`](Self::find_layout).
    pub fn layout(&self, with_test: bool) -> Result<Layout, PhotosError> {
        let Some(train) = &self.train_folder else {
            return Layout::find_earlier(&self.path, self.validation_split);
        };
        let folder = |name: &String| -> PathBuf {
            match name.as_str() {
                WHOLE => self.path.clone(),
                name => self.path.join(&*name_of_key(name)),
            }
        };
        let test = self.test_folder.as_ref().filter(|_| with_test).map(folder);
        let splits = SplitFolders {
            train: folder(train),
            validation: self.validation_folder.as_ref().map(folder),
            test: test.clone(),
            unused: vec![],
        };
        let layout = Layout::in_folders(&splits, self.validation_split)?;
        match (self.test_split, test) {
            (Some(share), _) => layout.with_test_split(share),
            (None, Some(test)) if layout.test.is_none() => Err(PhotosError::NoClasses(test)),
            _ => Ok(layout),
        }
    }

    /// Returns true if the run has test images, according to its settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use train::DataConfig;
    ///
    /// let data = DataConfig { test_split: Some(0.1), ..DataConfig::at("pets") };
    /// assert!(data.has_test());
    /// ```
    pub fn has_test(&self) -> bool {
        self.test_split.is_some() || self.test_folder.is_some()
    }
}
