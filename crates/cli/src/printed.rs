//! Standard output and standard error for people: control characters, whatever text they came with, are escaped.

use std::io::{self, Stderr, Stdout};

use quoting::{Printable, Shown};

/// Standard output.
pub(crate) fn stdout() -> Printable<Stdout> {
    Printable(io::stdout())
}

/// Standard error.
pub(crate) fn stderr() -> Printable<Stderr> {
    Printable(io::stderr())
}

/// Names in backticks, one after another.
pub(crate) fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{}`", name.shown())).collect::<Vec<_>>().join(", ")
}
