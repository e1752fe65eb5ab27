//! The `cargo` command that xtask starts.

use std::process::Command;

/// Prefixes of the environment variables that Cargo sets for a program that it runs.
const SET_BY_CARGO: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// Returns the `cargo` that runs this program, without the variables that Cargo sets for it. The build script of `ring`
/// depends on these variables. With them, `ring` and its dependents would be compiled again whenever xtask and a shell
/// take turns.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if SET_BY_CARGO.iter().any(|start| text.starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}
