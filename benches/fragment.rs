//! The pure path of a packet on one core: reorder, depacketize, inspect, place in time, cut into fragments.
//! No I/O, no timers. The counter is packets: items per second are packets per second and core.
//!
//! Ten seconds of each stream: video of 720p at 30 frames and about 2.5 Mbit a second in packets of 1200 bytes
//! with a key frame every two seconds, and Opus of 20 ms and 32 kbit a second.

#![allow(clippy::unwrap_used, missing_docs)]

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tureen::media::codec::Inspector;
use tureen::media::fmp4::index;
use tureen::media::rtp::depacketize::Depacketizer;
use tureen::media::rtp::packet::Packet;
use tureen::media::rtp::reorder::{self, Reorder};
use tureen::media::segment::{Output, Policy, Segmenter};
use tureen::media::timeline::unwrap::Unwrap;
use tureen::media::{Codec, Frame, Sample};
use tureen::time::{Moment, Ticks};

const SECONDS: usize = 10;
const PAYLOAD: usize = 1200;
const CODECS: [Codec; 3] = [Codec::H264, Codec::Vp8, Codec::Opus];

fn main() {
    divan::main();
}

/// From packets to fragments and index entries, as the recorder does it.
#[divan::bench(args = CODECS)]
fn packets_to_fragments(bencher: Bencher, codec: Codec) {
    let packets = packets(codec);
    let bytes: usize = packets.iter().map(|packet| packet.payload.len()).sum();
    assert!(Path::new(codec).run(packets.clone()) > bytes as u64 * 9 / 10, "the packets are not all stored");
    bencher
        .counter(ItemsCount::new(packets.len()))
        .counter(BytesCount::new(bytes))
        .with_inputs(|| (Path::new(codec), packets.clone()))
        .bench_values(|(path, packets)| path.run(packets));
}

/// The last step alone: samples to fragments.
#[divan::bench(args = CODECS)]
fn samples_to_fragments(bencher: Bencher, codec: Codec) {
    let packets = packets(codec);
    let samples = Path::new(codec).samples(packets.clone());
    bencher
        .counter(ItemsCount::new(packets.len()))
        .with_inputs(|| (segmenter(codec), samples.clone()))
        .bench_values(|(segmenter, samples)| store(segmenter, samples));
}

/// Everything between a packet and a sample.
struct Path {
    codec: Codec,
    reorder: Reorder,
    depacketizer: Depacketizer,
    inspector: Inspector,
    unwrap: Unwrap,
    held: Option<Sample>,
}

impl Path {
    fn new(codec: Codec) -> Self {
        Self {
            codec,
            reorder: Reorder::new(reorder::Config {
                start_micros: 0,
                window_micros: 2_000_000,
                max_packets: 4096,
            }),
            depacketizer: Depacketizer::new(codec),
            inspector: Inspector::new(codec),
            unwrap: Unwrap::new(),
            held: None,
        }
    }

    fn run(self, packets: Vec<Packet>) -> u64 {
        let codec = self.codec;
        store(segmenter(codec), self.samples(packets))
    }

    fn samples(mut self, packets: Vec<Packet>) -> Vec<Sample> {
        let (mut ordered, mut frames, mut samples) = (Vec::new(), Vec::new(), Vec::new());
        for packet in packets {
            self.reorder.push(packet, &mut ordered);
            for output in ordered.drain(..) {
                let reorder::Output::Packet(packet) = output else { unreachable!("nothing is lost here") };
                self.depacketizer.push(&packet, &mut frames).unwrap();
            }
            for frame in frames.drain(..) {
                samples.extend(self.place(frame));
            }
        }
        samples
    }

    /// A sample's duration is known when the next frame comes.
    fn place(&mut self, frame: Frame) -> Option<Sample> {
        let inspection = self.inspector.inspect(&frame).unwrap();
        let at = Ticks(self.unwrap.push(frame.timestamp));
        let next = Sample { at, duration: 0, sync: inspection.sync, data: frame.data };
        let mut sample = self.held.replace(next)?;
        sample.duration = u32::try_from((at - sample.at).0).unwrap();
        Some(sample)
    }
}

fn segmenter(codec: Codec) -> Segmenter {
    Segmenter::new(Policy::default(), codec.timescale(), codec.kind(), 1000)
}

/// Bytes of media and index that would be written.
fn store(mut segmenter: Segmenter, samples: Vec<Sample>) -> u64 {
    let (mut out, mut written) = (Vec::new(), 0);
    let mut append = |out: &mut Vec<Output>| {
        for output in out.drain(..) {
            if let Output::Fragment(fragment) = output {
                written +=
                    (fragment.bytes.len() + divan::black_box(index::encode(&fragment.entries)).len()) as u64;
            }
        }
    };
    for sample in samples {
        segmenter.push(sample, &mut out).unwrap();
        append(&mut out);
    }
    segmenter.flush(&mut out).unwrap();
    append(&mut out);
    written
}

fn packets(codec: Codec) -> Vec<Packet> {
    let mut packets = Vec::new();
    let (frames, step) = if codec == Codec::Opus { (50 * SECONDS, 960) } else { (30 * SECONDS, 3000) };
    for number in 0..frames {
        let payloads = match codec {
            Codec::H264 => h264(number % 60 == 0),
            Codec::Vp8 => vp8(number % 60 == 0),
            // A table of contents for one CELT frame of 20 ms (RFC 6716 3.1), and 80 bytes.
            _ => vec![[&[0xf8], filler(80).as_slice()].concat()],
        };
        let last = payloads.len() - 1;
        for (place, payload) in payloads.into_iter().enumerate() {
            packets.push(Packet {
                sequence: packets.len() as u64,
                timestamp: number as u32 * step,
                marker: place == last,
                arrival: Moment(number as i64 * 1_000_000 / if step == 960 { 50 } else { 30 }),
                payload: payload.into(),
                ..Packet::default()
            });
        }
    }
    packets
}

/// Constrained baseline, level 3.1, 1280x720.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xec, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 3, 0xc6,
    0x0c, 0xa8,
];
const PPS: &[u8] = &[0x68, 0xce, 0x0f, 0xc8];

/// Bytes that hold no start code.
fn filler(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place % 199) as u8 + 1).collect()
}

/// How many bytes a picture has: 2.5 Mbit a second, key frames six times as heavy as the others.
fn picture(key: bool) -> Vec<u8> {
    filler(if key { 57_000 } else { 9_600 })
}

/// A picture of one slice: FU-A (RFC 6184 5.8), on key frames behind a STAP-A of both parameter sets (5.7.1).
fn h264(key: bool) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    if key {
        let mut sets = vec![0x78];
        for set in [SPS, PPS] {
            sets.extend_from_slice(&(set.len() as u16).to_be_bytes());
            sets.extend_from_slice(set);
        }
        payloads.push(sets);
    }
    let kind = if key { 5 } else { 1 };
    // first_mb_in_slice 0, slice_type 7 (I) or 5 (P), pic_parameter_set_id 0.
    let slice = [if key { [0x88, 0x84] } else { [0x9a, 0x01] }.as_slice(), &picture(key)].concat();
    let count = slice.len().div_ceil(PAYLOAD);
    for (place, part) in slice.chunks(PAYLOAD).enumerate() {
        let start = u8::from(place == 0) << 7;
        let end = u8::from(place + 1 == count) << 6;
        payloads.push([&[0x7c, start | end | kind], part].concat());
    }
    payloads
}

/// A picture of one partition behind the shortest descriptor (RFC 7741 4.2).
fn vp8(key: bool) -> Vec<Vec<u8>> {
    // Key frame of 1280x720 (RFC 6386 9.1), or a frame that follows one.
    let tag: &[u8] = if key { &[0x10, 2, 0, 0x9d, 1, 0x2a, 0, 5, 0xd0, 2] } else { &[0x11, 2, 0] };
    let frame = [tag, &picture(key)].concat();
    let payload = |(place, part): (usize, &[u8])| [&[u8::from(place == 0) << 4], part].concat();
    frame.chunks(PAYLOAD).enumerate().map(payload).collect()
}
