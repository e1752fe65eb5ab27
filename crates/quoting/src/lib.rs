//! Quotes untrusted names for terminals, shells and spreadsheets.
#![doc = include_str!("../README.md")]

mod cell;
mod printable;
mod shell;
mod shown;

pub use cell::cell;
pub use printable::{Printable, printable};
pub use shell::argument;
pub use shown::{Name, Shown};
