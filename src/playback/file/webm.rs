//! WebM as a layout: what lies in front of the clusters is held, and 16 bytes for each sample; samples are stored.
//!
//! WebM has no edit lists: a part of a recording begins with the key frame at or before its start, whatever was asked for.
//! Of several pictures each begins with its own.

use super::mp4::views;
use super::select::{self, Selection};
use super::{File, Layout, MOST_PARTS, Part};
use crate::catalog::Run;
use crate::media::webm::head::{self, Entry};
use crate::media::webm::layout::{Clusters, Piece, Sample};
use crate::media::{Codec, Kind};
use crate::playback::fetch::Source;
use crate::playback::room::Room;
use crate::playback::samples::{self, Data, Parameters, Reader, Snapshot, View};
use crate::playback::{Error, black, webm};
use crate::storage::{Key, Store};
use crate::time::Ticks;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Makes the file of a selection; `room` is restricted to the snapshot.
pub(super) async fn build(
    source: &Source,
    room: &Room,
    selection: &Selection,
    snapshot: &Snapshot,
    tag: String,
) -> Result<File, Error> {
    let whole = Selection { exact: false, ..selection.clone() };
    let (views, start) = views(source, room, &whole, snapshot).await?;
    let made = WebM::of(&source.store, room, &views, start).await?;
    let webm = made.ok_or_else(|| select::outside(room, selection.zero, selection.start))?;
    Ok(File {
        media_type: webm.media_type(),
        layout: Arc::new(webm),
        tag,
        modified: room.recording.stopped_at.filter(|_| snapshot.ended),
        settled: snapshot.ended,
    })
}

/// The whole of it.
#[derive(Debug)]
pub struct WebM {
    head: Bytes,
    clusters: Clusters,
    sources: Sources,
    media_type: &'static str,
}

impl WebM {
    /// A file of some views, each with the distance of its participant's zero from that of the first, and of where the file
    /// begins from there, in microseconds. What begins before is taken to begin there. `None` when there is no sample.
    ///
    /// # Errors
    /// [`Error::NotInContainer`] for H264, [`Error::Index`], [`Error::Storage`].
    pub async fn of(
        store: &Store,
        room: &Room,
        views: &[(View, i64)],
        start: i64,
    ) -> Result<Option<Self>, Error> {
        if let Some((view, _)) = views.iter().find(|(view, _)| view.codec() == Codec::H264) {
            return Err(webm::refused("H264", vec![view.track()]));
        }
        let pictures = views.iter().any(|(view, _)| view.codec().kind() == Kind::Video);
        let mut tracks: Vec<Track<'_>> = Vec::new();
        let mut sources = Sources::default();
        let mut entries = Vec::new();
        for (place, (view, offset)) in views.iter().enumerate() {
            let number = u8::try_from(place + 1).unwrap_or(u8::MAX);
            entries.push(entry(store, room, view, number).await?);
            // Players jump by one track: the first picture, or the first sound where there is none.
            let leading = !pictures || view.codec().kind() == Kind::Video;
            let leading = leading && tracks.iter().all(|own| !own.leading);
            let shift = offset.saturating_sub(start);
            tracks.push(Track::new(view, store, shift, number, leading, &mut sources));
        }
        let (mut clusters, millis) = clusters(tracks).await?;
        if clusters.is_empty() {
            return Ok(None);
        }
        let head = head::file(&entries, millis, clusters.len(), clusters.cues())?.into();
        clusters.settle();
        let media_type = if pictures { "video/webm" } else { "audio/webm" };
        Ok(Some(Self { head, clusters, sources, media_type }))
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }
}

/// What is told of a track: the largest of its pictures, since each key frame says its own size.
async fn entry(store: &Store, room: &Room, view: &View, number: u8) -> Result<Entry, Error> {
    let runs = view.parameters().iter().filter_map(|own| match own {
        Parameters::Run(run) => Some(&**run),
        Parameters::Black => None,
    });
    let area = |run: &&Run| u64::from(run.width) * u64::from(run.height);
    let largest = runs.max_by_key(area);
    let private = match (view.codec(), largest) {
        (Codec::Av1, Some(run)) => {
            let init = view.init(store, &Parameters::Run(Box::new(run.clone()))).await?;
            head::av1_configuration(&init)?
        }
        (Codec::Av1, None) => head::av1_configuration(&view.init(store, &Parameters::Black).await?)?,
        _ => Vec::new(),
    };
    let (width, height) = largest.map_or(black::SIZE, |run| (run.width, run.height));
    let who = room.track(view.track()).and_then(|track| room.participant(track.participant));
    let video = view.codec().kind() == Kind::Video;
    Ok(Entry {
        number,
        codec: Some(view.codec()),
        width: if video { width } else { 0 },
        height: if video { height } else { 0 },
        rotation: largest.map(|run| run.rotation).unwrap_or_default(),
        channels: largest.map_or(0, |run| run.channels),
        private,
        name: who.map(|who| who.display_name.chars().take(256).collect()).unwrap_or_default(),
    })
}

/// The files of all views, and the short sources that are in none. A place is the number of one in the upper 16 bits, and
/// an offset.
#[derive(Clone, Debug, Default)]
struct Sources {
    files: Vec<Key>,
    short: Vec<Bytes>,
}

/// Set in the number of a short source.
const SHORT: u64 = 1 << 15;
const OFFSET_BITS: u32 = 48;

impl Sources {
    fn file(&mut self, key: Key) -> u64 {
        place(&mut self.files, key) << OFFSET_BITS
    }

    fn short(&mut self, bytes: Bytes) -> u64 {
        (SHORT | place(&mut self.short, bytes)) << OFFSET_BITS
    }

    fn part(&self, from: u64, range: &Range<u32>) -> Option<Part> {
        let (number, offset) = (from >> OFFSET_BITS, from & ((1 << OFFSET_BITS) - 1));
        let place = usize::try_from(number & (SHORT - 1)).ok()?;
        if number & SHORT == 0 {
            let start = offset + u64::from(range.start);
            return Some(Part::Stored(*self.files.get(place)?, start..offset + u64::from(range.end)));
        }
        let bytes = self.short.get(place)?;
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        (range.end <= bytes.len()).then(|| Part::Held(bytes.slice(range)))
    }
}

fn place<T: PartialEq>(list: &mut Vec<T>, wanted: T) -> u64 {
    let found = list.iter().position(|known| *known == wanted).unwrap_or_else(|| {
        list.push(wanted);
        list.len() - 1
    });
    found as u64
}

/// A view that is read, with the samples of its next segment.
struct Track<'a> {
    view: &'a View,
    reader: Reader<'a>,
    next: VecDeque<samples::Sample>,
    /// From the participant's zero to the file's, in microseconds.
    shift: i64,
    number: u8,
    leading: bool,
    files: Vec<u64>,
    silence: u64,
    black: u64,
}

impl<'a> Track<'a> {
    fn new(
        view: &'a View,
        store: &'a Store,
        shift: i64,
        number: u8,
        leading: bool,
        sources: &mut Sources,
    ) -> Self {
        Self {
            view,
            reader: view.reader(store),
            next: VecDeque::new(),
            shift,
            number,
            leading,
            files: view.files().into_iter().map(|key| sources.file(key)).collect(),
            silence: sources.short(View::silence()),
            black: sources.short(view.black()),
        }
    }

    /// When its next sample begins, in milliseconds of the file; reads on when it has to.
    async fn at(&mut self) -> Result<Option<u64>, Error> {
        if self.next.is_empty() {
            self.next = self.reader.next().await?.unwrap_or_default().into();
        }
        Ok(self.next.front().map(|sample| self.millis(sample.at)))
    }

    /// To the nearest. What lies before the file's start, a part of a packet, begins with it.
    fn millis(&self, at: Ticks) -> u64 {
        let micros = at.to_micros(self.view.scale()).saturating_add(self.shift);
        u64::try_from(micros.saturating_add(500).div_euclid(1000)).unwrap_or(0)
    }

    /// Its next sample, and when it ends.
    fn take(&mut self) -> Option<(Sample, u64)> {
        let sample = self.next.pop_front()?;
        let file = |number: u16| self.files.get(usize::from(number)).copied();
        let from = match sample.data {
            Data::Stored { file: own, offset } | Data::Again { file: own, offset } => file(own)? | offset,
            Data::Silence => self.silence,
            Data::Black => self.black,
        };
        let told = Sample {
            track: self.number,
            at: self.millis(sample.at),
            sync: sample.sync,
            leading: self.leading,
            size: sample.size,
            from,
        };
        Some((told, self.millis(sample.at + Ticks(sample.duration.into()))))
    }
}

/// The samples of all tracks in order of time, and where the last one ends in milliseconds. Of one time those of the
/// first track come first, so that a cluster begins with its key frame.
async fn clusters(mut tracks: Vec<Track<'_>>) -> Result<(Clusters, i64), Error> {
    let mut clusters = Clusters::default();
    let mut end = 0;
    loop {
        let mut first: Option<(u64, usize)> = None;
        for (place, track) in tracks.iter_mut().enumerate() {
            let Some(at) = track.at().await? else { continue };
            if first.is_none_or(|(known, _)| at < known) {
                first = Some((at, place));
            }
        }
        let Some(track) = first.and_then(|(_, place)| tracks.get_mut(place)) else { break };
        let wrong = Error::Index { track: track.view.track(), segment: 0 };
        let (sample, until) = track.take().ok_or(wrong)?;
        clusters.push(&sample);
        end = end.max(until);
    }
    Ok((clusters, i64::try_from(end).unwrap_or(i64::MAX)))
}

#[async_trait]
impl Layout for WebM {
    fn len(&self) -> u64 {
        self.head.len() as u64 + self.clusters.len()
    }

    fn held(&self) -> usize {
        self.head.len() + self.clusters.held()
    }

    async fn parts(&self, range: Range<u64>) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        let head = self.head.len() as u64;
        if range.start < head {
            let place = |at: u64| usize::try_from(at.min(head)).unwrap_or(0);
            parts.push(Part::Held(self.head.slice(place(range.start)..place(range.end))));
        }
        let behind = range.start.saturating_sub(head)..range.end.saturating_sub(head);
        for piece in self.clusters.pieces(&behind, MOST_PARTS) {
            parts.push(match piece {
                Piece::Head(bytes) => Part::Held(bytes.into()),
                Piece::Data { from, range: own } => {
                    self.sources.part(from, &own).ok_or(Error::Layout { at: range.start })?
                }
            });
        }
        Ok(parts)
    }
}

#[cfg(test)]
#[path = "webm_tests.rs"]
mod tests;
