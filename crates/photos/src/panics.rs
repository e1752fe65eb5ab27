//! Decoders panic on some damaged files, which must not end a run of hours: such a panic becomes a reason, as
//! any other fault of a file.

use std::cell::Cell;
use std::panic::{UnwindSafe, catch_unwind};

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a decoder, whose panic is caught and becomes the reason why a file can't be read.
/// A program that asks this in its panic hook need not print what such a panic says; this library leaves hooks
/// alone.
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// What `decode` returns.
///
/// # Errors
///
/// Those of `decode`, or that it panicked.
pub(crate) fn catch_panics<T>(
    decode: impl FnOnce() -> Result<T, String> + UnwindSafe,
) -> Result<T, String> {
    IS_DECODING.set(true);
    let decoded = catch_unwind(decode);
    IS_DECODING.set(false);
    decoded.unwrap_or_else(|_| Err("its decoder gave up on it".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_reason_and_only_within_is_it_that_of_a_decoder() {
        assert!(!is_decoding());
        assert_eq!(catch_panics(|| Ok(is_decoding())), Ok(true));
        assert!(!is_decoding());
        assert_eq!(catch_panics(|| Err::<(), _>("cut short".into())), Err("cut short".into()));
        let reason = catch_panics(|| -> Result<(), _> { panic!("a fault of a decoder") });
        assert_eq!(reason, Err("its decoder gave up on it".into()));
        assert!(!is_decoding());
    }
}
