//! Lists a folder of photographs: its classes are its folders, in the order of their names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::PhotosError;

/// A folder with one folder a class, listed but not yet read.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder itself.
    pub path: PathBuf,
    /// The classes' names, sorted. A class's label is its place here.
    pub classes: Vec<String>,
    /// For each class its files, at any depth, sorted by path.
    pub files: Vec<Vec<PathBuf>>,
}

impl Folder {
    /// Lists the class folders of `path` and their files. Hidden files and folders and what
    /// Windows leaves behind (`Thumbs.db`, `desktop.ini`) are passed over.
    ///
    /// # Errors
    ///
    /// The folder is missing or has no class folders, or one of them is empty.
    pub fn scan(path: &Path) -> Result<Self, PhotosError> {
        let mut folder = Self { path: path.to_owned(), classes: vec![], files: vec![] };
        for class in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
            let name = class.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| PhotosError::ClassName(class.clone()))?.to_owned();
            let files = files_below(&class)?;
            if files.is_empty() {
                return Err(PhotosError::EmptyClass { class: name, folder: class });
            }
            folder.classes.push(name);
            folder.files.push(files);
        }
        if folder.classes.is_empty() {
            return Err(PhotosError::NoClasses(path.to_owned()));
        }
        Ok(folder)
    }

    /// Checks that there is something to tell apart.
    ///
    /// # Errors
    ///
    /// There are fewer than two classes.
    pub fn require_two_classes(&self) -> Result<(), PhotosError> {
        match self.classes.as_slice() {
            [class] => {
                Err(PhotosError::OneClass { folder: self.path.clone(), class: class.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Numbers the classes as `classes` does, which are those of a trained model or of the training
    /// folder. A class that has no folder here has no files.
    ///
    /// # Errors
    ///
    /// The folder has a class that `classes` has not.
    pub fn with_classes(self, classes: &[String]) -> Result<Self, PhotosError> {
        if self.classes.iter().any(|class| !classes.contains(class)) {
            return Err(self.other_classes(classes));
        }
        let mut files = vec![vec![]; classes.len()];
        for (class, found) in self.classes.iter().zip(self.files) {
            if let Some(label) = classes.iter().position(|name| name == class) {
                files[label] = found;
            }
        }
        Ok(Self { path: self.path, classes: classes.to_vec(), files })
    }

    pub(crate) fn other_classes(&self, expected: &[String]) -> PhotosError {
        let quoted = |names: &[String]| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        PhotosError::OtherClasses {
            folder: self.path.clone(),
            found: quoted(&self.classes),
            expected: quoted(expected),
        }
    }
}

/// All files below `folder`, at any depth, sorted by path; hidden ones are passed over.
///
/// # Errors
///
/// The folder is missing or can't be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, PhotosError> {
    let mut files = vec![];
    for entry in entries(folder)? {
        if entry.is_dir() {
            files.extend(files_below(&entry)?);
        } else {
            files.push(entry);
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, PhotosError> {
    let io = |source| PhotosError::io(folder, source);
    let mut entries = vec![];
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if !is_hidden(&path) {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

pub(crate) fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.')
        || name == "__MACOSX"
        || ["thumbs.db", "desktop.ini"].contains(&name.to_lowercase().as_str())
}
