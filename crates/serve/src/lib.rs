//! A trained classifier behind a web address: a page to drop photographs on, and the same for programs.
//!
//! Everything that comes from outside is bounded: bytes, files, pixels and connections, the memory that they take
//! together, and the time that a client may take. What is bounded for all is divided among clients. What is sent is never
//! written to the disk.
#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod error;
mod fair;
mod form_error;
mod hosts;
mod images;
mod limits;
mod multipart;
mod no_answer;
mod page;
mod patient;
mod predict;
mod questions;
mod refusal;
mod routes;
mod server;
mod shares;
mod workers;

pub use error::ServeError;
pub use limits::{Limits, Pace};
pub use server::{Running, Server};
