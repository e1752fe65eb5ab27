//! Cancellation of a fit.

/// Returns true when a fit should end, with [`LinearError::Cancelled`](crate::LinearError::Cancelled). It is called in
/// every evaluation of the objective.
pub type IsCancelled<'a> = &'a (dyn Fn() -> bool + Sync);
