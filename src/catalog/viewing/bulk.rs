//! Statements about many sessions and events at one time.

use super::row::source_name;
use super::together::Told;
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::analytics::session::Source;
use crate::catalog::Error;
use crate::catalog::row::{Connection, corrupt, now};
use crate::catalog::statement::sql;
use sqlx::Row as _;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Rows of one statement. Of each number of rows there would be another statement to prepare: so there are these.
const MANY: [usize; 3] = [64, 8, 1];

/// Recording, viewer and the client's own id, as the columns have them.
pub(super) type Key = (String, String, String);

/// A session's row, which nobody else changes until the transaction ends.
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) next_number: i64,
    pub(super) position_ms: Option<i64>,
}

/// An event that was not there.
pub(super) struct Fresh<'a> {
    pub(super) session: i64,
    pub(super) number: i64,
    pub(super) key: Option<String>,
    pub(super) event: &'a Event,
}

/// Those of them that are there.
pub(super) async fn recordings<'a>(
    on: &mut Connection,
    ids: impl Iterator<Item = &'a String>,
) -> Result<HashSet<String>, Error> {
    let ids: Vec<&String> = ids.collect::<BTreeSet<_>>().into_iter().collect();
    let mut there = HashSet::new();
    for ids in chunks(&ids) {
        let mut query = sql("SELECT id FROM recordings WHERE id");
        query.push_in(ids.iter().map(|id| id.as_str()));
        for row in query.fetch_all(&mut *on).await? {
            there.insert(row.try_get("id")?);
        }
    }
    Ok(there)
}

/// The rows of sessions, which are made unless they are there, and are locked.
pub(super) async fn places(
    on: &mut Connection,
    sessions: &[(&Key, &Told<'_>)],
) -> Result<HashMap<Key, Place>, Error> {
    let mut places = HashMap::new();
    for sessions in chunks(sessions) {
        let mut insert = sql("INSERT INTO view_sessions
                 (recording_id, viewer, client_id, device, first_at, last_at, source, seen) VALUES (");
        for (index, (key, told)) in sessions.iter().enumerate() {
            let first = told.new.events.first().map_or_else(now, |event| event.at_ms().saturating_mul(1000));
            let (recording, viewer, client) = key;
            insert.push(if index > 0 { "), (" } else { "" });
            insert.push_bind(recording).push(", ").push_bind(viewer).push(", ").push_bind(client);
            insert.push(", ").push_bind(told.new.device).push(", ").push_bind(first).push(", ");
            insert.push_bind(first).push(", ").push_bind(source_name(Source::Progress)).push(", ");
            insert.push_bind(Ranges::default().encode());
        }
        insert.push(
            ") ON CONFLICT (recording_id, viewer, client_id) DO UPDATE SET next_number = view_sessions.next_number
             RETURNING id, recording_id, viewer, client_id, next_number, position_ms",
        );
        for row in insert.fetch_all(&mut *on).await.map_err(gone)? {
            let place = Place {
                id: row.try_get("id")?,
                next_number: row.try_get("next_number")?,
                position_ms: row.try_get("position_ms")?,
            };
            let key = (row.try_get("recording_id")?, row.try_get("viewer")?, row.try_get("client_id")?);
            places.insert(key, place);
        }
    }
    Ok(places)
}

/// Without the recording there is no session.
fn gone(error: sqlx::Error) -> Error {
    match error.as_database_error() {
        Some(found) if found.is_foreign_key_violation() => Error::Missing { what: "recording" },
        _ => error.into(),
    }
}

/// Which of these keys of sessions' events are there.
pub(super) async fn known(
    on: &mut Connection,
    asked: &[(i64, String)],
) -> Result<HashSet<(i64, String)>, Error> {
    let mut known = HashSet::new();
    for asked in chunks(asked) {
        let mut query = sql("WITH asked (session_id, event_key) AS (VALUES (");
        for (index, (session, key)) in asked.iter().enumerate() {
            query.push(if index > 0 { "), (" } else { "" });
            query.push_bind(*session).push(", ").push_bind(key);
        }
        // SQLite takes the two in this order.
        query.push(
            ")) SELECT e.session_id, e.event_key FROM asked a CROSS JOIN view_events e
             WHERE e.session_id = a.session_id AND e.event_key = a.event_key",
        );
        for row in query.fetch_all(&mut *on).await? {
            known.insert((row.try_get("session_id")?, row.try_get("event_key")?));
        }
    }
    Ok(known)
}

/// Puts events that are not there.
pub(super) async fn put(on: &mut Connection, fresh: &[Fresh<'_>]) -> Result<(), Error> {
    for rows in chunks(fresh) {
        let mut insert = sql("INSERT INTO view_events (session_id, number, event_key, body) VALUES (");
        for (index, row) in rows.iter().enumerate() {
            let body = serde_json::to_string(row.event).map_err(|error| corrupt("body", error))?;
            insert.push(if index > 0 { "), (" } else { "" });
            insert.push_bind(row.session).push(", ").push_bind(row.number).push(", ");
            insert.push_bind(row.key.as_deref()).push(", ").push_bind(body);
        }
        insert.push(")");
        insert.execute(&mut *on).await.map_err(gone)?;
    }
    Ok(())
}

/// Of a session whose events say nothing yet: how many there are.
pub(super) async fn passed(on: &mut Connection, session: i64, next_number: i64) -> Result<(), Error> {
    sql("UPDATE view_sessions SET next_number = $2 WHERE id = $1")
        .bind(session)
        .bind(next_number)
        .execute(on)
        .await?;
    Ok(())
}

/// The last playhead of a session of which nothing new was told.
pub(super) async fn position(on: &mut Connection, key: &Key) -> Result<Option<i64>, Error> {
    let row = sql(
        "SELECT position_ms FROM view_sessions WHERE recording_id = $1 AND viewer = $2 AND client_id = $3",
    )
    .bind(&key.0)
    .bind(&key.1)
    .bind(&key.2)
    .fetch_optional(on)
    .await?;
    Ok(row.map(|row| row.try_get("position_ms")).transpose()?.flatten())
}

/// Parts of these lengths, the longest first.
pub(super) fn chunks<T>(mut all: &[T]) -> Vec<&[T]> {
    let mut parts = Vec::new();
    for length in MANY {
        while let Some((part, rest)) = all.split_at_checked(length) {
            parts.push(part);
            all = rest;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_few_lengths_and_hold_all() {
        for length in [0, 1, 7, 8, 63, 64, 65, 200] {
            let all: Vec<usize> = (0..length).collect();
            let parts = chunks(&all);
            assert!(parts.iter().all(|part| MANY.contains(&part.len())), "{length}");
            assert_eq!(parts.concat(), all);
        }
    }
}
