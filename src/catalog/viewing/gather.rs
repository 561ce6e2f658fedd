//! The one writer of viewing sessions of a process.
//!
//! Whoever has events sends them here and waits; what came while a commit was under way shares the next one. What was made of
//! the events of sessions that go on is kept here, so that an event costs little.

use super::append::{Appended, Basis, Folded, NewViews};
use super::row::Watcher;
use super::together::Told;
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::catalog::{Catalog, Error};
use crate::id::RecordingId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the next commit. More wait to be taken in.
const QUEUE: usize = 1024;
/// Requests of one commit, and events, of which the last request may bring more.
const BATCH: usize = 256;
const BATCH_EVENTS: usize = 4096;
/// Sessions that are kept, and about how many bytes.
const SESSIONS: usize = 4096;
const SESSION_BYTES: u64 = 32 << 20;

/// Events of one session that arrived together, as [`NewViews`].
#[derive(Clone, Debug)]
pub struct Arrived {
    /// What was watched.
    pub recording: RecordingId,
    /// By whom.
    pub watcher: Watcher,
    /// The client's own id of the session.
    pub client: String,
    /// What it is watched on.
    pub device: String,
    /// As they arrived.
    pub events: Vec<Event>,
    /// What of the recording is media.
    pub media: Arc<Ranges>,
    /// It has ended.
    pub settled: bool,
}

struct Job {
    arrived: Arrived,
    done: oneshot::Sender<Result<Appended, Error>>,
}

type Key = (RecordingId, Watcher, String);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Folded> for Bytes {
    fn weight(&self, _: &Key, folded: &Folded) -> u64 {
        folded.weight()
    }
}

/// Where events go. Clones share their commits.
#[derive(Clone)]
pub struct ViewGather {
    to: mpsc::Sender<Job>,
    folds: Arc<Cache<Key, Folded, Bytes>>,
    commits: Arc<AtomicU64>,
}

impl fmt::Debug for ViewGather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewGather")
    }
}

impl ViewGather {
    /// Begins to write. It ends when the last clone is dropped, and what was sent before is written.
    #[must_use]
    pub fn begin(catalog: Catalog) -> Self {
        let (to, jobs) = mpsc::channel(QUEUE);
        let folds = Arc::new(Cache::with_weighter(SESSIONS, SESSION_BYTES, Bytes));
        let commits = Arc::new(AtomicU64::new(0));
        tokio::spawn(write(catalog, jobs, Arc::clone(&folds), Arc::clone(&commits)));
        Self { to, folds, commits }
    }

    /// Keeps events. When it returns they are durable.
    ///
    /// # Errors
    /// As [`Catalog::append_views`].
    pub async fn append(&self, arrived: Arrived) -> Result<Appended, Error> {
        let (done, answer) = oneshot::channel();
        // It ends with the process alone.
        let ended = || Error::Database(sqlx::Error::PoolClosed);
        self.to.send(Job { arrived, done }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Whether this process has kept events of the session lately.
    #[must_use]
    pub fn knows(&self, recording: RecordingId, watcher: &Watcher, client: &str) -> bool {
        self.folds.get(&(recording, watcher.clone(), client.to_owned())).is_some()
    }

    /// Transactions that were tried over the life of the process.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }
}

async fn write(
    catalog: Catalog,
    mut jobs: mpsc::Receiver<Job>,
    folds: Arc<Cache<Key, Folded, Bytes>>,
    commits: Arc<AtomicU64>,
) {
    let mut batch: Vec<Job> = Vec::with_capacity(BATCH);
    while jobs.recv_many(&mut batch, BATCH).await > 0 {
        let mut rest = batch.as_mut_slice();
        let mut answers = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            let (part, behind) = rest.split_at_mut(bounded(rest));
            answers.extend(commit(&catalog, part, &folds).await);
            commits.fetch_add(1, Relaxed);
            rest = behind;
        }
        for (job, answer) in batch.drain(..).zip(answers) {
            // Who went away meanwhile is not told.
            drop(job.done.send(answer));
        }
    }
}

/// How many requests one transaction takes.
fn bounded(jobs: &[Job]) -> usize {
    let mut events = 0_usize;
    let fits = jobs.iter().take_while(|job| {
        let fits = events < BATCH_EVENTS;
        events = events.saturating_add(job.arrived.events.len());
        fits
    });
    fits.count().max(1)
}

async fn commit(
    catalog: &Catalog,
    jobs: &[Job],
    folds: &Cache<Key, Folded, Bytes>,
) -> Vec<Result<Appended, Error>> {
    let keys: Vec<Key> = jobs.iter().map(|job| key(&job.arrived)).collect();
    let told: Vec<Told<'_>> =
        jobs.iter().zip(&keys).map(|(job, key)| told(&job.arrived, folds.get(key))).collect();
    let mut answers = catalog.append_many(&told).await;
    for (answer, key) in answers.iter_mut().zip(keys) {
        match answer {
            Ok(appended) => {
                if let Some(folded) = appended.folded.take() {
                    folds.insert(key, folded);
                }
            }
            Err(_) => drop(folds.remove(&key)),
        }
    }
    answers
}

fn key(arrived: &Arrived) -> Key {
    (arrived.recording, arrived.watcher.clone(), arrived.client.clone())
}

fn told(arrived: &Arrived, kept: Option<Folded>) -> Told<'_> {
    let new = NewViews {
        recording: arrived.recording,
        watcher: &arrived.watcher,
        client: &arrived.client,
        device: &arrived.device,
        events: &arrived.events,
        basis: Basis { media: &arrived.media, settled: arrived.settled },
    };
    Told { new, kept }
}
