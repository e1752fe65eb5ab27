//! The benchmarks of others: scripts of Python.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::keras;

/// A script in `bench`, run by a Python that has Keras.
pub(super) fn script_of(root: &Path, script: &str) -> Result<Command> {
    let checks = root.join("tests/keras/requirements.txt");
    let mut python = Command::new(keras::install(&root.join("target/keras"), &checks)?);
    // `-B`: nothing is written beside the scripts.
    python.arg("-B").arg(root.join("bench").join(script));
    Ok(python)
}
