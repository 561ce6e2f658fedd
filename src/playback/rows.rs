//! Rows of ended recordings, kept for those who ask for one segment after another.
//!
//! What this process deletes it forgets at once ([`Rows::forget`]); what another one does to the same catalogue is seen
//! after [`FRESH`]. Of a running recording nothing is kept: its tracks come and its zeros move.

use super::Error;
use crate::catalog::{Catalog, Recording, Track};
use crate::id::{RecordingId, TrackId};
use crate::time::WallTime;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long rows may differ from the catalogue's.
const FRESH: Duration = Duration::from_secs(1);
/// Recordings that are kept.
const RECORDINGS: usize = 256;
/// Bytes of segments' places that are kept, and about how many tracks that is.
const PLACES_BYTES: u64 = 16 << 20;
const TRACKS: usize = 1000;

/// A recording and its tracks.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The recording.
    pub recording: Recording,
    /// Its tracks.
    pub tracks: Vec<Track>,
}

/// Rows of many recordings.
#[derive(Clone, Debug)]
pub struct Rows(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    recordings: Cache<RecordingId, (Instant, Arc<Kept>)>,
    places: Cache<(TrackId, WallTime), Arc<Places>, Length>,
}

/// Where the segments of a track lie, by their numbers, in order.
type Places = Vec<(u32, Range<u64>)>;

#[derive(Clone, Debug)]
struct Length;

impl Weighter<(TrackId, WallTime), Arc<Places>> for Length {
    fn weight(&self, _: &(TrackId, WallTime), places: &Arc<Places>) -> u64 {
        (places.len().max(1) * size_of::<(u32, Range<u64>)>()) as u64
    }
}

impl Rows {
    /// None yet.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        let recordings = Cache::new(RECORDINGS);
        let places = Cache::with_weighter(TRACKS, PLACES_BYTES, Length);
        Self(Arc::new(Shared { catalog, recordings, places }))
    }

    /// A recording and its tracks.
    ///
    /// # Errors
    /// [`Error::NoRecording`] also for a deleted one.
    pub async fn recording(&self, id: RecordingId) -> Result<Arc<Kept>, Error> {
        let shared = &self.0;
        if let Some((read_at, kept)) = shared.recordings.get(&id)
            && read_at.elapsed() < FRESH
        {
            return Ok(kept);
        }
        let read_at = Instant::now();
        let row = shared.catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
        let Some(recording) = row else {
            self.forget(id);
            return Err(Error::NoRecording);
        };
        let tracks = shared.catalog.tracks(id).await?;
        let kept = Arc::new(Kept { recording, tracks });
        if !kept.recording.status.is_running() {
            shared.recordings.insert(id, (read_at, Arc::clone(&kept)));
        }
        Ok(kept)
    }

    /// Where a segment lies in its track's file.
    ///
    /// # Errors
    /// [`Error::Catalog`].
    pub async fn range(&self, of: &Kept, track: TrackId, number: u32) -> Result<Option<Range<u64>>, Error> {
        let shared = &self.0;
        if of.recording.status.is_running() {
            return Ok(shared.catalog.segment(track, number).await?.map(|segment| segment.range));
        }
        let read = async {
            let segments = shared.catalog.segments(track).await?;
            let places = segments.into_iter().map(|segment| (segment.number, segment.range));
            Ok::<_, Error>(Arc::new(places.collect::<Places>()))
        };
        let key = (track, of.recording.updated_at);
        let places = shared.places.get_or_insert_async(&key, read).await?;
        let found = places.binary_search_by_key(&number, |(number, _)| *number).ok();
        Ok(found.and_then(|found| places.get(found)).map(|(_, range)| range.clone()))
    }

    /// A recording was deleted or changed.
    pub fn forget(&self, id: RecordingId) {
        self.0.recordings.remove(&id);
    }
}
