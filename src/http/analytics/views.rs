//! What is kept in memory so that an event costs little: what was made of the events of sessions that go on, what of their
//! recordings is media, and the salts of today. All of it can be made again.

use super::super::error::Problem;
use super::polled::Polled;
use super::who::Who;
use crate::analytics::event::Event;
use crate::auth::new_salt;
use crate::catalog::{Appended, Basis, Catalog, Folded, LiveViewings, NewViews, Viewing, Watcher};
use crate::id::RecordingId;
use crate::playback;
use crate::playback::watchable::Media;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Sessions that are kept, and about how many bytes.
const SESSIONS: usize = 4096;
const SESSION_BYTES: u64 = 32 << 20;
/// Recordings of which it is kept what is media.
const RECORDINGS: usize = 512;
/// How long it may differ from the rows.
const FRESH: Duration = Duration::from_secs(5);
/// Sessions that are settled for one who asks. The others are by the next.
const SETTLED_AT_ONCE: u32 = 500;

/// Keeps it. Cheap to clone.
#[derive(Clone)]
pub struct Views(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    folds: Cache<Key, Folded, Bytes>,
    media: Cache<RecordingId, (Instant, u64, Arc<Media>)>,
    salts: Mutex<Option<Salts>>,
    counts: [AtomicU64; OUTCOMES.len()],
    live: Polled,
}

/// What may become of what players tell: events, members of events, and whole bodies.
pub(in crate::http) const OUTCOMES: [(&str, &str); 6] = [
    ("events", "taken"),
    ("events", "known"),
    ("events", "refused"),
    ("members", "clamped"),
    ("members", "unknown"),
    ("bodies", "refused"),
];

type Key = (RecordingId, Watcher, String);

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Folded> for Bytes {
    fn weight(&self, _: &Key, folded: &Folded) -> u64 {
        folded.weight()
    }
}

/// What the hashes of a day are salted with.
#[derive(Clone)]
pub(super) struct Salts {
    day: i64,
    pub(super) today: Arc<str>,
    pub(super) yesterday: Option<Arc<str>>,
}

impl Views {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self(Arc::new(Shared {
            catalog,
            folds: Cache::with_weighter(SESSIONS, SESSION_BYTES, Bytes),
            media: Cache::new(RECORDINGS),
            salts: Mutex::default(),
            counts: Default::default(),
            live: Polled::default(),
        }))
    }

    /// So much more became of what players tell, in the order of [`OUTCOMES`].
    pub(super) fn count(&self, more: [u32; OUTCOMES.len()]) {
        for (count, more) in self.0.counts.iter().zip(more) {
            count.fetch_add(u64::from(more), Relaxed);
        }
    }

    /// What became of it over the life of the process.
    pub(in crate::http) fn counts(&self) -> [u64; OUTCOMES.len()] {
        self.0.counts.each_ref().map(|count| count.load(Relaxed))
    }

    /// What of a recording is media has changed.
    pub(in crate::http) fn forget(&self, id: RecordingId) {
        self.0.media.remove(&id);
    }

    /// Keeps events that arrived together, and counts them.
    pub(super) async fn append(
        &self,
        recording: RecordingId,
        who: Who,
        session: &str,
        device: &str,
        events: &[Event],
    ) -> Result<Appended, Problem> {
        let media = self.media(recording).await?;
        let watcher = self.of_session(recording, who, session).await?;
        let key = (recording, watcher, session.to_owned());
        let kept = self.0.folds.get(&key);
        let basis = Basis { media: &media.counted, settled: media.ended };
        let new = NewViews { recording, watcher: &key.1, client: session, device, events, basis };
        match self.0.catalog.append_views(&new, kept).await {
            Ok(mut appended) => {
                if let Some(folded) = appended.folded.take() {
                    self.0.folds.insert(key, folded);
                }
                Ok(appended)
            }
            Err(error) => {
                self.0.folds.remove(&key);
                Err(error.into())
            }
        }
    }

    /// As who a session is kept: one that began before midnight goes on.
    async fn of_session(&self, recording: RecordingId, who: Who, session: &str) -> Result<Watcher, Problem> {
        let Some(yesterday) = who.yesterday else { return Ok(who.watcher) };
        let key = (recording, who.watcher, session.to_owned());
        if self.0.folds.get(&key).is_none()
            && self.0.catalog.has_viewing(recording, &yesterday, session).await?
        {
            return Ok(yesterday);
        }
        Ok(key.1)
    }

    /// What of a recording is media.
    pub(super) async fn media(&self, id: RecordingId) -> Result<Arc<Media>, playback::Error> {
        // Before the rows are read: a change meanwhile makes what is kept old.
        let (generation, read_at) = (self.0.catalog.generation(id), Instant::now());
        if let Some((at, then, media)) = self.0.media.get(&id)
            && then == generation
            && read_at.duration_since(at) < FRESH
        {
            return Ok(media);
        }
        let media = Arc::new(Media::load(&self.0.catalog, id).await?);
        self.0.media.insert(id, (read_at, generation, Arc::clone(&media)));
        Ok(media)
    }

    /// Counts sessions again that were counted while the recording ran, or before somebody was taken out of it.
    pub(super) async fn settle(&self, id: RecordingId, media: &Media) -> Result<(), Problem> {
        if !media.ended {
            return Ok(());
        }
        let basis = Basis { media: &media.counted, settled: true };
        for session in self.0.catalog.unsettled_viewings(id, SETTLED_AT_ONCE).await? {
            self.0.catalog.refold_viewing(session, basis).await?;
        }
        Ok(())
    }

    /// Sessions, each with what of its recording is media, and counted by that: those that were counted before it was known
    /// are counted again. Those of recordings that are gone meanwhile are left out.
    pub(super) async fn settled(
        &self,
        rows: Vec<Viewing>,
    ) -> Result<Vec<(Viewing, Arc<Media>)>, playback::Error> {
        let mut settled = Vec::with_capacity(rows.len());
        for mut row in rows {
            let media = match self.media(row.recording).await {
                Ok(media) => media,
                Err(playback::Error::NoRecording) => continue,
                Err(error) => return Err(error),
            };
            if media.ended && !row.settled {
                let basis = Basis { media: &media.counted, settled: true };
                self.0.catalog.refold_viewing(row.id, basis).await?;
                let Some(found) = self.0.catalog.viewing(row.id).await? else { continue };
                row = found;
            }
            settled.push((row, media));
        }
        Ok(settled)
    }

    /// Who watches a recording, or any, from now on.
    pub(super) fn follow(&self, of: Option<RecordingId>) -> watch::Receiver<Option<LiveViewings>> {
        self.0.live.follow(&self.0.catalog, of)
    }

    pub(super) async fn salts(&self, day: i64) -> Result<Salts, Problem> {
        let kept = self.0.salts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(salts) = kept.filter(|salts| salts.day == day) {
            return Ok(salts);
        }
        let (today, yesterday) = self.0.catalog.view_salts(day, &new_salt()?).await?;
        let salts = Salts { day, today: today.into(), yesterday: yesterday.map(Into::into) };
        *self.0.salts.lock().unwrap_or_else(PoisonError::into_inner) = Some(salts.clone());
        Ok(salts)
    }
}
