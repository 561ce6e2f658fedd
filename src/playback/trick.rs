//! I-frame playlists (RFC 8216 4.3.3.6): each key frame that begins a segment or a fill as a range of its bytes, so that
//! players can show pictures while they wind. No bytes are stored for them. They have the entries of the media playlist, so
//! that both have the same length and break at the same places (RFC 8216 6.2.4).

use super::clip::Clip;
use super::ladder::Step;
use super::pieces;
use super::playlist::{self, target_seconds};
use super::room::{Room, scale};
use super::timeline::{Fill, Item};
use super::{Error, bandwidth, black, fill, filled};
use crate::catalog::{Catalog, Segment, Shown, Track};
use crate::id::{RecordingId, TrackId};
use crate::media::Kind;
use crate::media::fmp4::index::{ENTRY, Entry};
use crate::media::hls::iframes;
use crate::storage::{Key, Store};
use crate::time::Ticks;
use std::collections::HashMap;

/// Entries of the index that are read at once.
const BLOCK: u64 = 1 << 16;

/// The I-frame playlist of a track, or of a clip of it, and the bits in a second that it takes at most.
///
/// # Errors
/// [`Error::NoRecording`], [`Error::NoTrack`]; [`Error::NoBlack`] for sound; [`Error::Nothing`] without a key frame;
/// [`Error::Outside`].
pub(super) async fn of(
    catalog: &Catalog,
    store: &Store,
    recording: RecordingId,
    track: TrackId,
    clip: Option<&Clip>,
) -> Result<(String, u64), Error> {
    let room = Room::load(catalog, recording).await?;
    let track = room.track(track)?;
    if track.kind == Kind::Audio {
        return Err(Error::NoBlack);
    }
    let stored = playlist::stored_layers(catalog, &room, track).await?;
    let own = stored.iter().position(|(layer, segments)| layer.id == track.id && !segments.is_empty());
    let (place, (_, segments)) = own.and_then(|own| Some((own, stored.get(own)?))).ok_or(Error::Nothing)?;
    let mut steps: Vec<Step<'_>> = match track.picture {
        Some(_) => playlist::layers_as_shown(&room, &stored).into_iter().nth(place).unwrap_or_default(),
        None => {
            pieces::pieces(&room, track, segments).into_iter().map(|piece| Step { track, piece }).collect()
        }
    };
    let mut breaks = 0;
    if let Some(clip) = clip {
        breaks = clip.span(&room, track.participant)?.leave(&mut steps);
        steps.first().ok_or_else(|| clip.outside(&room, track.participant))?;
    }
    let target = stored.iter().map(|(layer, segments)| target_seconds(segments, layer)).max().unwrap_or(0);
    let mut keys = Vec::new();
    for (layer, segments) in &stored {
        if steps.iter().any(|step| step.track.id == layer.id) {
            keys.push((layer.id, segments.as_slice(), heads(store, layer, segments).await?));
        }
    }
    let mut list: Vec<iframes::Entry> = Vec::new();
    let mut broken = false;
    for (step, entry) in steps.iter().zip(playlist::entries(&room, track, &steps, target)) {
        broken |= entry.discontinuity;
        let key = keys.iter().find(|(layer, ..)| *layer == step.track.id);
        match key.and_then(|(_, segments, heads)| bytes(&room, step, segments, heads)) {
            Some(bytes) => list.push(iframes::Entry {
                uri: entry.uri,
                bytes,
                map: entry.map,
                duration_micros: entry.duration_micros,
                wall: entry.wall,
                discontinuity: std::mem::take(&mut broken),
            }),
            // A segment that begins without a key frame: the one before stays.
            None => {
                if let Some(before) = list.last_mut() {
                    before.duration_micros += entry.duration_micros;
                }
            }
        }
    }
    if list.is_empty() {
        return Err(Error::Nothing);
    }
    let longest = list.iter().map(|entry| entry.duration_micros).max().unwrap_or(0);
    let target = target.max(u32::try_from((longest + 500_000) / 1_000_000).unwrap_or(u32::MAX));
    let sizes: Vec<(u64, i64)> = list.iter().map(|entry| (entry.bytes, entry.duration_micros)).collect();
    Ok((iframes::render(target, &list, breaks), bandwidth::measure(&sizes, target).peak))
}

/// How many bytes of a segment or a fill reach to the end of the key frame that it begins with, if it does.
fn bytes(room: &Room, step: &Step<'_>, segments: &[Segment], heads: &HashMap<u32, Head>) -> Option<u64> {
    let fill = match step.piece.item {
        Item::Segment(segment) => return heads.get(&segment.number).map(|head| head.bytes),
        Item::Fill(fill) => fill,
    };
    let picture = match fill.shown {
        Shown::Silence => return None,
        Shown::Black => black::picture(step.track.codec)?.len() as u64,
        Shown::Still => still(&fill, segments, heads)?,
    };
    let part = Ticks::from_micros(room.recording.part.0, scale(step.track));
    Some(fill::first_picture(fill.duration, part, picture))
}

/// Bytes of the key frame that a fill repeats, if it begins or ends a segment that has one.
fn still(fill: &Fill, segments: &[Segment], heads: &HashMap<u32, Head>) -> Option<u64> {
    let head = heads.get(&filled::repeated(segments, fill.after)?.number)?;
    Some(if fill.after.is_some() { head.last } else { head.first })
}

/// The key frames of a segment that begins with one.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// How many bytes of the segment reach to the end of the first.
    bytes: u64,
    /// Its own bytes.
    first: u64,
    /// The bytes of the last one.
    last: u64,
}

/// The key frames of the segments that begin with one, by their numbers.
async fn heads(store: &Store, track: &Track, segments: &[Segment]) -> Result<HashMap<u32, Head>, Error> {
    let key = Key::index(track.recording, track.id);
    let entries = store.len(&key).await? / ENTRY as u64;
    let wanted: Vec<&Segment> = segments.iter().filter(|segment| segment.sync).collect();
    let mut wanted = wanted.into_iter().peekable();
    let mut found: HashMap<u32, Head> = HashMap::new();
    let mut at = 0;
    while at < entries && wanted.peek().is_some() {
        let upto = entries.min(at + BLOCK);
        let bytes = store.read(&key, at * ENTRY as u64..upto * ENTRY as u64).await?;
        for entry in bytes.as_chunks::<ENTRY>().0.iter().map(Entry::decode).filter(Entry::sync) {
            while wanted.next_if(|segment| segment.range.end <= entry.offset).is_some() {}
            let Some(segment) = wanted.peek().filter(|segment| segment.range.start <= entry.offset) else {
                continue;
            };
            let size = u64::from(entry.size);
            let new = Head { bytes: entry.end() - segment.range.start, first: size, last: size };
            found.entry(segment.number).and_modify(|head| head.last = size).or_insert(new);
        }
        at = upto;
    }
    Ok(found)
}

#[cfg(test)]
#[path = "trick_tests.rs"]
mod tests;
