//! Handling of SIGINT (Ctrl-C) and SIGTERM. SIGHUP is not handled, so that `nohup` works.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use features::Cancellation;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag as signals;

use crate::bar::Bar;

/// Time between two looks at a token. A signal handler can't wake a thread.
const POLLED_EVERY: Duration = Duration::from_millis(50);

/// Exit status of a run that a signal stopped. Shells use the same value for Ctrl-C: 128 + SIGINT.
pub(crate) const STOPPED: u8 = 130;

/// Returns the token that the first signal cancels. The second signal ends the process at once.
pub(crate) fn token() -> io::Result<Cancellation> {
    static RAISED: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);
    let mut registered = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(raised) = &*registered {
        return Ok(raised.clone().into());
    }
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: at the first signal, the conditional shutdown must find the flag unset.
        signals::register_conditional_shutdown(signal, STOPPED.into(), raised.clone())?;
        signals::register(signal, raised.clone())?;
    }
    *registered = Some(raised.clone());
    Ok(raised.into())
}

/// Token that Ctrl-C cancels. Until it is dropped, a thread prints a message when that happens.
pub(crate) struct StopOnCtrlC {
    token: Cancellation,
    dropped: Cancellation,
}

impl StopOnCtrlC {
    /// Begins to wait for Ctrl-C.
    pub(crate) fn new(bar: Bar) -> anyhow::Result<Self> {
        let (token, dropped) = (token()?, Cancellation::default());
        let stop = Self { token: token.clone(), dropped: dropped.clone() };
        thread::spawn(move || {
            while !token.is_cancelled() {
                if dropped.is_cancelled() {
                    return;
                }
                thread::sleep(POLLED_EVERY);
            }
            bar.say("stopping after this batch; press Ctrl-C again to stop immediately");
        });
        Ok(stop)
    }

    /// Returns the token.
    pub(crate) fn token(&self) -> Cancellation {
        self.token.clone()
    }
}

impl Drop for StopOnCtrlC {
    fn drop(&mut self) {
        self.dropped.cancel();
    }
}

/// Returns when the token is cancelled.
pub(crate) fn wait_for(token: &Cancellation) {
    while !token.is_cancelled() {
        thread::sleep(POLLED_EVERY);
    }
}
