//! Exit status of a program that was started here, as that of this one.

use std::process::{ExitCode, ExitStatus};

/// The same status again; a program ended by a signal has none, which counts as a failure.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(2))
}
