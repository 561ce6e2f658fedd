//! The boxes themselves, written by hand: their tables are large, and written once.

use super::tables::Tables;
use super::{About, TIMESCALE};
use crate::media::fmp4::{init, read};
use crate::media::{Kind, Rotation};
use crate::time::Ticks;
use bytes::Bytes;

/// Seconds from 1904, where the times of 8.2.2 begin, to 1970.
const MP4_EPOCH: i64 = 2_082_844_800;
/// `und`, undetermined: three letters of five bits (8.4.2).
const UNDETERMINED: u16 = 0x55c4;
/// Boxes of a track without its tables.
const AROUND: usize = 1024;

/// Bytes of boxes, written from the front.
pub(super) struct Boxes(Vec<u8>);

impl Boxes {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    /// 64 bits, or 32 of them.
    fn either(&mut self, wide: bool, value: u64) {
        if wide { self.u64(value) } else { self.u32(u32::try_from(value).unwrap_or(u32::MAX)) }
    }

    /// A box (4.2). Its size is known behind it; all in front is limited far below 32 bits.
    fn put(&mut self, kind: &[u8; 4], body: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0);
        self.0.extend_from_slice(kind);
        body(self);
        let size = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(start..start + 4) {
            place.copy_from_slice(&size.to_be_bytes());
        }
    }

    /// A box with version and flags.
    fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Self)) {
        self.put(kind, |out| {
            out.u32((u32::from(version) << 24) | flags);
            body(out);
        });
    }

    /// The head of `mdat`, for so many bytes of media behind it.
    pub(super) fn media_head(&mut self, bytes: u64) {
        let short = u32::try_from(bytes.saturating_add(8));
        self.u32(short.unwrap_or(1));
        self.0.extend_from_slice(b"mdat");
        if short.is_err() {
            self.u64(bytes.saturating_add(16));
        }
    }
}

/// A table of offsets that counts from the first byte of media.
pub(super) struct Offsets {
    at: usize,
    count: usize,
    wide: bool,
}

impl Offsets {
    /// Makes them count from the first byte of the file.
    pub(super) fn mend(&self, head: &mut [u8], start: u64) {
        let step = if self.wide { 8 } else { 4 };
        let table = head.get_mut(self.at..self.at + self.count * step).unwrap_or_default();
        if self.wide {
            for own in table.as_chunks_mut::<8>().0 {
                *own = (u64::from_be_bytes(*own) + start).to_be_bytes();
            }
        } else {
            // Below the limit that made them wide.
            for own in table.as_chunks_mut::<4>().0 {
                let sum = u64::from(u32::from_be_bytes(*own)) + start;
                *own = u32::try_from(sum).unwrap_or(u32::MAX).to_be_bytes();
            }
        }
    }
}

/// Bytes that a track's boxes take, or a few more.
pub(super) fn estimate(tables: &Tables, wide: bool) -> usize {
    let entries: usize = tables.track.entries.iter().map(Bytes::len).sum();
    let offset = if wide { 8 } else { 4 };
    let bursts = tables.bursts.len() * (offset + 12);
    entries + bursts + tables.sizes.len() * 4 + tables.durations.len() * 8 + tables.sync.len() * 4 + AROUND
}

pub(super) fn file_type(out: &mut Boxes, tracks: &[Tables]) {
    let entries = || tracks.iter().flat_map(|own| &own.track.entries);
    // AV1-ISOBMFF 2.1 wants its own brand.
    let av1 = entries().any(|entry| entry.get(4..8) == Some(b"av01"));
    out.put(b"ftyp", |out| {
        out.0.extend_from_slice(b"isom\0\0\x02\0isomiso2mp41mp42");
        if av1 {
            out.0.extend_from_slice(b"av01");
        }
    });
}

/// `moov`. `places` are the offsets of all bursts.
pub(super) fn movie(
    out: &mut Boxes,
    tracks: &[Tables],
    places: &[Vec<u64>],
    about: &About,
    wide: bool,
) -> Vec<Offsets> {
    let created = about.created.0.div_euclid(1_000_000).saturating_add(MP4_EPOCH);
    let created = u64::try_from(created).unwrap_or(0);
    let length = tracks.iter().map(end).max().unwrap_or(0);
    let mut offsets = Vec::new();
    out.put(b"moov", |out| {
        let next = u32::try_from(tracks.len()).unwrap_or(u32::MAX).saturating_add(1);
        movie_header(out, created, length, next);
        for ((tables, places), id) in tracks.iter().zip(places).zip(1..) {
            offsets.push(track(out, tables, places, id, created, wide));
        }
    });
    offsets
}

fn movie_header(out: &mut Boxes, created: u64, length: u64, next_track: u32) {
    let wide = u32::try_from(created.max(length)).is_err();
    out.full(b"mvhd", wide.into(), 0, |out| {
        out.either(wide, created);
        out.either(wide, created);
        out.u32(TIMESCALE.0);
        out.either(wide, length);
        out.u32(0x1_0000); // rate
        out.u16(0x100); // volume
        out.zeros(10);
        matrix(out, Rotation::None, 0, 0);
        out.zeros(24);
        out.u32(next_track);
    });
}

/// Where a track ends, in ticks of the movie.
fn end(tables: &Tables) -> u64 {
    u64::try_from(tables.track.delay.max(0)).unwrap_or(0) + shown(tables)
}

/// How long a track is shown, in ticks of the movie: no longer than it has samples.
fn shown(tables: &Tables) -> u64 {
    let track = &tables.track;
    let there = tables.length - track.hidden.max(Ticks(0));
    let ticks = i128::from(track.shown.min(there).0.max(0)) * i128::from(TIMESCALE.0);
    let scale = i128::from(track.timescale.0.max(1));
    u64::try_from((ticks + scale / 2) / scale).unwrap_or(0)
}

fn track(out: &mut Boxes, tables: &Tables, places: &[u64], id: u32, created: u64, wide: bool) -> Offsets {
    let mut offsets = Offsets { at: 0, count: 0, wide };
    let track = &tables.track;
    let video = track.kind == Kind::Video;
    out.put(b"trak", |out| {
        track_header(out, tables, id, created);
        edits(out, tables);
        out.put(b"mdia", |out| {
            media_header(out, tables, created);
            out.full(b"hdlr", 0, 0, |out| {
                out.u32(0);
                out.0.extend_from_slice(if video { b"vide" } else { b"soun" });
                out.zeros(12);
                out.0.extend_from_slice(if video { b"Tureen video\0" } else { b"Tureen audio\0" });
            });
            out.put(b"minf", |out| {
                if video {
                    out.full(b"vmhd", 0, 1, |out| out.zeros(8));
                } else {
                    out.full(b"smhd", 0, 0, |out| out.zeros(4));
                }
                out.put(b"dinf", |out| {
                    out.full(b"dref", 0, 0, |out| {
                        out.u32(1);
                        // The media is in this file.
                        out.full(b"url ", 0, 1, |_| {});
                    });
                });
                out.put(b"stbl", |out| offsets = sample_tables(out, tables, places, wide));
            });
        });
    });
    offsets
}

fn track_header(out: &mut Boxes, tables: &Tables, id: u32, created: u64) {
    let (track, length) = (&tables.track, end(tables));
    let wide = u32::try_from(created.max(length)).is_err();
    let video = track.kind == Kind::Video;
    // Enabled, and in the movie.
    out.full(b"tkhd", wide.into(), 3, |out| {
        out.either(wide, created);
        out.either(wide, created);
        out.u32(id);
        out.u32(0);
        out.either(wide, length);
        out.zeros(8);
        out.u16(0); // layer
        out.u16(0); // alternate group
        out.u16(if video { 0 } else { 0x100 });
        out.u16(0);
        matrix(out, track.rotation, track.width, track.height);
        for side in [track.width, track.height] {
            out.u32(side.min(0xffff) << 16);
        }
    });
}

fn matrix(out: &mut Boxes, rotation: Rotation, width: u32, height: u32) {
    let own = init::matrix(rotation, width, height);
    for value in [own.a, own.b, own.u, own.c, own.d, own.v, own.x, own.y, own.w] {
        out.0.extend_from_slice(&value.to_be_bytes());
    }
}

/// The edit list (8.6.6): nothing until the track begins, then the media without what is hidden of it.
fn edits(out: &mut Boxes, tables: &Tables) {
    let track = &tables.track;
    let (delay, shown) = (u64::try_from(track.delay.max(0)).unwrap_or(0), shown(tables));
    let whole = track.hidden <= Ticks(0) && track.shown >= tables.length;
    if delay == 0 && whole {
        return;
    }
    let hidden = u64::try_from(track.hidden.0.max(0)).unwrap_or(0);
    let wide = u32::try_from(delay.max(shown)).is_err() || i32::try_from(hidden).is_err();
    out.put(b"edts", |out| {
        out.full(b"elst", wide.into(), 0, |out| {
            out.u32(if delay > 0 { 2 } else { 1 });
            if delay > 0 {
                out.either(wide, delay);
                // -1: an empty edit.
                if wide {
                    out.u64(u64::MAX)
                } else {
                    out.u32(u32::MAX)
                }
                out.u32(0x1_0000);
            }
            out.either(wide, shown);
            out.either(wide, hidden);
            out.u32(0x1_0000); // rate
        });
    });
}

fn media_header(out: &mut Boxes, tables: &Tables, created: u64) {
    let length = u64::try_from(tables.length.0).unwrap_or(0);
    let wide = u32::try_from(created.max(length)).is_err();
    out.full(b"mdhd", wide.into(), 0, |out| {
        out.either(wide, created);
        out.either(wide, created);
        out.u32(tables.track.timescale.0);
        out.either(wide, length);
        out.u16(UNDETERMINED);
        out.u16(0);
    });
}

/// `stbl` (8.5.1).
fn sample_tables(out: &mut Boxes, tables: &Tables, places: &[u64], wide: bool) -> Offsets {
    let count = |list: usize| u32::try_from(list).unwrap_or(u32::MAX);
    out.full(b"stsd", 0, 0, |out| {
        out.u32(count(tables.track.entries.len()));
        for entry in &tables.track.entries {
            out.0.extend_from_slice(entry);
        }
    });
    out.full(b"stts", 0, 0, |out| {
        out.u32(count(tables.durations.len()));
        for (samples, duration) in &tables.durations {
            out.u32(*samples);
            out.u32(*duration);
        }
    });
    // Without it all samples are sync samples.
    if tables.sync.len() < tables.sizes.len() {
        out.full(b"stss", 0, 0, |out| {
            out.u32(count(tables.sync.len()));
            tables.sync.iter().for_each(|number| out.u32(*number));
        });
    }
    bursts(out, tables);
    let first = tables.sizes.first().copied().unwrap_or(0);
    let same = first > 0 && tables.sizes.iter().all(|size| *size == first);
    out.full(b"stsz", 0, 0, |out| {
        out.u32(if same { first } else { 0 });
        out.u32(count(tables.sizes.len()));
        if !same {
            tables.sizes.iter().for_each(|size| out.u32(*size));
        }
    });
    let mut offsets = Offsets { at: 0, count: places.len(), wide };
    out.full(if wide { b"co64" } else { b"stco" }, 0, 0, |out| {
        out.u32(count(places.len()));
        offsets.at = out.0.len();
        places.iter().for_each(|place| out.either(wide, *place));
    });
    offsets
}

/// `stsc` (8.7.4): from which burst on each has so many samples of which entry.
fn bursts(out: &mut Boxes, tables: &Tables) {
    let mut changes: Vec<(u32, u32, u32)> = Vec::new();
    for (burst, number) in tables.bursts.iter().zip(1..) {
        let (samples, entry) = (burst.samples, u32::from(burst.entry) + 1);
        if changes.last().is_none_or(|(_, before, of)| (*before, *of) != (samples, entry)) {
            changes.push((number, samples, entry));
        }
    }
    out.full(b"stsc", 0, 0, |out| {
        out.u32(u32::try_from(changes.len()).unwrap_or(u32::MAX));
        for (number, samples, entry) in changes {
            out.u32(number);
            out.u32(samples);
            out.u32(entry);
        }
    });
}

/// The sample entry of an init segment's track, as it stands there; `None` when there is none.
#[must_use]
pub fn sample_entry(init: &Bytes) -> Option<Bytes> {
    let moov = read::walk(init).find(|found| &found.kind == b"moov")?;
    let path = [b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
    let stsd = path.into_iter().try_fold(moov, |found, kind| found.child(kind))?;
    // Behind version, flags and count.
    let entry = read::walk(stsd.body.get(8..)?).next()?;
    let start = usize::try_from(stsd.body_offset).ok()?.checked_add(8)?;
    let end = start.checked_add(usize::try_from(entry.size()).ok()?)?;
    (end <= init.len()).then(|| init.slice(start..end))
}
