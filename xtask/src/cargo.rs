//! Which `cargo` commands are started with.

use std::process::Command;

/// The same `cargo` that runs this program.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
