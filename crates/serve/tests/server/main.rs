//! A server as clients see it, on a small model with random weights.

mod answers;
mod client;
mod limits;
#[cfg(target_os = "linux")]
mod many_clients;
mod pixels;
mod refusals;
