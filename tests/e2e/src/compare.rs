//! What was stored beside what was sent.

use crate::stored::{Hash, Stored};
use std::time::Duration;
use tureen::media::Codec;
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

/// How far a sample may lie from where its frame was sent, beside the frame before it, in microseconds.
const NEAR: u64 = 150_000;

/// Where each stored sample is in the ledger: the frame of its bytes that lies nearest to its time, since fixtures
/// repeat themselves.
///
/// # Panics
/// If a sample was never sent, comes twice, comes before one that was sent earlier, or begins without a key frame.
#[must_use]
pub fn places(what: &str, ledger: &Ledger, stored: &Stored, codec: Codec) -> Vec<usize> {
    let samples = stored.hashes(codec);
    let times = stored.times(codec);
    assert_eq!(samples.len(), times.len(), "{what}: the index and the fragments hold the same");
    let opening = samples.first().unwrap_or_else(|| panic!("{what}: nothing is stored"));
    let mut furthest = 0;
    // Of beginnings that look alike, the last one after which all is found.
    for (first, _) in ledger.frames.iter().enumerate().rev().filter(|(_, frame)| &frame.units == opening) {
        let places = follow(ledger, first, &samples, &times);
        if places.len() == samples.len() {
            assert!(ledger.frames[first].key, "{what}: begins with a key frame, not with frame {first}");
            return places;
        }
        furthest = furthest.max(places.len());
    }
    panic!("{what}: sample {furthest} of {} was not sent then, comes twice, or out of order", samples.len());
}

/// The places of as many samples as are found, the first one at `first`.
fn follow(ledger: &Ledger, first: usize, samples: &[Vec<Hash>], times: &[u64]) -> Vec<usize> {
    let mut places = vec![first];
    for (sample, step) in samples.iter().skip(1).zip(times.windows(2)) {
        let last = places[places.len() - 1];
        let expected = ledger.frames[last].due_at + (step[1] - step[0]);
        let behind = ledger.frames.iter().enumerate().skip(last + 1);
        let near = behind
            .map(|(place, frame)| (frame.due_at.abs_diff(expected), place))
            .take_while(|(off, place)| *off <= NEAR || ledger.frames[*place].due_at < expected)
            .filter(|(off, place)| *off <= NEAR && &ledger.frames[*place].units == sample);
        let Some((_, place)) = near.min() else { break };
        places.push(place);
    }
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
    assert!(first.key, "{what}: begins with a key frame (frame {} of {})", first.index, ledger.frames.len());
    for (n, (frame, stored)) in sent.iter().zip(stored).enumerate() {
        assert_eq!(&frame.units, stored, "{what}: sample {n}, sent as frame {}", frame.index);
    }
    println!("{what}: {} samples equal, from frame {} on", stored.len(), first.index);
    first
}
