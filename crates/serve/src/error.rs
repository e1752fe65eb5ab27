//! Errors of starting a server.

use quoting::Shown;
use std::io;
use std::net::SocketAddr;

/// Error of starting a server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program uses the address.
    #[error("port {} of {} is in use", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// The system refuses to listen on the address.
    #[error("can't listen on {address}: {reason}")]
    Listen {
        /// Requested address.
        address: SocketAddr,
        /// Error from the system.
        reason: io::Error,
    },
    /// An allowed host name is invalid.
    #[error(
        "invalid host name `{}`\nhint: use the name without scheme, port and path, such as `photos.example`",
        .0.shown()
    )]
    Host(String),
    /// `Limits::room` is too small for the model and the other limits.
    #[error(
        "expected at least {least} bytes for all requests at once (two of the largest size), found {given}"
    )]
    Room {
        /// Value of `Limits::room`, in bytes.
        given: usize,
        /// Minimum from `Limits::least_room`, in bytes.
        least: usize,
    },
    /// The system can't provide threads or sockets.
    #[error(
        "can't start the server: {0}\nhint: check the limits of the system on threads and open files"
    )]
    Start(io::Error),
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}
