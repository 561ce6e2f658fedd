//! Recordings that begin by themselves: of rooms that an application attaches and wishes recorded, or whose name has a
//! pattern that the operator gave.

use super::attach::SourceSpec;
use super::error::Error;
use super::link;
use super::request::StartRequest;
use super::rules::{Limits, Rules};
use super::supervisor::{Started, Supervisor};
use super::unasked;
use crate::catalog::{self, EndedBy};
use crate::id::RecordingId;
use crate::sfu::bridge::Arrival;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

/// Patterns of rooms' names. `*` stands for any text, `?` for one character, all else for itself.
#[derive(Clone, Debug, Default)]
pub struct Rooms(Vec<Vec<char>>);

impl Rooms {
    /// Of these patterns. Empty ones count for nothing.
    #[must_use]
    pub fn new<T: AsRef<str>>(patterns: &[T]) -> Self {
        let patterns = patterns.iter().map(|pattern| pattern.as_ref().trim());
        Self(
            patterns.filter(|pattern| !pattern.is_empty()).map(|pattern| pattern.chars().collect()).collect(),
        )
    }

    /// Whether a name has one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        self.0.iter().any(|pattern| fits(pattern, &name))
    }
}

/// Without recursion: names and patterns are strangers' and may have many stars.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Behind the last star, and the first character that it does not stand for.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                p += 1;
                star = Some((p, n));
            }
            Some(one) if *one == '?' || Some(one) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    star = Some((behind, from + 1));
                    (p, n) = (behind, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|one| *one == '*')
}

/// Starts what is to start, for as long as the process lives.
pub async fn run(supervisor: Supervisor, rooms: Rooms) {
    let mut arrivals = supervisor.lobby().arrivals();
    loop {
        match arrivals.recv().await {
            Ok(arrival) => {
                if let Some(cause) = Cause::of(&arrival, &rooms) {
                    // One room may be slow to join.
                    tokio::spawn(start(supervisor.clone(), arrival, cause));
                }
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::error!(missed, "rooms came faster than they were looked at")
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Why a recording begins by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The application that attached the room wishes it.
    Wish,
    /// The room's name has a pattern.
    Pattern,
}

impl Cause {
    fn of(arrival: &Arrival, rooms: &Rooms) -> Option<Self> {
        let pattern = || rooms.has(&arrival.room_id).then_some(Self::Pattern);
        if arrival.record { Some(Self::Wish) } else { pattern() }
    }

    /// As the audit writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wish => "application",
            Self::Pattern => "room_pattern",
        }
    }
}

/// Starts a recording as soon as one can start, for as long as the room is attached.
async fn start(supervisor: Supervisor, arrival: Arrival, cause: Cause) {
    let gone = arrival.gone.clone();
    let recorded = arrival.recorded;
    let mut before = recorded;
    let request = request(arrival);
    let room_id = &request.room_id;
    let mut attempt = 0;
    while !gone.is_cancelled() && !supervisor.is_ending() {
        match begin(&supervisor, &request, before, recorded).await {
            Ok(Some(started)) => {
                tracing::info!(recording.id = %started.recording_id, room.id = %room_id, "started by itself");
                let audit = supervisor.0.means.audit.as_ref();
                unasked::began(audit, started.recording_id, room_id, cause);
                return;
            }
            Ok(None) => return,
            // It goes on over this bridge, or is that of the room before and about to end. Another process's is looked at
            // again after the pause.
            Err(Error::AlreadyRecording(running) | Error::Catalog(catalog::Error::RoomBusy { running })) => {
                before = Some(running);
                tokio::select! {
                    _ = supervisor.ended(running) => {}
                    () = gone.cancelled() => {}
                }
            }
            Err(error @ (Error::LayersUnsupported(_) | Error::BadSource(_) | Error::Reach(_))) => {
                tracing::error!(room.id = %room_id, %error, "a recording cannot start by itself");
                return;
            }
            Err(error) if attempt == 0 => {
                tracing::error!(room.id = %room_id, %error, "a recording could not start by itself; it is tried again");
            }
            Err(error) => {
                tracing::info!(room.id = %room_id, attempt, %error, "a recording cannot start by itself yet");
            }
        }
        attempt += 1;
        tokio::select! {
            () = tokio::time::sleep(link::before(attempt)) => {}
            () = gone.cancelled() => {}
        }
    }
}

/// Starts it, unless somebody, or a limit, has ended the one `before` it: then it is not wanted. One without a row has
/// never begun, unless the application was `recorded` by it: then it was erased.
async fn begin(
    supervisor: &Supervisor,
    request: &StartRequest,
    before: Option<RecordingId>,
    recorded: Option<RecordingId>,
) -> Result<Option<Started>, Error> {
    if let Some(id) = before {
        let row = supervisor.0.means.catalog.recording(id).await?;
        let wanted = match row {
            Some(row) => row.room_id == request.room_id && row.ended_by.is_none_or(leads_on),
            None => before != recorded,
        };
        if !wanted {
            return Ok(None);
        }
    }
    supervisor.start(request.clone()).await.map(Some)
}

/// What ended so was not to end.
fn leads_on(by: EndedBy) -> bool {
    match by {
        EndedBy::Room | EndedBy::ReconnectTimeout | EndedBy::Storage | EndedBy::Interruption => true,
        EndedBy::Stop | EndedBy::MaxDuration | EndedBy::AloneTimeout | EndedBy::IdleTimeout => false,
    }
}

fn request(arrival: Arrival) -> StartRequest {
    let source = SourceSpec::Bridge { url: None };
    StartRequest {
        title: arrival.title.unwrap_or_else(|| arrival.room_id.clone()),
        room_id: arrival.room_id,
        description: None,
        started_by: arrival.user_id,
        limits: Limits::usual(&source),
        source,
        layers: arrival.layers,
        rules: Rules::default(),
        parallel: false,
        idempotency_key: None,
        metadata: Value::Object(arrival.metadata),
        webhooks: Vec::new(),
    }
}

#[cfg(test)]
#[path = "auto_tests.rs"]
mod starting;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_patterns() {
        let rooms = Rooms::new(&["class-*", " a?c ", "", "*-x-*y"]);
        for name in ["class-", "class-7/b", "abc", "aüc", "-x-y", "1-x-2-x-3y"] {
            assert!(rooms.has(name), "{name}");
        }
        for name in ["", "class", "my-class-1", "ac", "abbc", "1-x-2"] {
            assert!(!rooms.has(name), "{name}");
        }
        assert!(Rooms::new(&["*"]).has(""));
        assert!(!Rooms::default().has("anything"));
        let many = Rooms::new(&["*a".repeat(200)]);
        assert!(!many.has(&"a".repeat(199)), "many stars take no more time than one");
    }
}
