//! One transaction for the events of many sessions, in few statements: the way to the database and back costs more than what
//! is done there.

use super::append::{Appended, Folded, MOST_VIEW_EVENTS, NewViews, events};
use super::row::{source_name, write};
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::analytics::session::{Pushed, Session, Source};
use crate::catalog::database::one_by_one;
use crate::catalog::row::{Connection, corrupt, now};
use crate::catalog::statement::sql;
use crate::catalog::{Catalog, Error};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Rows of one statement. Of each number of rows there would be another statement to prepare: so there are these.
const MANY: [usize; 3] = [64, 8, 1];

/// Events, and what was made of those before them.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) new: NewViews<'a>,
    pub(super) kept: Option<Folded>,
}

/// Recording, viewer and the client's own id, as the columns have them.
type Key = (String, String, String);

/// A session's row, which nobody else changes until the transaction ends.
struct Place {
    id: i64,
    next_number: i64,
    position_ms: Option<i64>,
}

/// An event that was not there.
struct Fresh<'a> {
    session: i64,
    number: i64,
    key: Option<String>,
    event: &'a Event,
}

/// What became of the events of one request.
#[derive(Clone, Copy, Default)]
struct Counts {
    taken: u32,
    known: u32,
    refused: u32,
}

/// Whether the database ended a transaction for the sake of another one, so that it may be tried again (PostgreSQL's
/// `serialization_failure` and `deadlock_detected`).
pub(super) fn is_conflict(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "40001" || code == "40P01")
}

/// Whether it is for a row that something failed, and not because the database does not answer.
pub(super) fn is_of_a_row(error: &Error) -> bool {
    match error {
        Error::Missing { .. } | Error::Corrupt { .. } => true,
        Error::Database(error) => error.as_database_error().is_some_and(|found| {
            // Class 22 of PostgreSQL: data that it does not take.
            let data = found.code().is_some_and(|code| code.len() == 5 && code.starts_with("22"));
            data || !matches!(found.kind(), sqlx::error::ErrorKind::Other)
        }),
        _ => false,
    }
}

/// Text as both databases hold it (see [`crate::catalog::statement`]).
fn held(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Keeps all of it, or none and says why.
pub(super) async fn together(
    catalog: &Catalog,
    all: &[Told<'_>],
) -> Result<Vec<Result<Appended, Error>>, Error> {
    // In the order of their keys: so whoever locks several sessions does it in one order.
    let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, told) in all.iter().enumerate() {
        let new = &told.new;
        let key = (new.recording.to_string(), held(new.watcher.text()), held(new.client.to_owned()));
        groups.entry(key).or_default().push(index);
    }
    let mut answers: Vec<Result<Appended, Error>> =
        all.iter().map(|_| Err(Error::Missing { what: "recording" })).collect();
    let mut change = catalog.begin().await?;
    one_by_one(&mut change).await?;
    let there = recordings(&mut change, groups.keys().map(|(recording, ..)| recording)).await?;
    groups.retain(|(recording, ..), _| there.contains(recording));
    let telling = |members: &Vec<usize>| member(all, members).any(|told| !told.new.events.is_empty());
    let tells: Vec<(&Key, &Told<'_>)> = groups
        .iter()
        .filter(|(_, members)| telling(members))
        .filter_map(|(key, members)| Some((key, member(all, members).next()?)))
        .collect();
    let mut places = places(&mut change, &tells).await?;
    let known = known(&mut change, all, &groups, &places).await?;
    let mut kept = 0_usize;
    let mut fresh: Vec<Fresh<'_>> = Vec::new();
    let mut folding = Vec::new();
    for (key, members) in &groups {
        let Some(place) = places.remove(key) else {
            let position_ms = position(&mut change, key).await?;
            set(&mut answers, members, &[], position_ms, None);
            continue;
        };
        let from = fresh.len();
        let counts = sort(all, members, &place, &known, &mut fresh);
        kept += fresh.len() - from;
        folding.push((members, place, counts, from..fresh.len()));
    }
    put(&mut change, &fresh).await?;
    for (members, place, counts, own) in folding {
        let taken: Vec<&Event> = fresh.get(own).unwrap_or_default().iter().map(|fresh| fresh.event).collect();
        if taken.is_empty() {
            set(&mut answers, members, &counts, place.position_ms, None);
            continue;
        }
        let next_number = place.next_number.saturating_add(i64::try_from(taken.len()).unwrap_or(i64::MAX));
        let session = folded(&mut change, all, members, &place, &taken).await?;
        let Some(basis) = member(all, members).next_back().map(|told| told.new.basis) else { continue };
        let summary = session.summary(basis.media);
        let position_ms = summary.as_ref().and_then(|summary| summary.position_ms);
        if let Some(summary) = summary {
            write(&mut change, place.id, &summary.into(), basis.settled, next_number).await?;
        }
        set(&mut answers, members, &counts, position_ms, Some(Folded { next_number, session }));
    }
    if kept == 0 {
        change.rollback().await?;
    } else {
        change.commit().await?;
    }
    Ok(answers)
}

fn member<'a, 'b>(
    all: &'a [Told<'b>],
    members: &'a [usize],
) -> impl DoubleEndedIterator<Item = &'a Told<'b>> {
    members.iter().filter_map(|index| all.get(*index))
}

/// Puts the answers of one session in their places.
fn set(
    answers: &mut [Result<Appended, Error>],
    members: &[usize],
    counts: &[Counts],
    position_ms: Option<i64>,
    mut folded: Option<Folded>,
) {
    for (at, index) in members.iter().enumerate().rev() {
        let Counts { taken, known, refused } = counts.get(at).copied().unwrap_or_default();
        let folded = if taken > 0 { folded.take() } else { None };
        if let Some(answer) = answers.get_mut(*index) {
            *answer = Ok(Appended { taken, known, refused, position_ms, folded });
        }
    }
}

/// Those of them that are there.
async fn recordings<'a>(
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
async fn places(on: &mut Connection, sessions: &[(&Key, &Told<'_>)]) -> Result<HashMap<Key, Place>, Error> {
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

/// Keys of events that are there, of those that were told again.
async fn known(
    on: &mut Connection,
    all: &[Told<'_>],
    groups: &BTreeMap<Key, Vec<usize>>,
    places: &HashMap<Key, Place>,
) -> Result<HashSet<(i64, String)>, Error> {
    let mut asked = Vec::new();
    for (key, members) in groups {
        let Some(place) = places.get(key).filter(|place| place.next_number > 0) else { continue };
        let events = member(all, members).flat_map(|told| told.new.events);
        asked.extend(events.filter_map(|event| Some((place.id, event.key()?))));
    }
    let mut known = HashSet::new();
    for asked in chunks(&asked) {
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

/// Tells new events of a session from those that are there, and counts them for each request.
fn sort<'a>(
    all: &[Told<'a>],
    members: &[usize],
    place: &Place,
    known: &HashSet<(i64, String)>,
    fresh: &mut Vec<Fresh<'a>>,
) -> Vec<Counts> {
    let (mut number, mut seen) = (place.next_number, HashSet::new());
    let mut counts = Vec::with_capacity(members.len());
    for told in member(all, members) {
        let mut own = Counts::default();
        for event in told.new.events {
            let key = event.key();
            let is_new = key
                .as_ref()
                .is_none_or(|key| !known.contains(&(place.id, key.clone())) && !seen.contains(key));
            if number >= MOST_VIEW_EVENTS {
                own.refused = own.refused.saturating_add(1);
            } else if is_new {
                seen.extend(key.clone());
                fresh.push(Fresh { session: place.id, number, key, event });
                own.taken = own.taken.saturating_add(1);
                number += 1;
            } else {
                own.known = own.known.saturating_add(1);
            }
        }
        counts.push(own);
    }
    counts
}

async fn put(on: &mut Connection, fresh: &[Fresh<'_>]) -> Result<(), Error> {
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

/// A session with these events: of what is kept of it, or else of all its events.
async fn folded(
    on: &mut Connection,
    all: &[Told<'_>],
    members: &[usize],
    place: &Place,
    taken: &[&Event],
) -> Result<Session, Error> {
    let begun = if place.next_number == 0 {
        Some(Session::default())
    } else {
        let mut kept = member(all, members).filter_map(|told| told.kept.as_ref());
        kept.find(|kept| kept.next_number == place.next_number).map(|kept| kept.session.clone())
    };
    match begun.and_then(|session| pushed(session, taken)) {
        Some(session) => Ok(session),
        None => Ok(Session::of(&events(on, place.id).await?)),
    }
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

/// The last playhead of a session of which nothing new was told.
async fn position(on: &mut Connection, key: &Key) -> Result<Option<i64>, Error> {
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
