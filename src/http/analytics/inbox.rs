//! Requests with CMCD on their way into the catalogue. Whoever asked has their answer already: nothing here makes anybody
//! wait, and what is too much is dropped and counted.
//!
//! Requests are held for a short while, since they count in the order in which they arrived and some are answered later
//! than others: a part that is announced waits until it is there. Those of one session that came together are kept
//! together.

use super::super::extract::Bearer;
use super::views::Views;
use super::who::{Client, Who};
use crate::analytics::cmcd::Cmcd;
use crate::analytics::event::{Event, Requested};
use crate::catalog::Watcher;
use crate::id::{RecordingId, TrackId};
use crate::playback::placed::{File, Placed, Places};
use crate::time::WallTime;
use futures_util::stream::{self, StreamExt};
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How long requests are held: a part lasts half a second, and is asked for when the one before it is there.
pub const HOLD: Duration = Duration::from_millis(1500);
/// Requests that wait.
const MOST: usize = 8192;
/// Sessions that are written at one time: they share commits.
const AT_ONCE: usize = 16;
/// Sessions of which it is known where their player's timeline begins.
const ZEROS: usize = 4096;

/// A request for a file, with what its player said.
pub(super) struct Asked {
    pub(super) recording: RecordingId,
    pub(super) track: TrackId,
    pub(super) file: File,
    pub(super) at: WallTime,
    pub(super) asked: Instant,
    pub(super) session: String,
    pub(super) cmcd: Box<Cmcd>,
    pub(super) bytes: u64,
    pub(super) bearer: Bearer,
    pub(super) client: Client,
}

/// What may become of requests with CMCD.
#[derive(Clone, Copy)]
enum Outcome {
    Taken,
    Refused,
    Dropped,
}

impl Outcome {
    const NAMES: [&'static str; 3] = ["taken", "refused", "dropped"];
}

/// A viewing session, as it is kept.
type Key = (RecordingId, Watcher, String);

/// Takes requests, and keeps them. Cheap to clone.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    views: Views,
    places: Places,
    hold: Duration,
    queue: Mutex<Vec<Asked>>,
    waiting: AtomicUsize,
    counts: [AtomicU64; Outcome::NAMES.len()],
    zeros: Cache<Key, i64>,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Requests of one session.
struct Session {
    who: Who,
    device: &'static str,
    requests: Vec<Requested>,
}

impl Inbox {
    /// Begins to take requests, each of which is held so long ([`HOLD`]).
    #[must_use]
    pub fn open(views: Views, places: Places, hold: Duration) -> Self {
        let inbox = Self(Arc::new(Shared {
            views,
            places,
            hold,
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
            counts: Default::default(),
            zeros: Cache::new(ZEROS),
            closing: CancellationToken::new(),
            task: Mutex::default(),
        }));
        let task = tokio::spawn(inbox.clone().run());
        *inbox.0.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        inbox
    }

    /// Keeps what is left, when nobody asks any more.
    pub async fn end(&self) {
        self.0.closing.cancel();
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    /// Where files lie.
    pub(super) fn places(&self) -> &Places {
        &self.0.places
    }

    /// Where the timeline of a session's player begins, if it has asked for something.
    pub(super) fn zero_ms(&self, recording: RecordingId, watcher: &Watcher, session: &str) -> Option<i64> {
        self.0.zeros.get(&(recording, watcher.clone(), session.to_owned()))
    }

    /// Takes a request.
    pub(super) fn put(&self, asked: Asked) {
        if self.0.closing.is_cancelled() {
            return self.count(Outcome::Dropped, 1);
        }
        if self.0.waiting.fetch_add(1, Relaxed) >= MOST {
            self.0.waiting.fetch_sub(1, Relaxed);
            return self.count(Outcome::Dropped, 1);
        }
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    /// So many said what cannot be.
    pub(super) fn refuse(&self, requests: u32) {
        self.count(Outcome::Refused, requests);
    }

    /// Requests that are not kept yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Relaxed)
    }

    /// What became of requests over the life of the process, by its name.
    pub(in crate::http) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::NAMES.into_iter().zip(self.0.counts.each_ref().map(|count| count.load(Relaxed)))
    }

    fn count(&self, outcome: Outcome, requests: u32) {
        let count = match outcome {
            Outcome::Taken => self.0.counts.first(),
            Outcome::Refused => self.0.counts.get(1),
            Outcome::Dropped => self.0.counts.get(2),
        };
        if let Some(count) = count {
            count.fetch_add(u64::from(requests), Relaxed);
        }
    }

    async fn run(self) {
        let mut ticks = interval((self.0.hold / 3).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                _ = ticks.tick() => false,
                () = self.0.closing.cancelled() => true,
            };
            let ripe = self.ripe(if last { Duration::ZERO } else { self.0.hold });
            if !ripe.is_empty() {
                self.keep(ripe).await;
            }
            if last {
                return;
            }
        }
    }

    /// Takes out those that have been held for so long.
    fn ripe(&self, hold: Duration) -> Vec<Asked> {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (ripe, left) = queue.drain(..).partition(|asked| asked.asked.elapsed() >= hold);
        *queue = left;
        ripe
    }

    async fn keep(&self, ripe: Vec<Asked>) {
        let count = ripe.len();
        let mut sessions: HashMap<Key, Session> = HashMap::new();
        for asked in ripe {
            if self.sort(asked, &mut sessions).await.is_none() {
                self.count(Outcome::Dropped, 1);
            }
        }
        stream::iter(sessions).for_each_concurrent(AT_ONCE, |(key, session)| self.append(key, session)).await;
        self.0.waiting.fetch_sub(count, Relaxed);
    }

    /// Finds out what was asked for, and by whom. `None`: it is not there any more, or the catalogue does not say.
    async fn sort(&self, asked: Asked, sessions: &mut HashMap<Key, Session>) -> Option<()> {
        let Asked { recording, track, file, at, asked, session, cmcd, bytes, bearer, client } = asked;
        let found = self.0.places.find(recording, track, file, asked).await;
        let found = found.inspect_err(|error| tracing::debug!(%error, "what was asked for is not found"));
        let Placed { segment, zero_ms } = found.ok()??;
        let who = self.0.views.who(&bearer, &client, at).await.ok()?;
        let key = (recording, who.watcher.clone(), session);
        self.0.zeros.insert(key.clone(), zero_ms);
        let own = sessions.entry(key);
        let own = own.or_insert_with(|| Session { who, device: client.device(), requests: Vec::new() });
        own.requests.push(Requested { at_ms: at.0.div_euclid(1000), cmcd: *cmcd, zero_ms, segment, bytes });
        Some(())
    }

    async fn append(&self, (recording, _, session): Key, own: Session) {
        let Session { who, device, mut requests } = own;
        requests.sort_by_key(|requested| requested.at_ms);
        let events: Vec<Event> = requests.into_iter().map(Event::Request).collect();
        match self.0.views.append(recording, who, &session, device, &events).await {
            Ok(appended) => {
                self.count(Outcome::Taken, appended.taken);
                self.count(Outcome::Refused, appended.refused);
            }
            // What is the matter with the catalogue its own log says.
            Err(_) => self.count(Outcome::Dropped, u32::try_from(events.len()).unwrap_or(u32::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Role, Subject};
    use crate::live::Hub;
    use crate::playback::fixture::Fixture;
    use crate::playback::rows::Rows;
    use axum::extract::FromRequestParts;
    use axum::http::Request;

    #[tokio::test]
    async fn what_is_too_much_is_dropped_and_counted() {
        let fixture = Fixture::new().await;
        let catalog = fixture.catalog.clone();
        let places = Places::new(catalog.clone(), Rows::new(catalog.clone()), Hub::default());
        let inbox = Inbox::open(Views::new(catalog), places, Duration::from_secs(3600));
        let mut parts = Request::get("/").body(()).unwrap().into_parts().0;
        let client = Client::from_request_parts(&mut parts, &()).await.unwrap();
        let subject = Subject::of_token("ada", Role::Student, WallTime(0));
        for _ in 0..MOST + 3 {
            inbox.put(Asked {
                recording: fixture.recording,
                track: TrackId::new(),
                file: File::Segment(0),
                at: WallTime(0),
                asked: Instant::now(),
                session: "s".to_owned(),
                cmcd: Box::default(),
                bytes: 0,
                bearer: Bearer { subject: subject.clone(), carried: None },
                client: client.clone(),
            });
        }
        assert_eq!(inbox.waiting(), MOST);
        assert_eq!(inbox.counts().collect::<Vec<_>>(), [("taken", 0), ("refused", 0), ("dropped", 3)]);
    }
}
