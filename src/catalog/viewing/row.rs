//! Rows of viewing sessions.

use super::shares::{decode_renditions, encode_renditions};
use crate::analytics::ranges::Ranges;
use crate::analytics::session::{Rendition, Source, Summary};
use crate::catalog::Error;
use crate::catalog::row::{Connection, Row, boolean, corrupt, integer, parsed, wall};
use crate::catalog::statement::sql;
use crate::id::RecordingId;
use crate::time::WallTime;
use sqlx::Row as _;
use std::collections::BTreeMap;

/// Who watched, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watcher {
    /// A user of the application.
    User(String),
    /// Somebody with a link: a hash of address and client, salted anew every day.
    Guest(String),
    /// Somebody who asked not to be tracked. Each of their sessions is by itself.
    Untracked,
    /// Somebody who was erased: a random token, another one in each recording.
    Erased(String),
}

impl Watcher {
    /// As the column has it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::User(id) => format!("u:{id}"),
            Self::Guest(hash) => format!("g:{hash}"),
            Self::Untracked => "n".to_owned(),
            Self::Erased(token) => format!("x:{token}"),
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        Some(match (text.get(..2), text.get(2..)) {
            (Some("u:"), Some(id)) => Self::User(id.to_owned()),
            (Some("g:"), Some(hash)) => Self::Guest(hash.to_owned()),
            (Some("x:"), Some(token)) => Self::Erased(token.to_owned()),
            _ if text == "n" => Self::Untracked,
            _ => return None,
        })
    }
}

/// A viewing session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewing {
    /// Its number.
    pub id: i64,
    /// What was watched.
    pub recording: RecordingId,
    /// By whom.
    pub watcher: Watcher,
    /// The client's own id of it.
    pub client: String,
    /// What it was watched on: `phone`, `computer` and so on.
    pub device: String,
    /// The recording had ended when the numbers were made.
    pub settled: bool,
    /// What its events come to.
    pub numbers: ViewingNumbers,
}

/// What the events of a session come to: what is kept of a [`Summary`], whose definitions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewingNumbers {
    /// The first event.
    pub first_at: WallTime,
    /// The last event.
    pub last_at: WallTime,
    /// Whose word this is.
    pub source: Source,
    /// Media that was watched at least once.
    pub seen: Ranges,
    /// Media that was watched in all, in milliseconds.
    pub played_ms: i64,
    /// For how long something was shown.
    pub playing_ms: i64,
    /// From the wish to play to the first picture.
    pub startup_ms: Option<i64>,
    /// How often media stopped.
    pub stalls: u32,
    /// For how long in all.
    pub stalled_ms: i64,
    /// How often the playhead was moved.
    pub seeks: u32,
    /// How often it stood still.
    pub pauses: u32,
    /// Errors that were told.
    pub errors: u32,
    /// The mean encoded bitrate.
    pub kbps: Option<i64>,
    /// `playing_ms` by what it was watched in, as far as that is known.
    pub renditions: BTreeMap<Rendition, i64>,
    /// The last playhead that was told.
    pub position_ms: Option<i64>,
    /// The end was reached.
    pub ended: bool,
    /// Whom it showed, as its client said.
    pub participant: Option<String>,
    /// The player, as it said.
    pub player: Option<String>,
}

impl From<Summary> for ViewingNumbers {
    fn from(summary: Summary) -> Self {
        let micros = |millis: i64| WallTime(millis.saturating_mul(1000));
        Self {
            first_at: micros(summary.started_ms),
            last_at: micros(summary.ended_ms),
            source: summary.source,
            kbps: summary.mean_kbps(),
            renditions: summary.renditions,
            seen: summary.seen,
            played_ms: summary.played_ms,
            playing_ms: summary.playing_ms,
            startup_ms: summary.startup_ms,
            stalls: summary.stalls,
            stalled_ms: summary.stalled_ms,
            seeks: summary.seeks,
            pauses: summary.pauses,
            errors: summary.errors,
            position_ms: summary.position_ms,
            ended: summary.ended,
            participant: summary.participant,
            player: summary.player,
        }
    }
}

impl ViewingNumbers {
    /// It is an estimate.
    #[must_use]
    pub fn estimated(&self) -> bool {
        self.source == Source::Requests
    }
}

pub(super) fn source_name(source: Source) -> &'static str {
    source.name()
}

/// Writes the numbers of a session, and the number of its next event.
pub(super) async fn write(
    on: &mut Connection,
    id: i64,
    numbers: &ViewingNumbers,
    settled: bool,
    next_number: i64,
) -> Result<(), Error> {
    sql("UPDATE view_sessions SET first_at = $2, last_at = $3, source = $4, seen = $5, seen_ms = $6, played_ms = $7,
             playing_ms = $8, startup_ms = $9, stalls = $10, stalled_ms = $11, seeks = $12, pauses = $13, errors = $14,
             kbps = $15, position_ms = $16, ended = $17, participant = $18, player = $19, settled = $20,
             next_number = $21, renditions = $22
         WHERE id = $1")
    .bind(id)
    .bind(numbers.first_at.0)
    .bind(numbers.last_at.0)
    .bind(numbers.source.name())
    .bind(numbers.seen.encode())
    .bind(numbers.seen.total())
    .bind(numbers.played_ms)
    .bind(numbers.playing_ms)
    .bind(numbers.startup_ms)
    .bind(i64::from(numbers.stalls))
    .bind(numbers.stalled_ms)
    .bind(i64::from(numbers.seeks))
    .bind(i64::from(numbers.pauses))
    .bind(i64::from(numbers.errors))
    .bind(numbers.kbps)
    .bind(numbers.position_ms)
    .bind(numbers.ended)
    .bind(numbers.participant.as_deref())
    .bind(numbers.player.as_deref())
    .bind(settled)
    .bind(next_number)
    .bind(encode_renditions(&numbers.renditions)?)
    .execute(on)
    .await?;
    Ok(())
}

pub(super) fn viewing(row: &Row) -> Result<Viewing, Error> {
    let viewer: String = row.try_get("viewer")?;
    Ok(Viewing {
        id: row.try_get("id")?,
        recording: parsed(row, "recording_id")?,
        watcher: Watcher::read(&viewer).ok_or_else(|| corrupt("viewer", viewer))?,
        client: row.try_get("client_id")?,
        device: row.try_get("device")?,
        settled: boolean(row, "settled")?,
        numbers: numbers(row)?,
    })
}

fn numbers(row: &Row) -> Result<ViewingNumbers, Error> {
    let seen: Vec<u8> = row.try_get("seen")?;
    Ok(ViewingNumbers {
        first_at: wall(row, "first_at")?,
        last_at: wall(row, "last_at")?,
        source: source(row)?,
        seen: Ranges::decode(&seen).map_err(|error| corrupt("seen", error))?,
        played_ms: row.try_get("played_ms")?,
        playing_ms: row.try_get("playing_ms")?,
        startup_ms: row.try_get("startup_ms")?,
        stalls: integer(row, "stalls")?,
        stalled_ms: row.try_get("stalled_ms")?,
        seeks: integer(row, "seeks")?,
        pauses: integer(row, "pauses")?,
        errors: integer(row, "errors")?,
        kbps: row.try_get("kbps")?,
        renditions: decode_renditions(row)?,
        position_ms: row.try_get("position_ms")?,
        ended: boolean(row, "ended")?,
        participant: row.try_get("participant")?,
        player: row.try_get("player")?,
    })
}

pub(super) fn source(row: &Row) -> Result<Source, Error> {
    let source: String = row.try_get("source")?;
    Source::from_name(&source).ok_or_else(|| corrupt("source", source))
}
