//! The terminal's alternate screen, restored on drop, on an error and on a panic.

use std::io::{self, Stdout, stdout};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui_core::terminal::{Frame, Terminal};
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::cursor::{Hide, Show};
use ratatui_crossterm::crossterm::execute;
use ratatui_crossterm::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// True while the terminal needs to be restored.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Alternate screen that is restored when it is dropped or when a thread panics.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Enters raw mode and the alternate screen, which preserves the terminal's content.
    pub(super) fn take() -> io::Result<Self> {
        let said_before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // Decoder panics are caught and training continues, so the screen stays.
            if !photos::is_decoding() {
                give_back();
            }
            said_before(panic);
        }));
        IS_TAKEN.store(true, Ordering::SeqCst);
        let take = || {
            enable_raw_mode()?;
            execute!(stdout(), EnterAlternateScreen, Hide)?;
            Terminal::new(CrosstermBackend::new(stdout()))
        };
        take().map(Self).inspect_err(|_| give_back())
    }

    pub(super) fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if IS_TAKEN.load(Ordering::SeqCst) {
            self.0.draw(view)?;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // A failure to restore the terminal can't be handled further.
        _ = execute!(stdout(), LeaveAlternateScreen, Show);
        _ = disable_raw_mode();
    }
}
