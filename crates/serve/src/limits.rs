//! How much a server takes on.

use std::time::Duration;

/// What a server bounds. The defaults suit photographs on one computer, or in a house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of a request's body.
    pub body: usize,
    /// The photographs of a request.
    pub files: usize,
    /// The bytes of all bodies that are in memory at once, not less than one body's; further requests wait
    /// before theirs is read.
    pub room: usize,
    /// The connections at once; further ones wait to be accepted.
    pub connections: usize,
    /// How long a request's header may take from when it is waited for, and so how long a connection may be idle.
    pub header_time: Duration,
    /// How long a request's body may take from when it is first read.
    pub body_time: Duration,
    /// How long a request waits for room, and how long for its answer.
    pub answer_time: Duration,
    /// How long a client may take none of what it is sent.
    pub write_time: Duration,
    /// How long requests that are under way may go on once the server is to stop.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32_000_000,
            files: 32,
            room: 256_000_000,
            connections: 512,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(60),
            write_time: Duration::from_secs(10),
            stop_time: Duration::from_secs(5),
        }
    }
}
