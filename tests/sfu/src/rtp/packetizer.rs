//! One packetizer for all codecs.

use super::{av1, h264, vp8, vp9};
use crate::fixture::{Codec, Fixture, Frame};
use serde::{Deserialize, Serialize};

/// How a VP9 publisher names the frames that a frame refers to (RFC 9628 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vp9Mode {
    /// By the picture group of the scalability structure; layer indices and TL0PICIDX in every packet.
    #[default]
    Fixed,
    /// By P_DIFF in every packet.
    Flexible,
}

/// Turns frames into RTP payloads. Keeps what runs on from frame to frame (picture identifiers).
#[derive(Debug)]
pub struct Packetizer {
    codec: Codec,
    dimensions: (u16, u16),
    vp9: Vp9Mode,
    picture: u16,
    group: u8,
}

impl Packetizer {
    /// A packetizer for a fixture.
    pub fn new(fixture: &Fixture, vp9: Vp9Mode) -> Packetizer {
        // 15 bits that wrap within the first seconds, so that every test sees the wrap.
        let picture = 0x7fff - 20;
        Packetizer {
            codec: fixture.codec,
            dimensions: fixture.dimensions.unwrap_or_default(),
            vp9,
            picture,
            group: 250,
        }
    }

    /// The payloads of a frame, in order; the last one's packet takes the marker in video.
    pub fn push(&mut self, frame: &Frame) -> Vec<Vec<u8>> {
        self.picture = (self.picture + 1) & 0x7fff;
        self.group = self.group.wrapping_add(1);
        let whole = frame.units.first().map(|unit| &unit[..]).unwrap_or_default();
        match self.codec {
            Codec::H264 => h264::payloads(&frame.units),
            Codec::Vp8 => vp8::payloads(whole, self.picture),
            Codec::Vp9 => {
                let (picture, group) = (self.picture, self.group);
                vp9::payloads(
                    whole,
                    &vp9::Picture { key: frame.key, picture, group, mode: self.vp9, size: self.dimensions },
                )
            }
            Codec::Av1 => av1::payloads(&frame.units, frame.key),
            Codec::Opus => vec![whole.to_vec()],
        }
    }
}
