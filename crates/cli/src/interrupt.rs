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

use crate::bar::Bar;

/// The exit status of a run that was stopped by Ctrl-C, as shells have it: 128 + SIGINT.
pub(crate) const STOPPED: u8 = 130;

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

/// Returns the token that Ctrl-C cancels, and says so when it does.
pub(crate) fn stop_on_ctrl_c(bar: Bar) -> anyhow::Result<Cancellation> {
    let stop = token()?;
    let raised = stop.clone();
    thread::spawn(move || {
        wait_for(&raised);
        bar.say("stopping after this batch; Ctrl-C again stops at once");
    });
    Ok(stop)
}

/// Returns once the token is cancelled. A signal can wake up nobody, so this looks from time to time.
pub(crate) fn wait_for(token: &Cancellation) {
    while !token.is_cancelled() {
        thread::sleep(Duration::from_millis(50));
    }
}
