//! Tests of a server through its connections, with a small model that has random weights.

mod answers;
mod client;
mod limits;
#[cfg(target_os = "linux")]
mod many_clients;
mod pixels;
mod refusals;
