//! The bytes of fills, whole and in parts. They are made when they are asked for, and kept for a while: at the edge of a
//! running recording many ask for the same part.

use super::fetch::{Fetched, PATIENCE, Place, Source};
use super::fill::{self, Cut};
use super::room::{self, Room, scale};
use super::timeline::{Fill, Item};
use super::{Error, VIEW_VERSION, black, pieces};
use crate::catalog::{Segment, Shown, Track};
use crate::id::{RecordingId, TrackId};
use crate::media::fmp4::read;
use crate::storage::Key;
use crate::time::Ticks;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// Bytes of fills that are kept.
const KEPT_BYTES: u64 = 16 << 20;
/// About how many fills that is.
const KEPT: usize = 4000;

/// Which fill of a track, or which part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Named {
    /// The segment in front of the gap; `None` before the first.
    pub after: Option<u32>,
    /// From 0 in the gap.
    pub number: u32,
    /// From 0 in the fill; `None` for all of it.
    pub part: Option<u32>,
}

/// Fills that were made: of each track by name, counted from where its participant begins.
#[derive(Clone, Debug)]
pub struct Fills(Arc<Cache<(TrackId, Named, Ticks), Fetched, Length>>);

#[derive(Clone, Debug)]
struct Length;

impl Weighter<(TrackId, Named, Ticks), Fetched> for Length {
    fn weight(&self, _: &(TrackId, Named, Ticks), fetched: &Fetched) -> u64 {
        fetched.bytes.len().max(1) as u64
    }
}

impl Default for Fills {
    fn default() -> Self {
        Self(Arc::new(Cache::with_weighter(KEPT, KEPT_BYTES, Length)))
    }
}

/// Where a fill is, or whether it will be.
enum Found {
    /// As far as it goes now.
    Here(Fill, Vec<Segment>),
    /// It is announced.
    Coming,
    Nowhere,
}

impl Source {
    /// A fill that the track's playlist lists, or a part of one. A part that is announced is waited for.
    ///
    /// # Errors
    /// [`Error::NoSegment`] when there is none and will be none.
    pub async fn fill(&self, recording: RecordingId, track: TrackId, named: Named) -> Result<Fetched, Error> {
        let place = self.place(recording, track).await?;
        let zero = room::zero(&place.rows.tracks, &place.track);
        let key = (track, named, zero);
        let settled = !place.rows.recording.status.is_running();
        if let Some(kept) = self.fills.0.get(&key) {
            return Ok(Fetched { settled, ..kept });
        }
        let none = Error::NoSegment(named.number);
        let waited = tokio::time::timeout(PATIENCE, self.found(&place, named)).await;
        let Some((fill, segments)) = waited.ok().transpose()?.flatten() else { return Err(none) };
        let made = self.made(&place, named, &fill, &segments).await?;
        self.fills.0.insert(key, made.clone());
        Ok(Fetched { settled, ..made })
    }

    /// Waits for a part that is announced.
    async fn found(&self, place: &Place, named: Named) -> Result<Option<(Fill, Vec<Segment>)>, Error> {
        loop {
            let watch = self.edges.get(place.track.recording).map(|edge| edge.watch(place.track.id));
            match self.find(place, named).await? {
                Found::Here(fill, segments) => return Ok(Some((fill, segments))),
                Found::Nowhere => return Ok(None),
                Found::Coming => {}
            }
            let Some(mut watch) = watch else { return Ok(None) };
            if watch.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    async fn find(&self, place: &Place, named: Named) -> Result<Found, Error> {
        let segments = self.catalog.segments(place.track.id).await?;
        let edge = self.edges.get(place.track.recording);
        let sure = edge.as_ref().and_then(|edge| edge.sure(place.track.id));
        let room = Room::load(&self.catalog, place.track.recording).await?;
        let row = room.track(place.track.id)?;
        let list = match edge {
            Some(_) => pieces::at_edge(&room, row, &segments, sure),
            None => pieces::pieces(&room, row, &segments),
        };
        let part = part(place);
        let (mut found, mut last) = (None, None);
        for piece in &list {
            if let Item::Fill(fill) = piece.item
                && fill.after == named.after
            {
                last = Some(fill);
                if fill.number == named.number {
                    found = last;
                }
            }
        }
        drop(list);
        let there = |fill: Fill| match named.part {
            None => !fill.open,
            Some(wanted) => fill::parts(fill.duration, part).count() > wanted as usize,
        };
        if let Some(fill) = found.filter(|fill| there(*fill)) {
            return Ok(Found::Here(fill, segments));
        }
        let open = room.gaps_of(row.id).last().is_some_and(|gap| gap.open && Some(gap.after) == named.after);
        let next = match last {
            Some(last) if last.open => {
                let parts = fill::parts(last.duration, part).count();
                last.number == named.number && named.part.is_some_and(|wanted| wanted as usize == parts)
                    || last.number.checked_add(1) == Some(named.number) && named.part == Some(0)
            }
            last => {
                last.map_or(Some(0), |last| last.number.checked_add(1)) == Some(named.number)
                    && named.part == Some(0)
            }
        };
        Ok(if open && next { Found::Coming } else { Found::Nowhere })
    }

    async fn made(
        &self,
        place: &Place,
        named: Named,
        fill: &Fill,
        segments: &[Segment],
    ) -> Result<Fetched, Error> {
        let track = place.track.id;
        let zero = room::zero(&place.rows.tracks, &place.track);
        let start = fill.start - zero;
        let (part, only) = (part(place), named.part);
        let cut = Cut { number: fill.number, start, duration: fill.duration, part, only };
        let bytes = match fill.shown {
            Shown::Silence => cut.silence(),
            Shown::Still => cut.still(&self.picture(&place.track, segments, fill.after).await?),
            Shown::Black => cut.still(&black::picture(place.track.codec).ok_or(Error::NoBlack)?),
        };
        let bytes = bytes.map_err(|source| Error::Damaged { track, source })?;
        let after = fill.after.map_or_else(|| "l".to_owned(), |after| format!("f{after}"));
        // A part is what it is, however long its fill becomes.
        let what = match named.part {
            Some(part) => format!("p{part}"),
            None => fill.duration.0.to_string(),
        };
        let tag = format!("{track}-{after}-{}-{what}-{}-v{VIEW_VERSION}", fill.number, zero.0);
        Ok(Fetched { bytes, tag, settled: false })
    }

    /// The key frame next to a gap.
    async fn picture(&self, track: &Track, segments: &[Segment], after: Option<u32>) -> Result<Bytes, Error> {
        let chosen = repeated(segments, after).ok_or(Error::NoSegment(after.unwrap_or(0)))?;
        let key = Key::media(track.recording, track.id);
        let bytes = self.store.read(&key, chosen.range.clone()).await?;
        fill::picture(&read::scan(&bytes), &bytes, after.is_some()).ok_or(Error::NoSegment(chosen.number))
    }
}

/// The segment next to a gap whose key frame is shown there: the last one before it that begins with one, of the same run
/// as the segment before it; the first of all in front of that.
pub(super) fn repeated(segments: &[Segment], after: Option<u32>) -> Option<&Segment> {
    let Some(after) = after else { return segments.first() };
    let run = segments.iter().find(|segment| segment.number == after).map(|segment| segment.run);
    let before = segments.iter().filter(|segment| segment.number <= after);
    before.rev().find(|segment| Some(segment.run) == run && segment.sync)
}

fn part(place: &Place) -> Ticks {
    Ticks::from_micros(place.rows.recording.part.0, scale(&place.track))
}
