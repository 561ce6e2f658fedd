//! Segments and fills by the tick at which they begin, as a DASH manifest names them, in MP4 or in WebM.

use super::periods::NEAR_MICROS;
use crate::catalog::Track;
use crate::id::{RecordingId, TrackId};
use crate::playback::fetch::{Fetched, Source};
use crate::playback::filled::Named;
use crate::playback::placed::File;
use crate::playback::room::{self, Room};
use crate::playback::timeline::Item;
use crate::playback::{Error, pieces};
use crate::time::{Ticks, Timescale};
use std::ops::RangeInclusive;

impl Source {
    /// The segment or fill of a track's view that a manifest tells from this tick on, counted from its participant's zero.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NothingAt`], [`Error::Damaged`].
    pub async fn at(&self, recording: RecordingId, track: TrackId, time: u64) -> Result<Fetched, Error> {
        let missing = Error::NothingAt(time);
        let Ok(since) = i64::try_from(time) else { return Err(missing) };
        let tracks = self.catalog.tracks(recording).await?;
        let row = tracks.iter().find(|row| row.id == track).ok_or(Error::NoTrack(track))?;
        let start = Ticks(since) + room::zero(&tracks, row);
        if let Some(number) = self.catalog.segment_at(track, start).await? {
            return self.segment(recording, track, number).await;
        }
        match self.first_from(recording, row, start).await? {
            Some(File::Segment(number)) => self.segment(recording, track, number).await,
            Some(File::Fill(named)) => self.fill(recording, track, named).await,
            _ => Err(missing),
        }
    }

    /// What begins at a tick, or shortly after it: a manifest tells the first of a period from the period's start on.
    async fn first_from(
        &self,
        recording: RecordingId,
        track: &Track,
        start: Ticks,
    ) -> Result<Option<File>, Error> {
        let segments = self.catalog.segments(track.id).await?;
        let room = Room::load(&self.catalog, recording).await?;
        let begins = begins_at(start, room::scale(track));
        let pieces = pieces::pieces(&room, track, &segments);
        let found = pieces.into_iter().map(|piece| piece.item).find(|item| begins.contains(&item.start()));
        Ok(found.map(|item| match item {
            Item::Segment(segment) => File::Segment(segment.number),
            Item::Fill(fill) => File::Fill(Named { after: fill.after, number: fill.number, part: None }),
        }))
    }
}

/// Where the first begins that a manifest tells from a tick on.
pub(in crate::playback) fn begins_at(start: Ticks, scale: Timescale) -> RangeInclusive<Ticks> {
    start..=start + Ticks::from_micros(NEAR_MICROS, scale)
}
