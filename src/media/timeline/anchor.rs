//! Where a stream begins on the recording's timeline.
//!
//! Each frame says 'my media time is t and I arrived at a'. Every delay on the way (encoding, pacing of a large key
//! frame, the network) only adds to a - t, so the smallest difference seen over a short window is the best guess of
//! the stream's offset. A key frame of 80 packets that took 60 ms to send therefore does not push its track back
//! against the sound.

use crate::time::{Moment, Ticks, Timescale};

/// How long arrivals are compared before the offset is fixed, in microseconds. Shorter than a fragment, so that
/// the first fragment does not wait for it.
pub const WINDOW_MICROS: i64 = 400_000;

/// Estimates the offset between a stream's unwrapped RTP timestamps and the recording's timeline.
#[derive(Clone, Debug)]
pub struct Anchor {
    timescale: Timescale,
    start: Moment,
    first: Option<(i64, Moment)>,
    least: i64,
}

impl Anchor {
    /// `start` is the moment that is tick zero of the recording.
    #[must_use]
    pub fn new(timescale: Timescale, start: Moment) -> Self {
        Self { timescale, start, first: None, least: i64::MAX }
    }

    /// Takes the media time and the arrival of a frame; `true` once the window is full.
    pub fn push(&mut self, timestamp: i64, arrival: Moment) -> bool {
        let (first_timestamp, first_arrival) = *self.first.get_or_insert((timestamp, arrival));
        let media = Ticks(timestamp.saturating_sub(first_timestamp)).to_micros(self.timescale);
        self.least = self.least.min(arrival.since(self.start).saturating_sub(media));
        arrival.since(first_arrival) >= WINDOW_MICROS || media >= WINDOW_MICROS
    }

    /// The tick on the recording's timeline of the stream's timestamp 0, from what was seen so far. `None` before
    /// the first frame.
    #[must_use]
    pub fn offset(&self) -> Option<Ticks> {
        let (first, _) = self.first?;
        Some(Ticks::from_micros(self.least, self.timescale) - Ticks(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_first_key_frame_does_not_delay_the_track() {
        let mut anchor = Anchor::new(Timescale::VIDEO, Moment(1_000_000));
        // The key frame came 70 ms late, the frames after it 10 ms after capture.
        assert!(!anchor.push(9_000, Moment(2_070_000)));
        for n in 1..12_i64 {
            anchor.push(9_000 + n * 3_000, Moment(2_010_000 + n * 100_000 / 3));
        }
        let at = anchor.offset().unwrap() + Ticks(9_000);
        assert_eq!(at.to_micros(Timescale::VIDEO), 1_010_000);
    }

    #[test]
    fn the_window_ends_by_arrival_or_by_media_time() {
        let mut anchor = Anchor::new(Timescale::OPUS, Moment(0));
        assert!(!anchor.push(0, Moment(5)));
        assert!(!anchor.push(960, Moment(20_000)));
        assert!(anchor.push(48_000, Moment(40_000)));
    }

    #[test]
    fn nothing_is_known_before_the_first_frame() {
        assert_eq!(Anchor::new(Timescale::OPUS, Moment(0)).offset(), None);
    }
}
