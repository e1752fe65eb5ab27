//! `predict --sort-into`: copies images into one folder per class.
//!
//! Files are never overwritten, and existing copies are not copied again. A copy appears only when it is complete.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use formats::{FormatError, unfinished_in};
use quoting::Shown;
use train::RunDirectory;

/// Folder for images with an uncertain prediction, next to the class folders.
pub(crate) const UNSURE: &str = "unsure";

/// Destination of the copies.
pub(crate) struct SortInto<'a> {
    folder: &'a Path,
}

impl<'a> SortInto<'a> {
    /// Creates a destination in `folder` for these classes and, if `unsure` is set, for uncertain predictions. `named`
    /// holds the files and folders that are read.
    ///
    /// # Errors
    ///
    /// Returns an error if copies would be written into a folder that is read, if a class name is not a valid folder
    /// name, or if two classes would share a folder.
    pub(crate) fn new(
        folder: &'a Path,
        classes: &[String],
        unsure: bool,
        named: &[PathBuf],
    ) -> anyhow::Result<Self> {
        for class in classes {
            let mut parts = Path::new(class).components();
            let is_name = matches!(
                (parts.next(), parts.next()),
                (Some(Component::Normal(name)), None) if name == class.as_str()
            );
            anyhow::ensure!(
                is_name,
                "the class name `{}` is not a valid folder name\nhint: use `--csv` or `--json`, which allow any name",
                class.shown()
            );
            anyhow::ensure!(
                !unsure || !class.eq_ignore_ascii_case(UNSURE),
                "the model has a class `{}`, which is also the folder name of `--min-confidence`\nhint: omit `--min-confidence` or `--sort-into`",
                class.shown()
            );
        }
        if cfg!(any(windows, target_os = "macos"))
            && let Some([one, other]) = in_one_folder(classes, cfg!(windows))
        {
            anyhow::bail!(
                "the model's classes `{}` and `{}` have the same folder name on this system\nhint: use `--csv` or `--json`, which allow any name",
                one.shown(),
                other.shown()
            );
        }
        let read = named.iter().filter(|path| path.is_dir());
        let written =
            || classes.iter().map(|class| folder.join(class)).chain([folder.join(UNSURE)]);
        for read in read {
            for written in written() {
                RunDirectory::check_outside(&written, read)?;
            }
        }
        Ok(Self { folder })
    }

    /// Copies an image into the folder of a class. If a different file has the image's name, uses the first free name
    /// of NAME-2, NAME-3 and so on. Returns false if a file with one of these names has the same bytes, because that
    /// file is an earlier copy.
    ///
    /// # Errors
    ///
    /// Returns an error if the image can't be read or the folder can't be written.
    pub(crate) fn copy(&self, image: &Path, class: &str) -> Result<bool, FormatError> {
        let folder = self.folder.join(class);
        let refused = |error| FormatError::io(&folder, error);
        fs::create_dir_all(&folder).map_err(refused)?;
        let mut from = File::open(image).map_err(|e| FormatError::io(image, e))?;
        for taken in names(image).map(|name| folder.join(name)).take_while(|path| path.exists()) {
            if have_same_bytes(image, &taken).map_err(|e| FormatError::io(&taken, e))? {
                return Ok(false);
            }
        }
        let mut copy = unfinished_in(&folder).map_err(refused)?;
        io::copy(&mut from, &mut copy).map_err(refused)?;
        if let Ok(modified) = from.metadata().and_then(|metadata| metadata.modified()) {
            // Photo programs sort by this time. A copy without it is still valid.
            _ = copy.as_file().set_modified(modified);
        }
        copy.as_file().sync_all().map_err(refused)?;
        for name in names(image) {
            match copy.persist_noclobber(folder.join(name)) {
                Ok(_) => return Ok(true),
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    copy = taken.file;
                }
                Err(failed) => return Err(refused(failed.error)),
            }
        }
        unreachable!("the range of numbers is infinite")
    }
}

/// Returns the first two classes with the same folder on Windows or macOS, which ignore case. Windows also drops
/// trailing dots and spaces.
fn in_one_folder(classes: &[String], is_windows: bool) -> Option<[&str; 2]> {
    let mut folders = HashMap::new();
    classes.iter().find_map(|class| {
        let folder = if is_windows { class.trim_end_matches(['.', ' ']) } else { class };
        Some([folders.insert(folder.to_lowercase(), class.as_str())?, class])
    })
}

/// Returns true if both paths are files with the same bytes.
fn have_same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let [(is_file, length), of_other] = [fs::metadata(one)?, fs::metadata(other)?]
        .map(|metadata| (metadata.is_file(), metadata.len()));
    if (is_file, length) != of_other {
        return Ok(false);
    }
    let mut bytes = BufReader::new(File::open(one)?).bytes();
    for byte in BufReader::new(File::open(other)?).bytes() {
        if bytes.next().transpose()? != Some(byte?) {
            return Ok(false);
        }
    }
    Ok(bytes.next().is_none())
}

/// Returns the name of the file at `path`, then the same name with the numbers from 2 on.
fn names(path: &Path) -> impl Iterator<Item = OsString> {
    let [name, stem] =
        [path.file_name(), path.file_stem()].map(|part| part.unwrap_or_default().to_owned());
    let extension = path.extension().map(ToOwned::to_owned);
    let numbered = (2_u64..).map(move |number| {
        let mut name = stem.clone();
        name.push(format!("-{number}"));
        if let Some(extension) = &extension {
            name.push(".");
            name.push(extension);
        }
        name
    });
    std::iter::once(name).chain(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_names_get_a_number_before_the_extension() {
        for (path, expected) in [
            ("a/1.jpg", ["1.jpg", "1-2.jpg", "1-3.jpg"]),
            ("1.tar.gz", ["1.tar.gz", "1.tar-2.gz", "1.tar-3.gz"]),
            ("ü", ["ü", "ü-2", "ü-3"]),
        ] {
            let names: Vec<OsString> = names(Path::new(path)).take(3).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn class_folders_that_collide_on_disk_are_found() {
        let clash = |classes: [&str; 3], is_windows| {
            let classes = classes.map(String::from);
            in_one_folder(&classes, is_windows).map(|clash| clash.map(String::from))
        };
        for is_windows in [false, true] {
            assert_eq!(clash(["cat", "dog", "cat b"], is_windows), None);
            let found = clash(["Ähre", "dog", "ähre"], is_windows);
            assert_eq!(found, Some(["Ähre", "ähre"].map(String::from)));
        }
        let ends = ["dog", "cat", "cat. "];
        assert_eq!(clash(ends, true), Some(["cat", "cat. "].map(String::from)));
        assert_eq!(clash(ends, false), None);
    }

    #[test]
    fn class_names_unusable_as_folders_are_refused() {
        for class in ["..", "/etc", "a/b", "", ".", "a/", "unsure"] {
            let refused = SortInto::new(Path::new("into"), &[class.into()], true, &[]);
            let message = refused.err().expect("an error").to_string();
            assert!(message.contains("\nhint: "), "{message}");
        }
    }
}
