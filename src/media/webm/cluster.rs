//! Clusters (RFC 9559 5.1.3): the samples, each in a simple block (10.2).

use super::{Error, ebml, millis};
use crate::media::Sample;
use crate::time::{Ticks, Timescale};

const CLUSTER: u32 = 0x1f43_b675;
const TIMESTAMP: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const BLOCK_DURATION: u32 = 0x9b;
const REFERENCE_BLOCK: u32 = 0xfb;
/// Bytes in front of a block's payload: number of the track, time relative to the cluster, flags.
const BLOCK_HEAD: usize = 4;
/// The longest that a relative time of 16 bits reaches, in milliseconds.
const REACH: i64 = 32_767;

/// The samples of one track as clusters, with a new one where the relative times of blocks end. The last sample of each
/// says how long it is: without that a player can only guess until the next cluster comes.
///
/// # Errors
/// [`Error::Empty`], [`Error::NegativeTime`].
pub fn clusters(track: u8, scale: Timescale, samples: &[Sample]) -> Result<Vec<u8>, Error> {
    let mut rest = samples;
    let mut out = Vec::new();
    while let Some(first) = rest.first() {
        let base = millis(first.at, scale);
        if base < 0 {
            return Err(Error::NegativeTime(base));
        }
        let count = rest.iter().take_while(|sample| millis(sample.at, scale) - base <= REACH).count().max(1);
        let (own, behind) = rest.split_at(count);
        cluster(&mut out, track, scale, base, own);
        rest = behind;
    }
    if out.is_empty() { Err(Error::Empty) } else { Ok(out) }
}

fn cluster(out: &mut Vec<u8>, track: u8, scale: Timescale, base: i64, samples: &[Sample]) {
    let payload: usize = samples.iter().map(|sample| sample.data.len() + 16).sum();
    let mut body = Vec::with_capacity(payload + 32);
    ebml::uint(&mut body, TIMESTAMP, base.unsigned_abs());
    if let Some((last, others)) = samples.split_last() {
        for sample in others {
            let relative = millis(sample.at, scale) - base;
            simple_block(&mut body, track, relative, sample.sync, sample.data.len() as u64);
            body.extend_from_slice(&sample.data);
        }
        group(&mut body, track, scale, base, last);
    }
    ebml::binary(out, CLUSTER, &body);
}

/// The head of a cluster whose blocks have `payload` bytes, its time in eight bytes so that the head's length depends on
/// nothing else.
#[must_use]
pub fn head(at_millis: u64, payload: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD);
    ebml::id(&mut out, CLUSTER);
    ebml::size_in(&mut out, payload + 10, 8);
    ebml::uint_fixed(&mut out, TIMESTAMP, at_millis);
    out
}

/// Bytes of [`head`].
pub const HEAD: usize = 22;

/// Appends what lies in front of a sample of `size` bytes, `relative` milliseconds behind its cluster's time.
pub fn simple_block(out: &mut Vec<u8>, track: u8, relative: i64, sync: bool, size: u64) {
    ebml::id(out, SIMPLE_BLOCK);
    ebml::size(out, size + BLOCK_HEAD as u64);
    block_head(out, track, relative, if sync { 0x80 } else { 0 });
}

/// Bytes that [`simple_block`] appends.
#[must_use]
pub fn simple_block_len(size: u64) -> usize {
    1 + ebml::size_len(size + BLOCK_HEAD as u64) + BLOCK_HEAD
}

fn block_head(out: &mut Vec<u8>, track: u8, relative: i64, flags: u8) {
    out.push(0x80 | track);
    // Callers begin a new cluster before it would not fit.
    let relative = i16::try_from(relative).unwrap_or(i16::MAX);
    out.extend_from_slice(&relative.to_be_bytes());
    out.push(flags);
}

/// A block with its length (RFC 9559 5.1.3.5). One that builds on another refers to it.
fn group(out: &mut Vec<u8>, track: u8, scale: Timescale, base: i64, sample: &Sample) {
    let at = millis(sample.at, scale);
    let end = millis(sample.at + Ticks(sample.duration.into()), scale);
    ebml::master(out, BLOCK_GROUP, |out| {
        ebml::id(out, BLOCK);
        ebml::size(out, (sample.data.len() + BLOCK_HEAD) as u64);
        block_head(out, track, at - base, 0);
        out.extend_from_slice(&sample.data);
        ebml::uint(out, BLOCK_DURATION, (end - at).unsigned_abs());
        if !sample.sync {
            ebml::binary(out, REFERENCE_BLOCK, &(-1_i8).to_be_bytes());
        }
    });
}
