//! What the panic of a decoder says is not printed: it is caught, and the file is named with the reason.

use std::panic;

/// Has panics of decoders say nothing, and all others what they said before.
pub(crate) fn quieten_decoders() {
    let said_before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !photos::is_decoding() {
            said_before(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_panic_of_a_decoder_says_nothing_and_any_other_is_heard() {
        let heard = Arc::new(AtomicUsize::new(0));
        let counter = heard.clone();
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            counter.fetch_add(1, Ordering::Relaxed);
            default(panic);
        }));
        quieten_decoders();
        let panics = include_bytes!("../../photos/tests/decode/found/separate_scans.jpg");
        let reason = photos::decode(panics).expect_err("a damaged file");
        assert_eq!(
            (reason.as_str(), heard.load(Ordering::Relaxed)),
            ("its decoder gave up on it", 0)
        );
        assert!(panic::catch_unwind(|| panic!("the fault of someone else")).is_err());
        assert_eq!(heard.load(Ordering::Relaxed), 1);
    }
}
