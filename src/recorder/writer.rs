//! Carries out what tracks want stored, in the order that `docs/design/storage.md` numbers.
//!
//! One writer task per recording, so that a slow disk never holds up the receiver: between them is a bounded queue.

use super::integrity::Integrity;
use super::output::Run;
use super::rules::Rules;
use super::tell::Teller;
use super::track::Output;
use crate::catalog::{
    self, Catalog, Change, Gap, Names, NewEvent, NewParticipant, NewRun, NewSegment, NewTrack, Pause, Turn,
};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::live::{Edge, NewPart, Sure};
use crate::media::Codec;
use crate::media::fmp4::index;
use crate::storage::{self, Key, Store};
use crate::time::{Ticks, WallTime};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio::sync::{mpsc, oneshot};

/// Writes taken in one go: their segments share one transaction.
const BATCH: usize = 256;

/// One thing to store.
#[derive(Debug)]
pub(super) enum Write {
    /// A participant was seen.
    Participant(NewParticipant),
    /// A participant left. What was written before is all there is of them.
    ParticipantLeft(ParticipantId, WallTime),
    /// A participant who had left is back.
    ParticipantReturned(ParticipantId),
    /// A participant has other names.
    Names(Names),
    /// A track begins; its files are made.
    Track(NewTrack),
    /// Something of a track. Only runs, fragments and segments are stored.
    Media(TrackId, Output),
    /// How true a track is to what was sent so far.
    Integrity(TrackId, Integrity),
    /// A track ended, perhaps refused.
    EndTrack(TrackId, WallTime, Option<String>),
    /// The recording stands still.
    Pause(Pause),
    /// Somebody begins to speak, or ends.
    Turn(Turn),
    /// It goes on: which pause ended when.
    Resume(RecordingId, u32, WallTime),
    /// Whom and what to record is another from now on.
    Rules(RecordingId, Rules),
    /// Tell when everything before this is stored.
    Reached(oneshot::Sender<()>),
}

/// Why a recording could not be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The folder.
    #[error("cannot store media: {0}")]
    Storage(#[from] storage::Error),
    /// The catalogue.
    #[error("cannot store rows: {0}")]
    Catalog(#[from] catalog::Error),
    /// Media of a track that was never begun: a defect.
    #[error("track {0} has no file")]
    NoFile(TrackId),
}

struct Files {
    participant: ParticipantId,
    /// It is one of several layers of a picture.
    layer: bool,
    codec: Codec,
    media: storage::Writer,
    index: storage::Writer,
    started: bool,
}

/// Stores what comes until the senders are gone; returns the bytes of media that were stored.
pub(super) struct Writer {
    recording: RecordingId,
    store: Store,
    catalog: Catalog,
    files: HashMap<TrackId, Files>,
    unsynced: BTreeSet<TrackId>,
    segments: Vec<NewSegment>,
    gaps: Vec<Gap>,
    /// To be told with what is committed next.
    events: Vec<NewEvent>,
    /// Fragments to be told when the rows before them are there.
    parts: Vec<NewPart>,
    /// How far open gaps are sure, the same.
    sure: Vec<(TrackId, Sure)>,
    edge: Edge,
}

impl Writer {
    /// A writer of one recording.
    #[must_use]
    pub(super) fn new(recording: RecordingId, store: Store, catalog: Catalog, edge: Edge) -> Self {
        Self {
            recording,
            store,
            catalog,
            files: HashMap::new(),
            unsynced: BTreeSet::new(),
            segments: Vec::new(),
            gaps: Vec::new(),
            events: Vec::new(),
            parts: Vec::new(),
            sure: Vec::new(),
            edge,
        }
    }

    /// Goes on with the files of a track that an earlier process began.
    pub(super) fn adopt(&mut self, track: &catalog::Track, media: storage::Writer, index: storage::Writer) {
        let started = !media.is_empty();
        let (participant, layer, codec) = (track.participant, track.layer.is_some(), track.codec);
        self.files.insert(track.id, Files { participant, layer, codec, media, index, started });
    }

    /// Runs until the queue is closed and empty.
    ///
    /// # Errors
    /// The first failure ends it; what was stored before it stays.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Write>) -> Result<u64, Error> {
        let mut teller = Teller::new(self.recording, &self.catalog).await?;
        let mut batch = Vec::with_capacity(BATCH);
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            for write in batch.drain(..) {
                self.carry_out(write, &mut teller).await?;
            }
            self.commit().await?;
        }
        for files in self.files.values_mut() {
            files.media.sync().await?;
            files.index.sync().await?;
        }
        Ok(self.files.values().map(|files| files.media.len()).sum())
    }

    async fn carry_out(&mut self, write: Write, teller: &mut Teller) -> Result<(), Error> {
        match write {
            Write::Participant(participant) => {
                let event = teller.joined(&participant);
                self.change(&[Change::Participant(&participant)], &[event]).await?;
                self.touch_tracks_of(participant.id);
            }
            Write::ParticipantLeft(id, at) => {
                // Their playlists end with this: no segment may come after it.
                let events = teller.left(id, at);
                self.change(&[Change::Left(id, at)], &events).await?;
                self.touch_tracks_of(id);
            }
            Write::ParticipantReturned(id) => {
                self.change(&[Change::Returned(id)], &[teller.returned(id)]).await?;
                self.touch_tracks_of(id);
            }
            Write::Names(names) => {
                teller.named(&names);
                self.change(&[Change::Names(&names)], &[]).await?;
                self.touch_tracks_of(names.participant);
            }
            Write::Track(track) => {
                teller.announced(&track);
                self.begin_track(&track).await?;
            }
            Write::Media(track, output) => self.media(track, output, teller).await?,
            Write::Integrity(track, verdict) => {
                let event = teller.judged(track, &verdict);
                let verdict = serde_json::json!(verdict);
                self.change(&[Change::Integrity(track, &verdict)], event.as_slice()).await?;
            }
            Write::EndTrack(track, at, error) => {
                // Its last segment comes before its end.
                let event = teller.stopped(track, at, error.as_deref());
                self.change(&[Change::TrackEnded(track, at, error.as_deref())], event.as_slice()).await?;
                self.touch_beside(track);
            }
            Write::Pause(pause) => {
                // Tracks end at the pause first.
                self.commit().await?;
                self.catalog.add_pause(&pause).await?;
                self.edge.touch_all();
            }
            Write::Resume(recording, number, at) => {
                self.catalog.end_pause(recording, number, at).await?;
                self.edge.touch_all();
            }
            Write::Turn(turn) => self.catalog.put_turn(&turn).await?,
            Write::Rules(recording, rules) => {
                self.catalog.set_rules(recording, &serde_json::json!(rules)).await?;
            }
            Write::Reached(told) => {
                self.commit().await?;
                // Whoever asked may be gone.
                let _ = told.send(());
            }
        }
        Ok(())
    }

    async fn begin_track(&mut self, track: &NewTrack) -> Result<(), Error> {
        let media = self.store.create(&Key::media(self.recording, track.id)).await?;
        let index = self.store.create(&Key::index(self.recording, track.id)).await?;
        let (participant, layer, codec) = (track.participant, track.layer.is_some(), track.codec);
        self.files.insert(track.id, Files { participant, layer, codec, media, index, started: false });
        self.catalog.add_track(track).await?;
        Ok(())
    }

    /// What was written before comes first.
    async fn change(&mut self, changes: &[Change<'_>], events: &[NewEvent]) -> Result<(), Error> {
        self.commit().await?;
        self.catalog.write(changes, events).await?;
        Ok(())
    }

    /// Views of a participant depend on each other: what is told of one track shows in the others.
    fn touch_tracks_of(&self, participant: ParticipantId) {
        let own = self.files.iter().filter(|(_, files)| files.participant == participant);
        self.edge.touch(own.map(|(track, _)| *track));
    }

    fn touch_beside(&self, track: TrackId) {
        if let Some(files) = self.files.get(&track) {
            self.touch_tracks_of(files.participant);
        }
    }

    async fn begin_run(&mut self, track: TrackId, run: Run, event: Option<NewEvent>) -> Result<(), Error> {
        let files = self.files.get_mut(&track).ok_or(Error::NoFile(track))?;
        files.media.append(run.init).await?;
        files.media.sync().await?;
        let row = NewRun {
            track,
            number: run.number,
            init: run.range,
            first: run.first,
            wall: run.wall,
            codecs: run.config.string,
            width: run.config.width,
            height: run.config.height,
            channels: run.config.channels,
            rotation: run.rotation,
            timescale: files.codec.timescale(),
            listed_micros: run.listed_micros,
        };
        let started = [Change::TrackStarted(track, run.wall, run.first), Change::Run(&row)];
        let again = std::mem::replace(&mut files.started, true);
        let changes = if again { started.get(1..).unwrap_or_default() } else { &started };
        self.change(changes, event.as_slice()).await?;
        self.touch_beside(track);
        Ok(())
    }

    async fn media(&mut self, track: TrackId, output: Output, teller: &mut Teller) -> Result<(), Error> {
        match output {
            Output::Run(run) => {
                let event = teller.ran(track, &run);
                self.begin_run(track, *run, event).await?;
            }
            Output::Fragment { run, segment, fragment } => {
                self.events.extend(teller.flowed(track));
                let files = self.files.get_mut(&track).ok_or(Error::NoFile(track))?;
                let (start, duration, sync) = (fragment.start, fragment.duration, fragment.sync);
                let from = files.media.len();
                files.media.append(fragment.bytes).await?;
                files.index.append(index::encode(&fragment.entries).into()).await?;
                let range = from..files.media.len();
                self.parts.push(NewPart { track, run, segment, start, duration, sync, range });
            }
            Output::Segment { run, segment, wall } => {
                self.unsynced.insert(track);
                self.segments.push(NewSegment {
                    track,
                    run,
                    number: segment.number,
                    start: segment.start,
                    duration: segment.duration,
                    range: segment.range,
                    samples: segment.samples,
                    sync: segment.sync,
                    wall,
                });
            }
            Output::Gap(gap) => {
                if !gap.open {
                    let Ticks(ticks) = gap.duration;
                    let (start, cause) = (gap.start.0, gap.cause.name());
                    tracing::info!(track.id = %track, start, ticks, cause, "gap in a track");
                }
                self.events.extend(teller.gap(&gap));
                self.gaps.push(gap);
            }
            Output::Sure { gap, reached } => self.sure.push((track, Sure { gap, reached })),
            Output::Begins(_) | Output::NeedKeyframe | Output::Clock(_) | Output::Refused(_) => {}
        }
        Ok(())
    }

    /// Makes closed segments durable, then tells of them (invariant: a row never points at bytes that a power cut
    /// can take away).
    async fn commit(&mut self) -> Result<(), Error> {
        if !(self.segments.is_empty() && self.gaps.is_empty() && self.events.is_empty()) {
            self.commit_rows().await?;
        }
        self.edge.publish(self.parts.drain(..));
        for (track, sure) in self.sure.drain(..) {
            self.edge.reach(track, sure);
        }
        Ok(())
    }

    async fn commit_rows(&mut self) -> Result<(), Error> {
        for track in std::mem::take(&mut self.unsynced) {
            if let Some(files) = self.files.get_mut(&track) {
                files.media.sync().await?;
            }
        }
        self.catalog.write(&[Change::Media(&self.segments, &self.gaps)], &self.events).await?;
        self.events.clear();
        let segments = self.segments.drain(..).map(|segment| (segment.track, false));
        let told: BTreeMap<TrackId, bool> =
            segments.chain(self.gaps.iter().map(|gap| (gap.track, true))).collect();
        for (track, gap) in told {
            // The sound's view depends on the picture's gaps too, and the views of layers on each other.
            if gap || self.files.get(&track).is_some_and(|files| files.layer) {
                self.touch_beside(track);
            } else {
                self.edge.touch([track]);
            }
        }
        self.gaps.clear();
        Ok(())
    }
}
