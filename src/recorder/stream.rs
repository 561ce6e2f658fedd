//! One consumer's packets to frames with a place on the recording's timeline.
//!
//! A stream lives as long as its consumer. When a camera goes off and on again it is a new stream of the same
//! [`Track`](super::track::Track).

use crate::media::codec::{self, Inspector};
use crate::media::rtp::depacketize::Depacketizer;
use crate::media::rtp::packet::{Packet, SenderReport};
use crate::media::rtp::reorder::{self, Reorder};
use crate::media::timeline::sync::{Anomaly, Delays, Sync};
use crate::media::{Codec, Frame, Kind, Rotation};
use crate::time::{Moment, Ticks};
use bytes::Bytes;
use std::collections::VecDeque;

/// mediasoup keeps packets for retransmission about this long.
const VIDEO_WINDOW_MICROS: i64 = 2_000_000;
const AUDIO_WINDOW_MICROS: i64 = 1_000_000;
/// As long as a packet that was overtaken by the first one is waited for.
const START_MICROS: i64 = 10_000;
const MAX_REORDERED_PACKETS: usize = 4096;
/// Frames kept while the stream's offset is being found; at the end of it the oldest is the first to be placed.
const MAX_UNPLACED_FRAMES: usize = 512;

/// A whole frame on the recording's timeline, its length not yet known.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Ticks since the recording's start, in the codec's timescale.
    pub at: Ticks,
    /// Arrival of its first packet.
    pub arrival: Moment,
    /// A decoder can start here.
    pub sync: bool,
    /// Parameters that this frame declares.
    pub config: Option<Box<codec::Config>>,
    /// Its own length when the format tells it (Opus).
    pub length: Option<u32>,
    /// The bytes to store.
    pub data: Bytes,
    /// How the picture must be turned.
    pub rotation: Rotation,
}

/// What a stream says besides frames.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A frame in order.
    Frame(Placed),
    /// Packets that will not come any more.
    Lost {
        /// How many.
        packets: u64,
    },
    /// The stream cannot go on without a key frame.
    NeedKeyframe,
    /// A clock of the sender did what it should not.
    Clock(Anomaly),
    /// The stream cannot be recorded at all, for this reason.
    Refused(String),
}

/// Packets of one consumer in, placed frames out.
pub struct Stream {
    kind: Kind,
    reorder: Reorder,
    depacketizer: Depacketizer,
    inspector: Inspector,
    sync: Sync,
    /// In media time: they wait for the stream's place.
    unplaced: VecDeque<Placed>,
    waiting_for_key: bool,
    ordered: Vec<reorder::Output>,
    frames: Vec<Frame>,
}

impl Stream {
    /// `start` is the moment that is tick zero of the recording.
    #[must_use]
    pub fn new(codec: Codec, start: Moment) -> Self {
        let kind = codec.kind();
        let window_micros = if kind == Kind::Video { VIDEO_WINDOW_MICROS } else { AUDIO_WINDOW_MICROS };
        Self {
            kind,
            reorder: Reorder::new(reorder::Config {
                start_micros: START_MICROS,
                window_micros,
                max_packets: MAX_REORDERED_PACKETS,
            }),
            depacketizer: Depacketizer::new(codec),
            inspector: Inspector::new(codec),
            sync: Sync::new(kind, codec.timescale(), start),
            unplaced: VecDeque::new(),
            waiting_for_key: kind == Kind::Video,
            ordered: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// A video stream that has not seen the key frame it needs.
    #[must_use]
    pub fn waits_for_key(&self) -> bool {
        self.waiting_for_key && !self.reorder.gathers()
    }

    /// Something may still come that belongs before what came last: packets are missing, or frames have no place yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.reorder.deadline().is_some() || !self.unplaced.is_empty()
    }

    /// The least delays of the sender's clocks.
    #[must_use]
    pub fn delays(&self) -> Delays {
        self.sync.delays()
    }

    /// Takes what the participant's other streams saw of the same clocks.
    pub fn share(&mut self, delays: Delays) {
        self.sync.share(delays);
    }

    /// Takes a sender report.
    pub fn report(&mut self, report: &SenderReport, out: &mut Vec<Output>) {
        out.extend(self.sync.report(report).map(Output::Clock));
    }

    /// Takes a packet in any order.
    pub fn push(&mut self, packet: Packet, out: &mut Vec<Output>) {
        let mut ordered = std::mem::take(&mut self.ordered);
        self.reorder.push(packet, &mut ordered);
        self.take_ordered(ordered, out);
    }

    /// Gives up holes that are too old.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Output>) {
        let mut ordered = std::mem::take(&mut self.ordered);
        self.reorder.poll(now, &mut ordered);
        self.take_ordered(ordered, out);
    }

    /// Packets were lost on our own side, an unknown number of them.
    pub fn overflowed(&mut self, out: &mut Vec<Output>) {
        self.depacketizer.lost();
        self.damaged(out);
    }

    /// Everything that is still inside.
    pub fn finish(mut self, out: &mut Vec<Output>) {
        let mut ordered = std::mem::take(&mut self.ordered);
        let reorder = std::mem::replace(
            &mut self.reorder,
            Reorder::new(reorder::Config { start_micros: 0, window_micros: 0, max_packets: 1 }),
        );
        reorder.finish(&mut ordered);
        self.take_ordered(ordered, out);
        let mut frames = std::mem::take(&mut self.frames);
        self.depacketizer.finish(&mut frames);
        for frame in frames {
            self.inspect(frame, out);
        }
        self.place_all(out);
    }

    fn take_ordered(&mut self, mut ordered: Vec<reorder::Output>, out: &mut Vec<Output>) {
        for item in ordered.drain(..) {
            match item {
                reorder::Output::Packet(packet) => self.depacketize(&packet, out),
                reorder::Output::Lost { count, .. } => {
                    self.depacketizer.lost();
                    out.push(Output::Lost { packets: count });
                    self.damaged(out);
                }
            }
        }
        self.ordered = ordered;
    }

    fn depacketize(&mut self, packet: &Packet, out: &mut Vec<Output>) {
        let mut frames = std::mem::take(&mut self.frames);
        if let Err(error) = self.depacketizer.push(packet, &mut frames) {
            tracing::debug!(%error, "a packet could not be depacketized");
            self.damaged(out);
        }
        for frame in frames.drain(..) {
            self.inspect(frame, out);
        }
        self.frames = frames;
    }

    /// From here on frames may refer to pictures that are not there. Sound needs no such care.
    fn damaged(&mut self, out: &mut Vec<Output>) {
        if self.kind == Kind::Video {
            self.waiting_for_key = true;
            out.push(Output::NeedKeyframe);
        }
    }

    fn inspect(&mut self, frame: Frame, out: &mut Vec<Output>) {
        let found = match self.inspector.inspect(&frame) {
            Ok(found) => found,
            Err(error @ codec::Error::Reordered) => {
                out.push(Output::Refused(error.to_string()));
                return;
            }
            Err(error) => {
                tracing::debug!(%error, "a frame could not be understood");
                self.damaged(out);
                return;
            }
        };
        if self.sync.jumps(frame.timestamp, frame.arrival) {
            tracing::warn!(
                timestamp = frame.timestamp,
                "the sender's clock jumped; the stream is placed anew"
            );
            self.place_all(out);
        }
        // Frames that are not stored tell the time all the same.
        let timed = self.sync.frame(frame.timestamp, frame.arrival, frame.captured);
        out.extend(timed.anomaly.map(Output::Clock));
        if timed.after_silence && !found.sync {
            // Longer than any picture: what comes is another run.
            self.damaged(out);
        }
        if self.waiting_for_key && !found.sync {
            return;
        }
        self.waiting_for_key = false;
        self.unplaced.push_back(Placed {
            at: timed.media,
            arrival: frame.arrival,
            sync: found.sync,
            config: found.config.map(Box::new),
            length: found.duration,
            data: frame.data,
            rotation: frame.rotation,
        });
        if self.sync.settled() || self.unplaced.len() >= MAX_UNPLACED_FRAMES {
            self.place_all(out);
        }
    }

    fn place_all(&mut self, out: &mut Vec<Output>) {
        if !self.sync.settled() {
            self.sync.settle();
        }
        for mut frame in self.unplaced.drain(..) {
            let (at, anomaly) = self.sync.tick(frame.at);
            out.extend(anomaly.map(Output::Clock));
            frame.at = at;
            out.push(Output::Frame(frame));
        }
    }
}
