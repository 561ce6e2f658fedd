//! I-frame playlists (RFC 8216 4.3.3.6): each key frame that begins a segment as a range of that segment's bytes, so that
//! players can show pictures while they wind. No bytes are stored for them.

use super::Error;
use super::clip::Clip;
use super::ladder::Step;
use super::pieces::Map;
use super::playlist::{QUERY, target_seconds};
use super::presentation;
use super::room::Room;
use super::timeline::Item;
use crate::catalog::{Catalog, Segment, Track};
use crate::id::{RecordingId, TrackId};
use crate::media::Kind;
use crate::media::fmp4::index::{ENTRY, Entry};
use crate::media::hls::iframes;
use crate::storage::{Key, Store};
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
    let segments = catalog.segments(track).await?;
    let room = Room::load(catalog, recording).await?;
    let track = room.track(track)?;
    if track.kind == Kind::Audio {
        return Err(Error::NoBlack);
    }
    let heads = heads(store, track, &segments).await?;
    let mut list: Vec<iframes::Entry> = Vec::new();
    let mut view = presentation::shown(&room, track, &segments);
    let mut breaks = 0;
    if let Some(clip) = clip {
        breaks = clip.span(&room, track.participant)?.leave(&mut view);
        view.first().ok_or_else(|| clip.outside(&room, track.participant))?;
    }
    for Step { piece, .. } in view {
        let micros = piece.end - piece.start;
        let head = match piece.item {
            Item::Segment(segment) => heads.get(&segment.number).map(|head| (segment.number, head.bytes)),
            Item::Fill(_) => None,
        };
        let Some((number, bytes)) = head else {
            // A fill, or a segment that begins without a key frame: the one before stays.
            if let Some(before) = list.last_mut() {
                before.duration_micros += micros;
            }
            continue;
        };
        list.push(iframes::Entry {
            uri: format!("{number}.m4s{QUERY}"),
            bytes: Some(bytes),
            map: match piece.map {
                Map::Run(run) => format!("init-{run}.mp4{QUERY}"),
                Map::Black => format!("black.mp4{QUERY}"),
            },
            duration_micros: micros,
            wall: room.wall(piece.start),
            discontinuity: piece.broken.is_some(),
        });
    }
    if list.is_empty() {
        return Err(Error::Nothing);
    }
    let target = list.iter().map(|entry| entry.duration_micros).max().unwrap_or(0);
    let target = target_seconds(&segments, track)
        .max(u32::try_from((target + 500_000) / 1_000_000).unwrap_or(u32::MAX));
    let peak = list.iter().filter_map(|entry| entry.bits_per_second()).max().unwrap_or(0);
    Ok((iframes::render(target, &list, breaks), peak))
}

/// The key frame that a segment begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// How many bytes of the segment reach to its end.
    pub(super) bytes: u64,
    /// Its own bytes.
    pub(super) size: u64,
}

/// The key frames of the segments that begin with one, by their numbers.
pub(super) async fn heads(
    store: &Store,
    track: &Track,
    segments: &[Segment],
) -> Result<HashMap<u32, Head>, Error> {
    let key = Key::index(track.recording, track.id);
    let entries = store.len(&key).await? / ENTRY as u64;
    let wanted: Vec<&Segment> = segments.iter().filter(|segment| segment.sync).collect();
    let mut wanted = wanted.into_iter().peekable();
    let mut found = HashMap::new();
    let mut at = 0;
    while at < entries && wanted.peek().is_some() {
        let upto = entries.min(at + BLOCK);
        let bytes = store.read(&key, at * ENTRY as u64..upto * ENTRY as u64).await?;
        for entry in bytes.as_chunks::<ENTRY>().0.iter().map(Entry::decode) {
            while wanted.next_if(|segment| segment.range.end <= entry.offset).is_some() {}
            let Some(segment) = wanted.next_if(|segment| segment.range.start <= entry.offset) else {
                continue;
            };
            if entry.sync() {
                let bytes = entry.end() - segment.range.start;
                found.insert(segment.number, Head { bytes, size: u64::from(entry.size) });
            }
        }
        at = upto;
    }
    Ok(found)
}
