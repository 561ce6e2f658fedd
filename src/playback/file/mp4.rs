//! Progressive MP4 as a layout: the boxes in front are held, the media behind them is stored.

use super::select::{self, Selection};
use super::{File, Layout, MOST_PARTS, Part};
use crate::media::fmp4;
use crate::media::mp4::{self, About, Content, Extent, Place, Tables, Track};
use crate::media::{Kind, Rotation};
use crate::playback::Error;
use crate::playback::fetch::Source;
use crate::playback::room::Room;
use crate::playback::samples::{Data, Parameters, Snapshot, View};
use crate::storage::{Key, Store};
use crate::time::Ticks;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::Arc;

/// A track that begins this little later than the clip begins with it: a tick of sound.
const LEAST_DELAY_MICROS: i64 = 21;

/// Makes the file of a selection; `room` is restricted to the snapshot.
pub(super) async fn build(
    source: &Source,
    room: &Room,
    selection: &Selection,
    snapshot: &Snapshot,
    tag: String,
) -> Result<File, Error> {
    let (views, start) = views(source, room, selection, snapshot).await?;
    let mut sources = Sources::default();
    let mut tracks = Vec::new();
    for (view, offset) in &views {
        tracks.push(tables(&source.store, view, start - offset, &mut sources).await?);
    }
    let created = room.wall(selection.zero.saturating_add(start));
    let movie = match mp4::movie(tracks, &About { created }) {
        Err(mp4::Error::Empty) => return Err(select::outside(room, selection.zero, selection.start)),
        other => other?,
    };
    let layout = Progressive {
        head: movie.head.into(),
        extents: movie.extents.into_boxed_slice(),
        len: movie.len,
        files: sources.files,
        short: sources.short,
    };
    Ok(File {
        layout: Arc::new(layout),
        tag,
        modified: room.recording.stopped_at.filter(|_| snapshot.ended),
        settled: snapshot.ended,
        media_type: "video/mp4",
    })
}

/// The views of all tracks, cut, each with the distance of its participant's zero from that of the selection; and where
/// the file begins, in microseconds from the latter.
pub(super) async fn views(
    source: &Source,
    room: &Room,
    selection: &Selection,
    snapshot: &Snapshot,
) -> Result<(Vec<(View, i64)>, i64), Error> {
    let mut views = Vec::new();
    for track in &selection.tracks {
        let row = room.track(*track)?;
        let offset = room.zero_micros(row.participant).unwrap_or(0).saturating_sub(selection.zero);
        views.push((View::load(&source.catalog, room, *track, snapshot).await?, offset));
    }
    let end = selection.duration.map(|duration| selection.start.saturating_add(duration));
    let mut start = selection.start;
    if start > 0 || end.is_some() {
        // Pictures come first. Each begins with its own key frame, whatever that of another one is, so that nothing is
        // hidden and all stay in step; the file and the sound begin with the earliest.
        for (view, offset) in &mut views {
            let picture = view.codec().kind() == Kind::Video;
            let from = if picture { selection.start } else { start };
            cut(view, &source.store, *offset, from, end).await?;
            if selection.exact {
                view.roll_in(&source.store).await?;
            } else if picture && !view.is_empty() {
                view.begin_at_key_frame();
                start = start.min(view.start().to_micros(view.scale()).saturating_add(*offset));
            }
        }
    }
    views.retain(|(view, _)| !view.is_empty());
    Ok((views, start))
}

/// From `start` to `end` on the selection's clock.
async fn cut(view: &mut View, store: &Store, offset: i64, start: i64, end: Option<i64>) -> Result<(), Error> {
    let own = start.saturating_sub(offset);
    // Nothing of it before its own zero.
    let from = own.max(0);
    let length = end.map(|end| end.saturating_sub(offset).saturating_sub(from).max(0));
    view.cut(store, from, length).await
}

/// The files of all views, and the short sources that are in none.
#[derive(Default)]
struct Sources {
    files: Vec<Key>,
    short: Vec<Bytes>,
}

impl Sources {
    fn file(&mut self, key: Key) -> u16 {
        let found = self.files.iter().position(|known| *known == key);
        let place = found.unwrap_or_else(|| {
            self.files.push(key);
            self.files.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// These are numbered from the other end.
    fn short(&mut self, bytes: Bytes) -> u16 {
        let found = self.short.iter().position(|known| *known == bytes);
        let place = found.unwrap_or_else(|| {
            self.short.push(bytes);
            self.short.len() - 1
        });
        u16::MAX - u16::try_from(place).unwrap_or(u16::MAX)
    }
}

/// The tables of one view in a file that begins at `start` on its participant's clock.
async fn tables(store: &Store, view: &View, start: i64, sources: &mut Sources) -> Result<Tables, Error> {
    let (entries, numbers) = entries(store, view).await?;
    let late = view.start().to_micros(view.scale()).saturating_sub(start);
    let late = if late < LEAST_DELAY_MICROS { 0 } else { late };
    let mut tables = Tables::new(Track {
        kind: view.codec().kind(),
        timescale: view.scale(),
        rotation: Rotation::None,
        width: 0,
        height: 0,
        entries,
        delay: Ticks::from_micros(late, mp4::TIMESCALE).0,
        hidden: view.start() - view.first(),
        shown: view.end() - view.start(),
    });
    let files: Vec<u16> = view.files().into_iter().map(|key| sources.file(key)).collect();
    let silence = sources.short(View::silence());
    let black = sources.short(view.black());
    let place = |file: u16, offset| Place::new(*files.get(usize::from(file))?, offset);
    let wrong = || Error::Index { track: view.track(), segment: 0 };
    let mut lengths = vec![0u64; view.parameters().len()];
    let mut reader = view.reader(store);
    while let Some(samples) = reader.next().await? {
        for sample in samples {
            let content = match sample.data {
                Data::Stored { file, offset } => Content::At(place(file, offset).ok_or_else(wrong)?),
                Data::Again { file, offset } => Content::Again(place(file, offset).ok_or_else(wrong)?),
                Data::Silence => Content::Whole(silence),
                Data::Black => Content::Whole(black),
            };
            let own = usize::from(sample.parameters);
            if let Some(length) = lengths.get_mut(own) {
                *length += u64::from(sample.duration);
            }
            tables.push(&mp4::Sample {
                duration: sample.duration,
                size: sample.size,
                sync: sample.sync,
                entry: numbers.get(own).copied().unwrap_or(0),
                content,
            });
        }
    }
    shape(view, &mut tables, &lengths, &numbers);
    Ok(tables)
}

/// A file has one shape and one turn for a track: those that it has for longest.
fn shape(view: &View, tables: &mut Tables, lengths: &[u64], numbers: &[u16]) {
    let longest = view.parameters().iter().zip(lengths).zip(numbers).max_by_key(|((_, length), _)| **length);
    let Some(((parameters, _), entry)) = longest else { return };
    match parameters {
        Parameters::Run(run) => tables.shape(run.rotation, run.width, run.height),
        Parameters::Black => tables.shape_of_entry(*entry),
    }
}

/// Sample entries without doubles, and for each of the view's parameters the number of its own.
async fn entries(store: &Store, view: &View) -> Result<(Vec<Bytes>, Vec<u16>), Error> {
    let (mut entries, mut numbers) = (Vec::<Bytes>::new(), Vec::new());
    for parameters in view.parameters() {
        let init = view.init(store, parameters).await?;
        let broken = || Error::Damaged { track: view.track(), source: fmp4::Error::Broken(0) };
        let entry = mp4::sample_entry(&init).ok_or_else(broken)?;
        let place = entries.iter().position(|known| *known == entry).unwrap_or_else(|| {
            // Not the whole init segment.
            entries.push(Bytes::copy_from_slice(&entry));
            entries.len() - 1
        });
        numbers.push(u16::try_from(place).unwrap_or(u16::MAX));
    }
    Ok((entries, numbers))
}

/// The whole of it.
#[derive(Debug)]
struct Progressive {
    head: Bytes,
    extents: Box<[Extent]>,
    len: u64,
    files: Vec<Key>,
    short: Vec<Bytes>,
}

#[async_trait]
impl Layout for Progressive {
    fn len(&self) -> u64 {
        self.len
    }

    fn held(&self) -> usize {
        self.head.len() + std::mem::size_of_val(&*self.extents)
    }

    async fn parts(&self, range: Range<u64>) -> Result<Vec<Part>, Error> {
        let mut parts = Vec::new();
        let head = self.head.len() as u64;
        if range.start < head {
            let place = |at: u64| usize::try_from(at.min(head)).unwrap_or(0);
            parts.push(Part::Held(self.head.slice(place(range.start)..place(range.end))));
        }
        let behind = self.extents.partition_point(|extent| extent.at <= range.start);
        for number in (behind.saturating_sub(1)..self.extents.len()).take(MOST_PARTS) {
            let Some(extent) = self.extents.get(number).filter(|extent| extent.at < range.end) else { break };
            let end = self.extents.get(number + 1).map_or(self.len, |next| next.at);
            let wanted = range.start.max(extent.at)..range.end.min(end);
            if !wanted.is_empty() {
                parts.push(self.part(extent, &wanted)?);
            }
        }
        Ok(parts)
    }
}

impl Progressive {
    fn part(&self, extent: &Extent, wanted: &Range<u64>) -> Result<Part, Error> {
        let from = extent.from;
        let (skip, length) = (wanted.start - extent.at, wanted.end - wanted.start);
        if let Some(key) = self.files.get(usize::from(from.source())) {
            let start = from.offset() + skip;
            return Ok(Part::Stored(*key, start..start + length));
        }
        let short = self.short.get(usize::from(u16::MAX - from.source()));
        let short = short.filter(|short| !short.is_empty()).ok_or(Error::Layout { at: wanted.start })?;
        let mut out = BytesMut::new();
        let mut skip = usize::try_from(skip % short.len() as u64).unwrap_or(0);
        // A range has at most `WINDOW` bytes.
        let mut left = usize::try_from(length).unwrap_or(0);
        while left > 0 {
            let piece = short.get(skip..short.len().min(skip.saturating_add(left))).unwrap_or_default();
            out.extend_from_slice(piece);
            left -= piece.len();
            skip = 0;
        }
        Ok(Part::Held(out.freeze()))
    }
}

#[cfg(test)]
#[path = "mp4_tests.rs"]
mod tests;
