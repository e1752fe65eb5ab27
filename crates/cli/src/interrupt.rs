//! Ctrl-C, and what systems send to end a program. A terminal that goes away is neither, so that `nohup` does
//! what it says.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use features::Cancellation;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag as signals;

use crate::STOPPED;

/// Returns a token that the first of them cancels; the second ends the program at once.
pub(crate) fn token() -> io::Result<Cancellation> {
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag still down.
        signals::register_conditional_shutdown(signal, STOPPED.into(), raised.clone())?;
        signals::register(signal, raised.clone())?;
    }
    Ok(raised.into())
}

/// Returns once the token is cancelled. A signal can wake up nobody, so this looks from time to time.
pub(crate) fn wait_for(token: &Cancellation) {
    while !token.is_cancelled() {
        thread::sleep(Duration::from_millis(50));
    }
}
