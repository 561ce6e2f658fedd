use super::boxes::{self, Boxes};
use super::tables::{Burst, Tables};
use super::{About, Error, Place};
use std::collections::HashMap;

/// Bytes that a picture may lie behind the burst that shows it again. A player that loads the file from its start
/// would have to go further back otherwise.
const NEAR: u64 = 1 << 20;
/// Most bytes of all boxes in front: a day of several tracks.
const LARGEST_HEAD: usize = 256 << 20;

/// Some bytes of a movie's media, up to the next one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset in the file.
    pub at: u64,
    /// Where they come from. A short source repeats from here on.
    pub from: Place,
}

/// A file.
#[derive(Clone, Debug)]
pub struct Movie {
    /// All in front of the media: `ftyp`, `moov` and the head of `mdat`.
    pub head: Vec<u8>,
    /// The media behind it, without a hole, in order.
    pub extents: Vec<Extent>,
    /// Length of the file.
    pub len: u64,
}

/// Puts tracks together. Those without a sample are left out.
///
/// # Errors
/// [`Error::Empty`], [`Error::TooLarge`].
pub fn movie(mut tracks: Vec<Tables>, about: &About) -> Result<Movie, Error> {
    tracks.retain(|tables| tables.samples() > 0);
    if tracks.is_empty() {
        return Err(Error::Empty);
    }
    tracks.iter_mut().for_each(Tables::arrange);
    let Media { places, mut extents, bytes } = lay_out(&tracks);
    // Boxes in front are limited, so that it is known here whether an offset can need more than 32 bits.
    let wide = bytes > u64::from(u32::MAX) - LARGEST_HEAD as u64 - 1024;
    let estimate: usize = tracks.iter().map(|own| boxes::estimate(own, wide)).sum();
    if estimate > LARGEST_HEAD {
        return Err(Error::TooLarge { limit: LARGEST_HEAD });
    }
    let mut out = Boxes::with_capacity(estimate);
    boxes::file_type(&mut out, &tracks);
    let offsets = boxes::movie(&mut out, &tracks, &places, about, wide);
    out.media_head(bytes);
    let mut head = out.finish();
    // The tables are in memory twice until here.
    drop((tracks, places));
    let start = head.len() as u64;
    for table in offsets {
        table.mend(&mut head, start);
    }
    for extent in &mut extents {
        extent.at += start;
    }
    Ok(Movie { head, extents, len: start + bytes })
}

struct Media {
    /// For each track the offset of each burst, from the first byte of media on.
    places: Vec<Vec<u64>>,
    extents: Vec<Extent>,
    bytes: u64,
}

/// Bursts in the order of their times; of one time sound first, as it is smaller.
fn lay_out(tracks: &[Tables]) -> Media {
    let mut order: Vec<(i64, usize, &Burst)> = Vec::new();
    for (track, tables) in tracks.iter().enumerate() {
        order.extend(tables.bursts.iter().map(|burst| (burst.at, track, burst)));
    }
    // Stable: those of a track stay in order.
    order.sort_by_key(|(at, track, _)| (*at, tracks.get(*track).map(|own| own.track.width)));
    let mut media = Media { places: vec![Vec::new(); tracks.len()], extents: Vec::new(), bytes: 0 };
    let mut known: HashMap<(Place, u64), u64> = HashMap::new();
    for (_, track, burst) in order {
        let (Some(tables), Some(places)) = (tracks.get(track), media.places.get_mut(track)) else { continue };
        let spans = tables.spans.iter().skip(burst.first as usize).take(burst.spans as usize);
        let picture = spans.clone().next().filter(|_| burst.again).map(|span| (span.from, span.bytes));
        let near = picture.and_then(|picture| known.get(&picture)).copied();
        if let Some(at) = near.filter(|at| media.bytes - at <= NEAR) {
            places.push(at);
            continue;
        }
        known.extend(picture.map(|picture| (picture, media.bytes)));
        places.push(media.bytes);
        for span in spans.filter(|span| span.bytes > 0) {
            media.extents.push(Extent { at: media.bytes, from: span.from });
            media.bytes += span.bytes;
        }
    }
    media
}
