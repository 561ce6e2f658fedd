//! Notes when it may have changed who may see a recording, so that what was concluded from the rows before is dropped.

use crate::id::RecordingId;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Recordings share counters: one that counts for another one costs that a look at the rows.
const COUNTERS: usize = 1024;

/// Counters that only grow.
#[derive(Clone)]
pub(super) struct Generations(Arc<[AtomicU64]>);

impl Default for Generations {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generations")
    }
}

impl Generations {
    /// The last bits of an identifier are random (RFC 9562 5.7).
    fn counter(&self, id: RecordingId) -> Option<&AtomicU64> {
        let [.., high, low] = id.0.into_bytes();
        self.0.get(usize::from(u16::from_be_bytes([high, low])) % COUNTERS)
    }

    pub(super) fn of(&self, id: RecordingId) -> u64 {
        self.counter(id).map_or(0, |counter| counter.load(SeqCst))
    }

    /// To be called when the change is committed.
    pub(super) fn changed(&self, id: RecordingId) {
        if let Some(counter) = self.counter(id) {
            counter.fetch_add(1, SeqCst);
        }
    }
}
