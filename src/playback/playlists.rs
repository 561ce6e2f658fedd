//! Playlists and descriptions as texts that are made once and handed out to all who ask, and what players of low-latency
//! HLS may wait for (RFC 8216bis 6.2.5).

mod clips;

pub use clips::Of;

use super::dash::{self, Description};
use super::playlist::{self, QUERY, Reached, Text, beside};
use super::presentation::{self, Choice};
use super::room::Room;
use super::{Error, trick};
use crate::catalog::Catalog;
use crate::id::{RecordingId, TrackId};
use crate::live::{Edge, Hub};
use crate::media::hls::{media, multivariant};
use crate::storage::Store;
use crate::time::WallTime;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Bytes of texts that are kept.
const KEPT_BYTES: u64 = 32 << 20;
/// About how many texts that is.
const KEPT: usize = 1000;
/// Bytes of descriptions that are kept, and about how many: those of long recordings are large, and one that grows has another
/// one every second.
const DESCRIBED_BYTES: u64 = 8 << 20;
const DESCRIBED: usize = 32;
/// Nobody waits longer than three target durations (RFC 8216bis 6.2.5.2).
const PATIENCE: Duration = Duration::from_secs(12);
/// A client that asks for more than the next but one segment is mistaken (RFC 8216bis 6.2.5.2).
const AHEAD: u64 = 2;

/// What a request for a playlist may say beside its name (RFC 8216bis 6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `_HLS_msn`: wait for the segment of this media sequence number.
    pub segment: Option<u64>,
    /// `_HLS_part`: or only for this part of it.
    pub part: Option<u64>,
    /// `_HLS_skip`: a delta update will do.
    pub delta: bool,
}

/// The playlists of all recordings.
#[derive(Clone, Debug)]
pub struct Playlists(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    edges: Hub,
    store: Store,
    texts: Cache<OfTrack, Arc<Text>, Bytes>,
    /// Multivariant playlists.
    variants: Cache<OfChoice, Arc<String>, Bytes>,
    descriptions: Cache<OfChoice, Arc<Description>, Bytes>,
    /// I-frame playlists of ended recordings, and what they take.
    tricks: Cache<OfTrack, Arc<(String, u64)>, Bytes>,
    /// Texts of clips of ended recordings.
    clips: Cache<clips::Key, Arc<String>, Bytes>,
    patience: Duration,
}

/// Whose a text is, and what it was made of. Numbers of edges mean something within a recording only.
type OfTrack = (RecordingId, TrackId, Version);
type OfChoice = (RecordingId, Choice, Version);

/// What a text was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Version {
    /// Of a recording that runs here: how often its edge was told something, or of rows, where a text is made of these alone.
    Running(u64),
    /// Of one that has ended: when its row was last changed.
    Ended(WallTime),
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<OfTrack, Arc<Text>> for Bytes {
    fn weight(&self, _: &OfTrack, text: &Arc<Text>) -> u64 {
        text.weight().max(1) as u64
    }
}

impl Weighter<OfChoice, Arc<String>> for Bytes {
    fn weight(&self, _: &OfChoice, text: &Arc<String>) -> u64 {
        text.len().max(1) as u64
    }
}

impl Weighter<OfChoice, Arc<Description>> for Bytes {
    fn weight(&self, _: &OfChoice, description: &Arc<Description>) -> u64 {
        description.weight().max(1) as u64
    }
}

impl Weighter<OfTrack, Arc<(String, u64)>> for Bytes {
    fn weight(&self, _: &OfTrack, trick: &Arc<(String, u64)>) -> u64 {
        trick.0.len().max(1) as u64
    }
}

impl Playlists {
    /// None yet.
    #[must_use]
    pub fn new(catalog: Catalog, store: Store, edges: Hub) -> Self {
        Self::patient(catalog, store, edges, PATIENCE)
    }

    /// The same; nobody waits longer than this.
    #[must_use]
    pub fn patient(catalog: Catalog, store: Store, edges: Hub, patience: Duration) -> Self {
        let texts = Cache::with_weighter(KEPT, KEPT_BYTES, Bytes);
        let variants = Cache::with_weighter(KEPT, KEPT_BYTES, Bytes);
        let tricks = Cache::with_weighter(KEPT, KEPT_BYTES, Bytes);
        let descriptions = Cache::with_weighter(DESCRIBED, DESCRIBED_BYTES, Bytes);
        let clips = Cache::with_weighter(KEPT, clips::KEPT_BYTES, Bytes);
        let shared = Shared { catalog, edges, store, texts, variants, descriptions, tricks, clips, patience };
        Self(Arc::new(shared))
    }

    /// Something of a recording was removed: its texts are not kept.
    pub fn forget(&self, recording: RecordingId) {
        let shared = &self.0;
        shared.texts.retain(|(of, _, _), _| *of != recording);
        shared.variants.retain(|(of, _, _), _| *of != recording);
        shared.descriptions.retain(|(of, _, _), _| *of != recording);
        shared.tricks.retain(|(of, _, _), _| *of != recording);
        shared.clips.retain(|(of, ..), _| *of != recording);
    }

    /// The multivariant playlist of a presentation. `query` ends every URI.
    ///
    /// # Errors
    /// As [`presentation::multivariant`]; [`Error::NoRecording`].
    pub async fn multivariant(
        &self,
        recording: RecordingId,
        choice: impl Into<Choice>,
        query: &str,
    ) -> Result<String, Error> {
        let (shared, choice) = (&self.0, choice.into());
        let version = self.presented(recording, choice).await?;
        let make = async {
            let room = Room::load(&shared.catalog, recording).await?;
            let mut snapshot =
                presentation::multivariant(&shared.catalog, &shared.store, &room, choice, QUERY).await?;
            if matches!(version, Some(Version::Ended(_))) {
                self.add_iframes(&room, &mut snapshot).await;
            }
            Ok::<_, Error>(Arc::new(multivariant::render(&snapshot)))
        };
        let text = match version {
            Some(version) => shared.variants.get_or_insert_async(&(recording, choice, version), make).await?,
            None => make.await?,
        };
        Ok(text.replace(QUERY, query))
    }

    /// The DASH description of a presentation.
    ///
    /// # Errors
    /// As [`dash::manifest`].
    pub async fn description(
        &self,
        recording: RecordingId,
        choice: impl Into<Choice>,
    ) -> Result<Arc<Description>, Error> {
        let (shared, choice) = (&self.0, choice.into());
        let version = self.presented(recording, choice).await?;
        let make = async { dash::description(&shared.catalog, recording, choice).await.map(Arc::new) };
        match version {
            Some(version) => {
                shared.descriptions.get_or_insert_async(&(recording, choice, version), make).await
            }
            None => make.await,
        }
    }

    /// The key frames of each picture.
    async fn add_iframes(&self, room: &Room, snapshot: &mut multivariant::Snapshot) {
        for picture in &snapshot.video {
            let Some(track) = room.tracks.iter().find(|own| picture.uri.starts_with(&own.id.to_string()))
            else {
                continue;
            };
            // A picture without a key frame of its own is shown all the same.
            let Ok((_, bandwidth)) = self.iframes(room.recording.id, track.id, QUERY).await else { continue };
            snapshot.iframes.push(multivariant::Iframes {
                uri: format!("{}/iframes.m3u8{QUERY}", track.id),
                codec: picture.codecs.first().cloned().unwrap_or_default(),
                width: picture.width,
                height: picture.height,
                bandwidth,
            });
        }
    }

    /// The I-frame playlist of a track whose recording has ended, and the bits in a second that it takes at most.
    /// `query` ends every URI.
    ///
    /// # Errors
    /// [`Error::NothingYet`] while it runs; [`Error::NoRecording`], [`Error::NoTrack`], [`Error::NoBlack`] for sound.
    pub async fn iframes(
        &self,
        recording: RecordingId,
        track: TrackId,
        query: &str,
    ) -> Result<(String, u64), Error> {
        let shared = &self.0;
        let version = self.ended(recording).await?.ok_or(Error::NothingYet)?;
        let make =
            async { trick::of(&shared.catalog, &shared.store, recording, track, None).await.map(Arc::new) };
        let made = shared.tricks.get_or_insert_async(&(recording, track, version), make).await?;
        Ok((made.0.replace(QUERY, query), made.1))
    }

    /// What a presentation is made of; without a participant, that of anybody. It is read before the rows: what
    /// changes meanwhile makes another version.
    async fn presented(&self, recording: RecordingId, choice: Choice) -> Result<Option<Version>, Error> {
        let Some(edge) = self.0.edges.get(recording) else { return self.ended(recording).await };
        let tracks = self.0.catalog.tracks(recording).await?;
        let own = tracks.iter().filter(|track| choice.participant.is_none_or(|who| track.participant == who));
        Ok(Some(Version::Running(edge.rows(own.map(|track| track.id)))))
    }

    /// What a text of a recording is made of when it has ended.
    async fn ended(&self, recording: RecordingId) -> Result<Option<Version>, Error> {
        let row = self.0.catalog.recording(recording).await?.filter(|row| row.deleted_at.is_none());
        let row = row.ok_or(Error::NoRecording)?;
        Ok((!row.status.is_running()).then_some(Version::Ended(row.updated_at)))
    }

    /// The media playlist of a track, once it has what the directives want. `query` ends every URI.
    ///
    /// # Errors
    /// As [`playlist::of`]; [`Error::PartOfNothing`], [`Error::TooFarAhead`], [`Error::NotInTime`].
    pub async fn media(
        &self,
        recording: RecordingId,
        track: TrackId,
        directives: Directives,
        query: &str,
    ) -> Result<String, Error> {
        if directives.part.is_some() && directives.segment.is_none() {
            return Err(Error::PartOfNothing);
        }
        let text = tokio::time::timeout(self.0.patience, self.wait(recording, track, directives));
        let text = text.await.map_err(|_| Error::NotInTime)??;
        let mut out = text.with(query, directives.delta);
        for other in &text.beside {
            // What cannot be told is left out.
            let Ok(Some(reached)) = self.now(recording, *other).await.map(|(text, _)| reported(&text)) else {
                continue;
            };
            out.push_str(&media::report(&beside(*other, query), reached.0, reached.1));
        }
        Ok(out)
    }

    async fn wait(
        &self,
        recording: RecordingId,
        track: TrackId,
        directives: Directives,
    ) -> Result<Arc<Text>, Error> {
        loop {
            let (text, watch) = self.now(recording, track).await?;
            if has(&text.reached, directives)? {
                return Ok(text);
            }
            match watch {
                // When it is gone the recording has ended, and its rows say so.
                Some(mut watch) => drop(watch.changed().await),
                None => return Ok(text),
            }
        }
    }

    /// The text as it is now, and what changes when it does.
    async fn now(
        &self,
        recording: RecordingId,
        track: TrackId,
    ) -> Result<(Arc<Text>, Option<watch::Receiver<u64>>), Error> {
        let shared = &self.0;
        let edge = shared.edges.get(recording);
        let watch = match &edge {
            Some(edge) => Some(self.watch(edge, recording, track).await?),
            None => None,
        };
        let version = match &watch {
            // Read before the rows: what is told meanwhile makes another version.
            Some(watch) => Some(Version::Running(*watch.borrow())),
            None => self.ended(recording).await?,
        };
        let make = async {
            let made = playlist::of(&shared.catalog, edge.as_ref(), recording, track).await?;
            Ok::<_, Error>(Arc::new(made.render()))
        };
        let text = match version {
            Some(version) => shared.texts.get_or_insert_async(&(recording, track, version), make).await?,
            None => make.await?,
        };
        Ok((text, watch))
    }

    /// What changes when the view of a track does. An edge remembers whom it was asked for, so only tracks of its recording are
    /// asked for.
    async fn watch(
        &self,
        edge: &Edge,
        recording: RecordingId,
        track: TrackId,
    ) -> Result<watch::Receiver<u64>, Error> {
        if let Some(watch) = edge.watched(track) {
            return Ok(watch);
        }
        let tracks = self.0.catalog.tracks(recording).await?;
        let own = tracks.iter().find(|own| own.id == track).ok_or(Error::NoTrack(track))?;
        Ok(edge.watch(own.id))
    }
}

/// The last part; without parts the last media sequence number (RFC 8216bis 4.4.5.4).
fn reported(text: &Text) -> Option<(usize, Option<usize>)> {
    match text.reached.last_part {
        Some((segment, part)) => Some((segment, Some(part))),
        None => Some((text.reached.whole.checked_sub(1)?, None)),
    }
}

/// Whether a playlist that reaches so far is what was waited for.
fn has(reached: &Reached, directives: Directives) -> Result<bool, Error> {
    let Some(segment) = directives.segment.filter(|_| reached.live && !reached.ended) else {
        return Ok(true);
    };
    let (whole, parts) = (reached.whole as u64, reached.parts as u64);
    let last = if parts > 0 { whole } else { whole.saturating_sub(1) };
    if segment > last.saturating_add(AHEAD) {
        return Err(Error::TooFarAhead { segment, last });
    }
    Ok(segment < whole || (segment == whole && directives.part.is_some_and(|part| part < parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(whole: usize, parts: usize) -> Reached {
        Reached { ended: false, live: true, whole, parts, last_part: None }
    }

    fn asked(segment: u64, part: Option<u64>) -> Directives {
        Directives { segment: Some(segment), part, delta: false }
    }

    #[test]
    fn what_is_waited_for() {
        let now = reached(10, 2);
        assert!(has(&now, Directives::default()).unwrap());
        assert!(has(&now, asked(9, None)).unwrap() && !has(&now, asked(10, None)).unwrap());
        assert!(has(&now, asked(10, Some(1))).unwrap() && !has(&now, asked(10, Some(2))).unwrap());
        // More parts than the segment had: the next segment's first will do.
        assert!(has(&now, asked(9, Some(40))).unwrap());
        assert!(!has(&now, asked(11, Some(0))).unwrap() && !has(&now, asked(12, None)).unwrap());
        assert!(matches!(has(&now, asked(13, None)), Err(Error::TooFarAhead { segment: 13, last: 10 })));
        assert!(has(&reached(10, 0), asked(12, None)).is_err(), "the open segment has no part yet");
        assert!(has(&now, asked(u64::MAX, Some(u64::MAX))).is_err());
        // What grows no more, or not part by part, is answered at once.
        let ended = Reached { ended: true, ..now };
        let plain = Reached { live: false, ..now };
        assert!(has(&ended, asked(99, None)).unwrap() && has(&plain, asked(99, Some(1))).unwrap());
    }
}
