//! The bytes of a fill, made when they are asked for. These two fills are the ones that passed in every player that was
//! tried: coded silence, and one key frame again and again.

use crate::media::Sample;
use crate::media::fmp4::read::Scan;
use crate::media::fmp4::{self, fragment};
use crate::time::{Ticks, Timescale};
use bytes::Bytes;

/// 20 ms of nothing: configuration 31 (CELT, full band, 20 ms), mono, one frame (RFC 6716 3.1), as mediasoup and
/// browsers send it for discontinuous transmission.
pub(super) const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
/// Its length at 48 kHz.
pub(super) const SILENCE_TICKS: i64 = 960;
/// How long a key frame stands before it comes again. Chromium takes a hole of up to twice the longest picture for
/// buffered, so with pictures as long as a fill a segment that is not loaded yet would be skipped after a seek (seen
/// with pictures of 2 s, not with these).
pub(super) const STILL_MICROS: i64 = 500_000;

/// A fragment of silence.
///
/// # Errors
/// A start below zero.
pub fn silence(sequence: u32, start: Ticks, duration: Ticks) -> Result<Bytes, fmp4::Error> {
    repeated(sequence, start, duration, Ticks(SILENCE_TICKS), &Bytes::from_static(SILENCE))
}

/// A fragment of one picture.
///
/// # Errors
/// A start below zero.
pub fn still(sequence: u32, start: Ticks, duration: Ticks, picture: &Bytes) -> Result<Bytes, fmp4::Error> {
    repeated(sequence, start, duration, Ticks::from_micros(STILL_MICROS, Timescale::VIDEO), picture)
}

fn repeated(
    sequence: u32,
    start: Ticks,
    duration: Ticks,
    step: Ticks,
    data: &Bytes,
) -> Result<Bytes, fmp4::Error> {
    let mut samples = Vec::new();
    let mut at = Ticks(0);
    while at < duration {
        let length = step.min(duration - at);
        samples.push(Sample {
            at: start + at,
            duration: u32::try_from(length.0).unwrap_or(0),
            sync: true,
            data: data.clone(),
        });
        at = at + length;
    }
    Ok(fragment::write(sequence, &samples)?.bytes)
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
        let bytes = silence(3, Ticks(480), Ticks(96_000 + 100)).unwrap();
        let scan = read::scan(&bytes);
        assert_eq!((scan.valid, scan.fragments.len()), (bytes.len() as u64, 1));
        let fragment = &scan.fragments[0];
        assert_eq!((fragment.start, fragment.duration), (Ticks(480), Ticks(96_100)));
        assert_eq!(fragment.samples.len(), 101);
        assert_eq!(fragment.samples[100].duration, 100);
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
        let bytes = still(1, Ticks(9000), Ticks(135_000), &last).unwrap();
        let fragment = read::scan(&bytes).fragments.remove(0);
        assert_eq!((fragment.start, fragment.duration), (Ticks(9000), Ticks(135_000)));
        assert!(fragment.samples.len() == 3 && fragment.samples.iter().all(|sample| sample.sync));
        assert!(bytes.ends_with(b"last"));
    }
}
