//! WebM (RFC 9559 Matroska, RFC 8794 EBML, and the WebM container guidelines): the same samples for players that know no
//! fragmented MP4 of their codec, VP8 above all.
//!
//! A stream is a head ([`head`]), whose segment has no known size, followed by clusters ([`cluster`]), as Media Source
//! takes them (W3C WebM Byte Stream Format).
//!
//! Invariants of what is written here:
//! 1. A tick is a millisecond (`TimestampScale` 1,000,000), as the guidelines want. Times are rounded to the nearest one,
//!    always from the track's own ticks, so that errors do not add up.
//! 2. Track numbers are below 128: one byte in a block.
//! 3. No lacing, no encryption, no attachments.

pub mod cluster;
pub mod ebml;
pub mod head;
pub mod layout;
#[cfg(test)]
mod tests;

/// Milliseconds from ticks of a track, to the nearest.
#[must_use]
pub fn millis(ticks: crate::time::Ticks, scale: crate::time::Timescale) -> i64 {
    let (ticks, scale) = (i128::from(ticks.0) * 2000, i128::from(scale.0.max(1)) * 2);
    i64::try_from((ticks + scale / 2).div_euclid(scale)).unwrap_or(i64::MAX)
}

/// Why bytes could not be written as WebM.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Browsers and WebM know no such thing (H264).
    #[error("WebM does not hold {0}")]
    Codec(&'static str),
    /// Nothing to write.
    #[error("a cluster needs at least one sample")]
    Empty,
    /// A time below zero.
    #[error("a time of {0} ms is below zero")]
    NegativeTime(i64),
    /// The stored init segment lacks what the head needs.
    #[error("the init segment has no {0}")]
    Missing(&'static str),
}
