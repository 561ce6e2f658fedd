//! What was stored beside what was sent.

use crate::stored::Hash;
use std::time::Duration;
use tureen_sfu::{Ledger, SentFrame};

/// Frames that were sent and not stored, between two that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Position in the ledger of the last frame before it.
    pub after: usize,
    /// Position of the first frame behind it.
    pub before: usize,
    /// When the first missing frame was due at its sender, microseconds since 1970.
    pub from: u64,
    /// When the first frame behind it was due.
    pub to: u64,
}

impl Hole {
    /// Its length.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.to - self.from)
    }
}

/// Where each stored sample is in the ledger. A fixture repeats itself every ten seconds, so holes must be shorter.
///
/// # Panics
/// If a sample was never sent, comes twice, or comes before one that was sent earlier.
#[must_use]
pub fn places(what: &str, ledger: &Ledger, stored: &[Vec<Hash>]) -> Vec<usize> {
    let mut next = 0;
    let mut places = Vec::with_capacity(stored.len());
    for (n, sample) in stored.iter().enumerate() {
        let sent = ledger.frames.iter().skip(next).position(|frame| &frame.units == sample);
        let step = sent.unwrap_or_else(|| {
            panic!("{what}: sample {n} of {} was not sent after frame {next}, or comes twice", stored.len())
        });
        places.push(next + step);
        next += step + 1;
    }
    let first = places.first().unwrap_or_else(|| panic!("{what}: nothing is stored"));
    assert!(ledger.frames[*first].key, "{what}: begins with a key frame, not with frame {first}");
    places
}

/// What is missing between the first and the last stored sample.
#[must_use]
pub fn holes(ledger: &Ledger, places: &[usize]) -> Vec<Hole> {
    let due = |place: usize| ledger.frames[place].due_at;
    places
        .windows(2)
        .filter(|pair| pair[1] > pair[0] + 1)
        .map(|pair| Hole { after: pair[0], before: pair[1], from: due(pair[0] + 1), to: due(pair[1]) })
        .collect()
}

/// All that was sent is stored, bit by bit, from a key frame on, which is returned.
///
/// # Panics
/// If it is not.
pub fn assert_equal<'a>(peer: &str, ledger: &'a Ledger, stored: &[Vec<Hash>]) -> &'a SentFrame {
    let what = format!("{} of {peer}", ledger.kind);
    let skipped = ledger.frames.len().checked_sub(stored.len()).expect("no more is stored than was sent");
    let sent = &ledger.frames[skipped..];
    let first = sent.first().unwrap_or_else(|| panic!("{what}: nothing stored"));
    let missing = || {
        let places = places(&what, ledger, stored);
        let last = places.last().copied().unwrap_or_default();
        (holes(ledger, &places), ledger.frames.len() - 1 - last)
    };
    assert!(first.key, "{what}: holes, and frames missing at the end: {:?}", missing());
    for (n, (frame, stored)) in sent.iter().zip(stored).enumerate() {
        assert_eq!(
            &frame.units,
            stored,
            "{what}: sample {n}, sent as frame {}: {:?}",
            frame.index,
            missing()
        );
    }
    println!("{what}: {} samples equal, from frame {} on", stored.len(), first.index);
    first
}
