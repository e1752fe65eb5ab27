//! State of an item to fetch: missing, right or wrong.

use std::fmt;

use anyhow::Error;
use fetch::ItemState;

/// State on disk, with its description.
pub(crate) enum State {
    /// Missing or incomplete.
    Missing(String),
    /// Right, by the checks that are possible.
    Right(String),
    /// Different from the expected file.
    Wrong(Error),
}

impl From<ItemState> for State {
    fn from(presence: ItemState) -> Self {
        match presence {
            ItemState::Missing | ItemState::Begun(_) => Self::Missing(presence.to_string()),
            ItemState::Verified | ItemState::RightSize | ItemState::RightCount => {
                Self::Right(presence.to_string())
            }
            ItemState::Wrong(error) => Self::Wrong(error.into()),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(description) | Self::Right(description) => {
                formatter.write_str(description)
            }
            Self::Wrong(error) => write!(formatter, "present but invalid: {error:#}"),
        }
    }
}
