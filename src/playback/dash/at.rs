//! Segments and fills by the tick at which they begin, as a DASH manifest names them, in MP4 or in WebM.

use crate::catalog::Track;
use crate::id::{RecordingId, TrackId};
use crate::playback::fetch::{Fetched, Source};
use crate::playback::filled::Named;
use crate::playback::room::{self, Room};
use crate::playback::timeline::Item;
use crate::playback::{Error, pieces};
use crate::time::Ticks;

impl Source {
    /// The segment or fill of a track's view that begins at a tick, counted from its participant's zero.
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
        match self.fill_at(recording, row, start).await? {
            Some((after, number)) => self.fill(recording, track, Named { after, number, part: None }).await,
            None => Err(missing),
        }
    }

    async fn fill_at(
        &self,
        recording: RecordingId,
        track: &Track,
        start: Ticks,
    ) -> Result<Option<(Option<u32>, u32)>, Error> {
        let segments = self.catalog.segments(track.id).await?;
        let room = Room::load(&self.catalog, recording).await?;
        let found = pieces::pieces(&room, track, &segments).into_iter().find_map(|piece| match piece.item {
            Item::Fill(fill) if fill.start == start => Some((fill.after, fill.number)),
            _ => None,
        });
        Ok(found)
    }
}
