//! RTP payload formats: packets in sequence order to whole [`Frame`]s.
//!
//! What is common to all formats lives here: where a frame begins and ends, what loss does to it and how large it
//! may get. What differs, the payload headers, is behind [`Payload`]: one file for each format.
//!
//! A frame is given out when its last packet is in, and only whole. After loss everything is skipped up to the
//! next packet that begins a frame: one that follows a marker or a change of timestamp without a hole between, or
//! whose payload header says so.

mod av1;
mod h264;
mod parts;
#[cfg(test)]
mod tests;
mod vp8;
mod vp9;

use crate::media::rtp::packet::Packet;
use crate::media::{Codec, Frame, Rotation};
use crate::time::{Moment, NtpTime};
use bytes::Bytes;

/// The largest frame taken, in bytes of payload.
pub const MAX_FRAME_BYTES: usize = 8 << 20;
/// The most packets that one frame may take.
pub const MAX_FRAME_PACKETS: usize = 4096;

/// Why a frame is given up. The stream goes on with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The payload ends too early.
    #[error("the payload ends inside {0}")]
    Truncated(&'static str),
    /// The payload says what it must not.
    #[error("{0}")]
    Malformed(&'static str),
    /// A kind of packet that WebRTC does not use (RFC 6184 5.2, packetization modes 0 and 1 only).
    #[error("packets of type {0} are not taken")]
    Unsupported(u8),
    /// A fragment comes before the start of what it continues.
    #[error("a fragment comes without its start")]
    NoStart,
    /// Something else comes, or the frame ends, where the next fragment should be.
    #[error("a fragment's end does not come")]
    NoEnd,
    /// A key frame from whose front packets may be missing.
    #[error("the front of a key frame may be lost")]
    FrontLost,
    /// The frame is over [`MAX_FRAME_BYTES`] or [`MAX_FRAME_PACKETS`].
    #[error("the frame is too large: {bytes} bytes in {packets} packets")]
    TooLarge {
        /// Bytes of payload with the packet that was too much.
        bytes: usize,
        /// Packets with that one.
        packets: usize,
    },
}

/// One payload format: what is inside the packets of one frame.
trait Payload: Send + Sync {
    /// Whether this payload may be the first of a frame. Asked only when what came before it is not known.
    fn starts(&self, payload: &[u8]) -> bool;
    /// Takes the payload of the next packet of the frame. After an error only [`Self::clear`] may follow.
    fn add(&mut self, payload: &Bytes) -> Result<(), Error>;
    /// The frame, after its last packet. `sure` is false when [`Self::starts`] alone said where it begins.
    /// `None`, with nothing consumed, when this cannot be a frame yet and what follows belongs to it.
    fn take(&mut self, sure: bool) -> Result<Option<Bytes>, Error>;
    /// Forgets the frame.
    fn clear(&mut self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Packets are missing: where the next frame begins is not known.
    Seek,
    /// In the middle of a frame that is given up.
    Skip,
    /// The next packet begins a frame.
    Between,
    /// In a frame.
    Open,
    /// In a frame that began with a packet of its own; the next packet sets its timestamp.
    Carry,
}

/// Puts the packets of one stream together. Takes them in sequence order.
pub struct Depacketizer {
    /// `None` for Opus: every packet is a frame (RFC 7587 4.2).
    payload: Option<Box<dyn Payload>>,
    state: State,
    last: Option<u64>,
    timestamp: u32,
    arrival: Moment,
    captured: Option<NtpTime>,
    /// What the newest packet that said so said.
    rotation: Rotation,
    sure: bool,
    packets: usize,
    bytes: usize,
    /// The stream uses marker bits.
    markers: bool,
    dropped: u64,
    /// Timestamp of the frame counted last in `dropped`.
    counted: Option<u32>,
}

impl Depacketizer {
    /// A stream of which nothing came yet.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        let payload: Option<Box<dyn Payload>> = match codec {
            Codec::H264 => Some(Box::new(h264::Payload::default())),
            Codec::Vp8 => Some(Box::new(vp8::Payload::default())),
            Codec::Vp9 => Some(Box::new(vp9::Payload::default())),
            Codec::Av1 => Some(Box::new(av1::Payload::default())),
            Codec::Opus => None,
        };
        Self {
            payload,
            state: State::Seek,
            last: None,
            timestamp: 0,
            arrival: Moment::default(),
            captured: None,
            rotation: Rotation::None,
            sure: false,
            packets: 0,
            bytes: 0,
            markers: false,
            dropped: 0,
            counted: None,
        }
    }

    /// Takes the next packet and gives out the frames that became whole. A hole in the sequence numbers is loss,
    /// told by [`Self::lost`] or not. Empty payloads (padding only) count in the sequence and are nothing else.
    ///
    /// # Errors
    /// The frame that the packet belongs to, or that it ends, is given up and the rest of it is skipped.
    pub fn push(&mut self, packet: &Packet, out: &mut Vec<Frame>) -> Result<(), Error> {
        if self.last.is_some_and(|last| packet.sequence != last.wrapping_add(1)) {
            self.lost();
        }
        self.last = Some(packet.sequence);
        if packet.payload.is_empty() {
            return Ok(());
        }
        if self.payload.is_none() {
            let Packet { timestamp, arrival, captured, .. } = *packet;
            let data = packet.payload.clone();
            out.push(Frame { timestamp, arrival, captured, rotation: Rotation::None, data });
            return Ok(());
        }
        let mut result = Ok(());
        if packet.timestamp != self.timestamp {
            result = self.close(out);
        }
        self.rotation = packet.rotation.unwrap_or(self.rotation);
        let added = self.add(packet);
        self.markers |= packet.marker;
        let closed = if packet.marker { self.close(out) } else { Ok(()) };
        result.and(added).and(closed)
    }

    /// Packets are missing before the next one: what is half put together is dropped, and everything up to the
    /// start of the next frame too.
    pub fn lost(&mut self) {
        if matches!(self.state, State::Open | State::Carry) {
            self.give_up();
        }
        self.state = State::Seek;
    }

    /// Frames given up: of each of them at least one packet came.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The stream is over. A frame that is still open can be whole only where the sender marks no frame's end.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        if self.markers || self.close(out).is_err() || self.state == State::Carry {
            self.lost();
        }
        self.state = State::Seek;
    }

    fn add(&mut self, packet: &Packet) -> Result<(), Error> {
        let Some(payload) = self.payload.as_mut() else { return Ok(()) };
        match self.state {
            State::Skip => return Ok(()),
            State::Seek if !payload.starts(&packet.payload) => {
                self.timestamp = packet.timestamp;
                self.give_up();
                return Ok(());
            }
            State::Seek | State::Between => {
                self.sure = self.state == State::Between;
                (self.arrival, self.captured) = (packet.arrival, None);
                (self.packets, self.bytes) = (0, 0);
            }
            // What came before may be much older; the picture's own packets tell when it came.
            State::Carry if self.timestamp != packet.timestamp => self.arrival = packet.arrival,
            State::Open | State::Carry => {}
        }
        self.state = State::Open;
        self.timestamp = packet.timestamp;
        self.captured = packet.captured.or(self.captured);
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(packet.payload.len());
        let added = if self.packets > MAX_FRAME_PACKETS || self.bytes > MAX_FRAME_BYTES {
            Err(Error::TooLarge { bytes: self.bytes, packets: self.packets })
        } else {
            payload.add(&packet.payload)
        };
        if added.is_err() {
            self.give_up();
        }
        added
    }

    /// The frame's last packet was there.
    fn close(&mut self, out: &mut Vec<Frame>) -> Result<(), Error> {
        let Some(payload) = self.payload.as_mut() else { return Ok(()) };
        match self.state {
            State::Skip => self.state = State::Between,
            State::Open => match payload.take(self.sure) {
                Ok(Some(data)) => {
                    let Self { timestamp, arrival, captured, rotation, .. } = *self;
                    out.push(Frame { timestamp, arrival, captured, rotation, data });
                    self.counted = None;
                    self.state = State::Between;
                }
                Ok(None) => self.state = State::Carry,
                Err(error) => {
                    self.give_up();
                    self.state = State::Between;
                    return Err(error);
                }
            },
            State::Seek | State::Between | State::Carry => {}
        }
        Ok(())
    }

    /// Drops the frame at `self.timestamp` and counts it, once.
    fn give_up(&mut self) {
        if let Some(payload) = self.payload.as_mut() {
            payload.clear();
        }
        if self.counted != Some(self.timestamp) {
            self.dropped += 1;
            self.counted = Some(self.timestamp);
        }
        self.state = State::Skip;
    }
}
