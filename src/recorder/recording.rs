//! One recording as a state machine: who is there, which tracks they have, and what must be stored or asked for.
//! Pure: the [`actor`](super::actor) carries out the [`Action`]s.

mod bounds;
mod pause;
mod restore;
mod room;
mod sources;
mod speaker;

pub(super) use restore::{KeptTrack, Past};

use super::integrity::Integrity;
use super::layers::Picture;
use super::progress::{Progress, TrackProgress};
use super::track::{self, Output, Track};
use super::writer::Write;
use crate::catalog::{Cause, Turn};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::Codec;
use crate::media::rtp::packet::{Packet, SenderReport};
use crate::media::segment::Policy;
use crate::media::timeline::sync::Delays;
use crate::session::Consumer;
use crate::sfu::PeerInfo;
use crate::time::{Moment, WallTime};
use bounds::Seen;
use std::collections::HashMap;

/// At most one key frame is asked of a producer in this time.
const KEYFRAME_INTERVAL_MICROS: i64 = 1_000_000;

/// How often the verdicts on running tracks are written.
const INTEGRITY_INTERVAL_MICROS: i64 = 5_000_000;

/// What the actor must do.
#[derive(Debug)]
pub(super) enum Action {
    /// Store it.
    Write(Write),
    /// Ask these consumers' producers for a key frame.
    RequestKeyframes(Vec<String>),
}

struct Participant {
    id: ParticipantId,
    here: bool,
    /// As it is written; empty if there is none.
    display_name: String,
    user_id: Option<String>,
}

struct Source {
    id: TrackId,
    track: Track,
    participant: ParticipantId,
    name: &'static str,
    codec: Codec,
    layer: Option<Layer>,
    consumer: Option<String>,
    asked: Option<Moment>,
    failed: Option<String>,
    /// The verdict that was written last.
    told: Integrity,
    /// The producer is paused.
    muted: bool,
    /// The room was lost while its consumer delivered, and has not offered another one since.
    lost: bool,
    /// Its first tick, in microseconds of the timeline.
    first_micros: Option<i64>,
    seen: Seen,
}

/// Which picture a track is a layer of, by its place in the list, and which one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Layer {
    picture: usize,
    number: u8,
}

/// A picture whose layers are tracks.
struct Layered {
    /// Its first track.
    id: TrackId,
    picture: Picture,
    /// mediasoup's id of the producer that it comes from now.
    producer_id: String,
}

/// The state of one recording.
pub(super) struct Recording {
    id: RecordingId,
    policy: Policy,
    start: Moment,
    start_wall: WallTime,
    participants: HashMap<String, Participant>,
    sources: Vec<Source>,
    pictures: Vec<Layered>,
    by_consumer: HashMap<String, usize>,
    outputs: Vec<Output>,
    written: Vec<Output>,
    /// The whole recording stands still since then.
    paused: Option<Moment>,
    /// Pauses so far, and how long the ended ones were.
    pauses: u32,
    paused_micros: i64,
    /// Where the timeline stood still last, in microseconds.
    stood_at: Option<i64>,
    /// When the verdicts on tracks were written.
    told: Option<Moment>,
    /// When a lost room was joined again.
    rejoined: Option<Moment>,
    /// Who speaks now.
    turn: Option<Turn>,
}

impl Recording {
    /// A recording whose tick zero is `start`, at `start_wall` on the wall clock.
    #[must_use]
    pub(super) fn new(id: RecordingId, policy: Policy, start: Moment, start_wall: WallTime) -> Self {
        Self {
            id,
            policy,
            start,
            start_wall,
            participants: HashMap::new(),
            sources: Vec::new(),
            pictures: Vec::new(),
            by_consumer: HashMap::new(),
            outputs: Vec::new(),
            told: None,
            rejoined: None,
            turn: None,
            written: Vec::new(),
            paused: None,
            pauses: 0,
            paused_micros: 0,
            stood_at: None,
        }
    }

    /// Its id.
    #[must_use]
    pub(super) fn id(&self) -> RecordingId {
        self.id
    }

    /// The wall clock at a moment, by the monotonic clock: a step of the host's clock does not bend the recording.
    #[must_use]
    pub(super) fn wall(&self, now: Moment) -> WallTime {
        self.start_wall.plus(now.since(self.start))
    }

    /// A consumer will deliver. `false` when its codec is none that we record.
    pub(super) fn consumer_opened(
        &mut self,
        consumer: &Consumer,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(codec) = consumer.codec() else { return false };
        let peer = PeerInfo { id: consumer.peer_id.clone(), display_name: String::new(), user_id: None };
        self.peer_joined(&peer, now, out);
        let Some(participant) = self.participants.get(&consumer.peer_id).map(|known| known.id) else {
            return false;
        };
        let name = consumer.source.name();
        let layer = consumer
            .layer
            .map(|number| Layer { picture: self.picture_of(consumer, participant, codec), number });
        let free = self.sources.iter().position(|source| {
            source.participant == participant
                && source.name == name
                && source.codec == codec
                && source.layer == layer
                && source.consumer.is_none()
                && source.failed.is_none()
        });
        let index = free.unwrap_or_else(|| self.add_source(consumer, participant, codec, layer, out));
        let mut cause = Cause::Off;
        if let Some(source) = self.sources.get_mut(index) {
            source.consumer = Some(consumer.id.clone());
            source.muted = consumer.paused;
            if std::mem::take(&mut source.lost) && !consumer.paused {
                cause = Cause::Loss;
            }
            self.by_consumer.insert(consumer.id.clone(), index);
        }
        if self.paused.is_none() {
            let muted = consumer.paused;
            self.with_track(index, out, |track, outputs| {
                track.resume(0, cause, outputs);
                track.attach();
                if muted {
                    track.mute(now);
                }
                Ok(())
            });
        }
        self.share_delays();
        true
    }

    /// A consumer is gone. Its track may go on with another one. `false` if it is not known.
    pub(super) fn consumer_closed(&mut self, consumer_id: &str, out: &mut Vec<Action>) -> bool {
        let Some(index) = self.by_consumer.remove(consumer_id) else { return false };
        self.with_track(index, out, Track::detach);
        if let Some(source) = self.sources.get_mut(index) {
            source.consumer = None;
        }
        true
    }

    /// The SFU sends another spatial layer to a consumer.
    pub(super) fn layer_told(&mut self, consumer_id: &str, layer: Option<u8>) {
        let source = self.by_consumer.get(consumer_id).and_then(|index| self.sources.get_mut(*index));
        if let Some(source) = source {
            source.track.layer_told(layer);
        }
    }

    /// A consumer's producer is paused: nothing comes until it resumes, save what is on its way.
    pub(super) fn consumer_paused(&mut self, consumer_id: &str, now: Moment) {
        let Some(source) = self.source_of(consumer_id) else { return };
        source.muted = true;
        source.track.mute(now);
    }

    /// It sends again; a picture begins with a key frame, which is asked for.
    pub(super) fn consumer_resumed(&mut self, consumer_id: &str, now: Moment) {
        let Some(source) = self.source_of(consumer_id) else { return };
        source.muted = false;
        source.asked = None;
        source.track.unmute(now);
    }

    fn source_of(&mut self, consumer_id: &str) -> Option<&mut Source> {
        let index = self.by_consumer.get(consumer_id)?;
        self.sources.get_mut(*index)
    }

    /// A packet of a consumer. In a pause of the recording it is none of ours.
    pub(super) fn packet(&mut self, consumer_id: &str, packet: Packet, out: &mut Vec<Action>) {
        if self.paused.is_some() {
            return;
        }
        if let Some(&index) = self.by_consumer.get(consumer_id) {
            self.with_track(index, out, |track, outputs| track.push(packet, outputs));
        }
    }

    /// A sender report of a consumer.
    pub(super) fn report(&mut self, consumer_id: &str, report: &SenderReport, out: &mut Vec<Action>) {
        let Some(&index) = self.by_consumer.get(consumer_id) else { return };
        self.with_track(index, out, |track, outputs| track.report(report, outputs));
    }

    /// The streams of one participant are stamped by the same clocks: what one of them learnt of these, all use.
    fn share_delays(&mut self) {
        let mut least: HashMap<ParticipantId, Delays> = HashMap::new();
        for source in self.sources.iter().filter(|source| source.consumer.is_some()) {
            let known = least.entry(source.participant).or_default();
            *known = known.least(source.track.delays());
        }
        for source in self.sources.iter_mut().filter(|source| source.consumer.is_some()) {
            source.track.share(least.get(&source.participant).copied().unwrap_or_default());
        }
    }

    /// Packets were dropped before they reached us.
    pub(super) fn overflowed(&mut self, out: &mut Vec<Action>) {
        for index in 0..self.sources.len() {
            self.with_track(index, out, Track::overflowed);
        }
    }

    /// Time passes: holes are given up, key frames are asked for.
    pub(super) fn poll(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.paused.is_some() {
            return;
        }
        for index in 0..self.sources.len() {
            self.with_track(index, out, |track, outputs| track.poll(now, outputs));
        }
        self.settle(now, out);
        self.share_delays();
        self.tell_integrity(now, out);
        self.request_keyframes(now, out);
    }

    /// From time to time, of tracks on which something changed.
    fn tell_integrity(&mut self, now: Moment, out: &mut Vec<Action>) {
        if self.told.is_some_and(|at| now.since(at) < INTEGRITY_INTERVAL_MICROS) {
            return;
        }
        self.told = Some(now);
        for source in &mut self.sources {
            let verdict = source.track.integrity();
            if verdict != source.told {
                source.told = verdict;
                out.push(Action::Write(Write::Integrity(source.id, verdict)));
            }
        }
    }

    /// The layers of a picture are asked for together, so that they can be cut at one capture.
    fn request_keyframes(&mut self, now: Moment, out: &mut Vec<Action>) {
        let rested = |source: &Source| {
            source.asked.is_none_or(|at| now.since(at) >= KEYFRAME_INTERVAL_MICROS) && source.failed.is_none()
        };
        let wanting = self.sources.iter().filter(|source| rested(source) && source.track.wants_keyframe());
        let pictures: Vec<usize> =
            wanting.filter_map(|source| source.layer.map(|layer| layer.picture)).collect();
        let mut consumers = Vec::new();
        for source in &mut self.sources {
            let together = source.layer.is_some_and(|layer| pictures.contains(&layer.picture));
            let wanted = source.track.wants_keyframe() || (together && source.track.takes_keyframe());
            if let Some(consumer) = &source.consumer
                && rested(source)
                && wanted
            {
                source.asked = Some(now);
                consumers.push(consumer.clone());
            }
        }
        if !consumers.is_empty() {
            out.push(Action::RequestKeyframes(consumers));
        }
    }

    /// Ends every track.
    pub(super) fn finish(&mut self, now: Moment, out: &mut Vec<Action>) {
        let at = self.wall(now);
        let reached = self.reached(now);
        self.speaks(None, now, out);
        for index in 0..self.sources.len() {
            self.with_track(index, out, |track, outputs| {
                track.detach(outputs)?;
                track.part(Cause::Off, reached, outputs)
            });
            if let Some(source) = self.sources.get_mut(index) {
                source.consumer = None;
                let counts = source.track.counts();
                let error = source.failed.clone().or_else(|| nothing_stored(counts));
                out.push(Action::Write(Write::Integrity(source.id, source.track.integrity())));
                out.push(Action::Write(Write::EndTrack(source.id, at, error)));
            }
        }
        self.by_consumer.clear();
        if let Some(since) = self.paused {
            self.end_pause(now, out);
            self.shift(now.since(since).max(0));
        }
    }

    /// Counts for whoever watches.
    #[must_use]
    pub(super) fn progress(&self, now: Moment) -> Progress {
        Progress {
            attached: true,
            elapsed_micros: self.reached(now).since(self.start),
            paused: self.paused.is_some(),
            paused_micros: self.paused_micros + self.paused.map_or(0, |since| now.since(since)),
            participants: self.participants_here(),
            tracks: self
                .sources
                .iter()
                .map(|source| TrackProgress {
                    track: source.id,
                    codec: source.codec,
                    live: source.consumer.is_some(),
                    counts: source.track.counts(),
                    integrity: source.track.integrity(),
                    error: source.failed.clone(),
                })
                .collect(),
        }
    }

    fn with_track(
        &mut self,
        index: usize,
        out: &mut Vec<Action>,
        act: impl FnOnce(&mut Track, &mut Vec<Output>) -> Result<(), track::Error>,
    ) {
        let Some(source) = self.sources.get_mut(index) else { return };
        if source.failed.is_some() {
            return;
        }
        let result = act(&mut source.track, &mut self.outputs);
        let mut failed = result.err().map(|error| {
            tracing::error!(track.id = %source.id, error = %error, "a track cannot go on");
            error.to_string()
        });
        for output in self.outputs.drain(..) {
            match output {
                Output::Clock(anomaly) => {
                    tracing::warn!(track.id = %source.id, ?anomaly, "a sender's clock is not steady");
                }
                Output::NeedKeyframe => {} // `wants_keyframe` says so until one comes.
                Output::Refused(reason) => {
                    tracing::warn!(track.id = %source.id, codec = source.codec.name(), reason, "a track is refused");
                    failed = Some(reason);
                }
                stored => self.written.push(stored),
            }
        }
        source.failed = failed;
        let id = source.id;
        for mut output in std::mem::take(&mut self.written) {
            match &mut output {
                Output::Begins(begin) => {
                    self.bound_begin(index, begin, out);
                    continue;
                }
                Output::Run(run) => self.bound_run(index, run),
                Output::Gap(gap) => self.bound_gap(index, gap, out),
                _ => {}
            }
            out.push(Action::Write(Write::Media(id, output)));
        }
    }
}

fn nothing_stored(counts: track::Counts) -> Option<String> {
    match (counts.samples, counts.packets) {
        (0, 0) => Some("no packet came".to_owned()),
        (0, packets) => Some(format!("no key frame came in {packets} packets")),
        _ => None,
    }
}
