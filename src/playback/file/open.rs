//! From a request to a file.

use super::cache::Cache;
use super::select::{self, Selection, Wanted, Which};
use super::{File, mp4, webm};
use crate::id::{RecordingId, TrackId};
use crate::media::Container;
use crate::playback::fetch::Source;
use crate::playback::room::Room;
use crate::playback::samples::Snapshot;
use crate::playback::{Error, VIEW_VERSION};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Tables that are made at once: those of a long recording take some tens of megabytes while they grow.
const MADE_AT_ONCE: usize = 4;

/// All files that can be asked for.
#[derive(Clone, Debug)]
pub struct Files {
    source: Source,
    cache: Cache,
    making: Arc<Semaphore>,
}

/// A file with what depends on who asks.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The file.
    pub file: Arc<File>,
    /// What to call it, without an extension: the recording's title, and whose it is if that was asked for.
    pub name: String,
}

impl Files {
    /// Keeps at most `cache` bytes of tables.
    #[must_use]
    pub fn new(source: Source, cache: usize) -> Self {
        Self { source, cache: Cache::new(cache), making: Arc::new(Semaphore::new(MADE_AT_ONCE)) }
    }

    /// Bytes of tables that are kept.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.bytes()
    }

    /// Something was removed for good: no tables are kept, those of other recordings neither, which are made again.
    pub fn forget(&self) {
        self.cache.clear();
    }

    /// The MP4 of what is wanted: [`Self::open`].
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub async fn mp4(
        &self,
        recording: RecordingId,
        wanted: &Wanted,
        known: &[&str],
    ) -> Result<Opened, Error> {
        self.open(recording, wanted, Container::Mp4, known).await
    }

    /// The file of what is wanted. While a recording runs it holds what is closed now; one of `known` tags that this
    /// recording could have given out for it is opened again instead.
    ///
    /// # Errors
    /// Those of [`select::tracks`], [`Error::NotInContainer`], [`Error::Outside`], [`Error::TooLong`], and of reading.
    pub async fn open(
        &self,
        recording: RecordingId,
        wanted: &Wanted,
        container: Container,
        known: &[&str],
    ) -> Result<Opened, Error> {
        match self.once(recording, wanted, container, known).await {
            Err(Error::Changed) => self.once(recording, wanted, container, known).await,
            other => other,
        }
    }

    async fn once(
        &self,
        recording: RecordingId,
        wanted: &Wanted,
        container: Container,
        known: &[&str],
    ) -> Result<Opened, Error> {
        let room = Room::load(&self.source.catalog, recording).await?;
        let tracks = select::tracks(&room, &wanted.which, container)
            .map_err(|error| select::instead(&room, &wanted.which, error))?;
        select::fits(&room, &wanted.which, &tracks, container)?;
        let name = name(&room, &wanted.which);
        let again = known.iter().find_map(|tag| again(&room, wanted, container, tag));
        let (tag, snapshot, tracks) = match again {
            Some(found) => found,
            None => {
                let snapshot = Snapshot::now(&room, &tracks);
                (tag(recording, wanted, container, tracks.len(), &snapshot), snapshot, tracks)
            }
        };
        let file = self
            .cache
            .get(&tag, || async {
                let _turn = self.making.acquire().await.map_err(|_| Error::Changed)?;
                let room = snapshot.restrict(room);
                let selection = Selection::of(&room, wanted, tracks)?;
                match container {
                    Container::Mp4 => {
                        mp4::build(&self.source, &room, &selection, &snapshot, tag.clone()).await
                    }
                    Container::WebM => {
                        webm::build(&self.source, &room, &selection, &snapshot, tag.clone()).await
                    }
                }
            })
            .await?;
        Ok(Opened { file, name })
    }
}

/// Takes a tag apart: what it names, if this request could have led to it.
fn again(
    room: &Room,
    wanted: &Wanted,
    container: Container,
    tag: &str,
) -> Option<(String, Snapshot, Vec<TrackId>)> {
    let (_, rest) = tag.split_once('-')?;
    let (count, snapshot) = rest.split_once('-')?;
    let snapshot = Snapshot::parse(snapshot, room)?;
    let count: usize = count.parse().ok()?;
    let tracks: Vec<TrackId> = snapshot.closed.get(..count)?.iter().map(|own| own.track).collect();
    // The other tracks are the layers of these, and no others.
    let same = Snapshot::now(room, &tracks).closed.iter().map(|own| own.track).collect::<Vec<_>>()
        == snapshot.closed.iter().map(|own| own.track).collect::<Vec<_>>();
    let fits = match &wanted.which {
        Which::Tracks(named) => named.len() == count && named.iter().all(|id| tracks.contains(id)),
        Which::Presented(Some(who)) => {
            tracks.iter().all(|id| room.track(*id).is_ok_and(|track| track.participant == *who))
        }
        Which::Presented(None) => true,
    };
    (same && fits && self::tag(room.recording.id, wanted, container, count, &snapshot) == tag)
        .then(|| (tag.to_owned(), snapshot, tracks))
}

/// What is asked for as a number, how many tracks, and what was closed of them.
fn tag(
    recording: RecordingId,
    wanted: &Wanted,
    container: Container,
    tracks: usize,
    snapshot: &Snapshot,
) -> String {
    let part = format!("{:?} {:?} {:?} {}", wanted.start, wanted.end, wanted.duration, wanted.exact);
    let text = format!("{VIEW_VERSION} {recording} {container:?} {part}");
    format!("{:016x}-{tracks}-{snapshot}", fnv(text.as_bytes()))
}

/// FNV-1a of 64 bits: the same in every build, and nothing that is kept secret by it.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn name(room: &Room, which: &Which) -> String {
    let title = &room.recording.title;
    let title = if title.is_empty() { &room.recording.room_id } else { title };
    let whose = match which {
        Which::Presented(None) => None,
        Which::Presented(Some(who)) => Some((*who, None)),
        Which::Tracks(tracks) => match tracks.as_slice() {
            [one] => room.track(*one).ok().map(|track| (track.participant, Some(track.source.as_str()))),
            _ => None,
        },
    };
    let Some((who, source)) = whose else { return title.clone() };
    let who = room.participant(who).ok().map(|who| {
        if who.display_name.is_empty() { who.peer_id.as_str() } else { who.display_name.as_str() }
    });
    let parts = [Some(title.as_str()), who, source];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" - ")
}
