//! What the rows say, as types.

// By its path, because tests/fuzz takes this file by its own.
#[path = "types/gap.rs"]
mod gap;

pub use gap::{Cause, Gap, Shown};

use super::{EndedBy, EventKind};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::{Codec, Kind, Rotation};
use crate::time::{Ticks, Timescale, WallTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::Range;

/// Where a recording is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Asked for, not begun.
    Pending,
    /// Being made.
    Recording,
    /// Stopped, not yet whole.
    Processing,
    /// Whole.
    Completed,
    /// Ended by an error; what was stored plays.
    Failed,
    /// Kept elsewhere.
    Archived,
    /// Hidden, its bytes still there.
    Deleted,
}

impl Status {
    /// As the tables and the API write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Recording => "recording",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Archived => "archived",
            Self::Deleted => "deleted",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Pending,
            Self::Recording,
            Self::Processing,
            Self::Completed,
            Self::Failed,
            Self::Archived,
            Self::Deleted,
        ];
        all.into_iter().find(|status| status.name() == name)
    }

    /// Nothing of it changes any more but where it is kept, and whether it is seen.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Archived | Self::Deleted)
    }

    /// Media may still come.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Pending | Self::Recording)
    }
}

/// A recording that begins.
#[derive(Clone, Debug, Default)]
pub struct NewRecording {
    /// Its identifier.
    pub id: RecordingId,
    /// The room, in mediasoup's or the application's words.
    pub room_id: String,
    /// For people.
    pub title: String,
    /// For people.
    pub description: Option<String>,
    /// The `user_id` of who asked for it.
    pub started_by: String,
    /// Tick zero on the wall clock.
    pub started_at: WallTime,
    /// How the room was entered.
    pub source: Value,
    /// It may run beside another one of its room.
    pub parallel: bool,
    /// What the client called the request for it.
    pub idempotency_key: Option<String>,
    /// The application's own.
    pub metadata: Value,
    /// The form that was asked for: `mp4`, `webm` or `hls`. All are views of the same bytes.
    pub format: String,
    /// Who else than the configuration's target is told of it.
    pub webhooks: Vec<NewTarget>,
    /// What its playlists promise of their parts.
    pub part: PartTarget,
}

/// Microseconds that no part of a recording's low-latency playlists exceeds (RFC 8216bis 4.4.3.7), above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartTarget(pub i64);

impl Default for PartTarget {
    fn default() -> Self {
        Self(500_000)
    }
}

/// Somebody who wants to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct NewTarget {
    /// Where to.
    pub url: String,
    /// Signs what is told; `None` takes that of the configuration.
    pub secret: Option<String>,
    /// Of these; empty for all.
    pub kinds: Vec<EventKind>,
}

/// Without the secret.
impl std::fmt::Debug for NewTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewTarget")
            .field("url", &self.url)
            .field("kinds", &self.kinds)
            .finish_non_exhaustive()
    }
}

/// How a recording ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// [`Status::Completed`] or [`Status::Failed`].
    pub status: Status,
    /// When it ended.
    pub stopped_at: WallTime,
    /// Its length.
    pub duration_micros: i64,
    /// Bytes stored.
    pub bytes: u64,
    /// By what it ended.
    pub ended_by: EndedBy,
    /// Why it failed.
    pub error: Option<String>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its identifier.
    pub id: RecordingId,
    /// The room.
    pub room_id: String,
    /// For people.
    pub title: String,
    /// For people.
    pub description: Option<String>,
    /// The `user_id` of who asked for it.
    pub started_by: String,
    /// Tick zero on the wall clock.
    pub started_at: WallTime,
    /// When it ended.
    pub stopped_at: Option<WallTime>,
    /// Its length, once it ended.
    pub duration_micros: Option<i64>,
    /// Where it is in its life.
    pub status: Status,
    /// The form that was asked for.
    pub format: String,
    /// Bytes stored, once it ended.
    pub bytes: u64,
    /// Of the stored files.
    pub mime_type: Option<String>,
    /// Largest picture, `WIDTHxHEIGHT`, once it ended.
    pub resolution: Option<String>,
    /// RFC 6381 strings of all runs, once it ended.
    pub codecs: Option<String>,
    /// By what it ended, once it did.
    pub ended_by: Option<EndedBy>,
    /// Why it failed.
    pub error: Option<String>,
    /// How the room was entered.
    pub source: Value,
    /// The application's own.
    pub metadata: Value,
    /// What its playlists promise of their parts.
    pub part: PartTarget,
    /// When the row was made.
    pub created_at: WallTime,
    /// When the row last changed.
    pub updated_at: WallTime,
    /// When it was hidden.
    pub deleted_at: Option<WallTime>,
    /// Nothing of it may be deleted.
    pub held: bool,
    /// The name of the folder that its bytes are in, if it is known.
    pub folder: Option<String>,
}

/// Somebody is in the room.
#[derive(Clone, Debug)]
pub struct NewParticipant {
    /// Its identifier.
    pub id: ParticipantId,
    /// The recording.
    pub recording: RecordingId,
    /// mediasoup's identifier.
    pub peer_id: String,
    /// For people; may be empty.
    pub display_name: String,
    /// The application's identifier, if it told one.
    pub user_id: Option<String>,
    /// When the recorder first saw them.
    pub joined_at: WallTime,
}

/// What a participant is called by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Who.
    pub participant: ParticipantId,
    /// The recording.
    pub recording: RecordingId,
    /// For people; may be empty.
    pub display_name: String,
    /// The application's identifier of the user, if it told one.
    pub user_id: Option<String>,
}

/// Somebody who is or was in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Its identifier.
    pub id: ParticipantId,
    /// The recording.
    pub recording: RecordingId,
    /// mediasoup's identifier.
    pub peer_id: String,
    /// For people; may be empty.
    pub display_name: String,
    /// The application's identifier.
    pub user_id: Option<String>,
    /// When the recorder first saw them.
    pub joined_at: WallTime,
    /// When they left.
    pub left_at: Option<WallTime>,
}

/// A source of one participant.
#[derive(Clone, Debug)]
pub struct NewTrack {
    /// Its identifier.
    pub id: TrackId,
    /// The recording.
    pub recording: RecordingId,
    /// Whose.
    pub participant: ParticipantId,
    /// Sound or pictures.
    pub kind: Kind,
    /// `camera`, `microphone` or `screen`.
    pub source: String,
    /// The codec.
    pub codec: Codec,
    /// mediasoup's identifier of the first producer.
    pub producer_id: String,
    /// The spatial layer, 0 the smallest, where layers are tracks.
    pub layer: Option<u8>,
    /// The first track of the picture that this is a layer of.
    pub picture: Option<TrackId>,
}

/// A source of one participant, as far as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its identifier.
    pub id: TrackId,
    /// The recording.
    pub recording: RecordingId,
    /// Whose.
    pub participant: ParticipantId,
    /// Sound or pictures.
    pub kind: Kind,
    /// `camera`, `microphone` or `screen`.
    pub source: String,
    /// The codec.
    pub codec: Codec,
    /// mediasoup's identifier of the first producer.
    pub producer_id: String,
    /// The spatial layer, 0 the smallest, where layers are tracks.
    pub layer: Option<u8>,
    /// The first track of the picture that this is a layer of.
    pub picture: Option<TrackId>,
    /// Wall clock of the first sample.
    pub started_at: Option<WallTime>,
    /// First tick on the recording's timeline, in the codec's timescale.
    pub start: Option<Ticks>,
    /// When no more media could come.
    pub ended_at: Option<WallTime>,
    /// Why it was refused or broke.
    pub error: Option<String>,
    /// The recorder's verdict on it, an object; empty before the first.
    pub integrity: Value,
}

/// A stretch of a track with one set of codec parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The track.
    pub track: TrackId,
    /// From 0 in each track.
    pub number: u32,
    /// Where its init segment lies in the track's file.
    pub init: Range<u64>,
    /// First tick on the recording's timeline.
    pub first: Ticks,
    /// The same on the wall clock.
    pub wall: WallTime,
    /// The `codecs` parameter (RFC 6381).
    pub codecs: String,
    /// Pixels as coded; 0 for sound.
    pub width: u32,
    /// Pixels as coded; 0 for sound.
    pub height: u32,
    /// 0 for pictures.
    pub channels: u8,
    /// How its pictures must be turned.
    pub rotation: Rotation,
    /// Ticks per second.
    pub timescale: Timescale,
    /// Of a run that changes the picture: where the sound of the same participant is cut for it, in microseconds of the
    /// timeline. It was listed no further.
    pub listed_micros: i64,
}

impl Run {
    /// Width and height of its pictures as they are shown.
    #[must_use]
    pub fn displayed(&self) -> (u32, u32) {
        self.rotation.displayed(self.width, self.height)
    }
}

/// A run that begins.
pub type NewRun = Run;

/// The whole recording was paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The recording.
    pub recording: RecordingId,
    /// From 0 in each recording.
    pub number: u32,
    /// Where the timeline stood still, in microseconds since the recording's start.
    pub at_micros: i64,
    /// From when on the wall clock.
    pub began_at: WallTime,
    /// Until when; `None` while it lasts.
    pub ended_at: Option<WallTime>,
}

/// Somebody spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The recording.
    pub recording: RecordingId,
    /// Who.
    pub participant: ParticipantId,
    /// From where on its timeline, in microseconds.
    pub start_micros: i64,
    /// Until where; `None` while it lasts, or when the recorder was ended in it.
    pub end_micros: Option<i64>,
}

/// A closed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The track.
    pub track: TrackId,
    /// Its run.
    pub run: u32,
    /// From 0 in each track, across runs.
    pub number: u32,
    /// First tick on the recording's timeline.
    pub start: Ticks,
    /// Its length, above zero.
    pub duration: Ticks,
    /// Where its fragments lie in the track's file.
    pub range: Range<u64>,
    /// Samples in it.
    pub samples: u32,
    /// It begins with a sync sample.
    pub sync: bool,
    /// Its first tick on the wall clock.
    pub wall: WallTime,
}

/// A segment that was closed.
pub type NewSegment = Segment;

/// Sums over the segments of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// The track.
    pub track: TrackId,
    /// Closed segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their samples.
    pub samples: u64,
    /// Media in them, in ticks.
    pub media: Ticks,
    /// Where the last one ends, in ticks since the recording's start.
    pub end: Ticks,
}

impl Totals {
    /// Over these segments and those behind them.
    #[must_use]
    pub fn and(&self, behind: &Self) -> Self {
        Self {
            track: self.track,
            segments: self.segments.saturating_add(behind.segments),
            bytes: self.bytes.saturating_add(behind.bytes),
            samples: self.samples.saturating_add(behind.samples),
            media: self.media + behind.media,
            end: self.end.max(behind.end),
        }
    }
}
