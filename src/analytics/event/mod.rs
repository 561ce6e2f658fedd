//! A raw event: what one player told at one moment, as it is kept for good.
//!
//! Kept as JSON of one object. Members are never renamed and never change their meaning; new ones are optional, and
//! unknown ones are passed over when it is read: so every event that was ever kept can be read by every later version.

mod body;
mod fields;

pub use body::{BadBody, Batch, MOST_BODY_BYTES, MOST_EVENTS};
pub use fields::{BadEvent, is_session_id};

use super::cmcd::{Cmcd, Object};
use serde::{Deserialize, Serialize};

/// A raw event of a viewing session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum Event {
    /// Our own beacon.
    Beacon(Beacon),
    /// A record of a CMCD report.
    Report(Reported),
    /// A request for a segment.
    Request(Requested),
}

impl Event {
    /// When it arrived here: milliseconds since 1970 by this server's wall clock.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        match self {
            Self::Beacon(beacon) => beacon.at_ms,
            Self::Report(reported) => reported.at_ms,
            Self::Request(requested) => requested.at_ms,
        }
    }

    /// What makes it the same event as another of its session: of two with the same key the one that arrived first
    /// counts. `None`: only an event that is equal in everything is the same. For a unique index in front of
    /// [`super::session::Session::push`].
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Beacon(beacon) => beacon.sequence().map(|(seq, _)| format!("b{seq}")),
            Self::Report(Reported { cmcd, .. }) => Some(format!("e{}.{}", cmcd.ts?, cmcd.sn?)),
            Self::Request(_) => None,
        }
    }

    /// Takes out the texts that its client chose, which may tell who it was. Of the session's numbers only names change.
    pub fn anonymise(&mut self) {
        match self {
            Self::Beacon(beacon) => (beacon.code, beacon.participant, beacon.player) = (None, None, None),
            Self::Report(Reported { cmcd, .. }) | Self::Request(Requested { cmcd, .. }) => {
                (cmcd.sid, cmcd.cid, cmcd.url, cmcd.cen, cmcd.h) = (None, None, None, None, None);
                // How many there were is a number.
                cmcd.ec.iter_mut().for_each(String::clear);
            }
        }
    }

    /// Whom of the recording it shows, as its client said.
    pub fn participant_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Beacon(beacon) => Some(&mut beacon.participant),
            Self::Report(_) | Self::Request(_) => None,
        }
    }
}

/// What a beacon tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It has been told to play.
    Play,
    /// Media is shown.
    Playing,
    /// It was told to stand still.
    Pause,
    /// The playhead is being moved, from `from_ms` to `position_ms`.
    Seeking,
    /// It was moved; media may still be missing.
    Seeked,
    /// Media is missing.
    Waiting,
    /// It plays: the heartbeat.
    #[default]
    Progress,
    /// `rate` is another from here on.
    Rate,
    /// The end was reached.
    Ended,
    /// It cannot go on.
    Error,
    /// The viewer left.
    Quit,
}

impl Kind {
    /// From its name, or from that of the media element's event that means the same.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Some(match name {
            "play" => Self::Play,
            "playing" => Self::Playing,
            "pause" | "paused" => Self::Pause,
            "seeking" | "seek" => Self::Seeking,
            "seeked" => Self::Seeked,
            "waiting" | "stalled" | "buffering" => Self::Waiting,
            "progress" | "timeupdate" | "heartbeat" => Self::Progress,
            "rate" | "ratechange" => Self::Rate,
            "ended" | "complete" | "completed" => Self::Ended,
            "error" => Self::Error,
            "quit" | "stop" | "pagehide" => Self::Quit,
            _ => return None,
        })
    }
}

/// An event of the beacon's protocol (`docs/analytics.md`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Beacon {
    /// Arrival, milliseconds since 1970.
    pub at_ms: i64,
    /// Its number among those of the session, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What it tells of.
    pub event: Kind,
    /// Milliseconds on the client's monotonic clock since it began the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t_ms: Option<i64>,
    /// The playhead on the recording's timeline; after `seeking` where it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_ms: Option<i64>,
    /// Of `seeking`: where the playhead was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// Playback rate in thousandths, from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<i64>,
    /// Encoded bitrate of what is shown, from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<i64>,
    /// Height of the picture in pixels, from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// From the wish to play to the first picture, as the player measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_ms: Option<i64>,
    /// The recording was running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
    /// Of `error`: the player's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whom of the recording it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The player's name and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub player: Option<String>,
}

impl Beacon {
    /// Its number and the client's clock: only with both it is of the protocol, and exact. An older client's has its
    /// arrival instead of either.
    #[must_use]
    pub fn sequence(&self) -> Option<(u64, i64)> {
        self.seq.zip(self.t_ms)
    }
}

/// A segment, as the server knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// Which track it is of.
    pub track: String,
    /// It has pictures.
    #[serde(default, skip_serializing_if = "is_false")]
    pub video: bool,
    /// The first millisecond of it on the recording's timeline.
    pub start_ms: i64,
    /// The one behind its last.
    pub end_ms: i64,
    /// Height of its picture in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// It is a fill: not media.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fill: bool,
    /// Nothing of its track follows, and nothing will.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last: bool,
}

impl Segment {
    /// Whether an object of CMCD's kinds may be it.
    #[must_use]
    pub fn object(&self) -> Object {
        if self.video { Object::Video } else { Object::Audio }
    }
}

/// A record of a CMCD report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Arrival, milliseconds since 1970.
    pub at_ms: i64,
    /// What it says ([`Cmcd::kept`]).
    pub cmcd: Cmcd,
    /// Where the player's timeline begins on the recording's: the participant's zero. `pt` counts from there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub zero_ms: i64,
    /// Of a response: the segment that its `url` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Segment>,
}

/// A request for a segment; or for an init segment, if its CMCD says so (`ot=i`): of that only counts whether the buffer had
/// run empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// Arrival, milliseconds since 1970.
    pub at_ms: i64,
    /// What its CMCD says ([`Cmcd::kept`]); nothing where there was none.
    #[serde(default, skip_serializing_if = "Cmcd::is_empty")]
    pub cmcd: Cmcd,
    /// See [`Reported::zero_ms`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub zero_ms: i64,
    /// What was asked for.
    pub segment: Segment,
    /// Bytes that were sent.
    #[serde(default)]
    pub bytes: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests;
