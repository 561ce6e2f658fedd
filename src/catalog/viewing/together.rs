//! One transaction for the events of many sessions, in few statements: the way to the database and back costs more than what
//! is done there.

use super::append::{Appended, Folded, MOST_VIEW_EVENTS, NewViews, events};
use super::bulk::{Fresh, Key, Place, known, passed, places, position, put, recordings};
use super::row::write;
use crate::analytics::event::Event;
use crate::analytics::session::{Pushed, Session};
use crate::catalog::database::one_by_one;
use crate::catalog::row::Connection;
use crate::catalog::{Catalog, Error};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Events, and what was made of those before them.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) new: NewViews<'a>,
    pub(super) kept: Option<Folded>,
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
    let known = known(&mut change, &told_again(all, &groups, &places)).await?;
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
        match summary {
            Some(summary) => {
                write(&mut change, place.id, &summary.into(), basis.settled, next_number).await?;
            }
            // They say nothing yet, and have their numbers.
            None => passed(&mut change, place.id, next_number).await?,
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

/// Keys of events that may be there already.
fn told_again(
    all: &[Told<'_>],
    groups: &BTreeMap<Key, Vec<usize>>,
    places: &HashMap<Key, Place>,
) -> Vec<(i64, String)> {
    let mut asked = Vec::new();
    for (key, members) in groups {
        let Some(place) = places.get(key).filter(|place| place.next_number > 0) else { continue };
        let events = member(all, members).flat_map(|told| told.new.events);
        asked.extend(events.filter_map(|event| Some((place.id, event.key()?))));
    }
    asked
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
