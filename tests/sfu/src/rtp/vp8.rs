//! VP8 (RFC 7741).

use super::{MAX_PAYLOAD, split};

/// A frame in packets with a descriptor of 4 bytes: S in the first, a picture identifier of 15 bits in
/// all (4.2).
pub(super) fn payloads(frame: &[u8], picture: u16) -> Vec<Vec<u8>> {
    split(frame, MAX_PAYLOAD - 4)
        .enumerate()
        .map(|(i, part)| {
            let [high, low] = (picture | 0x8000).to_be_bytes();
            let mut out = vec![0x80 | if i == 0 { 0x10 } else { 0 }, 0x80, high, low];
            out.extend_from_slice(part);
            out
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_packet_starts_the_partition() {
        let payloads = payloads(&[5; 1200], 0x7fff);
        assert_eq!(payloads.len(), 2);
        assert_eq!(payloads[0][..4], [0x90, 0x80, 0xff, 0xff]);
        assert_eq!(payloads[1][..4], [0x80, 0x80, 0xff, 0xff]);
        assert_eq!(payloads.iter().map(|p| p.len() - 4).sum::<usize>(), 1200);
    }
}
