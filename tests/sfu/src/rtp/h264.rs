//! H264 (RFC 6184, packetization mode 1).

use super::{MAX_PAYLOAD, split};
use bytes::Bytes;

const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Parameter sets go together in a STAP-A (5.7.1), other NAL units alone (5.6) or, when too long, in
/// FU-As (5.8).
pub(super) fn payloads(units: &[Bytes]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut rest = units;
    while let [nal, tail @ ..] = rest {
        let sets = rest.iter().take_while(|nal| matches!(nal[0] & 0x1f, SPS | PPS)).count();
        let length: usize = rest[..sets].iter().map(|nal| nal.len() + 2).sum();
        if sets > 1 && length < MAX_PAYLOAD {
            payloads.push(aggregate(&rest[..sets]));
            rest = &rest[sets..];
            continue;
        }
        if nal.len() <= MAX_PAYLOAD {
            payloads.push(nal.to_vec())
        } else {
            fragment(nal, &mut payloads)
        }
        rest = tail;
    }
    payloads
}

fn aggregate(units: &[Bytes]) -> Vec<u8> {
    let importance = units.iter().map(|nal| nal[0] & 0x60).max().unwrap_or_default();
    let mut out = vec![importance | STAP_A];
    for nal in units {
        out.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        out.extend_from_slice(nal);
    }
    out
}

fn fragment(nal: &[u8], payloads: &mut Vec<Vec<u8>>) {
    let parts = split(&nal[1..], MAX_PAYLOAD - 2);
    let last = parts.len() - 1;
    for (i, part) in parts.enumerate() {
        let start = u8::from(i == 0) << 7;
        let end = u8::from(i == last) << 6;
        let mut out = vec![nal[0] & 0xe0 | FU_A, start | end | nal[0] & 0x1f];
        out.extend_from_slice(part);
        payloads.push(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_is_a_stap_a_and_fragments() {
        let slice: Bytes = [&[0x65][..], &vec![7; 2400]].concat().into();
        let units = [Bytes::from_static(&[0x67, 1, 2]), Bytes::from_static(&[0x68, 3]), slice.clone()];
        let payloads = payloads(&units);
        assert_eq!(payloads[0], [0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]);
        let headers: Vec<[u8; 2]> = payloads[1..].iter().map(|p| [p[0], p[1]]).collect();
        assert_eq!(headers, [[0x7c, 0x85], [0x7c, 0x05], [0x7c, 0x45]]);
        let joined: Vec<u8> = payloads[1..].iter().flat_map(|p| &p[2..]).copied().collect();
        assert_eq!(joined, slice[1..]);
    }

    #[test]
    fn a_short_unit_goes_alone() {
        assert_eq!(payloads(&[Bytes::from_static(&[0x41, 1])]), [[0x41, 1]]);
    }
}
