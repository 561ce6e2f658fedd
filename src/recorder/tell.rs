//! What is told to the outside of what is stored: events, made from the writer's writes at this one place.

use super::integrity::{Grade, Integrity};
use super::output::Run;
use crate::catalog::{
    self, Catalog, Cause, EventKind, Gap, Names, NewEvent, NewParticipant, NewTrack, Participant, Track,
};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::{Codec, Kind};
use crate::time::WallTime;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What comes later than this is told as a stall: as short gaps are no change to black.
const SHORTEST_STALL_MICROS: i64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is stored yet.
    Announced,
    /// Media comes.
    Live,
    /// None comes, for this reason.
    Stalled(Cause),
    /// None will come, unless whoever left comes back.
    Stopped,
}

struct Source {
    participant: ParticipantId,
    kind: Kind,
    name: String,
    codec: Codec,
    layer: Option<u8>,
    state: State,
    started_at: Option<WallTime>,
    grade: Grade,
}

struct Person {
    peer_id: String,
    display_name: String,
    user_id: Option<String>,
}

/// Knows what was told of one recording.
pub(super) struct Teller {
    recording: RecordingId,
    people: HashMap<ParticipantId, Person>,
    sources: HashMap<TrackId, Source>,
}

impl Teller {
    /// Of a recording. What is in the catalogue already was told: of a recording that goes on after a restart.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    pub(super) async fn new(recording: RecordingId, catalog: &Catalog) -> Result<Self, catalog::Error> {
        let rows = catalog.participants(recording).await?;
        let mut sources = HashMap::new();
        for row in catalog.tracks(recording).await? {
            let left = rows.iter().any(|who| who.id == row.participant && who.left_at.is_some());
            sources.insert(row.id, source(row, left));
        }
        for gap in catalog.gaps(recording).await?.iter().filter(|gap| gap.open) {
            if let Some(source) = sources.get_mut(&gap.track).filter(|source| source.state == State::Live) {
                source.state = State::Stalled(gap.cause);
            }
        }
        let people = rows.into_iter().map(|row| (row.id, person(row))).collect();
        Ok(Self { recording, people, sources })
    }

    fn event(&self, kind: EventKind, data: Map<String, Value>) -> NewEvent {
        NewEvent { recording: self.recording, kind, data: Value::Object(data) }
    }

    fn of_person(&self, id: ParticipantId) -> Map<String, Value> {
        let person = self.people.get(&id);
        let mut data = Map::new();
        data.insert("participant_id".to_owned(), json!(id));
        data.insert("peer_id".to_owned(), json!(person.map(|person| &person.peer_id)));
        data.insert("display_name".to_owned(), json!(person.map(|person| &person.display_name)));
        data.insert("user_id".to_owned(), json!(person.and_then(|person| person.user_id.as_ref())));
        data
    }

    fn of_track(&self, kind: EventKind, id: TrackId, more: Value) -> Option<NewEvent> {
        let source = self.sources.get(&id)?;
        let mut data = Map::new();
        data.insert("track_id".to_owned(), json!(id));
        data.extend(self.of_person(source.participant));
        data.insert("kind".to_owned(), json!(if source.kind == Kind::Audio { "audio" } else { "video" }));
        data.insert("source".to_owned(), json!(source.name));
        data.insert("codec".to_owned(), json!(source.codec.name()));
        data.insert("layer".to_owned(), json!(source.layer));
        if let Value::Object(more) = more {
            data.extend(more);
        }
        Some(self.event(kind, data))
    }

    pub(super) fn joined(&mut self, new: &NewParticipant) -> NewEvent {
        let (peer_id, display_name) = (new.peer_id.clone(), new.display_name.clone());
        self.people.insert(new.id, Person { peer_id, display_name, user_id: new.user_id.clone() });
        let mut data = self.of_person(new.id);
        data.insert("joined_at".to_owned(), json!(new.joined_at.to_string()));
        data.insert("returned".to_owned(), json!(false));
        self.event(EventKind::ParticipantJoined, data)
    }

    /// What is told from now on names them so.
    pub(super) fn named(&mut self, names: &Names) {
        if let Some(person) = self.people.get_mut(&names.participant) {
            person.display_name.clone_from(&names.display_name);
            person.user_id.clone_from(&names.user_id);
        }
    }

    pub(super) fn returned(&self, id: ParticipantId) -> NewEvent {
        let mut data = self.of_person(id);
        data.insert("returned".to_owned(), json!(true));
        self.event(EventKind::ParticipantJoined, data)
    }

    /// Their tracks stop first.
    pub(super) fn left(&mut self, id: ParticipantId, at: WallTime) -> Vec<NewEvent> {
        let theirs = self.sources.iter().filter(|(_, source)| source.participant == id);
        let mut theirs: Vec<TrackId> = theirs.map(|(track, _)| *track).collect();
        theirs.sort_unstable();
        // A track that has stored nothing has not stopped either: it may still turn out why.
        theirs.retain(|track| self.state(*track) != Some(State::Announced));
        let mut events: Vec<NewEvent> =
            theirs.into_iter().filter_map(|track| self.stopped(track, at, None)).collect();
        let mut data = self.of_person(id);
        data.insert("left_at".to_owned(), json!(at.to_string()));
        events.push(self.event(EventKind::ParticipantLeft, data));
        events
    }

    /// A source was announced; it is told of when media of it is stored.
    pub(super) fn announced(&mut self, new: &NewTrack) {
        self.sources.insert(
            new.id,
            Source {
                participant: new.participant,
                kind: new.kind,
                name: new.source.clone(),
                codec: new.codec,
                layer: new.layer,
                state: State::Announced,
                started_at: None,
                grade: Grade::Intact,
            },
        );
    }

    fn state(&self, id: TrackId) -> Option<State> {
        self.sources.get(&id).map(|source| source.state)
    }

    /// Media of it is stored, in a new run.
    pub(super) fn ran(&mut self, id: TrackId, run: &Run) -> Option<NewEvent> {
        let source = self.sources.get_mut(&id)?;
        let first = source.started_at.is_none();
        match source.state {
            State::Announced | State::Stopped => {
                source.state = State::Live;
                source.started_at.get_or_insert(run.wall);
                let more = json!({
                    "started_at": run.wall.to_string(),
                    "codecs": run.config.string,
                    "width": run.config.width,
                    "height": run.config.height,
                    "channels": run.config.channels,
                    "returned": !first,
                });
                self.of_track(EventKind::TrackStarted, id, more)
            }
            State::Live | State::Stalled(_) => self.flowed(id),
        }
    }

    /// Media of it is stored.
    pub(super) fn flowed(&mut self, id: TrackId) -> Option<NewEvent> {
        let source = self.sources.get_mut(&id)?;
        let State::Stalled(cause) = source.state else { return None };
        source.state = State::Live;
        self.of_track(EventKind::TrackResumed, id, json!({ "cause": cause.name() }))
    }

    /// Nothing of it came, or comes.
    pub(super) fn gap(&mut self, gap: &Gap) -> Option<NewEvent> {
        let source = self.sources.get_mut(&gap.track)?;
        let scale = source.codec.timescale();
        if gap.duration.to_micros(scale) < SHORTEST_STALL_MICROS {
            return None;
        }
        let told = match source.state {
            State::Live => true,
            State::Stalled(cause) => cause != gap.cause,
            State::Announced | State::Stopped => false,
        };
        if !told {
            return None;
        }
        source.state = State::Stalled(gap.cause);
        let more = json!({ "cause": gap.cause.name(), "offset_us": gap.start.to_micros(scale) });
        self.of_track(EventKind::TrackStalled, gap.track, more)
    }

    /// The verdict on it. What was once degraded is told again only when it gets worse than ever.
    pub(super) fn judged(&mut self, id: TrackId, verdict: &Integrity) -> Option<NewEvent> {
        let source = self.sources.get_mut(&id)?;
        if verdict.grade <= source.grade {
            return None;
        }
        let from = std::mem::replace(&mut source.grade, verdict.grade);
        let more = json!({ "from": from, "to": verdict.grade, "integrity": verdict });
        self.of_track(EventKind::IntegrityDegraded, id, more)
    }

    /// It is over.
    pub(super) fn stopped(&mut self, id: TrackId, at: WallTime, error: Option<&str>) -> Option<NewEvent> {
        let source = self.sources.get_mut(&id)?;
        if std::mem::replace(&mut source.state, State::Stopped) == State::Stopped {
            return None;
        }
        let started_at = source.started_at.map(|at| at.to_string());
        let more = json!({ "started_at": started_at, "stopped_at": at.to_string(), "error": error });
        self.of_track(EventKind::TrackStopped, id, more)
    }
}

fn person(row: Participant) -> Person {
    Person { peer_id: row.peer_id, display_name: row.display_name, user_id: row.user_id }
}

fn source(row: Track, left: bool) -> Source {
    let verdict: Integrity = serde_json::from_value(row.integrity).unwrap_or_default();
    Source {
        participant: row.participant,
        kind: row.kind,
        name: row.source,
        codec: row.codec,
        layer: row.layer,
        state: match row.started_at {
            None => State::Announced,
            Some(_) if left || row.ended_at.is_some() => State::Stopped,
            Some(_) => State::Live,
        },
        started_at: row.started_at,
        grade: verdict.grade,
    }
}

#[cfg(test)]
mod tests;
