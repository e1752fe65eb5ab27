//! Cancellation of work from another thread or a signal handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cancellation token. Clones share its state, also across threads: it is `Send` and `Sync`. A cancelled token cannot
/// be reset.
///
/// # Examples
///
/// ```
/// use features::{Cancellation, Cancelled};
///
/// let cancellation = Cancellation::default();
/// assert_eq!(cancellation.check(), Ok(()));
/// let of_thread = cancellation.clone();
/// std::thread::spawn(move || of_thread.cancel()).join().expect("no panic");
/// assert!(cancellation.is_cancelled());
/// assert_eq!(cancellation.check(), Err(Cancelled));
/// ```
#[doc(alias = "CancellationToken")]
#[derive(Clone, Debug)]
pub struct Cancellation(Option<Arc<AtomicBool>>);

/// Error of work that was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

impl Cancellation {
    /// Token that can't be cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use features::Cancellation;
    ///
    /// let never = Cancellation::NEVER;
    /// never.cancel();
    /// assert!(!never.is_cancelled());
    /// ```
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

    /// Checks the token, for use with `?` between two steps of the work.
    ///
    /// # Errors
    ///
    /// Returns [`Cancelled`] if the work was cancelled.
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
    /// Creates a token from a flag, such as one that a signal handler sets.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let flag = Arc::new(AtomicBool::new(false));
    /// let cancellation = features::Cancellation::from(flag.clone());
    /// flag.store(true, Ordering::Relaxed);
    /// assert!(cancellation.is_cancelled());
    /// ```
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(Some(flag))
    }
}
