//! The bytes of a fill, made when they are asked for. These two fills are the ones that passed in every player that was
//! tried: coded silence, and one key frame again and again.

use crate::media::Sample;
use crate::media::fmp4::read::Scan;
use crate::media::fmp4::{self, fragment};
use crate::time::{Ticks, Timescale};
use bytes::{Bytes, BytesMut};

/// 20 ms of nothing: configuration 31 (CELT, full band, 20 ms), mono, one frame (RFC 6716 3.1), as mediasoup and
/// browsers send it for discontinuous transmission.
pub(super) const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
/// Its length at 48 kHz.
pub(super) const SILENCE_TICKS: i64 = 960;
/// How long a key frame stands before it comes again. Chromium takes a hole of up to twice the longest picture for
/// buffered, so with pictures as long as a fill a segment that is not loaded yet would be skipped after a seek (seen
/// with pictures of 2 s, not with these).
pub(super) const STILL_MICROS: i64 = 500_000;

/// More than a fill has parts: fragments are numbered through.
const MOST_PARTS: u32 = 1024;

/// Where a fill lies, and in what it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The fill's number in its gap.
    pub number: u32,
    /// First tick, as it is served.
    pub start: Ticks,
    /// Its length.
    pub duration: Ticks,
    /// Each fragment is as long but the last one, which may be shorter.
    pub part: Ticks,
    /// Only this fragment.
    pub only: Option<u32>,
}

impl Cut {
    /// Silence.
    ///
    /// # Errors
    /// A start below zero.
    pub fn silence(&self) -> Result<Bytes, fmp4::Error> {
        self.repeated(Ticks(SILENCE_TICKS), &Bytes::from_static(SILENCE))
    }

    /// One picture.
    ///
    /// # Errors
    /// A start below zero.
    pub fn still(&self, picture: &Bytes) -> Result<Bytes, fmp4::Error> {
        self.repeated(Ticks::from_micros(STILL_MICROS, Timescale::VIDEO), picture)
    }

    fn repeated(&self, step: Ticks, data: &Bytes) -> Result<Bytes, fmp4::Error> {
        let mut bytes = BytesMut::new();
        let first = self.number.saturating_mul(MOST_PARTS).saturating_add(1);
        for (number, (from, length)) in (0..).zip(parts(self.duration, self.part)) {
            if self.only.is_some_and(|only| only != number) {
                continue;
            }
            let samples: Vec<Sample> = parts(length, step)
                .map(|(at, length)| Sample {
                    at: self.start + from + at,
                    duration: u32::try_from(length.0).unwrap_or(0),
                    sync: true,
                    data: data.clone(),
                })
                .collect();
            bytes.extend_from_slice(&fragment::write(first.saturating_add(number), &samples)?.bytes);
        }
        Ok(bytes.freeze())
    }
}

/// A length in parts of one measure, the last of which may be shorter: where each begins, and how long it is.
pub(super) fn parts(length: Ticks, part: Ticks) -> impl Iterator<Item = (Ticks, Ticks)> {
    let part = part.0.max(1);
    let count = length.0.max(0).cast_unsigned().div_ceil(part.cast_unsigned());
    (0..count).map(move |number| {
        let at = number.cast_signed() * part;
        (Ticks(at), Ticks(part.min(length.0 - at)))
    })
}

/// How many bytes of a fill reach to the end of its first picture, which has `picture` bytes.
pub(super) fn first_picture(length: Ticks, part: Ticks, picture: u64) -> u64 {
    let fragment = parts(length, part).next().map_or(Ticks(0), |(_, length)| length);
    let samples = parts(fragment, Ticks::from_micros(STILL_MICROS, Timescale::VIDEO)).count();
    fragment::head(samples) + picture
}

/// The key frame that a fill repeats: the last of the segment before the gap, or the first of the one behind it.
#[must_use]
pub fn picture(scan: &Scan, segment: &Bytes, before_the_gap: bool) -> Option<Bytes> {
    let mut keys = scan.fragments.iter().flat_map(|fragment| &fragment.samples).filter(|sample| sample.sync);
    let key = if before_the_gap { keys.next_back() } else { keys.next() }?;
    let start = usize::try_from(key.offset).ok()?;
    let end = start.checked_add(usize::try_from(key.size).ok()?)?;
    (end <= segment.len()).then(|| segment.slice(start..end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::fmp4::read;

    #[test]
    fn silence_lasts_as_long_as_the_fill() {
        let cut = Cut {
            number: 3,
            start: Ticks(480),
            duration: Ticks(96_000 + 100),
            part: Ticks(24_000),
            only: None,
        };
        let bytes = cut.silence().unwrap();
        let scan = read::scan(&bytes);
        assert_eq!((scan.valid, scan.fragments.len()), (bytes.len() as u64, 5));
        let lengths: Vec<i64> = scan.fragments.iter().map(|own| own.duration.0).collect();
        assert_eq!(
            (scan.fragments[0].start, lengths),
            (Ticks(480), vec![24_000, 24_000, 24_000, 24_000, 100])
        );
        assert_eq!(scan.fragments[4].samples.len(), 1);
        assert_eq!(scan.fragments[4].samples[0].duration, 100);
        // Its parts one behind the other are the fill.
        let parts = (0..5).map(|only| Cut { only: Some(only), ..cut }.silence().unwrap());
        assert_eq!(parts.collect::<Vec<_>>().concat(), bytes);
    }

    #[test]
    fn a_still_repeats_the_key_frame_next_to_the_gap() {
        let sample = |at, sync, data: &'static [u8]| Sample {
            at: Ticks(at),
            duration: 3000,
            sync,
            data: Bytes::from_static(data),
        };
        let samples = [sample(0, true, b"first"), sample(3000, true, b"last"), sample(6000, false, b"p")];
        let segment = fragment::write(1, &samples).unwrap().bytes;
        let scan = read::scan(&segment);
        let last = picture(&scan, &segment, true).unwrap();
        assert_eq!(&last[..], b"last");
        assert_eq!(&picture(&scan, &segment, false).unwrap()[..], b"first");
        let (start, duration, part) = (Ticks(9000), Ticks(135_000), Ticks(135_000));
        let bytes = Cut { number: 1, start, duration, part, only: None }.still(&last).unwrap();
        let fragment = read::scan(&bytes).fragments.remove(0);
        assert_eq!((fragment.start, fragment.duration), (Ticks(9000), Ticks(135_000)));
        assert!(fragment.samples.len() == 3 && fragment.samples.iter().all(|sample| sample.sync));
        assert!(bytes.ends_with(b"last"));
    }
}
