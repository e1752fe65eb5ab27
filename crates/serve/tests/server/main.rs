//! A server as clients see it, on a small model with random weights.

mod answers;
mod client;
mod limits;
mod refusals;
