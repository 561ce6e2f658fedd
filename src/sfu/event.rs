//! What happens in a room, as all signallings tell it.

use crate::id::RecordingId;
use crate::session::Consumer;

/// What a recorder's name in a room begins with.
pub(super) const RECORDER: &str = "tureen-";
/// The recording's id behind it, in characters.
const ID_LENGTH: usize = 36;

/// A participant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerInfo {
    /// The application's name of it, as in [`Consumer::peer_id`].
    pub id: String,
    /// As people see it; empty if the application has none.
    pub display_name: String,
    /// The application's name of the user behind it, where its signalling tells.
    pub user_id: Option<String>,
}

impl PeerInfo {
    /// It has a recorder's name: of this process or another, whatever a driver has put behind it.
    #[must_use]
    pub fn is_recorder(&self) -> bool {
        let id = self.id.strip_prefix(RECORDER).and_then(|rest| rest.get(..ID_LENGTH));
        id.is_some_and(|id| id.parse::<RecordingId>().is_ok())
    }
}

/// The recorder's name in its room. Unique, so that two recorders of one room do not push each other out.
#[must_use]
pub fn recorder_name(recording: RecordingId) -> String {
    format!("{RECORDER}{recording}")
}

/// Stands for a consumer that the SFU has offered and that is not answered yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer(pub(super) u64);

/// What happens in a room.
#[derive(Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "events are few and short-lived")]
pub enum Event {
    /// A participant has come in.
    PeerJoined(PeerInfo),
    /// A participant is gone: its id.
    PeerLeft(String),
    /// A participant has a new display name.
    PeerRenamed(PeerInfo),
    /// The SFU would send this. It waits for [`Room::accept`](super::Room::accept) or [`Room::reject`](super::Room::reject).
    ConsumerOffered {
        /// To answer with.
        token: Offer,
        /// What would be sent.
        consumer: Consumer,
    },
    /// A consumer is over: its id.
    ConsumerClosed(String),
    /// The producer of this consumer is muted: nothing comes until it resumes.
    ConsumerPaused(String),
    /// The producer of this consumer sends again.
    ConsumerResumed(String),
    /// Other layers come. `None`: no layer at the moment.
    ConsumerLayers {
        /// mediasoup's consumer id.
        consumer: String,
        /// Spatial layer, from 0.
        spatial: Option<u8>,
        /// Temporal layer, from 0.
        temporal: Option<u8>,
    },
    /// The SFU's opinion of a consumer's transmission, 0 to 10.
    Score {
        /// mediasoup's consumer id.
        consumer: String,
        /// From the SFU to us.
        score: u8,
        /// From the producer to the SFU.
        producer_score: u8,
    },
    /// Who speaks, or nobody.
    ActiveSpeaker(Option<String>),
    /// The last event, repeated for every later call.
    Closed(Reason),
}

/// Why a room has ended for us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// We left.
    #[error("left the room")]
    Left,
    /// The SFU ended it and wants no reconnection: room closed or kicked.
    #[error("the SFU closed the session ({code} {reason})")]
    Ended {
        /// WebSocket close code.
        code: u16,
        /// Its text.
        reason: String,
    },
    /// The signalling connection broke. A reconnection may help.
    #[error("the signalling connection is lost: {0}")]
    Lost(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorders_are_known_by_their_names() {
        let named = |id: &str| PeerInfo { id: id.to_owned(), ..PeerInfo::default() }.is_recorder();
        let name = recorder_name(RecordingId::new());
        assert!(named(&name) && named(&format!("{name}-1f2e3d4c")));
        for other in [
            "",
            "ada",
            "tureen-",
            "tureen-fan",
            &format!("tureen-x{}", "ü".repeat(30)),
            &name[..20],
            &name[7..],
        ] {
            assert!(!named(other), "{other}");
        }
    }
}
