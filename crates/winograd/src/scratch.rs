//! Memory that is allocated once and lent again and again.

use std::sync::{Mutex, PoisonError};

/// What nobody has at the moment: kept until someone asks for it.
#[derive(Debug, Default)]
pub(crate) struct Spare<T>(Mutex<Vec<T>>);

impl<T: Default> Spare<T> {
    /// Lends `work` what was given back last, or something new.
    pub(crate) fn lend<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lent = spare.unwrap_or_default();
        let result = work(&mut lent);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        result
    }
}

/// `count` values of `arena`, whatever they were before.
pub(crate) fn take(arena: &mut Vec<f32>, count: usize) -> &mut [f32] {
    if arena.len() < count {
        // The old memory goes before the new one comes: nothing in it is worth a copy.
        *arena = vec![];
        *arena = vec![0.0; count];
    }
    &mut arena[..count]
}
