//! `cargo xtask fetch --list` and `--offline`: what there is and what is missing, without the network.

use std::path::Path;

use anyhow::{Result, bail};
use fetch::Record;
use indicatif::DecimalBytes;

use crate::output::say;
use crate::state::State;
use crate::unavailable::Unavailable;
use crate::wanted::Wanted;

/// Lists `items`: place, size, licence, the command that brings it, and what is there of it.
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

/// Verifies that all `items` are there.
///
/// # Errors
/// If some are there but wrong; else `Unavailable` if some are missing. What is missing is named with
/// where to get it and where to put it.
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
        bail!("expected all {all} to be there, found {missing} missing and {wrong} wrong{hints}");
    }
    if missing > 0 {
        let what = format!("expected all {all} to be there, found {missing} missing{hints}");
        return Err(Unavailable(what).into());
    }
    Ok(())
}
