//! Output modes of `train`: lines or a dashboard for people, the result alone, or JSON events for programs.

use std::fmt::Display;
use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use crate::dashboard;
use crate::pipe::{raw_stdout, stdout};

/// Arguments that select the output mode.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// Print only errors and the result of the run
    #[arg(long, conflicts_with_all = ["json", "verify_resume"])]
    quiet: bool,
    /// Print one JSON object per event to standard output
    #[arg(long, conflicts_with = "verify_resume")]
    json: bool,
    /// Show a dashboard with the curves in the terminal
    #[arg(long, conflicts_with_all = ["quiet", "json", "verify_resume"])]
    tui: bool,
}

impl OutputArguments {
    /// Returns the output mode that the arguments select.
    ///
    /// # Errors
    ///
    /// Returns an error if a dashboard is selected and standard output is not a terminal.
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

/// Output mode of `train`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Lines about the progress and the result, for people.
    Lines,
    /// Dashboard during training, and lines before and after it.
    Dashboard,
    /// Result of the run alone.
    Quiet,
    /// One JSON object per event.
    Events,
}

impl Output {
    /// Returns true if the mode shows progress to people.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Self::Lines | Self::Dashboard)
    }

    /// Prints a line about the progress.
    pub(crate) fn say(self, line: impl Display) -> io::Result<()> {
        if self.is_for_people() { writeln!(stdout(), "{line}") } else { Ok(()) }
    }

    /// Prints a line about the result.
    pub(crate) fn say_last(self, line: impl Display) -> io::Result<()> {
        if self == Self::Events { Ok(()) } else { writeln!(stdout(), "{line}") }
    }

    /// Prints an event.
    pub(crate) fn emit(self, event: impl FnOnce() -> Value) -> io::Result<()> {
        if self == Self::Events { writeln!(raw_stdout(), "{}", event()) } else { Ok(()) }
    }
}
