//! Styles that distinguish the elements of the dashboard, with or without color.

use std::env;

use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::symbols::Marker;

/// Styles of the dashboard's elements.
pub(super) struct Colors {
    pub(super) training: Style,
    pub(super) validation: Style,
    /// Marker that draws the validation curve, and its symbol in the chart title.
    pub(super) validation_marker: (Marker, &'static str),
    pub(super) best: Style,
    pub(super) soft: Style,
}

impl Colors {
    /// Returns the styles that the environment requests. `NO_COLOR` disables color (<https://no-color.org>).
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
