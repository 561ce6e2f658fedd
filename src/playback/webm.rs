//! Init segments, segments and fills as WebM: the fragments that MP4 players get, with another head around each sample.

use crate::catalog::Run;
use crate::id::{RecordingId, TrackId};
use crate::media::fmp4::read;
use crate::media::webm::head::Entry;
use crate::media::webm::{cluster, head};
use crate::media::{Codec, Sample};
use crate::playback::fetch::{Fetched, Source};
use crate::playback::{Error, VIEW_VERSION, black};
use crate::time::Ticks;
use bytes::Bytes;

/// The only track of a segment.
const TRACK: u8 = 1;

impl Source {
    /// The head in front of the clusters of a run.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NoInit`], [`Error::NotInContainer`].
    pub async fn init_webm(
        &self,
        recording: RecordingId,
        track: TrackId,
        run: u32,
    ) -> Result<Fetched, Error> {
        // The bytes are not needed, but all that makes them unavailable holds here too.
        let stored = self.init(recording, track, run).await?;
        let codec = self.codec(recording, track).await?;
        let runs = self.catalog.runs(track).await?;
        let row = runs.iter().find(|row| row.number == run).ok_or(Error::NoInit(run))?;
        let bytes = head::stream(&[entry(TRACK, codec, row)])?;
        Ok(Fetched {
            bytes: bytes.into(),
            tag: format!("{}-webm-v{VIEW_VERSION}", stored.tag),
            settled: true,
        })
    }

    /// The head in front of the clusters of black pictures.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NoBlack`], [`Error::NotInContainer`].
    pub async fn black_webm(&self, recording: RecordingId, track: TrackId) -> Result<Fetched, Error> {
        let stored = self.black(recording, track).await?;
        let (width, height) = black::SIZE;
        let codec = Some(self.codec(recording, track).await?);
        let bytes = head::stream(&[Entry { number: TRACK, codec, width, height, ..Entry::default() }])?;
        Ok(Fetched {
            bytes: bytes.into(),
            tag: format!("{}-webm-v{VIEW_VERSION}", stored.tag),
            settled: true,
        })
    }

    /// The segment or fill that begins at a tick ([`Source::at`]) as clusters.
    ///
    /// # Errors
    /// [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NothingAt`], [`Error::NotInContainer`], [`Error::Damaged`].
    pub async fn at_webm(&self, recording: RecordingId, track: TrackId, time: u64) -> Result<Fetched, Error> {
        let codec = self.codec(recording, track).await?;
        let fetched = self.at(recording, track, time).await?;
        let bytes = cluster::clusters(TRACK, codec.timescale(), &samples(&fetched.bytes))?;
        Ok(Fetched { bytes: bytes.into(), tag: format!("{}-webm-v{VIEW_VERSION}", fetched.tag), ..fetched })
    }

    /// The codec of a track, if browsers play it from segments of WebM without more than its key frames say.
    async fn codec(&self, recording: RecordingId, track: TrackId) -> Result<Codec, Error> {
        let tracks = self.catalog.tracks(recording).await?;
        let row = tracks.iter().find(|row| row.id == track).ok_or(Error::NoTrack(track))?;
        match row.codec {
            codec @ (Codec::Vp8 | Codec::Vp9 | Codec::Opus) => Ok(codec),
            Codec::H264 => Err(refused("H264", vec![track])),
            Codec::Av1 => Err(refused("AV1", vec![track])),
        }
    }
}

/// What is said of what is there in MP4 only.
pub(super) fn refused(codec: &'static str, tracks: Vec<TrackId>) -> Error {
    Error::NotInContainer { codec, container: "WebM", instead: "MP4 holds it", tracks }
}

/// A run as a head tells it, without what its decoder needs besides.
fn entry(number: u8, codec: Codec, run: &Run) -> Entry {
    Entry {
        number,
        codec: Some(codec),
        width: run.width,
        height: run.height,
        rotation: run.rotation,
        channels: run.channels,
        ..Entry::default()
    }
}

/// The samples of whole fragments.
pub(super) fn samples(fragments: &Bytes) -> Vec<Sample> {
    let mut all = Vec::new();
    for fragment in read::scan(fragments).fragments {
        let mut at = fragment.start;
        for sample in &fragment.samples {
            let start = usize::try_from(sample.offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(sample.size as usize);
            if end <= fragments.len() {
                let data = fragments.slice(start..end);
                all.push(Sample { at, duration: sample.duration, sync: sample.sync, data });
            }
            at = at + Ticks(sample.duration.into());
        }
    }
    all
}
