//! What kinds of things happen in recordings.

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What kind of thing happened. A new one is one line here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// As it is told.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A recording begins.
    RecordingStarted = "recording.started",
    /// It ended, and what it recorded is there.
    RecordingCompleted = "recording.completed",
    /// It ended, and there is nothing, or not all.
    RecordingFailed = "recording.failed",
    /// Somebody is in the room.
    ParticipantJoined = "participant.joined",
    /// Somebody left it.
    ParticipantLeft = "participant.left",
    /// They were erased from a recording that has ended.
    ParticipantErased = "participant.erased",
    /// Media of a source is stored.
    TrackStarted = "track.started",
    /// Nothing comes of it.
    TrackStalled = "track.stalled",
    /// It comes again.
    TrackResumed = "track.resumed",
    /// It is over.
    TrackStopped = "track.stopped",
    /// A track is less true to what was sent than it was.
    IntegrityDegraded = "integrity.degraded",
}

impl EventKind {
    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}
