use super::{Content, Place, Sample, Track};
use crate::media::Rotation;
use crate::time::Ticks;

/// What a burst holds at most, in microseconds. A burst ends at each bound of these on the movie's clock, so those of
/// different tracks lie beside each other.
const BURST_MICROS: i64 = 1_000_000;
/// A burst of more bytes ends early.
const BURST_BYTES: u64 = 8 << 20;

/// The tables of one track as they grow.
#[derive(Clone, Debug)]
pub struct Tables {
    pub(super) track: Track,
    /// Sizes of all samples (8.7.3).
    pub(super) sizes: Vec<u32>,
    /// How many samples in a row have which duration (8.6.1.2).
    pub(super) durations: Vec<(u32, u32)>,
    /// Numbers of the sync samples from 1 (8.6.2).
    pub(super) sync: Vec<u32>,
    pub(super) bursts: Vec<Burst>,
    pub(super) spans: Vec<Span>,
    /// Sum of all durations.
    pub(super) length: Ticks,
    /// The same for each sample entry that is used.
    lengths: Vec<i64>,
}

/// Samples that lie together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    /// When it is decoded, in microseconds of the movie; below zero for what is hidden.
    pub(super) at: i64,
    pub(super) samples: u32,
    pub(super) entry: u16,
    /// Its bytes may be those of another burst.
    pub(super) again: bool,
    pub(super) bytes: u64,
    /// Its first span, and how many there are.
    pub(super) first: u32,
    pub(super) spans: u32,
}

/// Bytes that come from one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Place,
    pub(super) bytes: u64,
    /// From a short source, which repeats.
    pub(super) repeats: bool,
}

impl Tables {
    /// Without samples.
    #[must_use]
    pub fn new(track: Track) -> Self {
        Self {
            track,
            sizes: Vec::new(),
            durations: Vec::new(),
            sync: Vec::new(),
            bursts: Vec::new(),
            spans: Vec::new(),
            length: Ticks(0),
            lengths: Vec::new(),
        }
    }

    /// How many samples there are.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.sizes.len()
    }

    /// How its pictures must be turned, and their size as coded.
    pub fn shape(&mut self, rotation: Rotation, width: u32, height: u32) {
        (self.track.rotation, self.track.width, self.track.height) = (rotation, width, height);
    }

    /// The size that a sample entry says (12.1.3).
    pub fn shape_of_entry(&mut self, entry: u16) {
        let entry = self.track.entries.get(usize::from(entry));
        if let Some([a, b, c, d]) = entry.and_then(|entry| entry.get(32..36)) {
            let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
            self.shape(Rotation::None, side(*a, *b), side(*c, *d));
        }
    }

    /// The next sample.
    pub fn push(&mut self, sample: &Sample) {
        self.place(sample);
        self.sizes.push(sample.size);
        match self.durations.last_mut() {
            Some((count, duration)) if *duration == sample.duration => *count += 1,
            _ => self.durations.push((1, sample.duration)),
        }
        if sample.sync {
            self.sync.push(u32::try_from(self.sizes.len()).unwrap_or(u32::MAX));
        }
        self.length = self.length + Ticks(sample.duration.into());
        let entry = usize::from(sample.entry);
        self.lengths.resize(self.lengths.len().max(entry + 1), 0);
        if let Some(length) = self.lengths.get_mut(entry) {
            *length += i64::from(sample.duration);
        }
    }

    /// Keeps the sample entries that are used, those first that are used for longest: many players take a track's size
    /// from its first one.
    pub(super) fn arrange(&mut self) {
        let used = self.lengths.iter().zip(0u16..).filter(|(length, _)| **length > 0);
        let mut order: Vec<(i64, u16)> = used.map(|(length, entry)| (-length, entry)).collect();
        order.sort_unstable();
        for burst in &mut self.bursts {
            let place = order.iter().position(|(_, entry)| *entry == burst.entry);
            burst.entry = place.and_then(|place| u16::try_from(place).ok()).unwrap_or(0);
        }
        let entry = |(_, entry): &(i64, u16)| self.track.entries.get(usize::from(*entry)).cloned();
        self.track.entries = order.iter().filter_map(entry).collect();
        self.lengths = order.into_iter().map(|(length, _)| -length).collect();
    }

    /// When the next sample is decoded, in microseconds of the movie.
    fn now(&self) -> i64 {
        let delay = Ticks(self.track.delay).to_micros(super::TIMESCALE);
        delay.saturating_add((self.length - self.track.hidden).to_micros(self.track.timescale))
    }

    fn place(&mut self, sample: &Sample) {
        let at = self.now();
        let again = matches!(sample.content, Content::Again(_));
        let bytes = u64::from(sample.size);
        let (from, repeats) = match sample.content {
            Content::At(place) | Content::Again(place) => (place, false),
            Content::Whole(source) => (Place(u64::from(source) << 48), true),
        };
        let open = self.bursts.last_mut().filter(|burst| {
            !again
                && !burst.again
                && burst.entry == sample.entry
                && burst.at.div_euclid(BURST_MICROS) == at.div_euclid(BURST_MICROS)
                && burst.bytes < BURST_BYTES
        });
        let first = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
        let new = Burst { at, samples: 0, entry: sample.entry, again, bytes: 0, first, spans: 0 };
        let (burst, goes_on) = match open {
            Some(burst) => (burst, true),
            None => {
                self.bursts.push(new);
                let Some(burst) = self.bursts.last_mut() else { return };
                (burst, false)
            }
        };
        burst.samples += 1;
        burst.bytes += bytes;
        let last = self.spans.last_mut().filter(|span| {
            let follows = Place(span.from.0 + span.bytes) == from && !span.repeats && !repeats;
            goes_on && (follows || (span.repeats && repeats && span.from == from))
        });
        match last {
            Some(span) => span.bytes += bytes,
            None => {
                self.spans.push(Span { from, bytes, repeats });
                burst.spans += 1;
            }
        }
    }
}
