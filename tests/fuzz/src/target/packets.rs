//! Packets of one codec through reorder, depacketizer and inspector.

use super::input::{Event, Input, Step, step};
use crate::fixture::{self, Fixture};
use crate::media::codec::Inspector;
use crate::media::rtp::depacketize::{Depacketizer, MAX_FRAME_BYTES};
use crate::media::rtp::reorder::{Config, Output, Reorder};
use crate::media::{Codec, Frame};
use crate::rtp::{Packetizer, Vp9Mode};

const ORDER: Config = Config { start_micros: 0, window_micros: 2_000_000, max_packets: 64 };

struct Bench {
    depacketizer: Depacketizer,
    inspector: Inspector,
    frames: Vec<Frame>,
    came: usize,
    next: Option<u64>,
}

impl Bench {
    fn take(&mut self, ordered: &mut Vec<Output>) {
        for item in ordered.drain(..) {
            match item {
                Output::Packet(packet) => {
                    self.came += packet.payload.len();
                    self.next = Some(packet.sequence);
                    let _ = self.depacketizer.push(&packet, &mut self.frames);
                }
                Output::Lost { .. } => self.depacketizer.lost(),
            }
            self.inspect();
        }
    }

    fn inspect(&mut self) {
        for frame in self.frames.drain(..) {
            assert!(!frame.data.is_empty());
            // A length or a size field beside each unit is all that is added.
            assert!(frame.data.len() <= (5 * self.came).min(5 * MAX_FRAME_BYTES));
            if let Ok(found) = self.inspector.inspect(&frame)
                && let Some(config) = found.config
            {
                assert!(found.sync && !config.string.is_empty());
            }
        }
    }
}

pub fn run(codec: Codec, data: &[u8]) {
    let mut reorder = Reorder::new(ORDER);
    let mut ordered = Vec::new();
    let mut bench = Bench {
        depacketizer: Depacketizer::new(codec),
        inspector: Inspector::new(codec),
        frames: Vec::new(),
        came: 0,
        next: None,
    };
    for step in Input::new(data) {
        match step {
            Step::Packet(packet) => reorder.push(packet, &mut ordered),
            Step::Event(Event::Poll, now) => reorder.poll(now, &mut ordered),
            Step::Event(..) => bench.depacketizer.lost(),
        }
        bench.take(&mut ordered);
    }
    reorder.finish(&mut ordered);
    bench.take(&mut ordered);
    bench.depacketizer.finish(&mut bench.frames);
    bench.inspect();
}

fn load(codec: Codec) -> Fixture {
    let codec = match codec {
        Codec::H264 => fixture::Codec::H264,
        Codec::Vp8 => fixture::Codec::Vp8,
        Codec::Vp9 => fixture::Codec::Vp9,
        Codec::Av1 => fixture::Codec::Av1,
        Codec::Opus => fixture::Codec::Opus,
    };
    Fixture::of(codec).expect("a fixture")
}

/// The first frames of the fixture as a publisher sends them, and those around its second key frame.
pub fn seeds(codec: Codec) -> Vec<Vec<u8>> {
    let fixture = load(codec);
    let modes = [Vp9Mode::Fixed, Vp9Mode::Flexible];
    let count = if codec == Codec::Vp9 { 2 } else { 1 };
    let mut seeds = Vec::new();
    for mode in &modes[..count] {
        let mut packetizer = Packetizer::new(&fixture, *mode);
        let frames: Vec<_> = fixture.frames.iter().take(52).map(|frame| packetizer.push(frame)).collect();
        for range in [0..3, 49..52] {
            let mut seed = Vec::new();
            for payloads in &frames[range] {
                for (place, payload) in payloads.iter().enumerate() {
                    step(&mut seed, place == 0, place + 1 == payloads.len(), payload);
                }
            }
            seeds.push(seed);
        }
    }
    seeds
}
