//! `train --tui`: curves that grow while a run goes on, where standard output is a terminal.
//!
//! A thread of its own draws and reads keys, so that both go on while a step is made.

mod colours;
mod curves;
mod screen;
mod view;
mod watched;

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
use train::Event;

use crate::dashboard::colours::Colours;
use crate::dashboard::screen::Screen;
use crate::dashboard::view::draw;
pub(crate) use crate::dashboard::watched::Watched;
use crate::interrupt::STOPPED;
use crate::logs;

/// How long it is waited for a key before all is drawn again.
const PAUSE: Duration = Duration::from_millis(200);

/// A dashboard on the screen, until it is dropped.
pub(crate) struct Dashboard {
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
}

struct Shared {
    watched: Mutex<Watched>,
    /// The run stops after the batch at hand.
    cancellation: Cancellation,
    /// A signal has come that was not looked at yet.
    signalled: Arc<AtomicBool>,
    /// The dashboard is no longer wanted.
    over: AtomicBool,
}

/// Checks that there is a terminal to draw on.
///
/// # Errors
///
/// Standard output is something else.
pub(crate) fn require_terminal() -> anyhow::Result<()> {
    anyhow::ensure!(
        stdout().is_terminal(),
        "`--tui` draws on a terminal, and standard output is none\nhint: leave it out for a line an epoch; `--json` is for programs"
    );
    Ok(())
}

impl Dashboard {
    /// Takes the screen. What logs say to standard error is held back until it is given back.
    pub(crate) fn open(watched: Watched) -> anyhow::Result<Self> {
        let cancelled = Arc::<AtomicBool>::default();
        let shared = Arc::new(Shared {
            watched: Mutex::new(watched),
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
                tracing::warn!(%error, "the dashboard can't be drawn any more");
            }
        });
        Ok(Self { shared, drawing: Some(drawing) })
    }

    /// The token that keys and signals cancel to stop the run.
    pub(crate) fn cancellation(&self) -> Cancellation {
        self.shared.cancellation.clone()
    }

    /// Shows what happened.
    pub(crate) fn show(&self, event: &Event) {
        self.shared.watched.lock().unwrap_or_else(PoisonError::into_inner).learn(event);
    }
}

impl Drop for Dashboard {
    /// Gives the screen back as it was.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(drawing) = self.drawing.take() {
            // Where it has panicked, the screen was given back then.
            _ = drawing.join();
        }
        logs::release();
    }
}

/// Draws and reads keys until the dashboard is no longer wanted.
fn keep_drawing(shared: &Shared, mut screen: Screen) -> io::Result<()> {
    let colours = Colours::of_environment();
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
        let watched = shared.watched.lock().unwrap_or_else(PoisonError::into_inner);
        screen.draw(|frame| draw(frame, &watched, asked > 0, &logs::last_line(), &colours))?;
    }
    Ok(())
}

/// How often a key was pressed that stops the run, until there is no key left to read.
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
