//! A trained classifier behind a web address: a page to drop photographs on, and the same for programs.
//!
//! Everything that comes from outside is bounded: how many bytes, files and connections, how much of them is
//! in memory at once, and how long a client may take. What is sent is never written to the disk.
#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod error;
mod hosts;
mod limits;
mod multipart;
mod page;
mod patient;
mod predict;
mod questions;
mod refusal;
mod routes;
mod server;

pub use error::ServeError;
pub use limits::Limits;
pub use server::{Running, Server};
