//! What can be wrong with a folder of photographs.

use std::path::{Path, PathBuf};

use quoting::Shown;

/// A folder that can't be trained on or evaluated, and why.
#[derive(Debug, thiserror::Error)]
pub enum PhotosError {
    /// There is nothing at this path.
    #[error("no folder at `{}`\nhint: check the spelling, and the folder you are in", .0.shown())]
    Missing(PathBuf),
    /// There is a file at this path.
    #[error("`{}` is a file, expected a folder\nhint: name a folder with one folder of photographs a class", .0.shown())]
    NotAFolder(PathBuf),
    /// The system refused to read.
    #[error("`{}`: {reason}\nhint: check its permissions", .path.shown())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
    /// A photograph is not what it was when it was first read.
    #[error(
        "`{}` has changed while it was in use: {reason}\nhint: leave photographs as they are while they are in use; what is read can be moved or edited once the program has ended",
        .path.shown(),
        reason = .reason.shown()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it now.
        reason: String,
    },
    /// The folder has no folders in it.
    #[error(
        "`{}` has no class folders\nhint: put the photographs of each class into a folder of its own, such as `{}` and `{}`",
        .0.shown(), .0.join("cats").shown(), .0.join("dogs").shown()
    )]
    NoClasses(PathBuf),
    /// There is nothing to tell apart.
    #[error(
        "`{}` has only the class `{class}`, expected two or more\nhint: {hint}",
        .folder.shown(),
        class = .class.shown(),
        hint = .hint.shown()
    )]
    OneClass {
        /// The folder.
        folder: PathBuf,
        /// Its only class.
        class: String,
        /// What to do about it.
        hint: String,
    },
    /// A class folder's name is not text.
    #[error("the class folder `{}` has a name that is not UTF-8\nhint: rename it", .0.shown())]
    ClassName(PathBuf),
    /// A class has no files at all.
    #[error(
        "the class `{class}` has no photographs: `{}` is empty\nhint: put photographs there, or remove the folder",
        .folder.shown(),
        class = .class.shown()
    )]
    EmptyClass {
        /// The class.
        class: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// A class has files, but none is a photograph that can be read.
    #[error(
        "the class `{class}` has no readable photographs: {files} file(s) in `{}`, such as `{}`: {reason}\nhint: JPEG, PNG, GIF, BMP, WebP and TIFF are read; put such photographs there, or remove the folder",
        .folder.shown(), .example.shown(),
        class = .class.shown(),
        reason = .reason.shown()
    )]
    UnreadableClass {
        /// The class.
        class: String,
        /// Its folder.
        folder: PathBuf,
        /// How many files it has.
        files: usize,
        /// One of them.
        example: PathBuf,
        /// Why that one can't be read.
        reason: String,
    },
    /// Two folders that belong together have different classes.
    #[error(
        "`{}` has the classes {found}, expected {expected}\nhint: {hint}",
        .folder.shown(),
        found = .found.shown(),
        expected = .expected.shown(),
        hint = .hint.shown()
    )]
    OtherClasses {
        /// The folder.
        folder: PathBuf,
        /// Its classes.
        found: String,
        /// The classes known.
        expected: String,
        /// What to do about it.
        hint: String,
    },
    /// A training folder without a validation folder beside it.
    #[error(
        "`{}` has a `{}` folder but none of `validation`, `val`, `valid` or `test` beside it\nhint: name `{}` itself to keep a part of it for validation, or add the folder",
        .0.parent().unwrap_or(.0).shown(), .0.file_name().unwrap_or_default().shown(), .0.shown()
    )]
    NoValidation(PathBuf),
    /// A validation folder without class folders, beside a training folder.
    #[error(
        "`{}` has no class folders, so it can't be validated on\nhint: put its photographs into a folder for each class, or name `{}` itself to keep a part of it for validation",
        .validation.shown(), .train.shown()
    )]
    FlatValidation {
        /// The training folder.
        train: PathBuf,
        /// The validation folder.
        validation: PathBuf,
    },
    /// A validation folder without a training folder beside it.
    #[error(
        "`{}` has no `train` folder beside it\nhint: call the folder of training photographs `{}`",
        .0.shown(), .0.with_file_name("train").shown()
    )]
    NoTraining(PathBuf),
    /// The class folders are all alike, so that the classes may be the folders in them.
    #[error(
        "the {count} folders with images in `{}` hold the same subfolders, {subfolders}, expected one folder per class\nhint: if these are the classes, name one folder that holds them, such as `{}`, or rename two such folders to `train` and `validation`; else move the images out of them",
        .folder.shown(), .example.shown(),
        subfolders = .subfolders.shown()
    )]
    SameSubfolders {
        /// The folder.
        folder: PathBuf,
        /// Number of class folders with images in it.
        count: usize,
        /// One of them.
        example: PathBuf,
        /// Names of the subfolders, or of some of them.
        subfolders: String,
    },
    /// A share for validation is asked for where there is a validation folder.
    #[error(
        "`{}` is a validation folder, so no share of the training photographs is kept for validation",
        .0.shown()
    )]
    SplitTwice(PathBuf),
    /// The share for validation is no share.
    #[error(
        "the validation split is {0}, expected a fraction between 0 and 1\nhint: 0.2 keeps a fifth of each class for validation"
    )]
    Split(f64),
    /// A class is too small to be split.
    #[error(
        "the class `{class}` has {count} readable photograph(s), expected two or more, one of them for validation\nhint: add photographs, or remove the class",
        class = .class.shown()
    )]
    TooFewToSplit {
        /// The class.
        class: String,
        /// How many it has.
        count: usize,
    },
    /// A class is of one group that is not to be divided.
    #[error(
        "the {count} photographs of the class `{class}` can't be divided without near duplicates on both sides",
        class = .class.shown()
    )]
    OneGroup {
        /// The class.
        class: String,
        /// How many photographs it has.
        count: usize,
    },
}

impl PhotosError {
    pub(crate) fn io(path: &Path, reason: std::io::Error) -> Self {
        let path = path.to_owned();
        match reason.kind() {
            std::io::ErrorKind::NotFound => Self::Missing(path),
            std::io::ErrorKind::NotADirectory => Self::NotAFolder(path),
            _ => Self::Io { path, reason },
        }
    }
}
