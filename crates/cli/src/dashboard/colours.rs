//! By what a dashboard tells things apart.

use std::env;

use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::symbols::Marker;

/// Colours, or other signs where the user wants none.
pub(super) struct Colours {
    pub(super) training: Style,
    pub(super) validation: Style,
    /// What the line of validation is drawn of, and its sign.
    pub(super) validation_marker: (Marker, &'static str),
    pub(super) best: Style,
    pub(super) soft: Style,
}

impl Colours {
    /// What the environment asks for (<https://no-color.org>).
    pub(super) fn of_environment() -> Self {
        let none = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::new(!none)
    }

    pub(super) fn new(any: bool) -> Self {
        let of = |hue| if any { Style::new().fg(hue) } else { Style::new() };
        Self {
            training: of(Color::Cyan),
            validation: of(Color::Magenta),
            validation_marker: if any { (Marker::Braille, "━") } else { (Marker::Dot, "•") },
            best: of(Color::Green).add_modifier(Modifier::BOLD),
            soft: Style::new().add_modifier(Modifier::DIM),
        }
    }
}
