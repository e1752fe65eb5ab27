//! Finds the training and the validation folder by their names.
//!
//! Datasets use many names: `train` and `val`, `training_set` and `test_set`, `Training` and `Testing`,
//! `seg_train/seg_train`. The rule looks only at names, so it is the same for a disk and for an object store. It never
//! guesses a split from other names.

use std::path::{Path, PathBuf};

use crate::PhotosError;

/// Names of the training folder, in order of preference.
const TRAINING: [&str; 2] = ["train", "training"];

/// Names of the validation folder, in order of preference.
const VALIDATION: [&str; 3] = ["validation", "val", "valid"];

/// Names of the validation folder if no name of [`VALIDATION`] occurs.
const TEST: [&str; 2] = ["test", "testing"];

/// Words to ignore in the name of such a folder: `train_set`, `seg_train`, `test images`.
const FILLERS: [&str; 7] = ["data", "dataset", "folder", "image", "images", "seg", "set"];

/// Maximum number of folders around the splits, such as the folder of an unpacked archive.
const MOST_AROUND: usize = 3;

/// Folders of the training and the validation split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitFolders {
    /// Folder of training classes.
    pub train: PathBuf,
    /// Folder of validation classes.
    pub validation: PathBuf,
    /// Other folders next to the two, which are not used.
    pub unused: Vec<PathBuf>,
}

impl SplitFolders {
    /// Finds the two folders in `data`. If `data` has a single subfolder, that is searched too, up to three levels
    /// deep.
    ///
    /// `folders_in` returns the subfolders of a folder, sorted, without [hidden](crate::is_hidden) ones. The result is
    /// `None` if no folder has the name of a split.
    ///
    /// A split contains class folders. Its name may be in any case and have an additional word such as `set`. The class
    /// folders may be in a subfolder of the same name, as in `training_set/training_set`.
    ///
    /// # Errors
    ///
    /// Returns an error if one of the two folders is missing, or if the validation folder has no class folders.
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
    /// assert_eq!(found.validation, Path::new("pets/test"));
    /// # Ok::<(), photos::PhotosError>(())
    /// ```
    pub fn find(
        data: &Path,
        folders_in: impl Fn(&Path) -> Vec<PathBuf>,
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
            let validation =
                first_named(&splits, &VALIDATION).or_else(|| first_named(&splits, &TEST));
            match (train, validation) {
                (Some(train), Some(validation)) => {
                    let is_unused = |folder: &&PathBuf| **folder != train && **folder != validation;
                    return Ok(Some(Self {
                        train: doubled(train, &folders_in),
                        validation: doubled(validation, &folders_in),
                        unused: folders.iter().filter(is_unused).cloned().collect(),
                    }));
                }
                (Some(train), None) => {
                    let train = train.to_owned();
                    let is_flat = |folder: &&PathBuf| kind_of(folder).is_some_and(|kind| kind > 0);
                    return Err(match folders.iter().find(is_flat) {
                        Some(validation) => {
                            PhotosError::FlatValidation { train, validation: validation.clone() }
                        }
                        None => PhotosError::NoValidation(train),
                    });
                }
                (None, Some(validation)) => {
                    return Err(PhotosError::NoTraining(validation.to_owned()));
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
    fn plain_names_are_preferred_and_test_comes_last() {
        for (folders, expected) in [
            (&["test", "val", "validation_set"][..], Some("val")),
            (&["test", "validation_set"], Some("validation_set")),
            (&["test_set", "testing"], Some("testing")),
            (&["Test", "Test_Simple"], Some("Test")),
            (&["train"], None),
        ] {
            let folders: Vec<&Path> = folders.iter().map(Path::new).collect();
            let validation = first_named(&folders, &VALIDATION);
            let first = validation.or_else(|| first_named(&folders, &TEST));
            assert_eq!(first, expected.map(Path::new));
        }
    }
}
