//! Identifiers of what we make. What mediasoup names (rooms, peers, producers, consumers) keeps its own strings.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier, sortable by time of creation (UUID version 7, RFC 9562 5.7).
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// One recording of one room.
    RecordingId
);
id!(
    /// One person (or device) in a recording, across reconnects.
    ParticipantId
);
id!(
    /// One recorded source of one participant: a microphone, a camera, a screen.
    TrackId
);
id!(
    /// Something that happened in a recording.
    EventId
);
id!(
    /// A recording shared with somebody.
    ShareId
);
id!(
    /// Somebody who is told of events by webhooks.
    TargetId
);
