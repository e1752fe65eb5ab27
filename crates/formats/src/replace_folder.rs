//! Creates and replaces folders so that a crash never leaves a partial one.
//!
//! A folder is written next to its destination, synced to disk and renamed. A crash leaves either the old or the new
//! content.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::atomic::{folder_of, refused};
use crate::unfinished::is_locked;
use crate::{FormatError, UNFINISHED_FILE, sync_folder, unfinished_in};

/// Replaces the folder at `path`, or creates it. `fill` writes the files into a new folder next to `path`, which then
/// takes its name.
///
/// On Linux and macOS, most file systems exchange the two folders in one step. Elsewhere, a crash between two renames
/// leaves the old folder, complete, as the hidden `.NAME.permafrost-old`. [`recover_folder`] restores it.
///
/// # Errors
///
/// Returns an error if the parent folder is missing, `fill` fails, or the system refuses to write there. If `fill`
/// fails, the old folder stays and the new one is removed. If the second rename fails, nothing is at `path`, as after a
/// crash. The next call starts with [`recover_folder`], which restores the old folder.
///
/// # Examples
///
/// ```
/// use formats::{FormatError, replace_folder, write_atomic};
///
/// # let folder = tempfile::tempdir()?;
/// let model = folder.path().join("model");
/// for version in ["1", "2"] {
///     replace_folder::<FormatError>(&model, |new| {
///         write_atomic(&new.join("version"), version.as_bytes())
///     })?;
/// }
/// assert_eq!(std::fs::read_to_string(model.join("version"))?, "2");
/// assert_eq!(std::fs::read_dir(folder.path())?.count(), 1); // nothing else is left
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "atomic rename")]
#[doc(alias = "renameat2")]
pub fn replace_folder<E: From<FormatError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    recover_folder(path)?;
    let new = filled_beside(path, fill)?;
    let new = &new.path;
    let swap = || {
        let old = beside(path, "old");
        sync_folder(new)?;
        if path.exists() {
            if exchange(new, path)? {
                sync_folder(folder_of(path))?;
                return remove_folder(new);
            }
            fs::rename(path, &old)?;
        }
        fs::rename(new, path)?;
        sync_folder(folder_of(path))?;
        remove_folder(&old)
    };
    Ok(swap().map_err(|source| refused(path, source))?)
}

/// Replaces the folder at `path`, or creates it, and moves the previous folder to `backup`. An older folder there is
/// removed.
///
/// `fill` writes the files into a new folder next to `path`. A crash at any time leaves a complete folder at one of the
/// two paths. If the system can exchange folders, one is always at `path`.
///
/// # Errors
///
/// Returns an error if the parent folder is missing, `fill` fails, or the system refuses to write there. A complete
/// folder is then still at one of the two paths. The next call removes the remains of the new folder.
///
/// # Examples
///
/// ```
/// use formats::{FormatError, replace_folder_with_backup, write_atomic};
///
/// # let folder = tempfile::tempdir()?;
/// let (last, previous) = (folder.path().join("last"), folder.path().join("previous"));
/// for epoch in ["1", "2", "3"] {
///     replace_folder_with_backup::<FormatError>(&last, &previous, |new| {
///         write_atomic(&new.join("epoch"), epoch.as_bytes())
///     })?;
/// }
/// assert_eq!(std::fs::read_to_string(last.join("epoch"))?, "3");
/// assert_eq!(std::fs::read_to_string(previous.join("epoch"))?, "2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace_folder_with_backup<E: From<FormatError>>(
    path: &Path,
    backup: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let new = filled_beside(path, fill)?;
    let new = &new.path;
    let swap = || {
        sync_folder(new)?;
        if path.exists() {
            if exchange(new, path)? {
                remove_folder(backup)?;
                fs::rename(new, backup)?;
                return sync_folder(folder_of(path));
            }
            remove_folder(backup)?;
            fs::rename(path, backup)?;
        }
        fs::rename(new, path)?;
        sync_folder(folder_of(path))
    };
    Ok(swap().map_err(|source| refused(path, source))?)
}

/// Creates the folder at `path` atomically. `fill` writes the files into a new folder next to `path`, which then takes
/// its name.
///
/// If another program has created a folder with files at `path` in the meantime, returns false and leaves it unchanged.
///
/// # Errors
///
/// Returns an error if the parent folder is missing, `fill` fails, or the system refuses to write there. If `fill` or
/// the rename fails, the new folder is removed.
///
/// # Examples
///
/// ```
/// use formats::{FormatError, create_folder, write_atomic};
///
/// # let folder = tempfile::tempdir()?;
/// let part = folder.path().join("part-1");
/// let create = |text: &'static [u8]| {
///     create_folder::<FormatError>(&part, |new| write_atomic(&new.join("rows"), text))
/// };
/// assert!(create(b"first")?);
/// assert!(!create(b"second")?); // another program was faster
/// assert_eq!(std::fs::read(part.join("rows"))?, b"first");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_folder<E: From<FormatError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<bool, E> {
    let new = filled_beside(path, fill)?;
    let publish = || {
        sync_folder(&new.path)?;
        // A rename never replaces a folder that has files in it.
        if let Err(error) = fs::rename(&new.path, path) {
            remove_folder(&new.path)?;
            return if path.is_dir() { Ok(false) } else { Err(error) };
        }
        sync_folder(folder_of(path))?;
        Ok(true)
    };
    Ok(publish().map_err(|source| refused(path, source))?)
}

/// Folder that is being written, `.NAME.permafrost-XXXXXX`.
///
/// The unfinished file `.permafrost-XXXXXX` next to it is locked during that time. It is removed when this is dropped.
struct UnfinishedFolder {
    path: PathBuf,
    _lock: NamedTempFile,
}

/// Creates a folder next to `path` and fills it. If that fails, removes it, so that a full disk does not stay full.
fn filled_beside<E: From<FormatError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<UnfinishedFolder, E> {
    remove_left(path);
    let create = || {
        let lock = unfinished_in(folder_of(path))?;
        let name = lock.path().file_name().unwrap_or_default().to_string_lossy();
        let new = beside(path, name.strip_prefix(UNFINISHED_FILE).expect("its prefix"));
        fs::create_dir(&new)?;
        Ok(UnfinishedFolder { path: new, _lock: lock })
    };
    let new = create().map_err(|source| refused(path, source))?;
    fill(&new.path).inspect_err(|_| {
        // The first error is the one to report.
        let _ = remove_folder(&new.path);
    })?;
    Ok(new)
}

/// Removes the unfinished folders of killed programs next to `path`. Ignores folders that can't be removed.
fn remove_left(path: &Path) {
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    let start = beside(path, "");
    let start = start.file_name().unwrap_or_default().as_encoded_bytes();
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Skips the folder with the old content, which is not unfinished.
        let Some(id @ (b"new" | [_, _, _, _, _, _])) = name.as_encoded_bytes().strip_prefix(start)
        else {
            continue;
        };
        let lock = format!("{UNFINISHED_FILE}{}", String::from_utf8_lossy(id));
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && !is_locked(&entry.path().with_file_name(lock))
        {
            _ = remove_folder(&entry.path());
        }
    }
}

/// Restores the old folder at `path` after a crash in [`replace_folder`]. If the new folder is already at `path`,
/// removes the old one instead.
///
/// Call it before writing to the folder again. A reader must not call it, because a writer may be active.
///
/// # Errors
///
/// Returns an error if the system refuses to rename or remove there.
///
/// # Examples
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// // After a crash between the two renames, only the old folder exists.
/// let model = folder.path().join("model");
/// std::fs::create_dir(folder.path().join(".model.permafrost-old"))?;
///
/// formats::recover_folder(&model)?;
/// assert!(model.is_dir());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn recover_folder(path: impl AsRef<Path>) -> Result<(), FormatError> {
    let path = path.as_ref();
    let old = beside(path, "old");
    let recover = || {
        if path.exists() {
            remove_folder(&old)
        } else if old.exists() {
            fs::rename(&old, path)
        } else {
            Ok(())
        }
    };
    recover().map_err(|source| refused(path, source))
}

/// Returns the hidden path `.NAME.permafrost-WHICH` next to `path`, for the old content or a new folder.
fn beside(path: &Path, which: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".permafrost-");
    name.push(which);
    path.with_file_name(name)
}

fn remove_folder(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Exchanges two folders in one step, so that neither is ever missing. Returns false if the system or the file system
/// does not support this.
fn exchange(one: &Path, other: &Path) -> std::io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        let _ = (one, other);
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_atomic;

    fn fill_with(text: &str) -> impl FnOnce(&Path) -> Result<(), FormatError> {
        move |folder| write_atomic(folder.join("file"), text.as_bytes())
    }

    fn names_in(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    }

    #[test]
    fn missing_folder_error_names_the_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("file");
        write_atomic(&file, b"text").expect("a writable folder");
        for missing in [folder.path().join("missing"), file] {
            let path = missing.join("name");
            for result in [write_atomic(&path, b"text"), replace_folder(&path, fill_with("text"))] {
                let error = result.expect_err("no folder");
                assert!(
                    matches!(&error, FormatError::MissingFolder { path } if *path == missing),
                    "{error}"
                );
                assert!(error.hint().expect("a hint").starts_with("create it first"), "{error}");
            }
        }
    }

    #[test]
    fn replace_folder_keeps_the_old_one_if_filling_fails() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        replace_folder(&path, fill_with("first")).expect("a new folder");
        replace_folder(&path, fill_with("second")).expect("a folder in its place");
        let failed = replace_folder(&path, |new| {
            write_atomic(new.join("file"), b"third")?;
            Err(FormatError::damaged(new, "fails"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(path.join("file")).expect("the file"), "second");
        assert_eq!(names_in(folder.path()), ["model"]);
    }

    #[test]
    fn concurrent_create_folder_has_one_winner() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("data");
        let is_first = create_folder(&path, |outer| {
            write_atomic(outer.join("file"), b"out")?;
            let inner = create_folder(&path, fill_with("inner"));
            assert!(inner.expect("a new folder"), "it is not there yet");
            write_atomic(outer.join("another"), b"outer")
        });
        assert!(!is_first.expect("a folder that is there"));
        assert_eq!(fs::read_to_string(path.join("file")).expect("the file"), "inner");
        assert_eq!((names_in(folder.path()).len(), names_in(&path).len()), (1, 1));
    }

    #[test]
    fn only_leftover_folders_of_killed_programs_are_removed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        let at = |name: &str| folder.path().join(name);
        let kept = [".model.permafrost-kept", ".model.permafrost-abc124", ".a.permafrost-abc123"];
        let left =
            [".model.permafrost-new", ".model.permafrost-abc123", ".model.permafrost-abc125"];
        for name in kept.iter().chain(&left) {
            fs::create_dir(at(name)).expect("a writable folder");
            fs::write(at(name).join("file"), "half").expect("a writable folder");
        }
        fs::write(at(".permafrost-abc123"), "").expect("a writable folder");
        let lock = fs::File::create(at(".permafrost-abc124")).expect("a writable folder");
        lock.lock().expect("a lock");
        replace_folder(&path, fill_with("new")).expect("a new folder");
        assert!(kept.iter().all(|name| at(name).join("file").exists()));
        assert!(!left.iter().any(|name| at(name).exists()));
    }

    #[test]
    fn replace_with_backup_keeps_the_previous_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [path, kept] = ["last", "previous"].map(|name| folder.path().join(name));
        let read = |path: &Path| fs::read_to_string(path.join("file")).ok();
        let replace = |text| replace_folder_with_backup(&path, &kept, fill_with(text));
        replace("first").expect("a new folder");
        assert_eq!((read(&path).as_deref(), read(&kept)), (Some("first"), None));
        for (text, before) in [("second", "first"), ("third", "second")] {
            replace(text).expect("a folder in its place");
            assert_eq!(
                (read(&path).as_deref(), read(&kept).as_deref()),
                (Some(text), Some(before))
            );
        }
        let failed = replace_folder_with_backup(&path, &kept, |new| {
            write_atomic(new.join("file"), b"fourth")?;
            Err(FormatError::damaged(new, "fails"))
        });
        assert!(failed.is_err());
        // Simulates a crash between the two renames.
        fs::remove_dir_all(&kept).expect("a folder");
        fs::rename(&path, &kept).expect("a folder");
        assert_eq!(read(&kept).as_deref(), Some("third"));
        replace("fourth").expect("a folder in its place");
        assert_eq!(
            (read(&path).as_deref(), read(&kept).as_deref()),
            (Some("fourth"), Some("third"))
        );
        let mut names = names_in(folder.path());
        names.sort();
        assert_eq!(names, ["last", "previous"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_is_never_missing_while_it_is_replaced() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [path, kept, last] = ["model", "previous", "last"].map(|name| folder.path().join(name));
        let replace = || {
            replace_folder(&path, fill_with("model")).expect("a folder in its place");
            replace_folder_with_backup(&last, &kept, fill_with("last"))
                .expect("a folder in its place");
        };
        replace();
        let done = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                (0..200).for_each(|_| replace());
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                for path in [&path, &last] {
                    assert!(path.join("file").exists(), "{path:?}");
                }
            }
        });
        let mut names = names_in(folder.path());
        names.sort();
        assert_eq!(names, ["last", "model", "previous"]);
    }

    #[test]
    fn recover_folder_restores_the_old_one_after_a_crash() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model");
        replace_folder(&path, fill_with("old")).expect("a new folder");
        fs::rename(&path, beside(&path, "old")).expect("a crash after the first rename");
        recover_folder(&path).expect("the old folder");
        assert_eq!(fs::read_to_string(path.join("file")).expect("the file"), "old");
        replace_folder(&path, fill_with("new")).expect("a folder in its place");
        assert_eq!(names_in(folder.path()), ["model"]);
    }
}
