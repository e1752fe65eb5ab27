//! `cargo xtask fetch --list` and `--offline`: reports which items exist and which are missing, without the network.

use std::path::Path;

use anyhow::{Result, bail};
use fetch::Record;
use indicatif::DecimalBytes;

use crate::output::say;
use crate::state::State;
use crate::unavailable::Unavailable;
use crate::wanted::Wanted;

/// Prints path, state, size, licence and fetch command of each item.
pub(crate) fn list(items: &[Wanted<'_>], data: &Path, record: &Record) -> Result<()> {
    for item in items {
        let state = item.state(data, record)?;
        let target = item.target(data);
        say(&format!("`{}`: {state}", target.display()))?;
        say(&format!("  {}; licence: {}", DecimalBytes(item.size()), item.licence()))?;
        say(&format!("  cargo xtask fetch {}", item.arguments()))?;
    }
    Ok(())
}

/// Checks that all `items` exist and are right.
///
/// # Errors
/// Returns an error if an existing item is wrong, else `Unavailable` if an item is missing. Hints say which files to
/// download and their paths.
pub(crate) fn verify(items: &[Wanted<'_>], data: &Path, record: &Record) -> Result<()> {
    let (mut missing, mut wrong) = (0, 0);
    let mut hints = String::new();
    for item in items {
        let state = item.state(data, record)?;
        let target = item.target(data);
        say(&format!("`{}`: {state}", target.display()))?;
        match state {
            State::Missing(_) => {
                missing += 1;
                hints += &format!("\n{}", item.by_hand(data));
            }
            State::Wrong(_) => {
                wrong += 1;
                hints += &format!("\nhint: remove `{}` or move it away", target.display());
            }
            State::Right(_) => {}
        }
    }
    let all = items.len();
    if wrong > 0 {
        bail!(
            "expected {all} present and valid, found {missing} missing and {wrong} invalid{hints}"
        );
    }
    if missing > 0 {
        let what = format!("expected {all} present, found {missing} missing{hints}");
        return Err(Unavailable(what).into());
    }
    Ok(())
}
