//! Lists a folder of images with one subfolder per class.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{io, mem};

use quoting::Shown;
use rayon::prelude::*;

use crate::listing::{Identity, Listing, entries, identity, with_ancestors};
use crate::{PhotosError, SkippedFiles, UnreadableFile, has_image_extension};

/// Folder with one subfolder per class, listed but not yet read.
#[doc(alias = "image_dataset_from_directory")]
#[doc(alias = "ImageFolder")]
#[derive(Clone, Debug)]
pub struct Folder {
    /// Path of the folder.
    pub path: PathBuf,
    /// Class names, sorted. The label of a class is its index here.
    pub classes: Vec<String>,
    /// Files of each class, at any depth, sorted by path.
    pub files: Vec<Vec<PathBuf>>,
    /// Subfolders that can't be listed.
    pub unreadable: Vec<UnreadableFile>,
    /// Files next to the class folders, which have no class.
    pub ignored: Vec<PathBuf>,
}

impl Folder {
    /// Lists the class folders of `path` and their files, following symbolic links. Skips [hidden](crate::is_hidden)
    /// files and folders, and links to a folder that contains the link. Within a class each folder is listed once, even
    /// if several links lead to it.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder is missing or has no class folders. It is also an error if a class folder is
    /// empty, can't be listed or has a name that is not UTF-8.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Folder;
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// let folder = Folder::scan(data.path())?;
    /// assert_eq!(folder.classes, ["cat", "dog"]);
    /// assert_eq!(folder.files[0], [data.path().join("cat/0.png"), data.path().join("cat/1.png")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "flow_from_directory")]
    #[doc(alias = "image_dataset_from_directory")]
    #[doc(alias = "ImageFolder")]
    pub fn scan(path: impl AsRef<Path>) -> Result<Self, PhotosError> {
        let folder = Self::list(path.as_ref())?;
        match folder.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(folder),
        }
    }

    /// Lists like [`Self::scan`], but accepts a folder without class folders, and empty classes.
    pub(crate) fn list(path: &Path) -> Result<Self, PhotosError> {
        let outer = with_ancestors(path)?;
        let mut folder = Self {
            path: path.to_owned(),
            classes: vec![],
            files: vec![],
            unreadable: vec![],
            ignored: vec![],
        };
        let mut classes = vec![];
        for entry in entries(path).map_err(|source| PhotosError::io(path, source))? {
            if !entry.is_folder {
                folder.ignored.push(entry.path);
            } else if !identity(&entry.path).is_ok_and(|class| outer.contains(&class)) {
                classes.push(entry.path);
            }
        }
        // In parallel, because a network file system takes a while for each.
        let listed: Vec<_> = classes.par_iter().map(|path| list_class(path, &outer)).collect();
        for class in listed {
            let (name, below) = class?;
            folder.classes.push(name);
            folder.files.push(below.files);
            folder.unreadable.extend(below.unreadable);
        }
        Ok(folder)
    }

    /// Returns the errors that prevent its use: that it has no classes, or each class without files.
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

    /// Returns the error of a class without files.
    fn no_files(&self, class: &str) -> PhotosError {
        let folder = self.path.join(class);
        match self.unreadable.iter().find(|found| found.path.starts_with(&folder)) {
            Some(UnreadableFile { path, reason }) => {
                PhotosError::Io { path: path.clone(), reason: io::Error::other(reason.clone()) }
            }
            None => PhotosError::EmptyClass { class: class.to_owned(), folder },
        }
    }

    /// Returns an error if the folder has only one class.
    pub(crate) fn only_class(&self) -> Option<PhotosError> {
        let [class] = self.classes.as_slice() else { return None };
        let (folder, class) = (self.path.clone(), class.clone());
        let inside = self.files.first().and_then(|files| Inside::of(files));
        let hint = match inside {
            Some(inside) if inside.subfolders.len() > 1 => format!(
                "if the folders in `{}` are the classes, name that folder",
                inside.folder.shown()
            ),
            _ => "put the images of each class into a subfolder".into(),
        };
        Some(PhotosError::OneClass { folder, class, hint })
    }

    /// Returns an error if the class folders all have the same subfolders. The subfolders may then be the classes, and
    /// the folders may be splits with unknown names or sources of the images.
    ///
    /// The rule: all class folders with images, two or more, have the same two or more subfolders with images. A single
    /// folder around all images of a class is ignored, so each class may have an `images` folder. If every class has
    /// more images next to its subfolders than in them, the rule does not apply. File names alone decide which files
    /// are images.
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

    /// Returns a subfolder with images if the class folders may hold the classes: all images of each class are in two or
    /// more subfolders of its folder.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Folder;
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for folder in ["pets/cat", "pets/dog", "plants/rose", "plants/tulip"] {
    /// #     std::fs::create_dir_all(data.path().join(folder))?;
    /// #     std::fs::write(data.path().join(folder).join("1.jpg"), "")?;
    /// # }
    /// // Files: pets/cat/1.jpg, pets/dog/1.jpg, plants/rose/1.jpg, plants/tulip/1.jpg
    /// let folder = Folder::scan(data.path())?;
    /// assert_eq!(folder.classes, ["pets", "plants"]);
    /// assert_eq!(folder.nested_example(), Some(data.path().join("pets/cat")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nested_example(&self) -> Option<PathBuf> {
        let inside: Option<Vec<Inside<'_>>> =
            self.files.iter().map(|files| Inside::of(files)).collect();
        let inside = inside?;
        let is_nested = |class: &Inside<'_>| class.beside == 0 && class.subfolders.len() > 1;
        let first = inside.first().filter(|_| inside.iter().all(is_nested))?;
        Some(first.folder.join(first.subfolders.first()?))
    }

    /// Numbers the classes by their index in `classes`, the classes of a trained model or of the training folder.
    /// Classes without a folder here get no files.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder has a class that is missing from `classes`.
    ///
    /// # Examples
    ///
    /// ```
    /// use photos::Folder;
    ///
    /// # let data = tempfile::tempdir()?;
    /// # for (class, level) in [("cat", 40), ("dog", 200)] {
    /// #     std::fs::create_dir(data.path().join(class))?;
    /// #     for at in 0..2 {
    /// #         let image = image::RgbImage::from_pixel(8, 8, image::Rgb([level + at; 3]));
    /// #         image.save(data.path().join(class).join(format!("{at}.png")))?;
    /// #     }
    /// # }
    /// // Files: cat/0.png, cat/1.png, dog/0.png, dog/1.png
    /// // The classes of a trained model, of which this folder has two.
    /// let classes = ["bird", "cat", "dog"].map(String::from);
    /// let folder = Folder::scan(data.path())?.with_classes(&classes)?;
    /// assert_eq!(folder.files.iter().map(Vec::len).collect::<Vec<_>>(), [0, 2, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "class_names")]
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

    /// Removes all other classes.
    pub(crate) fn retain_classes(&mut self, classes: &HashSet<String>) {
        let found = mem::take(&mut self.classes).into_iter().zip(mem::take(&mut self.files));
        (self.classes, self.files) = found.filter(|(class, _)| classes.contains(class)).unzip();
    }

    /// Returns the files and folders that are known to be skipped before any file is read.
    pub(crate) fn skipped(&self) -> SkippedFiles {
        let (unreadable, ignored) = (self.unreadable.clone(), self.ignored.clone());
        SkippedFiles { unreadable, ignored, unused: vec![] }
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

    /// Returns a hint that names classes whose names are similar to an expected one.
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
            return "name the folder that holds the class folders; their names must match".into();
        }
        format!("is {}? the names must match", near.join(", is "))
    }
}

/// Maximum number of subfolders named in an error.
const MOST_NAMED: usize = 5;

/// Deepest folder that contains all images of a class.
struct Inside<'a> {
    folder: &'a Path,
    /// Names of its subfolders that contain images.
    subfolders: BTreeSet<&'a OsStr>,
    /// Number of images directly in the folder.
    beside: usize,
    /// Number of images in the subfolders.
    below: usize,
}

impl<'a> Inside<'a> {
    /// Returns `None` if no file of the class has the extension of an image.
    fn of(files: &'a [PathBuf]) -> Option<Self> {
        let images = || files.iter().filter(|path| has_image_extension(path));
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

/// Returns the edit distance of two names, ignoring case, if it is at most a third of the shorter one's length (at
/// least 1).
fn distance(class: &str, name: &str) -> Option<usize> {
    let distance = strsim::damerau_levenshtein(&class.to_lowercase(), &name.to_lowercase());
    let letters = class.chars().count().min(name.chars().count());
    (distance <= (letters / 3).max(1) && distance < letters).then_some(distance)
}

/// Returns the name of a class folder and its contents.
fn list_class(path: &Path, outer: &HashSet<Identity>) -> Result<(String, Listing), PhotosError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| PhotosError::ClassName(path.to_owned()))?;
    Ok((name.to_owned(), Listing::below(path, outer)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_class_names_have_a_distance() {
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
