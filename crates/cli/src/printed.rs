//! Standard output and standard error for people, with control characters escaped.

use std::io::{self, Stderr, Stdout};

use quoting::{Printable, Shown};

/// Returns standard output, with control characters escaped.
pub(crate) fn stdout() -> Printable<Stdout> {
    Printable(io::stdout())
}

/// Returns standard error, with control characters escaped.
pub(crate) fn stderr() -> Printable<Stderr> {
    Printable(io::stderr())
}

/// Returns the names in backticks, separated by commas.
pub(crate) fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{}`", name.shown())).collect::<Vec<_>>().join(", ")
}
