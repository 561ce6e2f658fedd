//! Fragments: `moof` and `mdat` (ISO/IEC 14496-12 8.8), written by hand in one fixed layout because this is the
//! path of every packet. Tests read them back with two other implementations.

use super::Error;
use super::index::{Entry, Flags};
use super::read;
use crate::media::Sample;
use crate::time::Ticks;
use bytes::Bytes;

/// One `moof` and its `mdat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Decode time of its first sample.
    pub start: Ticks,
    /// Sum of the samples' durations.
    pub duration: Ticks,
    /// The first sample is a sync sample.
    pub sync: bool,
    /// The two boxes.
    pub bytes: Bytes,
    /// Its samples, offsets counted from the fragment's first byte. The segmenter makes them offsets in the file
    /// and adds the bounds of segments.
    pub entries: Vec<Entry>,
}

/// Bytes of `moof` without samples: `moof` 8, `mfhd` 16, `traf` 8, `tfhd` 16, `tfdt` 20, `trun` 20.
const MOOF: usize = 88;
/// Bytes of a sample in `trun`: duration, size, flags.
const SAMPLE: usize = 12;
/// Bytes of the head of a box.
const HEAD: usize = 8;

/// `tr_flags` of 8.8.8.1: data offset, and for each sample duration, size and flags.
const TRUN_FLAGS: u32 = 0x00_0701;
/// `tf_flags` of 8.8.7.1: default-base-is-moof.
const TFHD_FLAGS: u32 = 0x02_0000;
/// Sample flags of 8.8.3.1: depends on no other sample.
const SYNC: u32 = 2 << 24;
/// Sample flags of 8.8.3.1: depends on others, is not a sync sample.
const NOT_SYNC: u32 = (1 << 24) | (1 << 16);

/// Bytes before the first sample of a fragment of `samples` samples.
#[must_use]
pub fn head(samples: usize) -> u64 {
    (MOOF + SAMPLE * samples + HEAD) as u64
}

/// Writes the samples, which must follow each other without a gap, as one fragment with this `mfhd` sequence
/// number (8.8.5, counted from 1).
///
/// # Errors
/// No sample, a gap, a time below zero, or more bytes than a 32-bit box holds.
pub fn write(sequence: u32, samples: &[Sample]) -> Result<Fragment, Error> {
    let first = samples.first().ok_or(Error::Empty)?;
    let start = u64::try_from(first.at.0).map_err(|_| Error::NegativeTime(first.at.0))?;
    let duration = length(first.at, samples)?;
    let payload: u64 = samples.iter().map(|sample| sample.data.len() as u64).sum();
    let total = head(samples.len()) + payload;
    let small = || Error::FragmentTooLarge(total);
    let moof = u32::try_from(MOOF + SAMPLE * samples.len()).map_err(|_| small())?;
    // Data offsets are signed (8.8.8.3), so the whole stays below 2 GiB.
    let capacity = i32::try_from(total).map_err(|_| small())?;

    let mut out = Vec::with_capacity(capacity as usize);
    open(&mut out, moof, b"moof");
    open(&mut out, 16, b"mfhd");
    words(&mut out, [0, sequence]);
    open(&mut out, moof - 24, b"traf");
    open(&mut out, 16, b"tfhd");
    words(&mut out, [TFHD_FLAGS, 1]);
    open(&mut out, 20, b"tfdt");
    words(&mut out, [1 << 24]);
    out.extend_from_slice(&start.to_be_bytes());
    open(&mut out, moof - 68, b"trun");
    words(&mut out, [TRUN_FLAGS, samples.len() as u32, moof + HEAD as u32]);
    let mut entries = Vec::with_capacity(samples.len());
    let mut offset = head(samples.len());
    for sample in samples {
        let size = sample.data.len() as u32;
        words(&mut out, [sample.duration, size, if sample.sync { SYNC } else { NOT_SYNC }]);
        let flags = if sample.sync { Flags::SYNC } else { Flags::default() };
        entries.push(Entry { offset, flags, size, duration: sample.duration });
        offset += u64::from(size);
    }
    if let Some(entry) = entries.first_mut() {
        entry.flags = entry.flags.with(Flags::FRAGMENT);
    }
    open(&mut out, capacity as u32 - moof, b"mdat");
    for sample in samples {
        out.extend_from_slice(&sample.data);
    }
    Ok(Fragment { start: first.at, duration, sync: first.sync, bytes: out.into(), entries })
}

/// Sum of durations; refuses gaps.
fn length(start: Ticks, samples: &[Sample]) -> Result<Ticks, Error> {
    let mut at = start.0;
    for sample in samples {
        if sample.at.0 != at {
            return Err(Error::NotContiguous { expected: at, found: sample.at.0 });
        }
        at = at.checked_add(i64::from(sample.duration)).ok_or(Error::TimeOutOfRange)?;
    }
    Ok(Ticks(at) - start)
}

fn open(out: &mut Vec<u8>, size: u32, kind: &[u8; 4]) {
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(kind);
}

fn words<const N: usize>(out: &mut Vec<u8>, values: [u32; N]) {
    for value in values {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Moves the decode time of every fragment in `bytes`, a run of whole fragments, by a number of ticks: the served
/// views of a participant start at zero, the stored tracks at the recording's start.
///
/// # Errors
/// A time that would leave the range of `tfdt`, or bytes that are not whole boxes. Nothing is changed then.
pub fn shift(bytes: &mut [u8], by: Ticks) -> Result<(), Error> {
    let mut changes = Vec::new();
    let mut boxes = read::walk(bytes);
    for moof in boxes.by_ref().filter(|found| &found.kind == b"moof") {
        let before = changes.len();
        for traf in moof.children().filter(|found| &found.kind == b"traf") {
            for time in traf.children().filter(|found| &found.kind == b"tfdt") {
                changes.push((time.body_offset, moved(&time, by)?));
            }
        }
        if changes.len() == before {
            return Err(Error::Broken(moof.offset));
        }
    }
    if let Some(offset) = boxes.broken() {
        return Err(Error::Broken(offset));
    }
    for (offset, body) in changes {
        let target = usize::try_from(offset).ok().and_then(|from| bytes.get_mut(from..from + body.len()));
        target.ok_or(Error::Broken(offset))?.copy_from_slice(&body);
    }
    Ok(())
}

/// The body of a `tfdt` (8.8.12) with its time moved, as long as it was.
fn moved(time: &read::Found<'_>, by: Ticks) -> Result<Vec<u8>, Error> {
    let before = read::decode_time(time.body).ok_or(Error::Broken(time.offset))?;
    let after = i128::from(before) + i128::from(by.0);
    let after = i64::try_from(after).map_err(|_| Error::TimeOutOfRange)?;
    let after = u64::try_from(after).map_err(|_| Error::NegativeTime(after))?;
    let mut body = time.body.to_vec();
    let (_, field) = body.split_at_mut_checked(4).ok_or(Error::Broken(time.offset))?;
    if field.len() == 4 {
        field.copy_from_slice(&u32::try_from(after).map_err(|_| Error::TimeOutOfRange)?.to_be_bytes());
    } else {
        field.copy_from_slice(&after.to_be_bytes());
    }
    Ok(body)
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;
