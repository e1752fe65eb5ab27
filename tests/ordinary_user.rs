//! Unprivileged user, for whom file permissions apply. If root runs the tests, the program runs as nobody, because root
//! may read and write everything.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{CommandResult, PROGRAM, TestDir};

const ROOT: u32 = 0;

/// User and group that own nothing.
const NOBODY: u32 = 65_534;

/// User who runs the program: the one who runs the tests, or nobody instead of root.
pub(crate) struct OrdinaryUser<'a> {
    workplace: &'a TestDir,
    in_place_of_root: Option<Copy>,
}

/// Copy of the program that every user may run. The built program may be in one of root's folders.
struct Copy {
    program: PathBuf,
    _folder: TempDir,
}

impl<'a> OrdinaryUser<'a> {
    /// Makes nobody the owner of the folder `workplace`, but not of its contents, if root runs the tests.
    pub(crate) fn of(workplace: &'a TestDir) -> Self {
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
    pub(crate) fn run(&self, arguments: &str) -> CommandResult {
        CommandResult::of(&mut match &self.in_place_of_root {
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
        // Copied by another process. A file that this process wrote could not be run while a child, which another test
        // starts at that moment, has inherited it open for writing.
        let copied = Command::new("cp").arg(PROGRAM).arg(&program).status().expect("`cp` starts");
        assert!(copied.success());
        Self { program, _folder: folder }
    }
}
