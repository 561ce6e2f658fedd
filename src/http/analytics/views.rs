//! What is kept in memory so that an event costs little: what of recordings is media, and the salts of today. All of it can
//! be made again. Events go to the one writer of the process ([`ViewGather`]).

use super::super::error::Problem;
use super::polled::Polled;
use super::who::Who;
use crate::analytics::event::Event;
use crate::analytics::ranges::Ranges;
use crate::auth::new_salt;
use crate::catalog::{
    self, Appended, Arrived, Basis, Catalog, LiveViewings, ViewGather, Viewing, Watcher, Whole,
};
use crate::id::RecordingId;
use crate::playback;
use crate::playback::room::Room;
use crate::playback::watchable::Media;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Recordings of which it is kept what is media.
const RECORDINGS: usize = 512;
/// How long it may differ from the rows.
const FRESH: Duration = Duration::from_secs(5);
/// Sessions that are settled for one who asks. The others are by the next.
const SETTLED_AT_ONCE: u32 = 500;

/// Between looks for recordings whose numbers are to be made again, and how many are at one.
const SWEEP: Duration = Duration::from_secs(10);
const SWEPT_AT_ONCE: u32 = 100;

/// Keeps it. Cheap to clone.
#[derive(Clone)]
pub struct Views(Arc<Shared>);

struct Shared {
    catalog: Catalog,
    gather: ViewGather,
    media: Cache<RecordingId, (Instant, u64, Arc<Known>)>,
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

/// What of a recording counts as media, and whether it has ended.
struct Known {
    media: Arc<Media>,
    counted: Arc<Ranges>,
}

/// What the hashes of a day are salted with.
#[derive(Clone)]
pub(super) struct Salts {
    day: i64,
    pub(super) today: Arc<str>,
    pub(super) yesterday: Option<Arc<str>>,
}

impl Views {
    /// Nothing is known yet. Within a runtime, as what it keeps is written by a task.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self(Arc::new(Shared {
            gather: ViewGather::begin(catalog.clone()),
            catalog,
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
        let known = self.media(recording).await?;
        let watcher = self.of_session(recording, who, session).await?;
        let arrived = Arrived {
            recording,
            watcher,
            client: session.to_owned(),
            device: device.to_owned(),
            events: events.to_vec(),
            media: Arc::clone(&known.counted),
            settled: known.media.ended,
        };
        Ok(self.0.gather.append(arrived).await?)
    }

    /// As who a session is kept: one that began before midnight goes on.
    async fn of_session(&self, recording: RecordingId, who: Who, session: &str) -> Result<Watcher, Problem> {
        let Some(yesterday) = who.yesterday else { return Ok(who.watcher) };
        if !self.0.gather.knows(recording, &who.watcher, session)
            && self.0.catalog.has_viewing(recording, &yesterday, session).await?
        {
            return Ok(yesterday);
        }
        Ok(who.watcher)
    }

    /// What of a recording is media.
    async fn media(&self, id: RecordingId) -> Result<Arc<Known>, playback::Error> {
        if let Some((at, then, media)) = self.0.media.get(&id)
            && then == self.0.catalog.generation(id)
            && at.elapsed() < FRESH
        {
            return Ok(media);
        }
        self.media_now(id).await
    }

    /// The same, as it is now.
    async fn media_now(&self, id: RecordingId) -> Result<Arc<Known>, playback::Error> {
        // Before the rows are read: a change meanwhile makes what is kept old.
        let (generation, read_at) = (self.0.catalog.generation(id), Instant::now());
        let media = Media::load(&self.0.catalog, id).await?;
        let media = Arc::new(Known { counted: Arc::new(media.counted.clone()), media: Arc::new(media) });
        self.0.media.insert(id, (read_at, generation, Arc::clone(&media)));
        Ok(media)
    }

    /// Counts sessions again that were counted while the recording ran, or before somebody was taken out of it.
    pub(super) async fn settle(&self, id: RecordingId, media: &Media) -> Result<(), Problem> {
        self.all_settled(id, media).await?;
        Ok(())
    }

    /// Whether that were all.
    async fn all_settled(&self, id: RecordingId, media: &Media) -> Result<bool, catalog::Error> {
        if !media.ended {
            return Ok(true);
        }
        let basis = Basis { media: &media.counted, settled: true };
        let sessions = self.0.catalog.unsettled_viewings(id, SETTLED_AT_ONCE).await?;
        for session in &sessions {
            self.0.catalog.refold_viewing(*session, basis).await?;
        }
        Ok(sessions.len() < SETTLED_AT_ONCE as usize)
    }

    /// Sessions, each with what of its recording is media, and counted by that: those that were counted before it was known
    /// are counted again. Those of recordings that are gone meanwhile are left out.
    pub(super) async fn settled(
        &self,
        rows: Vec<Viewing>,
    ) -> Result<Vec<(Viewing, Arc<Media>)>, playback::Error> {
        let mut settled = Vec::with_capacity(rows.len());
        // Whether a recording has ended is not taken from what is kept: looked at once for all its rows.
        let mut now = HashMap::new();
        for mut row in rows {
            let found = match now.get(&row.recording) {
                Some(known) => Ok(Arc::clone(known)),
                None if row.settled => self.media(row.recording).await,
                None => self.media_now(row.recording).await,
            };
            let known = match found {
                Ok(known) => known,
                Err(playback::Error::NoRecording) => continue,
                Err(error) => return Err(error),
            };
            if !row.settled {
                now.insert(row.recording, Arc::clone(&known));
            }
            if known.media.ended && !row.settled {
                let basis = Basis { media: &known.counted, settled: true };
                self.0.catalog.refold_viewing(row.id, basis).await?;
                let Some(found) = self.0.catalog.viewing(row.id).await? else { continue };
                row = found;
            }
            settled.push((row, Arc::clone(&known.media)));
        }
        Ok(settled)
    }

    /// Who watches a recording, or any, from now on.
    pub(super) fn follow(&self, of: Option<RecordingId>) -> watch::Receiver<Option<LiveViewings>> {
        self.0.live.follow(&self.0.catalog, of)
    }

    /// Makes again what is kept of recordings that have ended, soon after their sessions changed, until `closing`: so who asks
    /// for their numbers does not wait for it.
    pub async fn keep_fresh(self, closing: CancellationToken) {
        while closing.run_until_cancelled(sleep(SWEEP)).await.is_some() {
            // What is cut off leaves all as it was.
            if let Some(Err(error)) = closing.run_until_cancelled(self.freshen()).await {
                tracing::warn!(%error, "numbers of what was watched are not made again: who asks for them makes them");
            }
        }
    }

    async fn freshen(&self) -> Result<(), playback::Error> {
        for id in self.0.catalog.stale_views(SWEPT_AT_ONCE).await? {
            while !self.freshen_one(id).await? {}
        }
        Ok(())
    }

    /// Whether that is done. What of it is media is looked at each time: somebody may be taken out of it meanwhile.
    async fn freshen_one(&self, id: RecordingId) -> Result<bool, playback::Error> {
        let room = match Room::load(&self.0.catalog, id).await {
            Ok(room) => room,
            // It was hidden or removed meanwhile.
            Err(playback::Error::NoRecording) => return Ok(true),
            Err(error) => return Err(error),
        };
        let media = Media::of(&room.recording, &room.tracks, &room.totals, &room.gaps);
        if !media.ended {
            return Ok(true);
        }
        if !self.all_settled(id, &media).await? {
            return Ok(false);
        }
        let whole = Whole { media: &media.stored, length_ms: room.duration_micros() / 1000 };
        self.0.catalog.freshen_views(id, whole).await?;
        Ok(true)
    }

    /// Transactions by which what players told was kept, over the life of the process.
    pub(in crate::http) fn commits(&self) -> u64 {
        self.0.gather.commits()
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
