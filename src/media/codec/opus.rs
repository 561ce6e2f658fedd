//! Opus (RFC 6716) and its sample entry (Encapsulation of Opus in ISO Base Media File Format 4.3).

use super::{Config, Error, Inspection};
use crate::media::Codec;

/// The longest packet: 120 ms in ticks of 48 kHz (RFC 6716 3.2.5, R5).
const MAX_DURATION: u32 = 5760;

/// Remembers only whether the stream has declared itself.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    declared: bool,
}

impl Inspector {
    pub(super) fn inspect(&mut self, packet: &[u8]) -> Result<Inspection, Error> {
        let duration = duration(packet)?;
        let config = (!std::mem::replace(&mut self.declared, true)).then(config);
        Ok(Inspection { sync: true, config, duration: Some(duration) })
    }
}

/// Length of a packet in ticks of 48 kHz: the frames it counts, each as long as its configuration says
/// (RFC 6716 3.1 and 3.2).
fn duration(packet: &[u8]) -> Result<u32, Error> {
    let (&toc, rest) = packet.split_first().ok_or(Error::Truncated("an Opus packet"))?;
    let configuration = toc >> 3;
    let frame = match configuration {
        // SILK: 10, 20, 40, 60 ms.
        0..=11 => [480, 960, 1920, 2880].get(usize::from(configuration & 3)).copied(),
        // Hybrid: 10, 20 ms.
        12..=15 => Some(480 << (configuration & 1)),
        // CELT: 2.5, 5, 10, 20 ms.
        _ => Some(120 << (configuration & 3)),
    };
    let count = match toc & 3 {
        0 => 1,
        1 if rest.len() % 2 == 1 => {
            return Err(Error::Malformed("two Opus frames of one size in an odd length"));
        }
        1 | 2 => 2,
        _ => u32::from(rest.first().ok_or(Error::Truncated("an Opus frame count"))? & 0x3f),
    };
    let duration = frame.unwrap_or(0) * count;
    if duration == 0 || duration > MAX_DURATION {
        return Err(Error::Malformed("an Opus packet of no or more than 120 ms"));
    }
    Ok(duration)
}

/// RTP's Opus is always declared as two channels at 48 kHz, whatever is inside (RFC 7587 7), and a decoder makes
/// stereo of mono.
///
/// PreSkip is 0, though libopus looks ahead by 312 samples: RTP does not carry it, a recording begins in the middle
/// of an encoder's run where no sample is priming, and players that honour it cut that much sound away after
/// each init segment or seek.
fn config() -> Config {
    let entry = mp4_atom::Opus {
        audio: mp4_atom::Audio {
            data_reference_index: 1,
            channel_count: 2,
            sample_size: 16,
            sample_rate: 48_000.into(),
        },
        dops: mp4_atom::Dops {
            output_channel_count: 2,
            pre_skip: 0,
            input_sample_rate: 48_000,
            output_gain: 0,
            channel_mapping: None,
        },
        btrt: None,
    };
    Config {
        codec: Codec::Opus,
        width: 0,
        height: 0,
        channels: 2,
        string: "opus".to_owned(),
        entry: entry.into(),
    }
}
