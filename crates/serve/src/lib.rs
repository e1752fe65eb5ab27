//! HTTP server for a trained classifier: a web page for photos, and a JSON API for programs.
//!
//! All input is bounded: bytes, files, pixels, connections, memory and time. Limits that all requests share are divided
//! among clients. Received data is never written to disk.
#![doc = include_str!("../README.md")]

mod body;
mod connection;
mod error;
mod error_response;
mod fair;
mod form_error;
mod hosts;
mod images;
mod inference;
mod limits;
mod model_failure;
mod multipart;
mod page;
mod predict;
mod rate_limited_stream;
mod routes;
mod server;
mod shares;
mod workers;

pub use error::ServeError;
pub use limits::{Limits, MinRate};
pub use model::{Explainer, ModelCard};
pub use server::{Running, Server};
