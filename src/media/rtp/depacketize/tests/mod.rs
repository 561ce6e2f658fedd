mod av1;
mod frames;
mod h264;
mod hostile;
mod vp8;
mod vp9;

use super::*;

/// A depacketizer and what came out of it. Sequence numbers count up by themselves.
struct Bench {
    depacketizer: Depacketizer,
    sequence: u64,
    frames: Vec<Frame>,
}

impl Bench {
    fn new(codec: Codec) -> Self {
        Self { depacketizer: Depacketizer::new(codec), sequence: 65_530, frames: Vec::new() }
    }

    fn push(&mut self, timestamp: u32, marker: bool, payload: &[u8]) -> Result<(), Error> {
        self.push_bytes(timestamp, marker, Bytes::copy_from_slice(payload))
    }

    fn push_bytes(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> Result<(), Error> {
        self.sequence += 1;
        let arrival = Moment(self.sequence as i64);
        let sequence = self.sequence;
        let packet = Packet { sequence, timestamp, marker, arrival, payload, ..Packet::default() };
        self.depacketizer.push(&packet, &mut self.frames)
    }

    /// The next packet does not come.
    fn lose(&mut self) {
        self.sequence += 1;
    }

    fn dropped(&self) -> u64 {
        self.depacketizer.dropped()
    }

    /// Timestamps and bytes of the frames so far, which are taken out.
    fn take(&mut self) -> Vec<(u32, Vec<u8>)> {
        self.frames.drain(..).map(|frame| (frame.timestamp, frame.data.to_vec())).collect()
    }
}

/// NAL units as a sample holds them.
fn sample(units: &[&[u8]]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), *unit].concat()).collect()
}
