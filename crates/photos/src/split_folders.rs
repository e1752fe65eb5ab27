//! Finds the training, validation and test folders by their names.
//!
//! Datasets use many names: `train` and `val`, `training_set` and `test_set`, `Training` and `Testing`,
//! `seg_train/seg_train`. The rule looks only at names, so it is the same for a disk and for an object store. It never
//! guesses a split from other names.

use std::path::{Path, PathBuf};

use crate::PhotosError;

/// Names of the training folder, in order of preference.
const TRAINING: [&str; 2] = ["train", "training"];

/// Names of the validation folder, in order of preference.
const VALIDATION: [&str; 4] = ["validation", "val", "valid", "dev"];

/// Names of the test folder, in order of preference.
const TEST: [&str; 2] = ["test", "testing"];

/// Words to ignore in the name of such a folder: `train_set`, `seg_train`, `test images`.
const FILLERS: [&str; 7] = ["data", "dataset", "folder", "image", "images", "seg", "set"];

/// Maximum number of folders around the splits, such as the folder of an unpacked archive.
const MOST_AROUND: usize = 3;

/// Folders of the splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitFolders {
    /// Folder of training classes.
    pub train: PathBuf,
    /// Folder of validation classes; `None` if a part of the training images is to be used.
    pub validation: Option<PathBuf>,
    /// Folder of test classes; `None` without labeled test images.
    pub test: Option<PathBuf>,
    /// Other folders next to these, which are not used.
    pub unused: Vec<PathBuf>,
}

impl SplitFolders {
    /// Finds the folders in `data`. If `data` has a single subfolder, that is searched too, up to three levels
    /// deep.
    ///
    /// `folders_in` returns the subfolders of a folder, sorted, without [hidden](crate::is_hidden) ones. The result is
    /// `None` if no folder has the name of a split.
    ///
    /// A split contains class folders. Its name may be in any case and have an additional word such as `set`. The class
    /// folders may be in a subfolder of the same name, as in `training_set/training_set`. A test folder without class
    /// folders is unused.
    ///
    /// # Errors
    ///
    /// Returns an error if only a training folder or no training folder exists, or if the validation folder has no class
    /// folders.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::SplitFolders;
    /// use std::path::{Path, PathBuf};
    ///
    /// // The names in an object store, for example.
    /// let folders_in = |folder: &Path| -> Vec<PathBuf> {
    ///     match folder.to_str() {
    ///         Some("pets") => vec!["pets/test".into(), "pets/training_set".into()],
    ///         Some("pets/test" | "pets/training_set") => vec![folder.join("cat"), folder.join("dog")],
    ///         _ => vec![],
    ///     }
    /// };
    /// let found = SplitFolders::find(Path::new("pets"), folders_in)?.expect("two splits");
    /// assert_eq!(found.train, Path::new("pets/training_set"));
    /// assert_eq!(found.validation, None);
    /// assert_eq!(found.test.as_deref(), Some(Path::new("pets/test")));
    /// # Ok::<(), photos::PhotosError>(())
    /// ```
    pub fn find(
        data: &Path,
        folders_in: impl Fn(&Path) -> Vec<PathBuf>,
    ) -> Result<Option<Self>, PhotosError> {
        Self::find_by(data, folders_in, |splits| {
            [first_named(splits, &VALIDATION), first_named(splits, &TEST)]
        })
    }

    /// Finds the folders in `data` as earlier versions did: without test images, and with the test folder for validation
    /// if there was no other. `dev` was no name of a split.
    pub(crate) fn find_earlier(
        data: &Path,
        folders_in: impl Fn(&Path) -> Vec<PathBuf>,
    ) -> Result<Option<Self>, PhotosError> {
        let earlier = &VALIDATION[..3];
        Self::find_by(data, folders_in, |splits| {
            [first_named(splits, earlier).or_else(|| first_named(splits, &TEST)), None]
        })
    }

    /// Finds the folders in `data`. `held_out` selects the validation and the test folder among folders with subfolders.
    fn find_by(
        data: &Path,
        folders_in: impl Fn(&Path) -> Vec<PathBuf>,
        held_out: impl for<'a> Fn(&[&'a Path]) -> [Option<&'a Path>; 2],
    ) -> Result<Option<Self>, PhotosError> {
        let mut around = data.to_owned();
        for _ in 0..=MOST_AROUND {
            let folders = folders_in(&around);
            let splits: Vec<&Path> = folders
                .iter()
                .map(PathBuf::as_path)
                .filter(|folder| kind_of(folder).is_some() && !folders_in(folder).is_empty())
                .collect();
            let train = first_named(&splits, &TRAINING);
            let [validation, test] = held_out(&splits);
            match (train, validation.or(test)) {
                (Some(train), _) => {
                    let has = |kind| folders.iter().find(|folder| kind_of(folder) == Some(kind));
                    match (validation, has(1), has(2)) {
                        (None, Some(flat), _) => {
                            let (train, validation) = (train.to_owned(), flat.clone());
                            return Err(PhotosError::FlatValidation { train, validation });
                        }
                        (None, None, None) => {
                            return Err(PhotosError::NoValidation(train.to_owned()));
                        }
                        _ => {}
                    }
                    let used = [Some(train), validation, test];
                    let is_unused = |folder: &&PathBuf| !used.contains(&Some(folder.as_path()));
                    let classes = |split| doubled(split, &folders_in);
                    return Ok(Some(Self {
                        train: classes(train),
                        validation: validation.map(classes),
                        test: test.map(classes),
                        unused: folders.iter().filter(is_unused).cloned().collect(),
                    }));
                }
                (None, Some(other)) => {
                    return Err(PhotosError::NoTraining(other.to_owned()));
                }
                (None, None) => {}
            }
            match folders.as_slice() {
                [only] => around = only.clone(),
                _ => break,
            }
        }
        Ok(None)
    }
}

/// Returns true if a folder has the name of a test folder.
///
/// # Examples
///
/// ```
/// assert!(photos::is_test_folder("photos/Testing".as_ref()));
/// assert!(!photos::is_test_folder("photos/validation".as_ref()));
/// ```
pub fn is_test_folder(folder: &Path) -> bool {
    kind_of(folder) == Some(2)
}

/// Returns the subfolder of `split` with the same kind of name, if it is the only subfolder and contains the classes.
/// Else returns `split`.
fn doubled(split: &Path, folders_in: impl Fn(&Path) -> Vec<PathBuf>) -> PathBuf {
    match folders_in(split).as_slice() {
        [only] if kind_of(only) == kind_of(split) && !folders_in(only).is_empty() => only.clone(),
        _ => split.to_owned(),
    }
}

/// Returns the kind of split that the name of a folder stands for: 0 training, 1 validation, 2 test.
fn kind_of(folder: &Path) -> Option<usize> {
    let word = word_of(folder)?;
    [&TRAINING[..], &VALIDATION, &TEST].iter().position(|names| names.contains(&&*word))
}

/// Returns the first of `folders` in the order of `names`. An exact name precedes one with additional words.
fn first_named<'a>(folders: &[&'a Path], names: &[&str]) -> Option<&'a Path> {
    let find = |is: &dyn Fn(&Path, &str) -> bool| {
        names.iter().find_map(|name| folders.iter().find(|folder| is(folder, name)).copied())
    };
    find(&|folder, name| lower_case(folder) == name)
        .or_else(|| find(&|folder, name| word_of(folder).as_deref() == Some(name)))
}

/// Returns the only word in the name of a folder apart from fillers, in lower case: `test` for `Test-Split` and
/// `testset`.
fn word_of(folder: &Path) -> Option<String> {
    let name = lower_case(folder);
    let mut words = name
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty() && !FILLERS.contains(word));
    let (word, rest) = (words.next()?, words.next());
    let plain = word.strip_suffix("set").or_else(|| word.strip_suffix("data")).unwrap_or(word);
    rest.is_none().then(|| plain.to_owned())
}

fn lower_case(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_word_is_found_in_the_folder_name() {
        for (name, expected) in [
            ("train", Some("train")),
            ("Training_Set", Some("training")),
            ("seg_train", Some("train")),
            ("trainset", Some("train")),
            ("Test images", Some("test")),
            ("TESTDATA", Some("test")),
            ("val-data", Some("val")),
            ("dataset", None),
            ("train - Copy", None),
            ("train (1)", None),
            ("Copy of train", None),
            ("test_simple", None),
            ("bullet_train", None),
        ] {
            assert_eq!(word_of(Path::new(name)).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn plain_names_are_preferred() {
        for (folders, names, expected) in [
            (&["dev", "val", "validation_set"][..], &VALIDATION[..], Some("val")),
            (&["test", "validation_set"], &VALIDATION, Some("validation_set")),
            (&["test", "devset"], &VALIDATION, Some("devset")),
            (&["test_set", "testing"], &TEST, Some("testing")),
            (&["Test", "Test_Simple"], &TEST, Some("Test")),
            (&["train"], &TEST, None),
        ] {
            let folders: Vec<&Path> = folders.iter().map(Path::new).collect();
            assert_eq!(first_named(&folders, names), expected.map(Path::new));
        }
    }
}
