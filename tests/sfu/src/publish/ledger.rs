//! What was sent, so that a test can compare it with what was recorded.

use crate::fixture::{Codec, Frame};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// One stream of a participant: a producer from its beginning to its end.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// mediasoup's name of the producer.
    pub producer_id: String,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// What the frames are encoded with.
    pub codec: Codec,
    /// Spatial layer of a simulcast, from 0 for the smallest.
    pub layer: Option<u8>,
    /// SSRC as the publisher sends it; mediasoup gives consumers another one.
    pub ssrc: u32,
    /// Wall time of the stream's clock at 0, in microseconds since 1970: frame 0 of the file is due then.
    pub began_at: u64,
    /// RTP timestamp at `began_at`.
    pub first_timestamp: u32,
    /// Everything sent, in order.
    pub frames: Vec<SentFrame>,
}

/// A frame that was sent, all of its packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentFrame {
    /// Position in the fixture: the number that is drawn in the picture.
    pub index: u32,
    /// As sent. mediasoup passes it on unchanged unless layers are switched.
    pub rtp_timestamp: u32,
    /// Wall time when the last packet had been sent, microseconds since 1970.
    pub sent_at: u64,
    /// Wall time when the frame was due, microseconds since 1970; sender reports map the timestamp to it.
    pub due_at: u64,
    /// True if decoding can begin here.
    pub key: bool,
    /// RTP packets it took.
    pub packets: u32,
    /// SHA-256 of each unit: NAL unit (H264), OBU without size field and without temporal delimiters
    /// (AV1), frame (VP8, VP9), packet (Opus). Hexadecimal in JSON.
    #[serde(serialize_with = "hexadecimal")]
    pub units: Vec<[u8; 32]>,
}

/// SHA-256 of each unit of each frame, in order.
pub(super) fn digests(frames: &[Frame]) -> Vec<Vec<[u8; 32]>> {
    let of = |unit: &Bytes| Sha256::digest(unit).into();
    frames.iter().map(|frame| frame.units.iter().map(of).collect()).collect()
}

fn hexadecimal<S: Serializer>(units: &[[u8; 32]], serializer: S) -> Result<S::Ok, S::Error> {
    let text = |unit: &[u8; 32]| unit.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    serializer.collect_seq(units.iter().map(text))
}
