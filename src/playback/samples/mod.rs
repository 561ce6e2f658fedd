//! The samples of one track's view in order: what a file of another form is made from.
//!
//! A view is stored segments and fills, as playlists list them ([`super::presentation`]); of a picture in layers, with
//! the segments of lower layers where its own has none. Here it becomes samples: each with its time on the participant's
//! clock, its length, the place of its bytes, and the parameters that it needs. All of it is read from rows and from the
//! sample index, never from media. Nothing here knows of a container.
//!
//! 1. [`Snapshot::now`] names what is closed, and [`Snapshot::restrict`] takes a room back to that.
//! 2. [`View::load`] takes the view of a track, [`View::cut`] a part of it.
//! 3. [`View::reader`] gives the samples, those of one segment or one fill at a time: so few are held.
//!
//! Samples follow each other without a hole or an overlap. A hole that playlists leave to the player makes the sample
//! before it longer.

mod build;
mod index;
mod reader;
mod snapshot;
#[cfg(test)]
mod tests;

pub(super) use build::still;
pub(super) use index::Entries;
pub use reader::Reader;
pub use snapshot::{Closed, Snapshot};

use super::room::Room;
use super::{Error, black};
use crate::catalog::{Catalog, Run, Segment};
use crate::id::{RecordingId, TrackId};
use crate::media::{Codec, Kind};
use crate::storage::{Key, Store};
use crate::time::{Ticks, Timescale};
use bytes::Bytes;
use std::ops::Range;

/// What Opus decodes before it is right.
const PRE_ROLL_MICROS: i64 = 80_000;

/// One sample of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it is decoded and shown, in ticks of the codec since the participant's zero.
    pub at: Ticks,
    /// Its length in ticks, up to the next one; above zero.
    pub duration: u32,
    /// Its size in bytes.
    pub size: u32,
    /// A decoder can begin here.
    pub sync: bool,
    /// Which of [`View::parameters`] it needs.
    pub parameters: u16,
    /// Where its bytes are.
    pub data: Data,
}

/// Where the bytes of a sample are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// In [`View::files`], at this offset.
    Stored {
        /// Which file.
        file: u16,
        /// Its first byte.
        offset: u64,
    },
    /// The same, for a key frame that a fill shows again: other samples may have the same bytes.
    Again {
        /// Which file.
        file: u16,
        /// Its first byte.
        offset: u64,
    },
    /// [`View::silence`].
    Silence,
    /// [`View::black`].
    Black,
}

/// What a decoder must know before a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// The init segment of this run says it. Of runs that differ only in time it is the first.
    Run(Box<Run>),
    /// That of the black picture says it ([`black::init`]).
    Black,
}

/// The view of a track, or a part of it.
#[derive(Clone, Debug)]
pub struct View {
    recording: RecordingId,
    track: TrackId,
    codec: Codec,
    files: Vec<TrackId>,
    parameters: Vec<Parameters>,
    stretches: Vec<Stretch>,
    /// The first sample that is needed.
    first: Ticks,
    start: Ticks,
    end: Ticks,
}

/// A segment or a fill of a view.
#[derive(Clone, Debug)]
struct Stretch {
    at: Ticks,
    /// Where the next one begins.
    end: Ticks,
    parameters: u16,
    file: u16,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Segment(Place),
    Silence,
    Black,
    /// The last key frame of a segment before the gap, or the first of one behind it.
    Still {
        of: Place,
        last: bool,
    },
}

/// Where a segment is.
#[derive(Clone, Debug)]
struct Place {
    number: u32,
    range: Range<u64>,
    samples: u32,
}

impl Place {
    fn of(segment: &Segment) -> Self {
        Self { number: segment.number, range: segment.range.clone(), samples: segment.samples }
    }
}

impl View {
    /// The whole view of a track, of the segments that a snapshot names; `room` is restricted to it.
    ///
    /// # Errors
    /// [`Error::NoTrack`], [`Error::Changed`] for a segment whose run is newer than the room, [`Error::Catalog`].
    pub async fn load(
        catalog: &Catalog,
        room: &Room,
        track: TrackId,
        snapshot: &Snapshot,
    ) -> Result<Self, Error> {
        let track = room.track(track)?;
        let mut stored = Vec::new();
        for layer in room.layers(track) {
            let mut segments = catalog.segments(layer.id).await?;
            segments.truncate(usize::try_from(snapshot.segments(layer.id)).unwrap_or(usize::MAX));
            let newest = room.runs_of(layer.id).last().map(|run| run.number);
            if segments.last().is_some_and(|last| Some(last.run) > newest) {
                return Err(Error::Changed);
            }
            stored.push((layer, segments));
        }
        Ok(Self::of(room, track, &stored))
    }

    /// Takes a part: from `start` for `duration`, both in microseconds since the participant's zero. It begins with the
    /// last key frame at or before `start` (shortened if it still stands then) and ends with the sample that lasts until the end or beyond. What is to be
    /// shown of it is from [`Self::start`] to [`Self::end`]: exactly what was asked for, as far as there is any.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Storage`].
    pub async fn cut(&mut self, store: &Store, start: i64, duration: Option<i64>) -> Result<(), Error> {
        let ticks = |micros| Ticks::from_micros(micros, self.scale());
        let from = ticks(start.max(0)).max(self.start);
        let to = duration.map_or(self.end, |length| ticks(start.saturating_add(length))).min(self.end);
        let mut first = from;
        if from < to
            && let Some(key) = self.reader(store).key_before(from).await?
        {
            // A picture that stands there begins when it is wanted; a packet of sound cannot be begun in its middle.
            let stands = self.codec.kind() == Kind::Video && key.at + Ticks(key.duration.into()) > from;
            first = if stands { from } else { key.at };
        }
        (self.first, self.start, self.end) = (first, from, to.max(from));
        Ok(())
    }

    /// Begins some packets earlier, which are to be decoded and not heard: Opus needs 80 ms until it sounds as it did
    /// (RFC 7845 4.6). For pictures it does nothing.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Storage`].
    pub async fn roll_in(&mut self, store: &Store) -> Result<(), Error> {
        if self.codec != Codec::Opus || self.is_empty() {
            return Ok(());
        }
        let early = self.first - Ticks::from_micros(PRE_ROLL_MICROS, self.scale());
        let key = self.reader(store).key_before(early).await?;
        let begin = self.stretches.first().map_or(self.first, |stretch| stretch.at);
        self.first = key.map_or(begin, |key| key.at);
        Ok(())
    }

    /// Begins with the key frame instead of the moment that was asked for, so that nothing has to be hidden.
    pub fn begin_at_key_frame(&mut self) {
        self.start = self.first;
    }

    /// There is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// The track that it is the view of.
    #[must_use]
    pub fn track(&self) -> TrackId {
        self.track
    }

    /// What all its samples are coded with.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Ticks per second.
    #[must_use]
    pub fn scale(&self) -> Timescale {
        self.codec.timescale()
    }

    /// When its first sample is decoded: at or before [`Self::start`].
    #[must_use]
    pub fn first(&self) -> Ticks {
        self.first
    }

    /// From when on it is shown, in ticks since the participant's zero.
    #[must_use]
    pub fn start(&self) -> Ticks {
        self.start
    }

    /// Until when it is shown.
    #[must_use]
    pub fn end(&self) -> Ticks {
        self.end
    }

    /// The files that [`Data`] counts.
    #[must_use]
    pub fn files(&self) -> Vec<Key> {
        self.files.iter().map(|track| Key::media(self.recording, *track)).collect()
    }

    /// What [`Sample::parameters`] counts.
    #[must_use]
    pub fn parameters(&self) -> &[Parameters] {
        &self.parameters
    }

    /// The init segment of some parameters.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::NoBlack`].
    pub async fn init(&self, store: &Store, parameters: &Parameters) -> Result<Bytes, Error> {
        match parameters {
            Parameters::Run(run) => {
                Ok(store.read(&Key::media(self.recording, run.track), run.init.clone()).await?)
            }
            Parameters::Black => {
                let init = black::init(self.codec);
                init.map_err(|source| Error::Damaged { track: self.track, source })?.ok_or(Error::NoBlack)
            }
        }
    }

    /// The bytes of [`Data::Silence`].
    #[must_use]
    pub fn silence() -> Bytes {
        Bytes::from_static(super::fill::SILENCE)
    }

    /// The bytes of [`Data::Black`]; empty for sound.
    #[must_use]
    pub fn black(&self) -> Bytes {
        black::picture(self.codec).unwrap_or_default()
    }

    /// Its samples, from the first.
    #[must_use]
    pub fn reader<'a>(&'a self, store: &'a Store) -> Reader<'a> {
        Reader::new(self, store)
    }
}
