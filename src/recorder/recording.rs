//! One recording as a state machine: who is there, which tracks they have, and what must be stored or asked for.
//! Pure: the [`actor`](super::actor) carries out the [`Action`]s.

use super::progress::{Progress, TrackProgress};
use super::track::{self, Output, Track};
use super::writer::Write;
use crate::catalog::{NewParticipant, NewTrack};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::Codec;
use crate::media::rtp::packet::{Packet, SenderReport};
use crate::media::segment::Policy;
use crate::media::timeline::sync::Delays;
use crate::session::Consumer;
use crate::sfu::PeerInfo;
use crate::time::{Moment, WallTime};
use std::collections::HashMap;

/// At most one key frame is asked of a producer in this time.
const KEYFRAME_INTERVAL_MICROS: i64 = 1_000_000;

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
}

struct Source {
    id: TrackId,
    track: Track,
    participant: ParticipantId,
    name: &'static str,
    codec: Codec,
    consumer: Option<String>,
    asked: Option<Moment>,
    failed: Option<String>,
}

/// The state of one recording.
pub(super) struct Recording {
    id: RecordingId,
    policy: Policy,
    start: Moment,
    start_wall: WallTime,
    participants: HashMap<String, Participant>,
    sources: Vec<Source>,
    by_consumer: HashMap<String, usize>,
    outputs: Vec<Output>,
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
            by_consumer: HashMap::new(),
            outputs: Vec::new(),
        }
    }

    /// The wall clock at a moment, by the monotonic clock: a step of the host's clock does not bend the recording.
    #[must_use]
    pub(super) fn wall(&self, now: Moment) -> WallTime {
        self.start_wall.plus(now.since(self.start))
    }

    /// A participant is in the room. A name that comes back is the same participant.
    pub(super) fn peer_joined(&mut self, peer: &PeerInfo, now: Moment, out: &mut Vec<Action>) {
        let joined_at = self.wall(now);
        if let Some(known) = self.participants.get_mut(&peer.id) {
            if !std::mem::replace(&mut known.here, true) {
                out.push(Action::Write(Write::ParticipantReturned(known.id)));
            }
            return;
        }
        let id = ParticipantId::new();
        self.participants.insert(peer.id.clone(), Participant { id, here: true });
        out.push(Action::Write(Write::Participant(NewParticipant {
            id,
            recording: self.id,
            peer_id: peer.id.clone(),
            display_name: peer.display_name.clone(),
            user_id: None,
            joined_at,
        })));
    }

    /// A participant left the room. Their tracks end first, because nothing may be stored behind their leaving.
    pub(super) fn peer_left(&mut self, peer_id: &str, now: Moment, out: &mut Vec<Action>) {
        let at = self.wall(now);
        let Some(participant) = self.participants.get_mut(peer_id) else { return };
        if !std::mem::replace(&mut participant.here, false) {
            return;
        }
        let id = participant.id;
        let theirs = self.sources.iter().filter(|source| source.participant == id);
        let consumers: Vec<String> = theirs.filter_map(|source| source.consumer.clone()).collect();
        for consumer in consumers {
            self.consumer_closed(&consumer, out);
        }
        out.push(Action::Write(Write::ParticipantLeft(id, at)));
    }

    /// Other participants than ourselves.
    #[must_use]
    pub(super) fn participants_here(&self) -> usize {
        self.participants.values().filter(|participant| participant.here).count()
    }

    /// A consumer will deliver. `false` when its codec is none that we record.
    pub(super) fn consumer_opened(
        &mut self,
        consumer: &Consumer,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(codec) = consumer.codec() else { return false };
        let peer = PeerInfo { id: consumer.peer_id.clone(), display_name: String::new() };
        self.peer_joined(&peer, now, out);
        let Some(participant) = self.participants.get(&consumer.peer_id).map(|known| known.id) else {
            return false;
        };
        let name = consumer.source.name();
        let free = self.sources.iter().position(|source| {
            source.participant == participant
                && source.name == name
                && source.codec == codec
                && source.consumer.is_none()
                && source.failed.is_none()
        });
        let index = free.unwrap_or_else(|| self.add_source(consumer, participant, codec, out));
        if let Some(source) = self.sources.get_mut(index) {
            source.track.attach();
            source.consumer = Some(consumer.id.clone());
            self.by_consumer.insert(consumer.id.clone(), index);
        }
        self.share_delays();
        true
    }

    fn add_source(
        &mut self,
        consumer: &Consumer,
        participant: ParticipantId,
        codec: Codec,
        out: &mut Vec<Action>,
    ) -> usize {
        let id = TrackId::new();
        let name = consumer.source.name();
        out.push(Action::Write(Write::Track(NewTrack {
            id,
            recording: self.id,
            participant,
            kind: consumer.kind,
            source: name.to_owned(),
            codec,
            producer_id: consumer.producer_id.clone(),
        })));
        let track = Track::new(track::Config {
            recording: self.id,
            track: id,
            peer_id: consumer.peer_id.clone(),
            codec,
            policy: self.policy,
            start: self.start,
            start_wall: self.start_wall,
        });
        self.sources.push(Source {
            id,
            track,
            participant,
            name,
            codec,
            consumer: None,
            asked: None,
            failed: None,
        });
        self.sources.len() - 1
    }

    /// A consumer is gone. Its track may go on with another one.
    pub(super) fn consumer_closed(&mut self, consumer_id: &str, out: &mut Vec<Action>) {
        let Some(index) = self.by_consumer.remove(consumer_id) else { return };
        self.with_track(index, out, Track::detach);
        if let Some(source) = self.sources.get_mut(index) {
            source.consumer = None;
        }
    }

    /// A packet of a consumer.
    pub(super) fn packet(&mut self, consumer_id: &str, packet: Packet, out: &mut Vec<Action>) {
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
        for index in 0..self.sources.len() {
            self.with_track(index, out, |track, outputs| track.poll(now, outputs));
        }
        self.share_delays();
        self.request_keyframes(now, out);
    }

    /// A participant's pictures are asked for together, so that the layers and sources of one person can be cut at
    /// one time.
    fn request_keyframes(&mut self, now: Moment, out: &mut Vec<Action>) {
        let mut consumers = Vec::new();
        for source in &mut self.sources {
            let rested = source.asked.is_none_or(|at| now.since(at) >= KEYFRAME_INTERVAL_MICROS);
            if let Some(consumer) = &source.consumer
                && rested
                && source.failed.is_none()
                && source.track.wants_keyframe()
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
        for index in 0..self.sources.len() {
            self.with_track(index, out, Track::detach);
            if let Some(source) = self.sources.get_mut(index) {
                source.consumer = None;
                let counts = source.track.counts();
                let error = source.failed.clone().or_else(|| nothing_stored(counts));
                out.push(Action::Write(Write::EndTrack(source.id, at, error)));
            }
        }
        self.by_consumer.clear();
    }

    /// Counts for whoever watches.
    #[must_use]
    pub(super) fn progress(&self, now: Moment) -> Progress {
        Progress {
            elapsed_micros: now.since(self.start),
            participants: self.participants_here(),
            tracks: self
                .sources
                .iter()
                .map(|source| TrackProgress {
                    track: source.id,
                    codec: source.codec,
                    live: source.consumer.is_some(),
                    counts: source.track.counts(),
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
                stored => out.push(Action::Write(Write::Media(source.id, stored))),
            }
        }
        source.failed = failed;
    }
}

fn nothing_stored(counts: track::Counts) -> Option<String> {
    match (counts.samples, counts.packets) {
        (0, 0) => Some("no packet came".to_owned()),
        (0, packets) => Some(format!("no key frame came in {packets} packets")),
        _ => None,
    }
}
