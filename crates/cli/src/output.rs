//! How `train` tells what it does: by lines or a dashboard for a person, by how it ended alone, or by events for a
//! program.

use std::fmt::Display;
use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use crate::dashboard;
use crate::unbroken::{exact_stdout, stdout};

/// What is printed.
#[derive(Args)]
pub(crate) struct OutputArguments {
    /// Print errors, and how the run ended, alone
    #[arg(long, conflicts_with_all = ["json", "verify_resume"])]
    quiet: bool,
    /// Print a JSON object a line for all that happens, and nothing else, to standard output
    #[arg(long, conflicts_with = "verify_resume")]
    json: bool,
    /// Draw a dashboard with growing curves on the terminal; what is printed before and after it stays
    #[arg(long, conflicts_with_all = ["quiet", "json", "verify_resume"])]
    tui: bool,
}

impl OutputArguments {
    /// What the arguments ask for.
    ///
    /// # Errors
    ///
    /// There is no terminal to draw on.
    pub(crate) fn output(&self) -> anyhow::Result<Output> {
        Ok(match self {
            Self { quiet: true, .. } => Output::Quiet,
            Self { json: true, .. } => Output::Events,
            Self { tui: true, .. } => {
                dashboard::require_terminal()?;
                Output::Dashboard
            }
            _ => Output::Lines,
        })
    }
}

/// What is printed to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// All that a person may want to know.
    Lines,
    /// The same, but on a screen of its own while the run goes on.
    Dashboard,
    /// How the run ended.
    Quiet,
    /// A JSON object an event.
    Events,
}

impl Output {
    /// Whether a person wants to know more than how the run ended.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Self::Lines | Self::Dashboard)
    }

    /// Prints a line on the way.
    pub(crate) fn say(self, line: impl Display) -> io::Result<()> {
        if self.is_for_people() { writeln!(stdout(), "{line}") } else { Ok(()) }
    }

    /// Prints a line on how the run ended.
    pub(crate) fn say_last(self, line: impl Display) -> io::Result<()> {
        if self == Self::Events { Ok(()) } else { writeln!(stdout(), "{line}") }
    }

    /// Prints an event.
    pub(crate) fn tell(self, event: impl FnOnce() -> Value) -> io::Result<()> {
        if self == Self::Events { writeln!(exact_stdout(), "{}", event()) } else { Ok(()) }
    }
}
