//! Lists a folder of photographs: its classes are its folders, in the order of their names.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{io, mem};

use quoting::Shown;
use rayon::prelude::*;

use crate::listing::{Identity, Listing, entries, identity, with_ancestors};
use crate::{LeftOut, PhotosError, Unreadable, is_named_as_picture};

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
    /// Lists the class folders of `path` and their files, through links too. [Hidden](crate::is_hidden) files and
    /// folders are passed over, and so is a link to a folder that it is in. Within a class no folder is listed twice,
    /// by whatever links it is reached.
    ///
    /// # Errors
    ///
    /// The folder is missing or has no class folders, or one of them is empty or can't be listed.
    pub fn scan(path: &Path) -> Result<Self, PhotosError> {
        let folder = Self::list(path)?;
        match folder.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(folder),
        }
    }

    /// The same, but a folder without class folders and empty classes are listed too.
    pub(crate) fn list(path: &Path) -> Result<Self, PhotosError> {
        let outer = with_ancestors(path)?;
        let mut folder = Self {
            path: path.to_owned(),
            classes: vec![],
            files: vec![],
            unreadable: vec![],
            stray: vec![],
        };
        let mut classes = vec![];
        for entry in entries(path).map_err(|source| PhotosError::io(path, source))? {
            if !entry.is_folder {
                folder.stray.push(entry.path);
            } else if !identity(&entry.path).is_ok_and(|class| outer.contains(&class)) {
                classes.push(entry.path);
            }
        }
        // A disk elsewhere takes its time for each.
        let listed: Vec<_> = classes.par_iter().map(|path| list_class(path, &outer)).collect();
        for class in listed {
            let (name, below) = class?;
            folder.classes.push(name);
            folder.files.push(below.files);
            folder.unreadable.extend(below.unreadable);
        }
        Ok(folder)
    }

    /// What keeps it from being used: that it has no classes, and the classes without files.
    pub(crate) fn faults(&self) -> Vec<PhotosError> {
        if self.classes.is_empty() {
            return vec![PhotosError::NoClasses(self.path.clone())];
        }
        let classes = self.classes.iter().zip(&self.files);
        classes
            .filter(|(_, files)| files.is_empty())
            .map(|(class, _)| self.no_files(class))
            .collect()
    }

    /// Why a class has no files.
    fn no_files(&self, class: &str) -> PhotosError {
        let folder = self.path.join(class);
        match self.unreadable.iter().find(|found| found.path.starts_with(&folder)) {
            Some(Unreadable { path, reason }) => {
                PhotosError::Io { path: path.clone(), reason: io::Error::other(reason.clone()) }
            }
            None => PhotosError::EmptyClass { class: class.to_owned(), folder },
        }
    }

    /// That there is nothing to tell apart, where it has one class alone.
    pub(crate) fn only_class(&self) -> Option<PhotosError> {
        let [class] = self.classes.as_slice() else { return None };
        let (folder, class) = (self.path.clone(), class.clone());
        let inside = self.files.first().and_then(|files| Inside::of(files));
        let hint = match inside {
            Some(inside) if inside.subfolders.len() > 1 => format!(
                "if the folders in `{}` are the classes, name that folder",
                inside.folder.shown()
            ),
            _ => "put the photographs of each class into a folder of its own".into(),
        };
        Some(PhotosError::OneClass { folder, class, hint })
    }

    /// The error that the class folders are all alike, if they are: the classes may then be the folders in them, and
    /// the folders splits of other names, or places where the images are from.
    ///
    /// They are alike if all class folders with images, two or more, hold the same two or more subfolders with images.
    /// A folder around all images of a class does not count, so that each class may hold an `images` folder. Classes
    /// that all hold more images beside these subfolders than in them are not alike. Images are told by their names.
    pub(crate) fn same_subfolders(&self) -> Option<PhotosError> {
        let inside: Vec<Inside<'_>> =
            self.files.iter().filter_map(|files| Inside::of(files)).collect();
        let [first, others @ ..] = inside.as_slice() else { return None };
        if others.is_empty()
            || first.subfolders.len() < 2
            || others.iter().any(|inside| inside.subfolders != first.subfolders)
            || inside.iter().all(|inside| inside.beside > inside.below)
        {
            return None;
        }
        let names = first.subfolders.iter().map(|name| format!("`{}`", name.shown()));
        let mut subfolders = names.take(MOST_NAMED).collect::<Vec<_>>().join(", ");
        if first.subfolders.len() > MOST_NAMED {
            subfolders += &format!(" and {} more", first.subfolders.len() - MOST_NAMED);
        }
        Some(PhotosError::SameSubfolders {
            folder: self.path.clone(),
            count: inside.len(),
            example: first.folder.to_owned(),
            subfolders,
        })
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
        let (unreadable, stray) = (self.unreadable.clone(), self.stray.clone());
        LeftOut { unreadable, stray, unused: vec![] }
    }

    pub(crate) fn other_classes(&self, expected: &[String]) -> PhotosError {
        let quoted = |names: &[String]| {
            names.iter().map(|name| format!("`{}`", name.shown())).collect::<Vec<_>>().join(", ")
        };
        PhotosError::OtherClasses {
            folder: self.path.clone(),
            found: quoted(&self.classes),
            expected: quoted(expected),
            hint: self.hint_on_classes(expected),
        }
    }

    /// Asks for the classes of which a name is nearly that of an expected one.
    fn hint_on_classes(&self, expected: &[String]) -> String {
        let others = self.classes.iter().filter(|class| !expected.contains(class));
        let missing = || expected.iter().filter(|class| !self.classes.contains(class));
        let near = others.filter_map(|class| {
            let meant = missing().filter_map(|name| Some((distance(class, name)?, name)));
            let (_, name) = meant.min()?;
            Some(format!("`{}` meant to be `{}`", class.shown(), name.shown()))
        });
        let near: Vec<String> = near.collect();
        if near.is_empty() {
            return "name the folder that holds the class folders; their names must be the same"
                .into();
        }
        format!("is {}? the names must be the same", near.join(", is "))
    }
}

/// Number of subfolders that an error names.
const MOST_NAMED: usize = 5;

/// The deepest folder that holds all images of a class, and what is in it.
struct Inside<'a> {
    folder: &'a Path,
    /// Names of the folders in it with images below.
    subfolders: BTreeSet<&'a OsStr>,
    /// Number of images beside these folders.
    beside: usize,
    /// Number of images below these folders.
    below: usize,
}

impl<'a> Inside<'a> {
    /// Returns `None` if no file of the class is named like an image.
    fn of(files: &'a [PathBuf]) -> Option<Self> {
        let images = || files.iter().filter(|path| is_named_as_picture(path));
        let folders = || images().filter_map(|path| path.parent());
        let mut folder = folders().next()?;
        for other in folders() {
            while !other.starts_with(folder) {
                folder = folder.parent()?;
            }
        }
        let names = folders().filter_map(|other| other.strip_prefix(folder).ok()?.iter().next());
        let subfolders = names.collect();
        let beside = folders().filter(|other| *other == folder).count();
        Some(Self { folder, subfolders, beside, below: images().count() - beside })
    }
}

/// How many letters two names differ by, capitals aside, where that is a third of them at most.
fn distance(class: &str, name: &str) -> Option<usize> {
    let distance = strsim::damerau_levenshtein(&class.to_lowercase(), &name.to_lowercase());
    let letters = class.chars().count().min(name.chars().count());
    (distance <= (letters / 3).max(1) && distance < letters).then_some(distance)
}

/// The name of the class in a folder, and what is there.
fn list_class(path: &Path, outer: &HashSet<Identity>) -> Result<(String, Listing), PhotosError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| PhotosError::ClassName(path.to_owned()))?;
    Ok((name.to_owned(), Listing::below(path, outer)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_near_where_few_letters_differ() {
        for (class, name, expected) in [
            ("Cats", "cats", Some(0)),
            ("cat", "cats", Some(1)),
            ("dgos", "dogs", Some(1)),
            ("train", "dogs", None),
            ("a", "b", None),
            ("", "b", None),
        ] {
            assert_eq!(distance(class, name), expected, "{class} {name}");
        }
    }
}
