//! Which tracks of a recording a file holds, and which part of them.

use crate::catalog::Track;
use crate::id::{ParticipantId, TrackId};
use crate::media::{Codec, Container, Kind};
use crate::playback::clip::Clip;
use crate::playback::room::Room;
use crate::playback::{Error, dash, presentation, webm};
use crate::time::WallTime;

/// Whose tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The picture and the sound that stand for a participant; without one of whom the multivariant playlist presents.
    Presented(Option<ParticipantId>),
    /// These, as they are.
    Tracks(Vec<TrackId>),
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// In microseconds since the first media of what is selected.
    Media(i64),
    /// On the wall clock.
    Wall(WallTime),
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which tracks.
    pub which: Which,
    /// From when on.
    pub start: Moment,
    /// Until when; to the end without it.
    pub end: Option<Moment>,
    /// In place of `end`: how long, in microseconds.
    pub duration: Option<i64>,
    /// It begins at `start`, and not at the key frame before it.
    pub exact: bool,
}

/// What a file is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// The tracks, pictures first.
    pub tracks: Vec<TrackId>,
    /// Its first media on the recording's timeline, in microseconds. The window counts from there.
    pub zero: i64,
    /// Where it begins, in microseconds from there.
    pub start: i64,
    /// How long it is at most, in microseconds.
    pub duration: Option<i64>,
    /// See [`Wanted::exact`].
    pub exact: bool,
}

impl Selection {
    /// The selection of these tracks.
    ///
    /// # Errors
    /// [`Error::NoTrack`], [`Error::Outside`] for an end that is not behind the start.
    pub fn of(room: &Room, wanted: &Wanted, tracks: Vec<TrackId>) -> Result<Self, Error> {
        let mut zeros = Vec::new();
        for track in &tracks {
            zeros.extend(room.zero_micros(room.track(*track)?.participant));
        }
        let zero = zeros.into_iter().min().unwrap_or(0);
        let clip = Clip { start: wanted.start, end: wanted.end, duration: wanted.duration };
        let (start, duration) = clip.place(room, zero)?;
        Ok(Self { tracks, zero, start, duration, exact: wanted.exact })
    }
}

/// Nothing of it is there.
pub(in crate::playback) fn outside(room: &Room, zero: i64, start: i64) -> Error {
    let seconds = |micros: i64| micros as f64 / 1e6;
    Error::Outside { start: seconds(start), length: seconds(room.duration_micros().saturating_sub(zero)) }
}

/// The place of a moment on the recording's timeline, in microseconds; what lies in a pause is where it stood still.
pub(in crate::playback) fn timeline(room: &Room, at: WallTime) -> i64 {
    let mut place = at.since(room.recording.started_at);
    for pause in &room.pauses {
        if pause.began_at >= at {
            break;
        }
        let end = pause.ended_at.filter(|end| *end <= at).unwrap_or(at);
        place = place.saturating_sub(end.since(pause.began_at));
    }
    place
}

/// The tracks that a request names.
///
/// # Errors
/// [`Error::NoTrack`], [`Error::NoParticipant`], [`Error::NothingYet`], [`Error::Nothing`], [`Error::SeveralFiles`]; for
/// pictures in VP8, which are not left out silently, [`Error::NotPlayable`].
pub fn tracks(room: &Room, which: &Which, container: Container) -> Result<Vec<TrackId>, Error> {
    match which {
        Which::Tracks(named) => {
            let mut rows = named.iter().map(|id| room.track(*id)).collect::<Result<Vec<_>, _>>()?;
            if rows.iter().all(|row| room.totals_of(row.id).is_none()) {
                let ended = !room.recording.status.is_running();
                return Err(if ended { Error::Nothing } else { Error::NothingYet });
            }
            rows.sort_by_key(|row| row.kind == Kind::Audio);
            Ok(rows.into_iter().map(|row| row.id).collect())
        }
        Which::Presented(participant) => {
            let plays = match container {
                Container::Mp4 => presentation::plays,
                Container::WebM => dash::plays,
            };
            let (who, presented) = presentation::choose(room, *participant, plays)?;
            let name = if who.display_name.is_empty() { &who.peer_id } else { &who.display_name };
            if let Some(picture) = presented.video {
                one_codec(room, picture, name)?;
            }
            // Of a picture in layers the largest that there is.
            let video = presented.video.and_then(|track| {
                let stored = room.layers(track).into_iter().rev();
                stored.filter(|layer| room.totals_of(layer.id).is_some()).map(|layer| layer.id).next()
            });
            Ok(video.into_iter().chain(presented.audio.map(|track| track.id)).collect())
        }
    }
}

/// A camera that went on in another codec is another track.
fn one_codec(room: &Room, picture: &Track, who: &str) -> Result<(), Error> {
    let same = room.tracks_of(picture.participant).filter(|own| {
        own.kind == Kind::Video && own.source == picture.source && room.totals_of(own.id).is_some()
    });
    let all: Vec<&Track> = same.collect();
    if all.iter().all(|own| own.codec == picture.codec) {
        return Ok(());
    }
    let mut names: Vec<&str> = all.iter().map(|own| own.codec.name()).collect();
    names.dedup();
    Err(Error::SeveralFiles {
        who: format!("the {} of {who}", picture.source),
        codecs: names.join(" and "),
        tracks: all.iter().map(|own| own.id).collect(),
    })
}

/// Refuses what a container cannot hold.
///
/// # Errors
/// [`Error::NotInContainer`].
pub(super) fn fits(
    room: &Room,
    which: &Which,
    tracks: &[TrackId],
    container: Container,
) -> Result<(), Error> {
    if container == Container::Mp4 {
        return fits_mp4(room, which, tracks);
    }
    let h264 = |id: &&TrackId| room.track(**id).is_ok_and(|row| row.codec == Codec::H264);
    match tracks.iter().find(h264) {
        None => Ok(()),
        Some(_) => Err(webm::refused("H264", tracks.to_vec())),
    }
}

/// Refuses pictures that MP4 cannot hold; also those that a choice of what plays left out.
///
/// # Errors
/// [`Error::NotInContainer`].
fn fits_mp4(room: &Room, which: &Which, tracks: &[TrackId]) -> Result<(), Error> {
    let row = |id: &TrackId| room.track(*id).ok();
    let has = |row: &&Track| row.codec == Codec::Vp8 && room.totals_of(row.id).is_some();
    let named = tracks.iter().filter_map(row).find(has);
    let pictures = tracks.iter().filter_map(row).any(|own| own.kind == Kind::Video);
    let left_out = || {
        let who = tracks.iter().filter_map(row).map(|own| own.participant).next()?;
        room.tracks_of(who).find(has)
    };
    let found = match which {
        Which::Tracks(_) => named,
        Which::Presented(_) => named.or_else(|| if pictures { None } else { left_out() }),
    };
    match found {
        None => Ok(()),
        Some(row) => Err(vp8(room, row)),
    }
}

/// What is said of VP8.
fn vp8(room: &Room, row: &Track) -> Error {
    let tracks = room.tracks_of(row.participant).filter(|own| room.totals_of(own.id).is_some());
    Error::NotInContainer {
        codec: "VP8",
        container: "MP4",
        instead: "no player takes it there; WebM holds it (format=webm), and the sound alone is a track of its own",
        tracks: tracks.map(|own| own.id).collect(),
    }
}

/// Nothing plays: because of VP8?
pub(super) fn instead(room: &Room, which: &Which, error: Error) -> Error {
    let Which::Presented(participant) = which else { return error };
    let of = |row: &&Track| participant.is_none_or(|who| row.participant == who);
    let vp8 = room.tracks.iter().filter(of).find(|row| row.codec == Codec::Vp8);
    match (&error, vp8) {
        (Error::NotPlayable { .. }, Some(row)) => self::vp8(room, row),
        _ => error,
    }
}
