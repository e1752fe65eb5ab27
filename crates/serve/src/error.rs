//! Errors of starting a server.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use quoting::Shown;

/// Error of starting a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[error("invalid host name `{}`", .0.shown())]
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
    #[error("can't start the server: {0}")]
    Start(io::Error),
}

impl ServeError {
    /// Returns a hint for the user: one action that may solve the problem. The message does not contain it.
    ///
    /// # Examples
    ///
    /// ```
    /// use serve::{Limits, Server};
    ///
    /// let hosts = vec!["http://images.example/".into()];
    /// let error = Server::bind(([127, 0, 0, 1], 0).into(), hosts, Limits::default());
    /// let error = error.expect_err("a URL");
    /// assert_eq!(error.to_string(), "invalid host name `http://images.example/`");
    /// assert!(error.hint().is_some_and(|hint| hint.contains("without scheme, port and path")));
    /// ```
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Host(_) => {
                Some("use the name without scheme, port and path, such as `photos.example`".into())
            }
            Self::Start(_) => {
                Some("check the limits of the system on threads and open files".into())
            }
            Self::InUse(_) | Self::Listen { .. } | Self::Room { .. } => None,
        }
    }
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> Self {
        Self::Start(error)
    }
}
