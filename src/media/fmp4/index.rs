//! The sample index: an append-only file beside the media, one entry of 16 bytes for each sample.
//!
//! | bytes | little endian | meaning |
//! |---|---|---|
//! | 0..8 | u64 | low 48 bits: the sample's offset in the media file; high 16 bits: [`Flags`] |
//! | 8..12 | u32 | size of the sample in bytes |
//! | 12..16 | u32 | duration of the sample in ticks of the track, above zero |
//!
//! Flags: bit 0 a sync sample, bit 1 the first sample of a fragment, bit 2 the first sample of a segment,
//! bit 3 (only together with bit 2) that segment had to be cut without a key frame.
//!
//! There are no gaps inside a run: the time of a sample is its run's first tick ([`super::init::Origin::first`])
//! plus the durations of the samples before it in that run. One index serves all runs of its file: a run's samples
//! are those whose offsets lie between its init segment and the next. The media may be longer than the index after
//! a crash, since it is written first; a torn last entry is ignored.

use super::read::Scan;
use crate::time::Ticks;

/// Length of one entry in bytes.
pub const ENTRY: usize = 16;

/// The largest offset an entry can hold, plus one: 256 TiB.
pub const OFFSET_LIMIT: u64 = 1 << 48;

/// What is said of one sample beside its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// A decoder can start here.
    pub const SYNC: Self = Self(1);
    /// First sample of a fragment.
    pub const FRAGMENT: Self = Self(1 << 1);
    /// First sample of a segment.
    pub const SEGMENT: Self = Self(1 << 2);
    /// The segment that starts here was cut without a key frame.
    pub const CUT: Self = Self(1 << 3);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of bits.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Offset of its first byte: in the file, or in the fragment as [`super::fragment::write`] returns it.
    /// Below [`OFFSET_LIMIT`].
    pub offset: u64,
    /// What is said of it.
    pub flags: Flags,
    /// Size in bytes.
    pub size: u32,
    /// Duration in ticks of the track's timescale.
    pub duration: u32,
}

impl Entry {
    /// The stored form. Offsets keep their low 48 bits.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY] {
        let place = (self.offset & (OFFSET_LIMIT - 1)) | (u64::from(self.flags.0) << 48);
        let mut bytes = [0; ENTRY];
        let (first, rest) = bytes.split_at_mut(8);
        first.copy_from_slice(&place.to_le_bytes());
        let (size, duration) = rest.split_at_mut(4);
        size.copy_from_slice(&self.size.to_le_bytes());
        duration.copy_from_slice(&self.duration.to_le_bytes());
        bytes
    }

    /// From the stored form.
    #[must_use]
    pub fn decode(bytes: &[u8; ENTRY]) -> Self {
        let [a, b, c, d, e, f, g, h, s0, s1, s2, s3, d0, d1, d2, d3] = *bytes;
        let place = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Self {
            offset: place & (OFFSET_LIMIT - 1),
            flags: Flags((place >> 48) as u16),
            size: u32::from_le_bytes([s0, s1, s2, s3]),
            duration: u32::from_le_bytes([d0, d1, d2, d3]),
        }
    }

    /// Offset of the first byte behind the sample.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + u64::from(self.size)
    }

    /// A decoder can start here.
    #[must_use]
    pub fn sync(&self) -> bool {
        self.flags.has(Flags::SYNC)
    }
}

/// The stored form of several entries, to be appended.
#[must_use]
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(Entry::encode).collect()
}

/// The entries of an index file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// One for each sample, in order.
    pub entries: Vec<Entry>,
}

impl Index {
    /// Reads whole entries up to the first that cannot be: a torn tail, a duration of zero (blocks that a file
    /// system had not written when the power went), or an offset inside the sample before it.
    /// [`Self::bytes`] says how much was good.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut entries = Vec::with_capacity(bytes.len() / ENTRY);
        let mut end = 0;
        let (whole, _torn) = bytes.as_chunks::<ENTRY>();
        for entry in whole.iter().map(Entry::decode) {
            if entry.duration == 0 || entry.offset < end {
                break;
            }
            end = entry.end();
            entries.push(entry);
        }
        Self { entries }
    }

    /// What the media itself says: all but the bounds of segments, which only the index holds.
    #[must_use]
    pub fn rebuild(scan: &Scan) -> Self {
        let mut entries = Vec::new();
        for fragment in &scan.fragments {
            for (place, sample) in fragment.samples.iter().enumerate() {
                let sync = if sample.sync { Flags::SYNC } else { Flags::default() };
                let first = if place == 0 { Flags::FRAGMENT } else { Flags::default() };
                entries.push(Entry {
                    offset: sample.offset,
                    flags: sync.with(first),
                    size: sample.size,
                    duration: sample.duration,
                });
            }
        }
        Self { entries }
    }

    /// Length of its stored form in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.entries.len() * ENTRY) as u64
    }

    /// Sum of all durations.
    #[must_use]
    pub fn duration(&self) -> Ticks {
        Ticks(self.entries.iter().map(|entry| i64::from(entry.duration)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        (0..OFFSET_LIMIT, any::<u16>(), any::<u32>(), any::<u32>())
            .prop_map(|(offset, flags, size, duration)| Entry { offset, flags: Flags(flags), size, duration })
    }

    #[test]
    fn the_stored_form_is_as_documented() {
        let entry = Entry {
            offset: 0x0605_0403_0201,
            flags: Flags::SYNC.with(Flags::FRAGMENT).with(Flags::SEGMENT).with(Flags::CUT),
            size: 0x0a09_0807,
            duration: 3000,
        };
        assert_eq!(entry.encode(), [1, 2, 3, 4, 5, 6, 0x0f, 0, 7, 8, 9, 10, 0xb8, 0x0b, 0, 0]);
    }

    #[test]
    fn a_torn_tail_is_ignored() {
        let good: Vec<Entry> =
            (0..3).map(|n| Entry { offset: 100 * n, flags: Flags::SYNC, size: 100, duration: 960 }).collect();
        let bytes = encode(&good);
        for cut in 0..=bytes.len() {
            let index = Index::parse(&bytes[..cut]);
            assert_eq!(index.entries, good[..cut / ENTRY]);
            assert_eq!(index.bytes(), (cut / ENTRY * ENTRY) as u64);
        }
        assert_eq!(Index::parse(&bytes).duration(), Ticks(2880));
    }

    #[test]
    fn unwritten_blocks_and_overlapping_samples_end_the_index() {
        let good = Entry { offset: 100, flags: Flags::SYNC, size: 50, duration: 960 };
        let mut bytes = encode(&[good]);
        bytes.extend([0; 64]);
        assert_eq!(Index::parse(&bytes).entries, [good]);
        let overlapping = Entry { offset: 149, ..good };
        assert_eq!(Index::parse(&encode(&[good, overlapping, good])).entries, [good]);
    }

    proptest! {
        #[test]
        fn entries_survive_storage(entry in entry()) {
            prop_assert_eq!(Entry::decode(&entry.encode()), entry);
        }

        #[test]
        fn any_bytes_parse(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let index = Index::parse(&bytes);
            prop_assert!(index.bytes() <= bytes.len() as u64);
        }
    }
}
