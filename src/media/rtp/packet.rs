//! What the network part hands over, free of any WebRTC stack's types.

use crate::media::Rotation;
use crate::time::{Moment, NtpTime};
use bytes::Bytes;

/// One RTP packet of one stream, after RTX (RFC 4588) is undone and duplicates are dropped (RFC 3550 5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// Sequence number extended to 64 bits: it never wraps and starts anywhere.
    pub sequence: u64,
    /// RTP timestamp as sent.
    pub timestamp: u32,
    /// Marker bit: for video, the last packet of a picture.
    pub marker: bool,
    /// When the datagram came in.
    pub arrival: Moment,
    /// Payload without header, extensions and padding. Empty for padding-only packets.
    pub payload: Bytes,
    /// It came by retransmission.
    pub recovered: bool,
    /// When the sender captured it, by the sender's wall clock: abs-capture-time, where it is negotiated. Senders put
    /// it on some packets only.
    pub captured: Option<NtpTime>,
    /// How the picture must be turned to be upright: video orientation (3GPP TS 26.114 7.4.5), where it is negotiated.
    /// On the last packet of a key frame and of a picture that is turned otherwise than the one before.
    pub rotation: Option<Rotation>,
}

/// An RTCP sender report (RFC 3550 6.4.1): one instant on the sender's wall clock and on the media clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Sender's wall clock.
    pub ntp: NtpTime,
    /// The same instant in RTP timestamp units.
    pub rtp: u32,
    /// When the report came in.
    pub arrival: Moment,
}
