//! Catches panics of decoders.
//!
//! Decoders panic on some damaged files. This must not end a run of several hours, so the panic becomes an error of the
//! file.

use std::cell::Cell;
use std::panic::{UnwindSafe, catch_unwind};

use crate::decode_error::DecodeError;

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Returns true if this thread is in a decoder. A panic is then caught and becomes an error of the file.
///
/// This library does not install a panic hook. A program's hook can call this function to print nothing for such a
/// panic.
///
/// # Examples
///
/// ```
/// let hook = std::panic::take_hook();
/// std::panic::set_hook(Box::new(move |panic| {
///     if !photos::is_decoding() {
///         hook(panic);
///     }
/// }));
/// assert!(!photos::is_decoding());
/// ```
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// Returns the result of `decode`. Calls may be nested.
///
/// # Errors
///
/// Returns the error of `decode`, or [`DecodeError::Panic`] if it panicked.
pub(crate) fn catch_panics<T>(
    decode: impl FnOnce() -> Result<T, DecodeError> + UnwindSafe,
) -> Result<T, DecodeError> {
    let was_decoding = IS_DECODING.replace(true);
    let decoded = catch_unwind(decode);
    IS_DECODING.set(was_decoding);
    decoded.unwrap_or_else(|_| Err(DecodeError::Panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoder_panics_become_errors() {
        assert!(!is_decoding());
        assert_eq!(catch_panics(|| Ok(is_decoding())), Ok(true));
        assert!(!is_decoding());
        assert_eq!(catch_panics(|| Err::<(), _>(DecodeError::Empty)), Err(DecodeError::Empty));
        let reason = catch_panics(|| -> Result<(), _> { panic!("a fault of a decoder") });
        assert_eq!(reason, Err(DecodeError::Panic));
        assert!(!is_decoding());
        let within_another = catch_panics(|| {
            let _ = catch_panics(|| -> Result<(), _> { panic!("a fault of a decoder") });
            Ok(is_decoding())
        });
        assert_eq!(within_another, Ok(true));
    }
}
