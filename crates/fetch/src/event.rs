//! Events of a fetch, for callers that show its progress. The library itself prints nothing.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::manifest::PublishedFile;
use crate::source::Location;

/// Callback that receives the events of a fetch, in order.
pub type Notify<'a> = &'a dyn Fn(&Event<'_>);

/// A step of a fetch.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another fetch holds the lock on this folder, and this one waits for it.
    Waiting {
        /// The locked folder.
        folder: &'a Path,
    },
    /// A location is about to be asked for a file.
    Asking {
        /// The file.
        file: &'a PublishedFile,
        /// The location.
        location: &'a Location,
    },
    /// The bytes of one attempt start to arrive.
    Started {
        /// Bytes kept from earlier attempts.
        done: u64,
        /// Bytes of the whole file.
        size: u64,
    },
    /// More bytes have arrived.
    Received {
        /// Number of bytes since the last event.
        bytes: u64,
    },
    /// The attempt is over, successful or not.
    Stopped,
    /// The bytes kept from earlier attempts are not of this file: the next attempt starts from zero.
    Restarting {
        /// Reason for the restart.
        error: &'a Error,
    },
    /// An attempt failed, and the next one follows after a wait.
    Retrying {
        /// Reason for the failure.
        error: &'a Error,
        /// Number of the next attempt, from 2.
        attempt: u32,
        /// Largest number of attempts.
        attempts: u32,
        /// Wait before the next attempt.
        wait: Duration,
    },
    /// The file system can't sync a folder, so that a rename in it may not survive a power cut.
    NotSynced {
        /// The folder.
        folder: &'a Path,
        /// The answer of the system.
        error: &'a io::Error,
    },
}
