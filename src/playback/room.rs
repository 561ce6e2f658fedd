//! A recording with all that is known of it, loaded once for a request.

use super::{Error, support};
use crate::catalog::{Catalog, Gap, Participant, Pause, Recording, Run, Totals, Track};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::Kind;
use crate::time::{Ticks, Timescale, WallTime};

/// The rows of a recording, segments excepted.
#[derive(Clone, Debug)]
pub struct Room {
    /// The recording.
    pub recording: Recording,
    /// In the order they came.
    pub participants: Vec<Participant>,
    /// In the order they were announced.
    pub tracks: Vec<Track>,
    /// Of all tracks, in order within each.
    pub runs: Vec<Run>,
    /// Of the tracks that have segments.
    pub totals: Vec<Totals>,
    /// Of all tracks, in order within each.
    pub gaps: Vec<Gap>,
    /// In order.
    pub pauses: Vec<Pause>,
}

impl Room {
    /// Loads a recording.
    ///
    /// # Errors
    /// [`Error::NoRecording`] also for a deleted one.
    pub async fn load(catalog: &Catalog, id: RecordingId) -> Result<Self, Error> {
        let recording = catalog.recording(id).await?.filter(|row| row.deleted_at.is_none());
        Ok(Self {
            recording: recording.ok_or(Error::NoRecording)?,
            participants: catalog.participants(id).await?,
            tracks: catalog.tracks(id).await?,
            runs: catalog.runs_of_recording(id).await?,
            totals: catalog.totals(id).await?,
            gaps: catalog.gaps(id).await?,
            pauses: catalog.pauses(id).await?,
        })
    }

    /// A participant of this recording.
    ///
    /// # Errors
    /// [`Error::NoParticipant`].
    pub fn participant(&self, id: ParticipantId) -> Result<&Participant, Error> {
        self.participants.iter().find(|participant| participant.id == id).ok_or(Error::NoParticipant(id))
    }

    /// A track of this recording.
    ///
    /// # Errors
    /// [`Error::NoTrack`].
    pub fn track(&self, id: TrackId) -> Result<&Track, Error> {
        self.tracks.iter().find(|track| track.id == id).ok_or(Error::NoTrack(id))
    }

    /// The tracks of a participant.
    pub fn tracks_of(&self, participant: ParticipantId) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(move |track| track.participant == participant)
    }

    /// The runs of a track in order.
    pub fn runs_of(&self, track: TrackId) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.track == track)
    }

    /// The gaps of a track in order.
    pub fn gaps_of(&self, track: TrackId) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(move |gap| gap.track == track)
    }

    /// The wall clock at a place of the timeline, in microseconds since the recording's start: pauses of the whole
    /// recording that lie before it or there have passed.
    #[must_use]
    pub fn wall(&self, micros: i64) -> WallTime {
        let before = self.pauses.iter().filter(|pause| pause.at_micros <= micros);
        let paused: i64 = before.filter_map(|pause| Some(pause.ended_at?.since(pause.began_at))).sum();
        self.recording.started_at.plus(micros.saturating_add(paused))
    }

    /// How far the view of a track reaches once it has ended: as far as what is presented beside it, and beside that. A
    /// track that is not presented, such as a second screen, only has to reach its own end.
    #[must_use]
    pub fn furthest_micros(&self, track: &Track) -> i64 {
        let hls = self.presentations(track.participant, |own| support::of(own.codec).hls_js);
        let dash = self.presentations(track.participant, |own| support::of(own.codec).dash);
        let mut left = [hls, dash].concat();
        let mut beside = vec![track];
        let same = |own: &Track, other: &Track| {
            own.id == other.id || (own.picture.is_some() && own.picture == other.picture)
        };
        while let Some(next) = left
            .iter()
            .position(|presented| presented.tracks().any(|own| beside.iter().any(|other| same(own, other))))
        {
            beside.extend(left.swap_remove(next).tracks());
        }
        beside.into_iter().filter_map(|own| self.covered(own)).max().unwrap_or(0)
    }

    /// The layers of the picture that a track is of, smallest first; the track alone when its layers are not tracks.
    #[must_use]
    pub fn layers<'a>(&'a self, track: &'a Track) -> Vec<&'a Track> {
        let Some(picture) = track.picture else { return vec![track] };
        let mut layers: Vec<&Track> = self.tracks.iter().filter(|own| own.picture == Some(picture)).collect();
        layers.sort_by_key(|own| own.layer);
        layers
    }

    /// Whether most of a gap shows the pictures of a lower layer, because that has some there.
    #[must_use]
    pub fn shows_lower_layer(&self, track: &Track, gap: &Gap) -> bool {
        let micros = |track: &Track, place: Ticks| place.to_micros(scale(track));
        let place = (micros(track, gap.start), micros(track, gap.start + gap.duration));
        let common = |from: i64, to: i64| (to.min(place.1) - from.max(place.0)).max(0);
        let lower = self.layers(track).into_iter().filter(|other| other.layer < track.layer);
        lower.into_iter().any(|lower| {
            let span = lower.start.map(|start| micros(lower, start)).zip(self.end_micros(lower));
            let missing = self
                .gaps_of(lower.id)
                .map(|other| common(micros(lower, other.start), micros(lower, other.start + other.duration)));
            let there = span.map_or(0, |(from, to)| common(from, to)) - missing.sum::<i64>();
            there * 2 > place.1 - place.0
        })
    }

    /// Up to where nothing will be added to a track any more, in microseconds since the recording's start.
    #[must_use]
    pub fn known_micros(&self, track: &Track) -> i64 {
        // What is not begun may still be placed so far behind the newest: the longest segment, the longest wait for lost
        // packets, and time to write it.
        const NOT_BEGUN_MICROS: i64 = 7_000_000;
        let furthest = self.tracks_of(track.participant).filter_map(|own| self.covered(own)).max();
        self.covered(track).or(furthest.map(|furthest| furthest - NOT_BEGUN_MICROS)).unwrap_or(0)
    }

    /// Where a track's last segment or gap ends, in microseconds since the recording's start.
    fn covered(&self, track: &Track) -> Option<i64> {
        let gap = self.gaps_of(track.id).last().map(|gap| (gap.start + gap.duration).to_micros(scale(track)));
        self.end_micros(track).max(gap)
    }

    /// The run with the largest picture, the first of them; for sound the first run.
    #[must_use]
    pub fn largest_run(&self, track: TrackId) -> Option<&Run> {
        self.runs_of(track)
            .min_by_key(|run| (std::cmp::Reverse(u64::from(run.width) * u64::from(run.height)), run.number))
    }

    /// Sums over a track's segments; `None` before the first is closed.
    #[must_use]
    pub fn totals_of(&self, track: TrackId) -> Option<&Totals> {
        self.totals.iter().find(|totals| totals.track == track)
    }

    /// Where a participant's first media lies on the recording's timeline, in microseconds. The views of that
    /// participant count from there.
    #[must_use]
    pub fn zero_micros(&self, participant: ParticipantId) -> Option<i64> {
        zero_micros(&self.tracks, participant)
    }

    /// The same in ticks of a track, 0 before there is any media.
    #[must_use]
    pub fn zero(&self, track: &Track) -> Ticks {
        zero(&self.tracks, track)
    }

    /// Nothing will be added to what is there of a participant.
    #[must_use]
    pub fn ended(&self, participant: ParticipantId) -> bool {
        let left = |row: &&Participant| row.id == participant && row.left_at.is_some();
        !self.recording.status.is_running() || self.participants.iter().find(left).is_some()
    }

    /// Length of the recording in microseconds: up to now while it is running.
    #[must_use]
    pub fn duration_micros(&self) -> i64 {
        let ends = self.tracks.iter().filter_map(|track| self.covered(track));
        self.recording.duration_micros.or_else(|| ends.max()).unwrap_or(0)
    }

    /// Where a track's last segment ends, in microseconds since the recording's start.
    #[must_use]
    pub fn end_micros(&self, track: &Track) -> Option<i64> {
        Some(self.totals_of(track.id)?.end.to_micros(scale(track)))
    }

    /// Bytes of all closed segments, or of the files once the recording has ended.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        if self.recording.status.is_running() {
            self.totals.iter().map(|totals| totals.bytes).sum()
        } else {
            self.recording.bytes
        }
    }

    /// The picture and the sound of a participant's presentation, of those that have segments and that `plays` takes:
    /// the first picture and the first sound of the subject. Without one, what stands for the participant: the camera,
    /// else the screen, and the microphone; where no camera is shown, without a microphone, the sound of the screen.
    #[must_use]
    pub fn presented(
        &self,
        participant: ParticipantId,
        subject: Option<Subject>,
        plays: impl Fn(&Track) -> bool,
    ) -> Presented<'_> {
        let first = |kind: Kind, subject: Subject| {
            let own =
                self.tracks_of(participant).filter(|own| own.kind == kind && Subject::of(own) == subject);
            own.filter(|own| plays(own) && self.totals_of(own.id).is_some())
                .min_by_key(|own| (own.start, own.id))
        };
        let of =
            |subject| Presented { video: first(Kind::Video, subject), audio: first(Kind::Audio, subject) };
        if let Some(subject) = subject {
            return of(subject);
        }
        let (camera, screen) = (of(Subject::Camera), of(Subject::Screen));
        match camera.video {
            // The sound of a screen has its discontinuities where the screen has them.
            Some(_) => camera,
            None => Presented { video: screen.video, audio: camera.audio.or(screen.audio) },
        }
    }

    /// All presentations of a participant: the one that stands for them, and those of each subject.
    #[must_use]
    pub fn presentations(&self, participant: ParticipantId, plays: fn(&Track) -> bool) -> [Presented<'_>; 3] {
        [None, Some(Subject::Camera), Some(Subject::Screen)]
            .map(|subject| self.presented(participant, subject, plays))
    }
}

/// What a presentation shows, with the sound that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A participant themselves: camera and microphone.
    Camera,
    /// A screen that they share, and its sound.
    Screen,
}

impl Subject {
    /// All that there are.
    pub const ALL: [Self; 2] = [Self::Camera, Self::Screen];

    /// That of a track.
    #[must_use]
    pub fn of(track: &Track) -> Self {
        if track.source == Self::Screen.name() { Self::Screen } else { Self::Camera }
    }

    /// The source of its picture, as the API and the catalogue write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Screen => "screen",
        }
    }

    /// From its name in the API.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.name() == name)
    }
}

/// A presentation: one picture and one sound at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented<'a> {
    /// Any layer of the picture.
    pub video: Option<&'a Track>,
    /// The sound.
    pub audio: Option<&'a Track>,
}

impl<'a> Presented<'a> {
    /// The picture, then the sound.
    pub fn tracks(self) -> impl Iterator<Item = &'a Track> {
        [self.video, self.audio].into_iter().flatten()
    }
}

/// Ticks per second of a track.
#[must_use]
pub fn scale(track: &Track) -> Timescale {
    track.codec.timescale()
}

/// See [`Room::zero_micros`].
#[must_use]
pub fn zero_micros(tracks: &[Track], participant: ParticipantId) -> Option<i64> {
    let own = tracks.iter().filter(|track| track.participant == participant);
    own.filter_map(|track| Some(track.start?.to_micros(scale(track)))).min()
}

/// See [`Room::zero`]. Microseconds are finer than ticks, so the track that defines the zero gets its own first tick
/// back, and any other is at most half a tick off.
#[must_use]
pub fn zero(tracks: &[Track], track: &Track) -> Ticks {
    Ticks::from_micros(zero_micros(tracks, track.participant).unwrap_or(0), scale(track))
}
