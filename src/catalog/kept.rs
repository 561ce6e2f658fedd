//! Rows of segments that were read, so that whoever asks again reads only what is behind them.
//!
//! A track's segments are written in order, never changed, and go only together with the track. So what was read stays
//! true, as long as the last of it is still there.

use super::{Segment, Totals};
use crate::id::{RecordingId, TrackId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of rows that are kept: about 60 tracks of four hours.
const ROWS_BYTES: u64 = 32 << 20;
/// About how many tracks that is. Few, so that the cache's parts are large enough for a long one.
const TRACKS: usize = 64;
/// Recordings whose sums are kept.
const RECORDINGS: usize = 256;

/// Rows and sums of rows. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Kept(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rows: Cache<TrackId, Arc<Vec<Segment>>, Length>,
    sums: Cache<RecordingId, Arc<Sums>>,
}

/// Sums over the segments of tracks, and the number of the last segment in each.
pub(super) type Sums = HashMap<TrackId, (u32, Totals)>;

#[derive(Clone, Debug)]
struct Length;

impl Weighter<TrackId, Arc<Vec<Segment>>> for Length {
    fn weight(&self, _: &TrackId, rows: &Arc<Vec<Segment>>) -> u64 {
        (rows.len().max(1) * size_of::<Segment>()) as u64
    }
}

impl Default for Kept {
    fn default() -> Self {
        let rows = Cache::with_weighter(TRACKS, ROWS_BYTES, Length);
        Self(Arc::new(Shared { rows, sums: Cache::new(RECORDINGS) }))
    }
}

impl Kept {
    /// What was read of a track, in order.
    pub(super) fn rows(&self, track: TrackId) -> Option<Arc<Vec<Segment>>> {
        self.0.rows.get(&track)
    }

    /// Its rows are these. Of a track without any nothing is kept.
    pub(super) fn put_rows(&self, track: TrackId, rows: &Arc<Vec<Segment>>) {
        if rows.is_empty() {
            self.0.rows.remove(&track);
        } else {
            self.0.rows.insert(track, Arc::clone(rows));
        }
    }

    /// What was summed of a recording's tracks.
    pub(super) fn sums(&self, recording: RecordingId) -> Arc<Sums> {
        self.0.sums.get(&recording).unwrap_or_default()
    }

    /// Its sums are these.
    pub(super) fn put_sums(&self, recording: RecordingId, sums: Arc<Sums>) {
        self.0.sums.insert(recording, sums);
    }
}
