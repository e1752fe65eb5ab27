//! Lists a folder of photographs: its classes are its folders, in the order of their names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{io, mem};

use crate::listing::{Identity, Listing, entries, identity, with_ancestors};
use crate::{LeftOut, PhotosError, Unreadable};

/// A folder with one folder a class, listed but not yet read.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The folder itself.
    pub path: PathBuf,
    /// The classes' names, sorted. A class's label is its place here.
    pub classes: Vec<String>,
    /// For each class its files, at any depth, sorted by path.
    pub files: Vec<Vec<PathBuf>>,
    /// The folders in it that can't be listed.
    pub unreadable: Vec<Unreadable>,
    /// The files beside the class folders, which are of no class.
    pub stray: Vec<PathBuf>,
}

impl Folder {
    /// Lists the class folders of `path` and their files, through links too. Hidden files and folders and
    /// what Windows leaves behind (`Thumbs.db`, `desktop.ini`) are passed over, and so is a link to a folder
    /// that it is in. Within a class no folder is listed twice, by whatever links it is reached.
    ///
    /// # Errors
    ///
    /// The folder is missing or has no class folders, or one of them is empty or can't be listed.
    pub fn scan(path: &Path) -> Result<Self, PhotosError> {
        let outer = with_ancestors(path)?;
        let mut folder = Self {
            path: path.to_owned(),
            classes: vec![],
            files: vec![],
            unreadable: vec![],
            stray: vec![],
        };
        for entry in entries(path).map_err(|source| PhotosError::io(path, source))? {
            if !entry.is_folder {
                folder.stray.push(entry.path);
            } else if !identity(&entry.path).is_ok_and(|class| outer.contains(&class)) {
                folder.add_class(entry.path, &outer)?;
            }
        }
        if folder.classes.is_empty() {
            return Err(PhotosError::NoClasses(path.to_owned()));
        }
        Ok(folder)
    }

    fn add_class(&mut self, path: PathBuf, outer: &HashSet<Identity>) -> Result<(), PhotosError> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| PhotosError::ClassName(path.clone()))?.to_owned();
        let mut below = Listing::below(&path, outer)?;
        if below.files.is_empty() {
            return Err(match below.unreadable.pop() {
                Some(Unreadable { path, reason }) => {
                    PhotosError::Io { path, source: io::Error::other(reason) }
                }
                None => PhotosError::EmptyClass { class: name, folder: path },
            });
        }
        self.classes.push(name);
        self.files.push(below.files);
        self.unreadable.extend(below.unreadable);
        Ok(())
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
    pub fn with_classes(mut self, classes: &[String]) -> Result<Self, PhotosError> {
        if self.classes.iter().any(|class| !classes.contains(class)) {
            return Err(self.other_classes(classes));
        }
        let mut files = vec![vec![]; classes.len()];
        for (class, found) in self.classes.iter().zip(mem::take(&mut self.files)) {
            if let Some(label) = classes.iter().position(|name| name == class) {
                files[label] = found;
            }
        }
        Ok(Self { classes: classes.to_vec(), files, ..self })
    }

    /// What was left out before any file was read.
    pub(crate) fn left_out(&self) -> LeftOut {
        LeftOut { unreadable: self.unreadable.clone(), stray: self.stray.clone() }
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
