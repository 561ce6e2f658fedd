//! Segments that many ask for, in memory. Those who watch together ask for the same one within seconds, and to read it
//! anew for each of them costs more than to send it.
//!
//! What is asked for once is not kept: one person who watches takes nothing, and however long the recording is that
//! somebody reads from end to end, it drives nothing out.

use crate::id::{RecordingId, TrackId};
use crate::time::Ticks;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::ops::Range;
use std::sync::Arc;

/// Segments that are remembered as having been asked for once.
const REMEMBERED: usize = 4096;
/// About how many are kept: they have some hundreds of kilobytes.
const SEGMENTS: usize = 32;

/// Names bytes that never change: files only grow, and the participant's zero is all that is written into a copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Whose.
    pub recording: RecordingId,
    /// Of which track.
    pub track: TrackId,
    /// Where they lie in its file.
    pub range: Range<u64>,
    /// From where their decode times count.
    pub zero: Ticks,
}

/// Segments by their names, as they are sent.
#[derive(Clone, Debug)]
pub struct Popular(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Cache<Name, Bytes, Length>,
    once: Cache<Name, ()>,
    limit: u64,
}

#[derive(Clone, Debug)]
struct Length;

impl Weighter<Name, Bytes> for Length {
    fn weight(&self, _: &Name, bytes: &Bytes) -> u64 {
        bytes.len().max(1) as u64
    }
}

impl Popular {
    /// Keeps at most so many bytes; 0 keeps nothing.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit as u64;
        let kept = Cache::with_weighter(SEGMENTS, limit, Length);
        Self(Arc::new(Shared { kept, once: Cache::new(REMEMBERED), limit }))
    }

    /// One that is kept.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<Bytes> {
        self.0.kept.get(name)
    }

    /// Tells of one that was read, because somebody asked for it: the second time it is kept, in memory of its own.
    pub fn was_read(&self, name: Name, bytes: &Bytes) {
        let shared = &self.0;
        // One of the largest would take the place of all others.
        if bytes.len() as u64 > shared.limit / 4 {
            return;
        }
        if shared.once.remove(&name).is_some() {
            shared.kept.insert(name, Bytes::copy_from_slice(bytes));
        } else {
            shared.once.insert(name, ());
        }
    }

    /// A recording was deleted.
    pub fn forget(&self, recording: RecordingId) {
        self.0.kept.retain(|name, _| name.recording != recording);
        self.0.once.retain(|name, ()| name.recording != recording);
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.kept.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(recording: RecordingId, at: u64) -> Name {
        Name { recording, track: TrackId::new(), range: at..at + 1000, zero: Ticks(0) }
    }

    #[test]
    fn what_is_asked_for_twice_is_kept() {
        let popular = Popular::new(10_000);
        let (own, bytes) = (name(RecordingId::new(), 0), Bytes::from(vec![7; 1000]));
        popular.was_read(own.clone(), &bytes);
        assert_eq!((popular.get(&own), popular.bytes()), (None, 0));
        popular.was_read(own.clone(), &bytes);
        assert_eq!((popular.get(&own), popular.bytes()), (Some(bytes.clone()), 1000));
        let moved = Name { zero: Ticks(5), ..own.clone() };
        assert_eq!(popular.get(&moved), None);
        assert_ne!(popular.get(&own).unwrap().as_ptr(), bytes.as_ptr(), "it holds no buffer of others");
    }

    #[test]
    fn memory_is_bounded_whatever_is_asked_for() {
        let popular = Popular::new(10_000);
        let recording = RecordingId::new();
        for at in 0..20_000 {
            let own = name(recording, at);
            for _ in 0..3 {
                popular.was_read(own.clone(), &Bytes::from(vec![0; 1000]));
            }
        }
        assert!((1000..=10_000).contains(&popular.bytes()), "{}", popular.bytes());
        assert!(popular.0.once.len() <= REMEMBERED);
        let large = name(recording, 1);
        for _ in 0..3 {
            popular.was_read(large.clone(), &Bytes::from(vec![0; 2501]));
        }
        assert_eq!(popular.get(&large), None);
    }

    #[test]
    fn nothing_is_kept_of_what_was_deleted() {
        let popular = Popular::new(10_000);
        let names = [name(RecordingId::new(), 0), name(RecordingId::new(), 0)];
        for own in names.iter().cycle().take(4) {
            popular.was_read(own.clone(), &Bytes::from(vec![0; 1000]));
        }
        assert_eq!(popular.bytes(), 2000);
        popular.forget(names[0].recording);
        assert_eq!((popular.get(&names[0]), popular.bytes()), (None, 1000));
        assert!(popular.get(&names[1]).is_some());
    }

    #[test]
    fn without_memory_nothing_is_kept() {
        let popular = Popular::new(0);
        let own = name(RecordingId::new(), 0);
        for _ in 0..3 {
            popular.was_read(own.clone(), &Bytes::from(vec![0; 1000]));
        }
        assert_eq!((popular.get(&own), popular.bytes()), (None, 0));
    }
}
