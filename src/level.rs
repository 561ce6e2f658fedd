//! How much of a recording is shared with somebody. Each level holds those before it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a share gives, smallest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// See it in lists, read its rows, watch.
    View,
    /// Take files away.
    Download,
    /// Share it with others, up to one's own level.
    Share,
    /// Hide it.
    Delete,
}

impl Level {
    /// All of them, smallest first.
    pub const ALL: [Self; 4] = [Self::View, Self::Download, Self::Share, Self::Delete];

    /// As the tables and the API write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Download => "download",
            Self::Share => "share",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no level.
#[derive(Debug, thiserror::Error)]
#[error("must be view, download, share or delete")]
pub struct NoLevel;

impl FromStr for Level {
    type Err = NoLevel;

    fn from_str(name: &str) -> Result<Self, NoLevel> {
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or(NoLevel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_in_order_and_have_one_name_each() {
        assert!(Level::ALL.is_sorted());
        for level in Level::ALL {
            assert_eq!(level.to_string().parse::<Level>().unwrap(), level);
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
        }
        for name in ["", "View", "all", "view "] {
            assert!(name.parse::<Level>().is_err(), "{name}");
        }
    }
}
