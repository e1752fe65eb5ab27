//! State of an item to fetch: missing, right or wrong.

use std::fmt;

use anyhow::Error;
use fetch::Presence;

/// State on disk, with its description.
pub(crate) enum State {
    /// Missing or incomplete.
    Missing(String),
    /// Right, by the checks that are possible.
    Right(String),
    /// Different from the expected file.
    Wrong(Error),
}

impl From<Presence> for State {
    fn from(presence: Presence) -> Self {
        match presence {
            Presence::Missing | Presence::Begun(_) => Self::Missing(presence.to_string()),
            Presence::Verified | Presence::RightSize | Presence::RightCount => {
                Self::Right(presence.to_string())
            }
            Presence::Wrong(error) => Self::Wrong(error.into()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(description) | Self::Right(description) => {
                formatter.write_str(description)
            }
            Self::Wrong(error) => write!(formatter, "there but wrong: {error:#}"),
        }
    }
}
