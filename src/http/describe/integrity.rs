//! The recorder's verdict in answers.

use super::words;
use crate::catalog::Track;
use crate::playback::room::Room;
use crate::recorder::integrity::{Grade, Integrity};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// How true a track, or a recording over all its tracks, is to what was sent. Times in microseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Integrity)]
pub(in crate::http) struct Verdict {
    #[schema(value_type = words::IntegrityGrade)]
    grade: Grade,
    /// Packets that were sent to the recorder.
    packets_expected: u64,
    /// Those that came.
    packets_received: u64,
    /// Those that came because they were asked for again.
    packets_recovered: u64,
    /// Those that never came.
    packets_lost: u64,
    /// Stretches in which something was sent that cannot be decoded.
    damaged_spans: u64,
    /// Their length together.
    damaged_us: i64,
    /// The longest time for which a picture stood, or sound was missing, although its sender had not stopped it.
    longest_freeze_us: i64,
    /// The longest distance between two key frames.
    longest_key_gap_us: i64,
    /// Times at which a clock of the sender was set, jumped or stood still.
    clock_anomalies: u64,
    /// Media stored.
    media_us: i64,
}

impl Verdict {
    /// Of a track; `None` before there is one.
    pub(super) fn of(row: &Track) -> Option<Self> {
        found(row).map(Self::from)
    }

    /// Of all tracks of a recording.
    pub(in crate::http) fn of_all(room: &Room) -> Option<Self> {
        let mut known = room.tracks.iter().filter_map(found).peekable();
        known.peek()?;
        Some(Integrity::of_all(known).into())
    }
}

/// The grade of all tracks of a recording; `None` before there is one.
pub(in crate::http) fn grade(tracks: &[Track]) -> Option<Grade> {
    let mut known = tracks.iter().filter_map(found).peekable();
    known.peek()?;
    Some(Integrity::of_all(known).grade)
}

fn found(row: &Track) -> Option<Integrity> {
    let found = row.integrity.as_object().filter(|found| !found.is_empty())?;
    serde_json::from_value(Value::Object(found.clone())).ok()
}

impl From<Integrity> for Verdict {
    fn from(found: Integrity) -> Self {
        let Integrity {
            grade,
            packets_expected,
            packets_received,
            packets_recovered,
            packets_lost,
            damaged_spans,
            damaged_us,
            longest_freeze_us,
            longest_key_gap_us,
            clock_anomalies,
            media_us,
        } = found;
        Self {
            grade,
            packets_expected,
            packets_received,
            packets_recovered,
            packets_lost,
            damaged_spans,
            damaged_us,
            longest_freeze_us,
            longest_key_gap_us,
            clock_anomalies,
            media_us,
        }
    }
}
