//! What of a recording is media, and not a fill: of all its tracks together.

use super::Error;
use super::room::scale;
use crate::analytics::ranges::Ranges;
use crate::catalog::{Catalog, Gap, Recording, Status, Totals, Track};
use crate::id::RecordingId;
use crate::time::Ticks;

/// What of a recording is media, in milliseconds of its timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// What is stored.
    pub stored: Ranges,
    /// What counts as media when it is watched: of a running recording also what is behind the last stored segment, as
    /// nobody can see further than it goes.
    pub counted: Ranges,
    /// Nothing will be added.
    pub ended: bool,
}

impl Media {
    /// Of a recording, hidden ones too.
    ///
    /// # Errors
    /// [`Error::NoRecording`], and what the catalogue says.
    pub async fn load(catalog: &Catalog, id: RecordingId) -> Result<Self, Error> {
        let recording = catalog.recording(id).await?.ok_or(Error::NoRecording)?;
        let (tracks, totals) = (catalog.tracks(id).await?, catalog.totals(id).await?);
        Ok(Self::of(&recording, &tracks, &totals, &catalog.gaps(id).await?))
    }

    /// Of its rows.
    #[must_use]
    pub fn of(recording: &Recording, tracks: &[Track], totals: &[Totals], gaps: &[Gap]) -> Self {
        let mut stored = Ranges::default();
        for track in tracks {
            stored = stored.union(&of_track(track, totals, gaps));
        }
        let ended = !recording.status.is_running() && recording.status != Status::Processing;
        let counted = if ended { stored.clone() } else { stored.union(&Ranges::one(stored.end(), i64::MAX)) };
        Self { stored, counted, ended }
    }
}

fn of_track(track: &Track, totals: &[Totals], gaps: &[Gap]) -> Ranges {
    let millis = |ticks: Ticks| ticks.to_micros(scale(track)) / 1000;
    let end = totals.iter().find(|totals| totals.track == track.id).map(|totals| millis(totals.end));
    let Some((start, end)) = track.start.map(millis).zip(end) else { return Ranges::default() };
    let own = gaps.iter().filter(|gap| gap.track == track.id);
    let mut holes = Ranges::default();
    for gap in own {
        holes.insert(millis(gap.start), millis(gap.start + gap.duration));
    }
    Ranges::one(start, end).subtract(&holes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::ranges::Interval;
    use crate::catalog::{Cause, Shown};
    use crate::media::Codec;
    use crate::playback::fixture::Fixture;

    #[tokio::test]
    async fn gaps_are_no_media_unless_another_track_has_some() {
        let fixture = Fixture::new().await;
        assert_eq!(
            Media::load(&fixture.catalog, fixture.recording).await.unwrap().counted,
            Ranges::one(0, i64::MAX)
        );
        let ada = fixture.participant("Ada", 0).await;
        let camera = fixture
            .track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 2000, 2000), (0, 8000, 2000)])
            .await;
        fixture.track(ada, Codec::Opus, "microphone", &[(0, 1000, 4000)]).await;
        let scale = Codec::H264.timescale();
        let gap = Gap {
            track: camera,
            number: 0,
            after: 1,
            cause: Cause::Off,
            shown: Shown::Black,
            start: Ticks::from_micros(4_000_000, scale),
            duration: Ticks::from_micros(4_000_000, scale),
            open: false,
            listed_micros: 4_000_000,
        };
        fixture.catalog.write(&[crate::catalog::Change::Media(&[], &[gap])], &[]).await.unwrap();
        let running = Media::load(&fixture.catalog, fixture.recording).await.unwrap();
        let spans = |list: &[(i64, i64)]| -> Ranges { list.iter().copied().map(Interval::from).collect() };
        assert_eq!(running.stored, spans(&[(0, 5000), (8000, 10_000)]));
        assert_eq!((running.counted, running.ended), (spans(&[(0, 5000), (8000, i64::MAX)]), false));
        fixture.finish(10_000).await;
        let ended = Media::load(&fixture.catalog, fixture.recording).await.unwrap();
        assert_eq!((ended.counted, ended.ended), (ended.stored, true));
    }
}
