//! Bytes of init segments, segments and fills.

use super::filled::Fills;
use super::popular::{Name, Popular};
use super::room;
use super::rows::{Kept, Rows};
use super::{Error, VIEW_VERSION, black};
use crate::catalog::{Catalog, Track};
use crate::id::{RecordingId, TrackId};
use crate::live::{Edge, Hub, Part};
use crate::media::fmp4::{self, fragment};
use crate::storage::{Buffer, Key, Store};
use crate::time::Ticks;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

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

/// How long a request waits for a part that is announced: three target durations (RFC 8216bis 6.2.5.2).
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Rows.
    pub catalog: Catalog,
    /// Files.
    pub store: Store,
    /// Rows that are kept.
    pub rows: Rows,
    /// What has no rows yet.
    pub edges: Hub,
    /// Segments in memory.
    pub popular: Popular,
    /// Fills that were made.
    pub fills: Fills,
}

pub(super) struct Place {
    pub(super) rows: Arc<Kept>,
    pub(super) track: Track,
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
        Ok(Fetched { bytes, tag: format!("black-{}-v{VIEW_VERSION}", codec.name()), settled: true })
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
        let range = self.rows.range(&place.rows, track, number).await?.ok_or(Error::NoSegment(number))?;
        let zero = room::zero(&place.rows.tracks, &place.track);
        let name = Name { recording, track, range, zero };
        let bytes = match self.popular.get(&name) {
            Some(bytes) => bytes,
            None => {
                let bytes = self.store.read_mut(&Key::media(recording, track), name.range.clone()).await?;
                let bytes = moved(bytes, zero).map_err(|source| Error::Damaged { track, source })?;
                self.popular.was_read(name, &bytes);
                bytes
            }
        };
        Ok(Fetched {
            bytes,
            tag: format!("{track}-{number}-{}", zero.0),
            settled: !place.rows.recording.status.is_running(),
        })
    }

    /// A part of a segment that is open, or was a short while ago. One that is announced is waited for.
    ///
    /// # Errors
    /// [`Error::NoPart`] when there is none and will be none.
    pub async fn part(
        &self,
        recording: RecordingId,
        track: TrackId,
        segment: u32,
        number: u32,
    ) -> Result<Fetched, Error> {
        let none = Error::NoPart { segment, number };
        let place = self.place(recording, track).await?;
        let Some(edge) = self.edges.get(recording) else { return Err(none) };
        let coming = tokio::time::timeout(PATIENCE, coming(&edge, track, segment, number)).await;
        let Ok(Some(part)) = coming else { return Err(none) };
        let bytes = self.store.read_mut(&Key::media(recording, track), part.range).await?;
        let zero = room::zero(&place.rows.tracks, &place.track);
        Ok(Fetched {
            bytes: moved(bytes, zero).map_err(|source| Error::Damaged { track, source })?,
            tag: format!("{track}-{segment}.{number}-{}", zero.0),
            settled: false,
        })
    }

    pub(super) async fn place(&self, recording: RecordingId, track: TrackId) -> Result<Place, Error> {
        let rows = self.rows.recording(recording).await?;
        let track = rows.tracks.iter().find(|row| row.id == track).cloned().ok_or(Error::NoTrack(track))?;
        Ok(Place { rows, track })
    }
}

/// Fragments with their decode times counted from a participant's zero.
fn moved(mut bytes: Buffer, zero: Ticks) -> Result<Bytes, fmp4::Error> {
    fragment::shift(&mut bytes, Ticks(-zero.0))?;
    Ok(bytes.freeze())
}

/// A part that is there, or the next one when it comes.
async fn coming(edge: &Edge, track: TrackId, segment: u32, number: u32) -> Option<Part> {
    let mut watch = edge.watch(track);
    loop {
        watch.borrow_and_update();
        let parts = edge.parts(track);
        if let Some(part) = parts.iter().find(|part| (part.segment, part.number) == (segment, number)) {
            return Some(part.clone());
        }
        let last = parts.last()?;
        let next = (segment == last.segment && number == last.number + 1)
            || (segment == last.segment.saturating_add(1) && number == 0);
        if !next || watch.changed().await.is_err() {
            return None;
        }
    }
}
