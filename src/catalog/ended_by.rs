//! By what a recording ended.

use serde::Serialize;

/// By what a recording ended. Limits are named as the request that set them names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Somebody stopped it, or the service ended and its recordings with it.
    Stop,
    /// It ran as long as it was to.
    MaxDuration,
    /// Nobody else was in the room.
    AloneTimeout,
    /// No packet came.
    IdleTimeout,
    /// The room was lost and not found again.
    ReconnectTimeout,
    /// The room was closed, or did not want the recorder any more.
    Room,
    /// It could not be stored.
    Storage,
    /// The process was killed, and the next one did not go on with it.
    Interruption,
}

impl EndedBy {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Stop,
        Self::MaxDuration,
        Self::AloneTimeout,
        Self::IdleTimeout,
        Self::ReconnectTimeout,
        Self::Room,
        Self::Storage,
        Self::Interruption,
    ];

    /// As the tables and the API write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::MaxDuration => "max_duration",
            Self::AloneTimeout => "alone_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::ReconnectTimeout => "reconnect_timeout",
            Self::Room => "room",
            Self::Storage => "storage",
            Self::Interruption => "interruption",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|by| by.name() == name)
    }
}
