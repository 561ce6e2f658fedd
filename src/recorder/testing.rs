//! Packets as an SFU would send them, and what a track's outputs come to.

use super::track::{Config, Output, Run, Track};
use crate::id::{RecordingId, TrackId};
use crate::media::Codec;
use crate::media::fmp4::index::Entry;
use crate::media::rtp::packet::Packet;
use crate::media::segment::{Policy, Segment};
use crate::time::{Moment, Ticks, WallTime};
use bytes::Bytes;

/// Tick zero of the recordings of tests.
pub(super) const START: Moment = Moment(5_000_000);
/// The same on the wall clock.
pub(super) const START_WALL: WallTime = WallTime(1_792_000_000_000_000);

/// So many milliseconds after the recording's start.
pub(super) fn at(millis: i64) -> Moment {
    START.plus(millis * 1000)
}

/// A packet that was captured and came in at `millis`. Timestamps begin anywhere.
fn packet(sequence: u64, millis: i64, ticks_per_milli: i64, payload: Vec<u8>) -> Packet {
    Packet {
        sequence,
        timestamp: 0xffff_f000_u32.wrapping_add((millis * ticks_per_milli) as u32),
        marker: true,
        arrival: at(millis),
        payload: payload.into(),
        ..Packet::default()
    }
}

/// 20 ms of Opus (RFC 6716 3.1: configuration 31, stereo, one frame).
pub(super) fn opus(sequence: u64, millis: i64) -> Packet {
    packet(sequence, millis, 48, vec![0xfc, 1, 2, 3])
}

/// A whole VP8 picture in one packet: descriptor with S (RFC 7741 4.2), frame tag, and for a key frame its start
/// code and size (RFC 6386 9.1).
pub(super) fn vp8(sequence: u64, millis: i64, key: bool) -> Packet {
    sized(sequence, millis, key.then_some((320, 180)))
}

/// The same; a key frame has a size.
pub(super) fn sized(sequence: u64, millis: i64, key: Option<(u16, u16)>) -> Packet {
    let mut payload = vec![0x10, u8::from(key.is_none()) | 0x10, 0, 0];
    if let Some((width, height)) = key {
        payload.extend([0x9d, 0x01, 0x2a]);
        payload.extend(width.to_le_bytes());
        payload.extend(height.to_le_bytes());
    }
    payload.extend([7; 20]);
    packet(sequence, millis, 90, payload)
}

/// A track with a stream attached.
pub(super) fn track(codec: Codec) -> Track {
    let mut track = Track::new(Config {
        recording: RecordingId::new(),
        track: TrackId::new(),
        peer_id: "ann".to_owned(),
        codec,
        member: None,
        policy: Policy::default(),
        start: START,
        start_wall: START_WALL,
    });
    track.attach();
    track
}

/// What outputs come to when they are carried out.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) file: Vec<u8>,
    pub(super) runs: Vec<Run>,
    pub(super) entries: Vec<Entry>,
    pub(super) segments: Vec<(u32, Segment)>,
    pub(super) gaps: Vec<(Ticks, Ticks)>,
    pub(super) refused: Vec<String>,
}

/// Carries outputs out, and holds them to what must be true of every track: bytes lie where they are said to lie,
/// segments count on and never go back.
pub(super) fn stored(outputs: Vec<Output>) -> Stored {
    let mut stored = Stored::default();
    // Gaps that follow each other are one stretch; behind the last run there is none.
    let mut gap: Option<(Ticks, Ticks)> = None;
    for output in outputs {
        match output {
            Output::Run(run) => {
                stored.gaps.extend(gap.take());
                assert_eq!(run.range.start, stored.file.len() as u64);
                append(&mut stored.file, &run.init);
                assert_eq!(run.range.end, stored.file.len() as u64);
                assert_eq!(run.number as usize, stored.runs.len());
                stored.runs.push(*run);
            }
            Output::Fragment { fragment, .. } => {
                append(&mut stored.file, &fragment.bytes);
                assert_eq!(fragment.entries.last().unwrap().end(), stored.file.len() as u64);
                stored.entries.extend(fragment.entries);
            }
            Output::Segment { run, segment, .. } => {
                assert_eq!(segment.range.end, stored.file.len() as u64);
                assert_eq!(segment.number as usize, stored.segments.len());
                let end = stored.segments.last().map_or(Ticks(0), |(_, last)| last.start + last.duration);
                assert!(segment.start >= end, "{segment:?} begins before {end:?}");
                stored.segments.push((run, segment));
            }
            Output::Gap(told) if told.open => {}
            Output::Gap(told) => {
                let (start, before) = gap.unwrap_or((told.start, Ticks(0)));
                assert_eq!(start + before, told.start, "gaps follow each other");
                gap = Some((start, before + told.duration));
            }
            Output::Refused(reason) => stored.refused.push(reason),
            Output::Begins(_) | Output::NeedKeyframe | Output::Clock(_) | Output::Sure { .. } => {}
        }
    }
    stored
}

fn append(file: &mut Vec<u8>, bytes: &Bytes) {
    file.extend_from_slice(bytes);
}

/// The NAL units of a byte stream (ITU-T H.264 Annex B), each a packet; a slice ends its picture.
pub(super) fn h264(stream: &[u8]) -> Vec<Packet> {
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]).map(|(at, _)| at + 3).collect();
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([stream.len()]);
    let mut picture = 0;
    let mut packets = Vec::new();
    for (sequence, (start, end)) in starts.iter().zip(ends).enumerate() {
        let unit = &stream[*start..end];
        let slice = matches!(unit[0] & 0x1f, 1 | 5);
        let mut packet = packet(sequence as u64, picture * 40, 90, unit.to_vec());
        packet.marker = slice;
        picture += i64::from(slice);
        packets.push(packet);
    }
    packets
}
