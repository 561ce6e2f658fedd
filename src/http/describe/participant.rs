//! Somebody in answers.

use super::stamp::Stamp;
use crate::catalog::{Participant, Turn};
use crate::id::ParticipantId;
use serde::Serialize;
use utoipa::ToSchema;

/// Somebody who is or was in the room.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Participant)]
pub(in crate::http) struct Somebody {
    #[schema(value_type = Uuid)]
    id: ParticipantId,
    /// The application's, or mediasoup's, identifier.
    peer_id: String,
    /// May be empty.
    display_name: String,
    user_id: Option<String>,
    /// When the recorder first saw them.
    joined_at: Stamp,
    left_at: Option<Stamp>,
}

impl From<&Participant> for Somebody {
    fn from(row: &Participant) -> Self {
        Self {
            id: row.id,
            peer_id: row.peer_id.clone(),
            display_name: row.display_name.clone(),
            user_id: row.user_id.clone(),
            joined_at: row.joined_at.into(),
            left_at: row.left_at.map(Stamp::from),
        }
    }
}

/// Somebody spoke, as the SFU told.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SpeakerTurn {
    #[schema(value_type = Uuid)]
    participant_id: ParticipantId,
    offset_us: i64,
    /// Null while it lasts, or when the recorder was ended in it.
    duration_us: Option<i64>,
}

impl From<&Turn> for SpeakerTurn {
    fn from(row: &Turn) -> Self {
        Self {
            participant_id: row.participant,
            offset_us: row.start_micros,
            duration_us: row.end_micros.map(|end| end - row.start_micros),
        }
    }
}
