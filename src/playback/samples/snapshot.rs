//! What is closed of some tracks at one moment.
//!
//! While a recording runs its view grows, and a file of it would be another one with each segment. A snapshot holds it
//! still: it names the closed segments, and up to the last of them nothing changes any more (invariants S7 and S12 of
//! `docs/design/storage.md`). What lies behind, gaps included, is left out. As text it is part of an ETag, so that any
//! process can make the same file again as long as somebody asks for the rest of it.

use crate::catalog::Status;
use crate::id::TrackId;
use crate::playback::room::{Room, scale};
use std::fmt;

/// How far one track is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The track.
    pub track: TrackId,
    /// How many segments it has.
    pub segments: u64,
    /// Its participant's zero, in microseconds of the recording's timeline: it can still move while a recording runs.
    pub zero: i64,
}

/// How far some tracks are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The recording has ended: nothing is left out.
    pub ended: bool,
    /// The tracks that were wanted, then other layers of their pictures.
    pub closed: Vec<Closed>,
}

impl Snapshot {
    /// Of the tracks that are wanted, and of the other layers of their pictures.
    #[must_use]
    pub fn now(room: &Room, wanted: &[TrackId]) -> Self {
        let pictures: Vec<TrackId> = wanted.iter().filter_map(|id| room.track(*id).ok()?.picture).collect();
        let named = wanted.iter().filter_map(|id| room.track(*id).ok());
        let of = named.chain(room.tracks.iter().filter(|track| {
            !wanted.contains(&track.id) && track.picture.is_some_and(|own| pictures.contains(&own))
        }));
        let closed = of.map(|track| Closed {
            track: track.id,
            segments: room.totals_of(track.id).map_or(0, |totals| totals.segments),
            zero: room.zero_micros(track.participant).unwrap_or(0),
        });
        Self { ended: !room.recording.status.is_running(), closed: closed.collect() }
    }

    /// Closed segments of a track.
    #[must_use]
    pub fn segments(&self, track: TrackId) -> u64 {
        self.closed.iter().find(|own| own.track == track).map_or(0, |own| own.segments)
    }

    /// The room as it was then, for what is named.
    #[must_use]
    pub fn restrict(&self, mut room: Room) -> Room {
        if self.ended {
            return room;
        }
        // It may have ended since.
        room.recording.status = Status::Recording;
        for participant in &mut room.participants {
            participant.left_at = None;
        }
        room.gaps.retain(|gap| u64::from(gap.after) + 1 < self.segments(gap.track));
        for own in &self.closed {
            let Some(who) = room.track(own.track).ok().map(|track| track.participant) else { continue };
            for track in room.tracks.iter_mut().filter(|track| track.participant == who) {
                track.start = track.start.filter(|start| start.to_micros(scale(track)) >= own.zero);
            }
        }
        room
    }

    /// Reads one back that was written for tracks of this room; `None` for anything else, and for what is not closed.
    #[must_use]
    pub fn parse(text: &str, room: &Room) -> Option<Self> {
        let (state, list) = text.split_once('_')?;
        let ended = match state {
            "e" => true,
            "r" => false,
            _ => return None,
        };
        let mut closed = Vec::new();
        for item in list.split('_') {
            let mut parts = item.splitn(3, '.');
            let name = parts.next()?;
            let track = room.tracks.iter().find(|track| self::name(track.id) == name)?;
            let (segments, zero) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            if segments > room.totals_of(track.id).map_or(0, |totals| totals.segments) {
                return None;
            }
            closed.push(Closed { track: track.id, segments, zero });
        }
        // What has not ended cannot have been served as ended.
        let found = Self { ended, closed };
        (!(ended && room.recording.status.is_running()) && found.to_string() == text).then_some(found)
    }
}

/// `r` or `e`, then for each track a part of its identifier, its segments and its zero.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ended { "e" } else { "r" })?;
        for own in &self.closed {
            write!(f, "_{}.{}.{}", name(own.track), own.segments, own.zero)?;
        }
        Ok(())
    }
}

/// The random end of an identifier: enough within a recording.
fn name(track: TrackId) -> String {
    format!("{:08x}", track.0.as_u128() & 0xffff_ffff)
}
