//! Passes the exit status of a child process on.

use std::process::{ExitCode, ExitStatus};

/// Returns the exit code of a process, or 2 if a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(2))
}
