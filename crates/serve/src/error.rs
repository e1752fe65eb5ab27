//! Why a server does not start.

use quoting::Shown;
use std::io;
use std::net::SocketAddr;

/// A server that can't be started, and why.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error("port {} of {} is in use", .0.port(), .0.ip())]
    InUse(SocketAddr),
    /// The system does not let it listen there.
    #[error("can't listen on {address}: {reason}")]
    Listen {
        /// Address that was asked for.
        address: SocketAddr,
        /// The system's answer.
        reason: io::Error,
    },
    /// A name to allow is none.
    #[error(
        "`{}` is no host name\nhint: give it as in an address but without scheme, port and path: `photographs.example`",
        .0.shown()
    )]
    Host(String),
    /// `Limits::room` is too small for the model and the other limits.
    #[error(
        "{given} bytes for all requests at once are too few, expected at least {least}: two requests of the largest size"
    )]
    Room {
        /// Bytes of `Limits::room`.
        given: usize,
        /// Bytes of `Limits::least_room`.
        least: usize,
    },
    /// The system gives no threads or sockets.
    #[error("can't start the server: {0}\nhint: see whether the system is out of threads or files")]
    Start(io::Error),
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}
