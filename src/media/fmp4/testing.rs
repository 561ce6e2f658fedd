//! Configurations and samples for tests.

use super::init::Origin;
use crate::id::{RecordingId, TrackId};
use crate::media::{Codec, Sample, codec};
use crate::time::{Ticks, WallTime};
use bytes::Bytes;
use mp4_atom::{Audio, Av01, Av1c, Avc3, Avcc, Dops, Opus, Visual, Vp08, Vp09, VpcC};
use uuid::Uuid;

pub(crate) fn config(codec: Codec) -> codec::Config {
    let visual = Visual { width: 320, height: 180, ..Visual::default() };
    let vpcc = VpcC { level: 31, color_primaries: 1, ..VpcC::default() };
    let (string, entry): (_, mp4_atom::Codec) = match codec {
        Codec::H264 => {
            // 320x180 constrained baseline, level 3.1.
            let sps = [0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x01, 0x41, 0x96, 0x9e, 0x10, 0, 0, 3, 0, 0x10];
            let avcc = Avcc::new(&sps, &[0x68, 0xcb, 0x83, 0xcb, 0x20]).unwrap();
            ("avc3.42c01f", Avc3 { visual, avcc, ..Avc3::default() }.into())
        }
        Codec::Vp8 => {
            ("vp08.00.31.08", Vp08 { visual, vpcc, btrt: None, colr: None, pasp: None, spatial: None }.into())
        }
        Codec::Vp9 => {
            ("vp09.00.31.08", Vp09 { visual, vpcc, btrt: None, colr: None, pasp: None, spatial: None }.into())
        }
        Codec::Av1 => {
            let av1c = Av1c {
                seq_profile: 0,
                seq_level_idx_0: 4,
                seq_tier_0: false,
                high_bitdepth: false,
                twelve_bit: false,
                monochrome: false,
                chroma_subsampling_x: true,
                chroma_subsampling_y: true,
                chroma_sample_position: 0,
                initial_presentation_delay: None,
                config_obus: vec![],
            };
            ("av01.0.04M.08", Av01 { visual, av1c, ..Av01::default() }.into())
        }
        Codec::Opus => {
            let audio = Audio {
                data_reference_index: 1,
                channel_count: 2,
                sample_size: 16,
                sample_rate: 48_000.into(),
            };
            let dops = Dops {
                output_channel_count: 2,
                pre_skip: 0,
                input_sample_rate: 48_000,
                output_gain: 0,
                channel_mapping: None,
            };
            ("opus", Opus { audio, dops, btrt: None }.into())
        }
    };
    let video = codec != Codec::Opus;
    codec::Config {
        codec,
        width: if video { 320 } else { 0 },
        height: if video { 180 } else { 0 },
        channels: if video { 0 } else { 2 },
        string: string.into(),
        entry,
    }
}

/// The same with pictures of half the width and height.
pub(crate) fn halved(codec: Codec) -> codec::Config {
    let mut config = config(codec);
    (config.width, config.height) = (config.width / 2, config.height / 2);
    let half = |visual: &mut Visual| (visual.width, visual.height) = (visual.width / 2, visual.height / 2);
    match &mut config.entry {
        mp4_atom::Codec::Avc3(own) => half(&mut own.visual),
        mp4_atom::Codec::Vp08(own) => half(&mut own.visual),
        mp4_atom::Codec::Vp09(own) => half(&mut own.visual),
        mp4_atom::Codec::Av01(own) => half(&mut own.visual),
        _ => {}
    }
    config
}

pub(crate) fn origin() -> Origin {
    Origin {
        recording: RecordingId(Uuid::from_u128(1)),
        track: TrackId(Uuid::from_u128(2)),
        run: 3,
        first: Ticks(450_000),
        wall: WallTime(1_792_000_000_123_456),
        participant: "peer \"1\"\n\u{1f600}".into(),
    }
}

/// Samples one after another from tick `at` on: durations, and for each whether it is a sync sample. The content
/// of each is its number, as many times as its number plus one.
pub(crate) fn samples(at: i64, shapes: &[(u32, bool)]) -> Vec<Sample> {
    let mut next = at;
    let mut out = Vec::new();
    for (number, (duration, sync)) in shapes.iter().enumerate() {
        let data = Bytes::from(vec![number as u8; number % 50 + 1]);
        out.push(Sample { at: Ticks(next), duration: *duration, sync: *sync, data });
        next = next.saturating_add(i64::from(*duration));
    }
    out
}
