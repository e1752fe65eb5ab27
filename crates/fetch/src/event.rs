//! Progress events of a fetch. Callers display them, and the library itself prints nothing.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::manifest::PublishedFile;
use crate::source::Location;

/// Callback that receives the events of a fetch, in order.
pub type Notify<'a> = &'a dyn Fn(&Event<'_>);

/// Progress event of a fetch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another fetch holds the lock on a folder, and this fetch waits for it.
    Waiting {
        /// Locked folder.
        folder: &'a Path,
    },
    /// A location of a file is about to be tried.
    Asking {
        /// File to fetch.
        file: &'a PublishedFile,
        /// Location of the file.
        location: &'a Location,
    },
    /// An attempt starts to receive bytes.
    Started {
        /// Number of bytes from earlier attempts.
        done: u64,
        /// Size of the complete file in bytes.
        size: u64,
    },
    /// More bytes have arrived.
    Received {
        /// Number of bytes since the last event.
        bytes: u64,
    },
    /// The attempt has ended, successfully or not.
    Stopped,
    /// The bytes from earlier attempts do not belong to this file. The next attempt starts from zero.
    Restarting {
        /// Reason for the restart.
        error: &'a Error,
    },
    /// An attempt failed, and another one follows after a wait.
    Retrying {
        /// Reason for the failure.
        error: &'a Error,
        /// Number of the next attempt, from 2.
        attempt: u32,
        /// Maximum number of attempts.
        attempts: u32,
        /// Wait before the next attempt.
        wait: Duration,
    },
    /// The file system can't sync a folder, so a rename in it may not survive a power failure.
    NotSynced {
        /// Folder that was not synced.
        folder: &'a Path,
        /// Error from the system.
        error: &'a io::Error,
    },
}
