//! Suppression of the panic messages of image decoders. Their panics are caught, and the file is reported with the
//! reason.

use std::panic;

/// Installs a panic hook that ignores panics of decoders and passes other panics to the previous hook.
pub(crate) fn quieten_decoders() {
    quieten_while(photos::is_decoding);
}

/// Installs a panic hook that ignores panics while `is_decoding` returns true.
fn quieten_while(is_decoding: fn() -> bool) {
    let said_before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_decoding() {
            said_before(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    thread_local! {
        static IS_DECODING: Cell<bool> = const { Cell::new(false) };
    }

    /// A test of `photos` covers `is_decoding` itself.
    #[test]
    fn only_decoder_panics_are_silenced() {
        let heard = Arc::new(AtomicUsize::new(0));
        let counter = heard.clone();
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref() == Some(&"for the test") {
                counter.fetch_add(1, Ordering::Relaxed);
            } else {
                default(panic);
            }
        }));
        quieten_while(|| IS_DECODING.get());
        for (is_decoding, expected) in [(true, 0), (false, 1)] {
            IS_DECODING.set(is_decoding);
            assert!(panic::catch_unwind(|| panic!("for the test")).is_err());
            assert_eq!(heard.load(Ordering::Relaxed), expected);
        }
    }
}
