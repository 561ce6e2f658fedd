//! Media, pure: RTP packets in, CMAF fragments and playlists out. No I/O, no clock, no async.
//!
//! The path of a packet: [`rtp::reorder`] -> [`rtp::depacketize`] -> [`Frame`] -> [`codec`] ->
//! [`timeline`] -> [`Sample`] -> [`segment`] -> [`fmp4::fragment::Fragment`].

pub mod codec;
pub mod dash;
pub mod fmp4;
pub mod hls;
pub mod mp4;
pub mod rtp;
pub mod segment;
pub mod timeline;
pub mod webm;

use crate::time::{Moment, NtpTime, Ticks, Timescale};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// The codecs that a mediasoup router forwards and we store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// ITU-T H.264 (RFC 6184).
    H264,
    /// VP8 (RFC 6386, RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// AV1 (AOM, RTP Payload Format For AV1).
    Av1,
    /// Opus (RFC 6716, RFC 7587).
    Opus,
}

/// What samples are packed in when they are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Container {
    /// MP4 (ISO/IEC 14496-12).
    #[default]
    Mp4,
    /// WebM (RFC 9559): the only one in which browsers play VP8.
    WebM,
}

impl Codec {
    /// From the subtype of a MIME type, in any case: `video/H264` or `H264`. `None` for what we do not record.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<Self> {
        match mime.rsplit('/').next()?.to_ascii_lowercase().as_str() {
            "h264" => Some(Self::H264),
            "vp8" => Some(Self::Vp8),
            "vp9" => Some(Self::Vp9),
            "av1" => Some(Self::Av1),
            "opus" => Some(Self::Opus),
            _ => None,
        }
    }

    /// Audio or video.
    #[must_use]
    pub fn kind(self) -> Kind {
        if self == Self::Opus { Kind::Audio } else { Kind::Video }
    }

    /// The RTP clock rate, which is also the timescale of the stored track.
    #[must_use]
    pub fn timescale(self) -> Timescale {
        if self == Self::Opus { Timescale::OPUS } else { Timescale::VIDEO }
    }

    /// Lower-case name as the API and the catalogue write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
            Self::Opus => "opus",
        }
    }
}

/// One whole picture (all its spatial layers) or one Opus packet, as the depacketizer put it together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// RTP timestamp, not unwrapped.
    pub timestamp: u32,
    /// Arrival of its first packet.
    pub arrival: Moment,
    /// When it was captured, by the sender's wall clock, if any of its packets said so.
    pub captured: Option<NtpTime>,
    /// The bytes as they are stored in a sample: H264 NAL units each with a 4-byte length (ISO/IEC 14496-15
    /// 5.3.3), AV1 OBUs with size fields and without temporal delimiters (AV1-ISOBMFF 2.4), VP8 and VP9 frames
    /// and Opus packets as they are.
    pub data: Bytes,
    /// How it must be turned: what its packets said, or else those before.
    pub rotation: Rotation,
}

/// A frame with its place and its length on the track's media clock. Decode time equals presentation time:
/// streams with B-frames are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Decode (and presentation) time, in the track's timescale, since the recording's start.
    pub at: Ticks,
    /// Length in the track's timescale, above zero.
    pub duration: u32,
    /// A decoder can start here.
    pub sync: bool,
    /// The stored bytes, as in [`Frame::data`].
    pub data: Bytes,
}

/// How a picture must be turned clockwise to be upright (3GPP TS 26.114 7.4.5, ISO/IEC 14496-12 8.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// It is upright.
    #[default]
    None,
    /// A quarter.
    Right,
    /// It is upside down.
    Half,
    /// Three quarters.
    Left,
}

impl Rotation {
    /// The turn clockwise, in degrees.
    #[must_use]
    pub fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Right => 90,
            Self::Half => 180,
            Self::Left => 270,
        }
    }

    /// From whole quarters in degrees.
    #[must_use]
    pub fn from_degrees(degrees: u16) -> Option<Self> {
        [Self::None, Self::Right, Self::Half, Self::Left].into_iter().find(|turn| turn.degrees() == degrees)
    }

    /// Width and height of the upright picture.
    #[must_use]
    pub fn displayed(self, width: u32, height: u32) -> (u32, u32) {
        if matches!(self, Self::Right | Self::Left) { (height, width) } else { (width, height) }
    }
}
