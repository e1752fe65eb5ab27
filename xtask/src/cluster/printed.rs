//! Runs commands to their end.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

/// Runs a command to its end, and returns its standard output.
///
/// # Errors
/// Returns an error if the command can't be started or fails.
pub(super) fn printed(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("could not start `{}`", command.get_program().display()))?;
    expect_success(command, &output)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn expect_success(command: &Command, output: &Output) -> Result<()> {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    ensure!(
        output.status.success(),
        "`{} {}` ended with {}:\n{}{}",
        command.get_program().display(),
        words.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
