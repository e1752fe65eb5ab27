//! Python scripts that time other programs.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::keras;

/// Returns the command that runs a script in `bench` with a Python that has Keras installed.
pub(super) fn script_of(root: &Path, script: &str) -> Result<Command> {
    let checks = root.join("tests/keras/requirements.txt");
    let mut python = Command::new(keras::install(&root.join("target/keras"), &checks)?);
    // `-B`: writes no bytecode next to the scripts.
    python.arg("-B").arg(root.join("bench").join(script));
    Ok(python)
}
