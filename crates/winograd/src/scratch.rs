//! Memory that is allocated once and reused.

use std::sync::{Mutex, PoisonError};

/// Pool of values that are not in use.
#[derive(Debug, Default)]
pub(crate) struct ScratchPool<T>(Mutex<Vec<T>>);

impl<T: Default> ScratchPool<T> {
    /// Lends `work` the value that was returned last, or a new one.
    pub(crate) fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lent = spare.unwrap_or_default();
        let result = work(&mut lent);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        result
    }
}

/// Returns `count` values of `arena`, with arbitrary contents.
pub(crate) fn take(arena: &mut Vec<f32>, count: usize) -> &mut [f32] {
    if arena.len() < count {
        // Frees the old memory before the new is allocated. Its contents need no copy.
        *arena = vec![];
        *arena = vec![0.0; count];
    }
    &mut arena[..count]
}
