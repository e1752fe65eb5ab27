//! Cancellation of work from another thread or a signal handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Token that cancels work. Clones share it. A cancelled token stays so.
#[derive(Clone, Debug)]
pub struct Cancellation(Option<Arc<AtomicBool>>);

/// Work that was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Cancellation {
    /// Token of work that nobody cancels.
    pub const NEVER: Self = Self(None);

    /// Cancels the work.
    pub fn cancel(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Returns true if the work was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Returns an error if the work was cancelled.
    ///
    /// # Errors
    ///
    /// It was.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::from(Arc::<AtomicBool>::default())
    }
}

impl From<Arc<AtomicBool>> for Cancellation {
    /// Returns the token of a flag that a signal handler sets.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(Some(flag))
    }
}
