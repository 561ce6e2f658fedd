//! Texts of clips. Those of ended recordings are kept, each by the part that it is of.

use super::{Bytes, Playlists, Version};
use crate::id::{RecordingId, TrackId};
use crate::media::dash::mpd;
use crate::playback::clip::Clip;
use crate::playback::playlist::{self, QUERY};
use crate::playback::presentation::{self, Choice, plays};
use crate::playback::room::Room;
use crate::playback::{Error, dash, trick};
use quick_cache::Weighter;
use std::sync::Arc;

/// Bytes of texts that are kept.
pub(super) const KEPT_BYTES: u64 = 8 << 20;

/// What a text is of.
pub(super) type Key = (RecordingId, Of, Version, Clip);

/// Which text of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Of {
    /// The media playlist of a track.
    Media(TrackId),
    /// The I-frame playlist of a track whose recording has ended.
    Iframes(TrackId),
    /// The DASH description of a presentation.
    Description(Choice),
}

impl Weighter<Key, Arc<String>> for Bytes {
    fn weight(&self, _: &Key, text: &Arc<String>) -> u64 {
        text.len().max(1) as u64
    }
}

impl Playlists {
    /// Whether there is something of a clip of a presentation, whose multivariant playlist is then that of the whole.
    ///
    /// # Errors
    /// [`Error::Outside`]; those of [`presentation::multivariant`]; [`Error::NoRecording`].
    pub async fn holds(&self, recording: RecordingId, choice: Choice, clip: &Clip) -> Result<(), Error> {
        let room = Room::load(&self.0.catalog, recording).await?;
        let (who, presented) = presentation::choose(&room, choice, plays)?;
        let tracks: Vec<_> = [presented.video, presented.audio].into_iter().flatten().collect();
        clip.holds(&room, who.id, &tracks)
    }

    /// A text of a clip. `query` ends every URI.
    ///
    /// # Errors
    /// [`Error::Outside`]; those of [`playlist::clip`], [`Self::iframes`], [`dash::clip`].
    pub async fn clip(
        &self,
        recording: RecordingId,
        of: Of,
        clip: &Clip,
        query: &str,
    ) -> Result<String, Error> {
        let make = self.make(recording, of, clip);
        let text = match self.ended(recording).await? {
            Some(version) => self.0.clips.get_or_insert_async(&(recording, of, version, *clip), make).await?,
            None if matches!(of, Of::Iframes(_)) => return Err(Error::NothingYet),
            None => make.await?,
        };
        Ok(text.replace(QUERY, query))
    }

    async fn make(&self, recording: RecordingId, of: Of, clip: &Clip) -> Result<Arc<String>, Error> {
        let (catalog, store) = (&self.0.catalog, &self.0.store);
        let text = match of {
            Of::Media(track) => {
                playlist::clip(catalog, recording, track, clip).await?.render().with(QUERY, false)
            }
            Of::Iframes(track) => trick::of(catalog, store, recording, track, Some(clip)).await?.0,
            Of::Description(choice) => {
                mpd::render(&dash::clip(catalog, recording, choice, clip, QUERY).await?)
            }
        };
        Ok(Arc::new(text))
    }
}
