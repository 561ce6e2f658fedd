//! Viewing sessions: who watches what, from its first byte until nothing was asked for a while.
//!
//! A player asks for a segment every two seconds. Only the first request of a session is written, before it is answered;
//! the others are found by a hash of who asks and for what, and counted. At the end one row tells the totals.

use super::appender::{Appender, Error};
use super::entry::{Action, Entry, Outcome, Phase};
use crate::clock::Clock;
use crate::id::RecordingId;
use crate::time::{Moment, WallTime};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Parts of the map, each with its lock.
const SHARDS: usize = 16;
/// Sessions of one shard. More are refused: each was begun by a durable row, so nobody comes here by chance.
const SESSIONS: usize = 8192;

/// Who watches what. All of it together makes a session.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Client<'a> {
    /// The user.
    pub who: &'a str,
    /// How they showed who they are.
    pub kind: &'a str,
    /// By which share.
    pub share: Option<Uuid>,
    /// What they watch.
    pub recording: RecordingId,
    /// From which address.
    pub address: Option<std::net::IpAddr>,
    /// With which program.
    pub user_agent: Option<&'a [u8]>,
}

/// A session.
struct Session {
    id: Uuid,
    began: WallTime,
    first: Moment,
    last: AtomicI64,
    bytes: AtomicU64,
    requests: AtomicU64,
    busy: AtomicU32,
    /// What its start said, once that is durable.
    started: OnceCell<Entry>,
}

/// A request of a session. The session does not end before it does.
pub struct Watching {
    session: Arc<Session>,
    clock: Arc<dyn Clock>,
}

impl Watching {
    /// Writes the session's start, once: further requests of it wait for that, and then pass.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: it may not be watched. The next request tries again.
    pub async fn start(&self, appender: &Appender, entry: impl Future<Output = Entry>) -> Result<(), Error> {
        let session = &self.session;
        let started = || async {
            let entry = Entry {
                at: session.began,
                action: Action::Stream,
                phase: Phase::Start,
                session: Some(session.id),
                ..entry.await
            };
            appender.append(entry.clone()).await.map(|()| entry)
        };
        session.started.get_or_try_init(started).await.map(drop)
    }

    /// Bytes were handed to the connection.
    pub fn sent(&self, bytes: u64) {
        self.session.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.session.last.store(self.clock.now().0, Ordering::Relaxed);
        self.session.busy.fetch_sub(1, Ordering::Release);
    }
}

/// All sessions of the process.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    idle: Duration,
    /// Two of them make 128 bits, which nobody outside can find two equal ones of.
    hashers: [RandomState; 2],
    shards: [Mutex<HashMap<u128, Arc<Session>>>; SHARDS],
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sessions({})", self.count())
    }
}

impl Sessions {
    /// Sessions that end when nothing was asked for `idle`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, idle: Duration) -> Self {
        let hashers = [RandomState::new(), RandomState::new()];
        Self(Arc::new(Shared { clock, idle, hashers, shards: std::array::from_fn(|_| Mutex::default()) }))
    }

    /// Whether a client's session has begun.
    #[must_use]
    pub fn is_known(&self, client: &Client<'_>) -> bool {
        let key = self.key(client);
        self.shard(key).get(&key).is_some_and(|session| session.started.initialized())
    }

    /// The client's session: one that is there, or a new one, whose start is not written yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there are too many.
    pub fn enter(&self, client: &Client<'_>) -> Result<Watching, Error> {
        let key = self.key(client);
        let mut shard = self.shard(key);
        if !shard.contains_key(&key) && shard.len() >= SESSIONS {
            return Err(Error::Unavailable);
        }
        let session = shard.entry(key).or_insert_with(|| {
            let first = self.0.clock.now();
            Arc::new(Session {
                id: Uuid::now_v7(),
                began: self.0.clock.wall(),
                first,
                last: AtomicI64::new(first.0),
                bytes: AtomicU64::new(0),
                requests: AtomicU64::new(0),
                busy: AtomicU32::new(0),
                started: OnceCell::new(),
            })
        });
        session.requests.fetch_add(1, Ordering::Relaxed);
        session.busy.fetch_add(1, Ordering::Relaxed);
        Ok(Watching { session: Arc::clone(session), clock: Arc::clone(&self.0.clock) })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let shards = self.0.shards.iter();
        shards.map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Ends those that are idle, or all: what is to be written of them.
    pub(super) fn ended(&self, all: bool) -> Vec<Entry> {
        let now = self.0.clock.now();
        let idle = i64::try_from(self.0.idle.as_micros()).unwrap_or(i64::MAX);
        let mut ended = Vec::new();
        for shard in &self.0.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, session| {
                let busy = session.busy.load(Ordering::Acquire) > 0;
                let last = Moment(session.last.load(Ordering::Relaxed));
                let over = all || (!busy && now.since(last) >= idle);
                if over {
                    ended.extend(end(session, all && busy, last));
                }
                !over
            });
        }
        ended
    }

    fn key(&self, client: &Client<'_>) -> u128 {
        let [high, low] = &self.0.hashers;
        (u128::from(high.hash_one(client)) << 64) | u128::from(low.hash_one(client))
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    fn shard(&self, key: u128) -> MutexGuard<'_, HashMap<u128, Arc<Session>>> {
        let index = (key % SHARDS as u128) as usize;
        self.0.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of a session's end; none when its start was never written.
fn end(session: &Session, cut: bool, last: Moment) -> Option<Entry> {
    let start = session.started.get()?;
    let duration = last.since(session.first);
    Some(Entry {
        at: session.began.plus(duration),
        phase: Phase::End,
        outcome: if cut { Outcome::Partial } else { Outcome::Success },
        bytes: Some(session.bytes.load(Ordering::Relaxed)),
        duration_micros: Some(duration),
        detail: Some(serde_json::json!({ "requests": session.requests.load(Ordering::Relaxed) })),
        status: None,
        request_id: None,
        ..start.clone()
    })
}
