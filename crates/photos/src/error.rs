//! Errors of scanning, reading and splitting a folder of images.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use quoting::Shown;

use crate::Split;

/// Error of a folder that can't be trained on or evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhotosError {
    /// The path does not exist.
    #[error("no folder at `{}`", .0.shown())]
    Missing(PathBuf),
    /// The path is a file, not a folder.
    #[error("`{}` is a file, expected a folder", .0.shown())]
    NotAFolder(PathBuf),
    /// The operating system refused to read a file or folder.
    #[error("`{}`: {reason}", .path.shown())]
    Io {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the operating system.
        reason: std::io::Error,
    },
    /// The pixels of a file changed after it was first read.
    #[error(
        "`{}` changed while it was in use: {reason}",
        .path.shown(),
        reason = .reason.shown()
    )]
    Changed {
        /// Path of the file.
        path: PathBuf,
        /// Current problem with the file.
        reason: String,
    },
    /// The folder has no subfolders.
    #[error("`{}` has no class folders", .0.shown())]
    NoClasses(PathBuf),
    /// The folder has only one class.
    #[error(
        "`{}` has only the class `{class}`, expected two or more",
        .folder.shown(),
        class = .class.shown()
    )]
    OneClass {
        /// Path of the folder.
        folder: PathBuf,
        /// Name of its only class.
        class: String,
        /// Hint on the solution.
        hint: String,
    },
    /// The name of a class folder is not UTF-8.
    #[error("the class folder `{}` has a name that is not UTF-8", .0.shown())]
    ClassName(PathBuf),
    /// A class folder has no files.
    #[error(
        "the class `{class}` has no images: `{}` is empty",
        .folder.shown(),
        class = .class.shown()
    )]
    EmptyClass {
        /// Name of the class.
        class: String,
        /// Path of its folder.
        folder: PathBuf,
    },
    /// A class folder has files, but none is a readable image.
    #[error(
        "the class `{class}` has no readable images: {files} file(s) in `{}`, such as `{}`: {reason}",
        .folder.shown(), .example.shown(),
        class = .class.shown(),
        reason = .reason.shown()
    )]
    UnreadableClass {
        /// Name of the class.
        class: String,
        /// Path of its folder.
        folder: PathBuf,
        /// Number of files in the folder.
        files: usize,
        /// Path of one of the files.
        example: PathBuf,
        /// Error of reading that file.
        reason: String,
    },
    /// A folder has other classes than the training folder or the trained model.
    #[error(
        "`{}` has the classes {found}, expected {expected}",
        .folder.shown(),
        found = .found.shown(),
        expected = .expected.shown()
    )]
    OtherClasses {
        /// Path of the folder.
        folder: PathBuf,
        /// Its classes.
        found: String,
        /// Expected classes.
        expected: String,
        /// Hint on the solution.
        hint: String,
    },
    /// The parent folder has a training folder but no validation folder. Holds the training folder.
    #[error(
        "`{}` has a `{}` folder but no `validation`, `val`, `valid`, `dev` or `test` folder",
        .0.parent().unwrap_or(.0).shown(), .0.file_name().unwrap_or_default().shown()
    )]
    NoValidation(PathBuf),
    /// The validation folder has no class folders.
    #[error("the validation folder `{}` has no class folders", .validation.shown())]
    FlatValidation {
        /// Path of the training folder.
        train: PathBuf,
        /// Path of the validation folder.
        validation: PathBuf,
    },
    /// The parent folder has a validation folder but no training folder. Holds the validation folder.
    #[error("`{}` has no `train` folder next to it", .0.shown())]
    NoTraining(PathBuf),
    /// The class folders all have the same subfolders, so the subfolders may be the classes.
    #[error(
        "the {count} folders with images in `{}` hold the same subfolders, {subfolders}, expected one folder per class",
        .folder.shown(),
        subfolders = .subfolders.shown()
    )]
    SameSubfolders {
        /// Path of the folder.
        folder: PathBuf,
        /// Number of class folders with images.
        count: usize,
        /// Path of one of them.
        example: PathBuf,
        /// Names of the first few subfolders.
        subfolders: String,
    },
    /// A fraction was requested for a split that has a folder.
    #[error(
        "the {} folder `{}` exists, so a {} split can't be given",
        long_name(.split), .folder.shown(), long_name(.split)
    )]
    SplitTwice {
        /// Path of the folder.
        folder: PathBuf,
        /// Validation or test.
        split: Split,
    },
    /// The fraction of a split is not between 0 and 1.
    #[error("the {} split is {share}, expected a fraction between 0 and 1", long_name(.split))]
    Split {
        /// The fraction.
        share: f64,
        /// Validation or test.
        split: Split,
    },
    /// The fractions of the validation and the test split leave no images for training.
    #[error("the validation and the test split sum to {0:.2}, expected less than 1")]
    SplitSum(f64),
    /// A class has too few images to be split.
    #[error(
        "the class `{class}` has {count} readable image(s), expected {least} or more, one for each split",
        class = .class.shown()
    )]
    TooFewToSplit {
        /// Name of the class.
        class: String,
        /// Number of its readable images.
        count: usize,
        /// Number of splits.
        least: usize,
    },
    /// The images of a class form fewer groups of near duplicates than there are splits.
    #[error(
        "the {count} images of the class `{class}` form too few groups of near duplicates to be split",
        class = .class.shown()
    )]
    OneGroup {
        /// Name of the class.
        class: String,
        /// Number of its images.
        count: usize,
    },
}

impl PhotosError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Folder;
    /// use std::path::Path;
    ///
    /// let error = Folder::scan(Path::new("missing")).expect_err("no such folder");
    /// assert!(!error.to_string().contains("hint"));
    /// if let Some(hint) = error.hint() {
    ///     println!("{error}\nhint: {hint}");
    /// }
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Missing(_) => "check the spelling and the current directory".into(),
            Self::NotAFolder(_) => "name a folder with one subfolder of images per class".into(),
            Self::Io { .. } => "check its permissions".into(),
            Self::Changed { .. } => "do not move or edit images during a run".into(),
            Self::NoClasses(folder) => format!(
                "put the images of each class into a subfolder, such as `{}` and `{}`",
                folder.join("cats").shown(),
                folder.join("dogs").shown()
            )
            .into(),
            Self::OneClass { hint, .. } | Self::OtherClasses { hint, .. } => {
                hint.shown().to_string().into()
            }
            Self::ClassName(_) => "rename it".into(),
            Self::EmptyClass { .. } => "add images, or remove the folder".into(),
            Self::UnreadableClass { .. } => {
                "supported formats are JPEG, PNG, GIF, BMP, WebP and TIFF; add such images, or remove the folder".into()
            }
            Self::NoValidation(train) => {
                format!("add one, or use `{}` itself to split it", train.shown()).into()
            }
            Self::FlatValidation { train, .. } => format!(
                "put its images into one subfolder per class, or use `{}` itself to split it",
                train.shown()
            )
            .into(),
            Self::NoTraining(validation) => format!(
                "rename the folder of training images to `{}`",
                validation.with_file_name("train").shown()
            )
            .into(),
            Self::SameSubfolders { example, .. } => format!(
                "if these are the classes, name one folder that holds them, such as `{}`, or rename two such folders to `train` and `validation`; otherwise move the images out of them",
                example.shown()
            )
            .into(),
            Self::Split { .. } => "0.2 uses a fifth of each class".into(),
            Self::SplitSum(_) => {
                "0.2 for each uses three fifths of each class for training".into()
            }
            Self::TooFewToSplit { .. } => {
                "add images, remove the class, or reserve no images for testing".into()
            }
            Self::SplitTwice { .. } | Self::OneGroup { .. } => return None,
        })
    }

    pub(crate) fn io(path: &Path, reason: std::io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            std::io::ErrorKind::NotFound => Self::Missing(path),
            std::io::ErrorKind::NotADirectory => Self::NotAFolder(path),
            _ => Self::Io { path, reason },
        }
    }
}

/// Returns the name of a held-out split.
fn long_name(split: &Split) -> &'static str {
    if *split == Split::Test { "test" } else { "validation" }
}
