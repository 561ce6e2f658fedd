//! Keeping events, and counting them.

use super::row::{Watcher, source_name, write};
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::analytics::session::{Pushed, Session, Source};
use crate::catalog::row::{Connection, Transaction, corrupt, now};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use sqlx::Row as _;

/// Events of one session that are kept: of a heartbeat every 10 s those of two days. A session may have to be made anew of
/// all of them when one comes late.
pub const MOST_VIEW_EVENTS: i64 = 20_000;

/// Of what of a recording the numbers of a session are.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What of it is media.
    pub media: &'a Ranges,
    /// It has ended: nothing will be added to it.
    pub settled: bool,
}

/// Events of one session that arrived together.
#[derive(Clone, Copy, Debug)]
pub struct NewViews<'a> {
    /// What was watched.
    pub recording: RecordingId,
    /// By whom.
    pub watcher: &'a Watcher,
    /// The client's own id of the session.
    pub client: &'a str,
    /// What it is watched on.
    pub device: &'a str,
    /// As they arrived.
    pub events: &'a [Event],
    /// What the numbers are of.
    pub basis: Basis<'a>,
}

/// What was made of the events of a session, so that the next ones can be added to it.
#[derive(Clone, Debug)]
pub struct Folded {
    next_number: i64,
    session: Session,
}

impl Folded {
    /// About how many bytes it takes: an event may begin a range, and a play.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.next_number.unsigned_abs().saturating_mul(40).saturating_add(1024)
    }
}

/// What became of events.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Those that were kept.
    pub taken: u32,
    /// Those that were there.
    pub known: u32,
    /// Those above [`MOST_VIEW_EVENTS`].
    pub refused: u32,
    /// The last playhead of the session that was told.
    pub position_ms: Option<i64>,
    /// To be given with the next ones, if something was kept.
    pub folded: Option<Folded>,
}

/// A session's row, which nobody else changes until the transaction ends.
struct Place {
    id: i64,
    next_number: i64,
    position_ms: Option<i64>,
}

impl Catalog {
    /// Keeps events and the numbers that their session has with them. When it returns they are durable. `kept` saves
    /// reading the earlier ones, if it is of the session as it is.
    ///
    /// # Errors
    /// [`Error::Missing`] without such a recording; [`Error::Database`], [`Error::Corrupt`].
    pub async fn append_views(&self, new: &NewViews<'_>, kept: Option<Folded>) -> Result<Appended, Error> {
        let mut all = self.begin().await?;
        let place = place(&mut all, new).await?;
        let (mut taken, mut known, mut refused) = (Vec::new(), 0_u32, 0_u32);
        let mut next_number = place.next_number;
        for event in new.events {
            if next_number >= MOST_VIEW_EVENTS {
                refused = refused.saturating_add(1);
            } else if put(&mut all, place.id, next_number, event).await? {
                next_number += 1;
                taken.push(event);
            } else {
                known = known.saturating_add(1);
            }
        }
        if taken.is_empty() {
            all.rollback().await?;
            return Ok(Appended { taken: 0, known, refused, position_ms: place.position_ms, folded: None });
        }
        let begun = if place.next_number == 0 {
            Some(Session::default())
        } else {
            kept.filter(|kept| kept.next_number == place.next_number).map(|kept| kept.session)
        };
        let session = match begun.and_then(|session| pushed(session, &taken)) {
            Some(session) => session,
            None => Session::of(&events(&mut all, place.id).await?),
        };
        let position_ms = count(all, &place, &session, new.basis, next_number).await?;
        let taken = u32::try_from(taken.len()).unwrap_or(u32::MAX);
        let folded = Some(Folded { next_number, session });
        Ok(Appended { taken, known, refused, position_ms, folded })
    }

    /// The events of a session in the order in which they arrived.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn view_events(&self, session: i64) -> Result<Vec<Event>, Error> {
        let mut connection = self.reader.acquire().await?;
        events(&mut connection, session).await
    }
}

/// The last step: the numbers, and the commit. Where the playhead was last.
async fn count(
    mut all: Transaction,
    place: &Place,
    session: &Session,
    basis: Basis<'_>,
    next_number: i64,
) -> Result<Option<i64>, Error> {
    let summary = session.summary(basis.media);
    let position_ms = summary.as_ref().and_then(|summary| summary.position_ms);
    if let Some(summary) = summary {
        write(&mut all, place.id, &summary.into(), basis.settled, next_number).await?;
    }
    all.commit().await?;
    Ok(position_ms)
}

/// With these events; `None` when one belongs before one that had come.
fn pushed(mut session: Session, events: &[&Event]) -> Option<Session> {
    for event in events {
        if session.push(event) == Pushed::OutOfOrder {
            return None;
        }
    }
    Some(session)
}

async fn place(all: &mut Connection, new: &NewViews<'_>) -> Result<Place, Error> {
    let first = new.events.first().map_or_else(now, |event| event.at_ms().saturating_mul(1000));
    let found = sql("INSERT INTO view_sessions
             (recording_id, viewer, client_id, device, first_at, last_at, source, seen)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $7)
         ON CONFLICT (recording_id, viewer, client_id) DO UPDATE SET next_number = view_sessions.next_number
         RETURNING id, next_number, position_ms")
    .bind(new.recording.to_string())
    .bind(new.watcher.text())
    .bind(new.client)
    .bind(new.device)
    .bind(first)
    .bind(source_name(Source::Progress))
    .bind(Ranges::default().encode())
    .fetch_one(all)
    .await;
    let row = found.map_err(gone)?;
    Ok(Place {
        id: row.try_get("id")?,
        next_number: row.try_get("next_number")?,
        position_ms: row.try_get("position_ms")?,
    })
}

/// Without the recording there is no session. SQLite tells it only when the session's first event is put: it gives the row
/// of a `RETURNING` before it looks at what the row refers to.
fn gone(error: sqlx::Error) -> Error {
    match error.as_database_error() {
        Some(found) if found.is_foreign_key_violation() => Error::Missing { what: "recording" },
        _ => error.into(),
    }
}

/// Whether it was not there.
async fn put(all: &mut Connection, session: i64, number: i64, event: &Event) -> Result<bool, Error> {
    let body = serde_json::to_string(event).map_err(|error| corrupt("body", error))?;
    let added = sql("INSERT INTO view_events (session_id, number, event_key, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING")
    .bind(session)
    .bind(number)
    .bind(event.key())
    .bind(body)
    .execute(all)
    .await
    .map_err(gone)?;
    Ok(added > 0)
}

pub(super) async fn events(on: &mut Connection, session: i64) -> Result<Vec<Event>, Error> {
    let rows = sql("SELECT body FROM view_events WHERE session_id = $1 ORDER BY number")
        .bind(session)
        .fetch_all(on)
        .await?;
    rows.iter().map(|row| event(&row.try_get::<String, _>("body")?)).collect()
}

pub(super) fn event(body: &str) -> Result<Event, Error> {
    serde_json::from_str(body).map_err(|_| corrupt("body", body))
}
