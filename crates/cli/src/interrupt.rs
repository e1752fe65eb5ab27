//! Handling of SIGINT (Ctrl-C) and SIGTERM. SIGHUP is not handled, so that `nohup` works.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use features::Cancellation;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag as signals;

use crate::bar::Bar;

/// Exit status of a run that a signal stopped. Shells use the same value for Ctrl-C: 128 + SIGINT.
pub(crate) const STOPPED: u8 = 130;

/// Returns a token that the first signal cancels. The second signal ends the process at once.
pub(crate) fn token() -> io::Result<Cancellation> {
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: at the first signal, the conditional shutdown must find the flag unset.
        signals::register_conditional_shutdown(signal, STOPPED.into(), raised.clone())?;
        signals::register(signal, raised.clone())?;
    }
    Ok(raised.into())
}

/// Returns a token that Ctrl-C cancels. A thread prints a message when that happens.
pub(crate) fn stop_on_ctrl_c(bar: Bar) -> anyhow::Result<Cancellation> {
    let stop = token()?;
    let raised = stop.clone();
    thread::spawn(move || {
        wait_for(&raised);
        bar.say("stopping after this batch; press Ctrl-C again to stop immediately");
    });
    Ok(stop)
}

/// Returns when the token is cancelled. A signal handler can't wake a thread, so this function polls.
pub(crate) fn wait_for(token: &Cancellation) {
    while !token.is_cancelled() {
        thread::sleep(Duration::from_millis(50));
    }
}
