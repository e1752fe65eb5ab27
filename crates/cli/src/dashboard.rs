//! `train --tui`: a dashboard in the terminal that shows the curves during training.
//!
//! A separate thread draws the dashboard and reads keys, so that both continue during a training step.

mod colors;
mod curves;
mod screen;
mod state;
mod view;

use std::io::{self, IsTerminal, stdout};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use features::Cancellation;
use ratatui_crossterm::crossterm::event::{self, KeyCode, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use train::TrainingEvent;

use crate::dashboard::colors::Colors;
use crate::dashboard::screen::Screen;
pub(crate) use crate::dashboard::state::DashboardState;
use crate::dashboard::view::draw;
use crate::interrupt::STOPPED;
use crate::logs;

/// Maximum time to wait for a key before the dashboard is redrawn.
const PAUSE: Duration = Duration::from_millis(200);

/// Dashboard that occupies the screen until it is dropped.
pub(crate) struct Dashboard {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<DashboardState>,
    /// Token that stops the run after the current batch.
    cancellation: Cancellation,
    /// Set by a signal and cleared by the drawing thread.
    signalled: Arc<AtomicBool>,
    /// Tells the drawing thread to end.
    over: AtomicBool,
}

/// Checks that standard output is a terminal.
///
/// # Errors
///
/// Returns an error if standard output is not a terminal.
pub(crate) fn require_terminal() -> anyhow::Result<()> {
    anyhow::ensure!(
        stdout().is_terminal(),
        "`--tui` needs a terminal, but standard output is not one\nhint: omit it to print one line per epoch, or use `--json` for programs"
    );
    Ok(())
}

impl Dashboard {
    /// Opens the dashboard on the terminal. Log messages to standard error are held back until it is dropped.
    pub(crate) fn open(state: DashboardState) -> anyhow::Result<Self> {
        let cancelled = Arc::<AtomicBool>::default();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            cancellation: cancelled.clone().into(),
            signalled: Arc::default(),
            over: AtomicBool::new(false),
        });
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, cancelled.clone())?;
            flag::register(signal, shared.signalled.clone())?;
        }
        let screen = Screen::take()?;
        logs::hold();
        let of_thread = shared.clone();
        let drawing = thread::spawn(move || {
            if let Err(error) = keep_drawing(&of_thread, screen) {
                tracing::warn!(%error, "could not draw the dashboard");
            }
        });
        Ok(Self { shared, drawing: Some(drawing) })
    }

    /// Returns the token that keys and signals cancel to stop the run.
    pub(crate) fn cancellation(&self) -> Cancellation {
        self.shared.cancellation.clone()
    }

    /// Updates the dashboard with an event.
    pub(crate) fn show(&self, event: &TrainingEvent) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
    }
}

impl Drop for Dashboard {
    /// Ends the drawing thread and restores the terminal.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(drawing) = self.drawing.take() {
            // If the thread panicked, the panic hook has restored the screen.
            _ = drawing.join();
        }
        logs::release();
    }
}

/// Draws and reads keys until the dashboard closes. A second request to stop ends the process.
fn keep_drawing(shared: &Shared, mut screen: Screen) -> io::Result<()> {
    let colors = Colors::of_environment();
    let mut asked = 0;
    while !shared.over.load(Ordering::Relaxed) {
        let now = usize::from(shared.signalled.swap(false, Ordering::Relaxed));
        asked += now + keys_that_stop(if now == 0 { PAUSE } else { Duration::ZERO })?;
        if asked > 0 {
            shared.cancellation.cancel();
        }
        if asked > 1 {
            drop(screen);
            logs::release();
            process::exit(STOPPED.into());
        }
        let state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        screen.draw(|frame| draw(frame, &state, asked > 0, &logs::last_line(), &colors))?;
    }
    Ok(())
}

/// Waits up to `pause` for a key, reads all pending keys, and returns the number of presses that stop the run.
fn keys_that_stop(pause: Duration) -> io::Result<usize> {
    let mut count = 0;
    let mut pause = pause;
    while event::poll(pause)? {
        pause = Duration::ZERO;
        if let event::Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            count += usize::from(match key.code {
                KeyCode::Char('q') => true,
                KeyCode::Char('c') => control,
                _ => false,
            });
        }
    }
    Ok(count)
}
