//! Runs the program as a user whom permissions hold back, also where the tests are run by root, who may read
//! and write everything.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::permafrost::{Done, PROGRAM, Workplace};

const ROOT: u32 = 0;

/// The user and the group that own nothing.
const NOBODY: u32 = 65_534;

/// Whoever runs the tests, or nobody in place of root.
pub(crate) struct OrdinaryUser<'a> {
    workplace: &'a Workplace,
    in_place_of_root: Option<Copy>,
}

/// A copy of the program where everybody may run it; that which was built may lie in root's own folders.
struct Copy {
    program: PathBuf,
    _folder: TempDir,
}

impl<'a> OrdinaryUser<'a> {
    /// The user gets the folder `workplace` itself, and of what is in it no more than its permissions say.
    pub(crate) fn of(workplace: &'a Workplace) -> Self {
        let folder = workplace.path("");
        let owner = fs::metadata(&folder).expect("a folder").uid();
        let in_place_of_root = (owner == ROOT).then(|| {
            for folder in [&folder, workplace.caches()] {
                chown(folder, Some(NOBODY), Some(NOBODY)).expect("a folder of ours");
            }
            Copy::new()
        });
        Self { workplace, in_place_of_root }
    }

    /// Runs the program with these arguments.
    pub(crate) fn run(&self, arguments: &str) -> Done {
        Done::of(&mut match &self.in_place_of_root {
            None => self.workplace.command(arguments),
            Some(copy) => {
                let mut command = self.workplace.command_of(&copy.program, arguments);
                command.uid(NOBODY).gid(NOBODY);
                command
            }
        })
    }
}

impl Copy {
    fn new() -> Self {
        let everybody = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(everybody).tempdir().expect("a folder");
        let program = folder.path().join("permafrost");
        // By another process: a file that this one has open for writing can't be run, nor while a child that
        // another test starts at that moment still has it.
        let copied = Command::new("cp").arg(PROGRAM).arg(&program).status().expect("`cp` starts");
        assert!(copied.success());
        Self { program, _folder: folder }
    }
}
