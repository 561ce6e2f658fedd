//! RTP as a publisher writes it: packets (RFC 3550 5.1), payload formats and sender reports.

mod av1;
mod h264;
mod packetizer;
pub mod rtcp;
mod vp8;
mod vp9;

pub use packetizer::{Packetizer, Vp9Mode};

/// Largest payload. With mediasoup's header extensions added, packets stay under 1200 bytes.
pub const MAX_PAYLOAD: usize = 1150;

/// What stands in the header of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// The last packet of a picture.
    pub marker: bool,
    /// As negotiated, 96 to 127.
    pub payload_type: u8,
    /// One more in each packet, modulo 2^16.
    pub sequence: u16,
    /// In ticks of the codec's clock.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
}

impl Header {
    /// A whole packet with a payload and header extensions by their ids (RFC 8285 4.2), each of 1 to 16 bytes.
    pub fn packet(&self, extensions: &[(u8, &[u8])], payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + payload.len());
        out.push(0x80 | if extensions.is_empty() { 0 } else { 0x10 });
        out.push(u8::from(self.marker) << 7 | self.payload_type);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if !extensions.is_empty() {
            let mut body = Vec::new();
            for (id, value) in extensions {
                body.push(id << 4 | (value.len() as u8 - 1));
                body.extend_from_slice(value);
            }
            body.resize(body.len().next_multiple_of(4), 0);
            out.extend_from_slice(&[0xbe, 0xde, 0, (body.len() / 4) as u8]);
            out.extend_from_slice(&body);
        }
        out.extend_from_slice(payload);
        out
    }
}

/// Cuts data into equal parts of at most `limit` bytes, so that no packet is much shorter than another.
fn split(data: &[u8], limit: usize) -> impl ExactSizeIterator<Item = &[u8]> {
    let parts = data.len().div_ceil(limit).max(1);
    data.chunks(data.len().div_ceil(parts).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_twelve_bytes_in_network_order() {
        let header =
            Header { marker: true, payload_type: 101, sequence: 0x0102, timestamp: 0x0304_0506, ssrc: 7 };
        assert_eq!(header.packet(&[], &[9]), [0x80, 0xe5, 1, 2, 3, 4, 5, 6, 0, 0, 0, 7, 9]);
        let with = header.packet(&[(10, &[0x35])], &[9]);
        assert_eq!(with[0], 0x90);
        assert_eq!(with[12..], [0xbe, 0xde, 0, 1, 0xa0, 0x35, 0, 0, 9]);
        let two = header.packet(&[(10, &[0x35]), (13, &[1, 2, 3])], &[9]);
        assert_eq!(two[12..], [0xbe, 0xde, 0, 2, 0xa0, 0x35, 0xd2, 1, 2, 3, 0, 0, 9]);
    }

    #[test]
    fn parts_are_of_like_size() {
        let data = vec![0; 2301];
        let sizes: Vec<usize> = split(&data, 1150).map(<[u8]>::len).collect();
        assert_eq!(sizes, [767, 767, 767]);
    }
}
