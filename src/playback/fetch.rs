//! Bytes of init segments, segments and fills.

use super::room::{self, Room};
use super::timeline::Item;
use super::{Error, black, fill, pieces};
use crate::catalog::{Catalog, Recording, Segment, Shown, Track};
use crate::id::{RecordingId, TrackId};
use crate::media::fmp4::{fragment, read};
use crate::storage::{Key, Store};
use crate::time::Ticks;
use bytes::{Bytes, BytesMut};

/// An answer's body.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The bytes.
    pub bytes: Bytes,
    /// Changes when the bytes do (RFC 9110 8.8.3, without quotes).
    pub tag: String,
    /// The bytes under this name will never change. While a recording runs, the participant's zero may still move to
    /// an earlier track's first media.
    pub settled: bool,
}

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Rows.
    pub catalog: Catalog,
    /// Files.
    pub store: Store,
}

struct Place {
    recording: Recording,
    tracks: Vec<Track>,
    track: Track,
}

impl Source {
    /// The init segment of a run.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NoInit`].
    pub async fn init(&self, recording: RecordingId, track: TrackId, run: u32) -> Result<Fetched, Error> {
        let place = self.place(recording, track).await?;
        let runs = self.catalog.runs(place.track.id).await?;
        let row = runs.into_iter().find(|row| row.number == run).ok_or(Error::NoInit(run))?;
        let bytes = self.store.read(&Key::media(recording, track), row.init).await?;
        Ok(Fetched { bytes, tag: format!("{track}-i{run}"), settled: true })
    }

    /// The init segment of a track's black pictures.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NoBlack`] for sound.
    pub async fn black(&self, recording: RecordingId, track: TrackId) -> Result<Fetched, Error> {
        let place = self.place(recording, track).await?;
        let codec = place.track.codec;
        let bytes = black::init(codec).map_err(|source| Error::Damaged { track, source })?;
        let bytes = bytes.ok_or(Error::NoBlack)?;
        Ok(Fetched { bytes, tag: format!("black-{}", codec.name()), settled: true })
    }

    /// A segment, its decode times counted from its participant's zero.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NoSegment`], [`Error::Damaged`].
    pub async fn segment(
        &self,
        recording: RecordingId,
        track: TrackId,
        number: u32,
    ) -> Result<Fetched, Error> {
        let place = self.place(recording, track).await?;
        let segment = self.catalog.segment(track, number).await?.ok_or(Error::NoSegment(number))?;
        let bytes = self.stored(&place.track, &segment).await?;
        let zero = room::zero(&place.tracks, &place.track);
        // Nobody else holds these bytes, so they are changed in place.
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        fragment::shift(&mut bytes, Ticks(-zero.0)).map_err(|source| Error::Damaged { track, source })?;
        Ok(Fetched {
            bytes: bytes.freeze(),
            tag: format!("{track}-{number}-{}", zero.0),
            settled: !place.recording.status.is_running(),
        })
    }

    /// A fill that the track's playlist lists.
    ///
    /// # Errors
    /// [`Error::NoSegment`] when it does not.
    pub async fn fill(
        &self,
        recording: RecordingId,
        track: TrackId,
        after: Option<u32>,
        number: u32,
    ) -> Result<Fetched, Error> {
        let room = Room::load(&self.catalog, recording).await?;
        let row = room.track(track)?;
        let segments = self.catalog.segments(track).await?;
        let found = pieces::pieces(&room, row, &segments).into_iter().find_map(|piece| match piece.item {
            Item::Fill(fill) if fill.after == after && fill.number == number => Some(fill),
            _ => None,
        });
        let fill = found.ok_or(Error::NoSegment(number))?;
        let zero = room.zero(row);
        let start = fill.start - zero;
        let damaged = |source| Error::Damaged { track, source };
        let sequence = number.saturating_add(1);
        let bytes = match fill.shown {
            Shown::Silence => fill::silence(sequence, start, fill.duration),
            Shown::Still => {
                let picture = self.picture(row, &segments, after).await?;
                fill::still(sequence, start, fill.duration, &picture)
            }
            Shown::Black => {
                let picture = black::picture(row.codec).ok_or(Error::NoBlack)?;
                fill::still(sequence, start, fill.duration, &picture)
            }
        };
        let bytes = bytes.map_err(damaged)?;
        let place = after.map_or_else(|| "l".to_owned(), |after| format!("f{after}"));
        Ok(Fetched {
            bytes,
            tag: format!("{track}-{place}-{number}-{}-{}", fill.duration.0, zero.0),
            settled: !room.recording.status.is_running(),
        })
    }

    /// The key frame next to a gap, of the same run as the segment before it.
    async fn picture(&self, track: &Track, segments: &[Segment], after: Option<u32>) -> Result<Bytes, Error> {
        let chosen = match after {
            None => segments.first(),
            Some(after) => {
                let run = segments.iter().find(|segment| segment.number == after).map(|segment| segment.run);
                let before = segments.iter().filter(|segment| segment.number <= after);
                before.rev().find(|segment| Some(segment.run) == run && segment.sync)
            }
        };
        let chosen = chosen.ok_or(Error::NoSegment(after.unwrap_or(0)))?;
        let bytes = self.stored(track, chosen).await?;
        fill::picture(&read::scan(&bytes), &bytes, after.is_some()).ok_or(Error::NoSegment(chosen.number))
    }

    async fn stored(&self, track: &Track, segment: &Segment) -> Result<Bytes, Error> {
        Ok(self.store.read(&Key::media(track.recording, track.id), segment.range.clone()).await?)
    }

    async fn place(&self, recording: RecordingId, track: TrackId) -> Result<Place, Error> {
        let row = self.catalog.recording(recording).await?.filter(|row| row.deleted_at.is_none());
        let recording = row.ok_or(Error::NoRecording)?;
        let tracks = self.catalog.tracks(recording.id).await?;
        let found = tracks.iter().find(|row| row.id == track).cloned().ok_or(Error::NoTrack(track))?;
        Ok(Place { recording, tracks, track: found })
    }
}
