//! AV1 (RTP Payload Format For AV1, section 4).

use super::MAX_PAYLOAD;
use bytes::Bytes;

/// Most elements of a packet whose count fits the W field; the last then carries no length.
const MAX_ELEMENTS: usize = 3;

#[derive(Default)]
struct Packet<'a> {
    continued: bool,
    continues: bool,
    elements: Vec<&'a [u8]>,
}

impl Packet<'_> {
    /// Bytes the packet has if one more element, of unknown length, follows: every length takes two.
    fn length(&self) -> usize {
        1 + self.elements.iter().map(|e| e.len() + 2).sum::<usize>()
    }
}

/// A temporal unit in packets. N is set in the first packet of a key frame (4.4).
pub(super) fn payloads(units: &[Bytes], key: bool) -> Vec<Vec<u8>> {
    let mut packets: Vec<Packet<'_>> = vec![Packet::default()];
    for unit in units {
        let mut rest = &unit[..];
        let mut started = false;
        while !rest.is_empty() {
            let full = packets
                .last()
                .is_none_or(|p| p.elements.len() == MAX_ELEMENTS || p.length() + 2 > MAX_PAYLOAD);
            if full {
                if let Some(packet) = packets.last_mut() {
                    packet.continues = started;
                }
                packets.push(Packet { continued: started, ..Packet::default() });
            }
            let Some(packet) = packets.last_mut() else { break };
            let room = (MAX_PAYLOAD - packet.length()).min(rest.len());
            let (element, after) = rest.split_at(room);
            packet.elements.push(element);
            rest = after;
            started = true;
        }
    }
    packets.iter().enumerate().map(|(i, packet)| write(packet, key && i == 0)).collect()
}

fn write(packet: &Packet<'_>, first_of_sequence: bool) -> Vec<u8> {
    let count = packet.elements.len() as u8;
    let mut out = vec![
        u8::from(packet.continued) << 7
            | u8::from(packet.continues) << 6
            | count << 4
            | u8::from(first_of_sequence) << 3,
    ];
    for (i, element) in packet.elements.iter().enumerate() {
        if i + 1 < packet.elements.len() {
            leb128(element.len(), &mut out);
        }
        out.extend_from_slice(element);
    }
    out
}

fn leb128(mut value: usize, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_units_share_a_packet() {
        let units = [Bytes::from_static(&[0x08, 1]), Bytes::from_static(&[0x30, 2, 3])];
        assert_eq!(payloads(&units, true), [[0x28, 2, 0x08, 1, 0x30, 2, 3]]);
        assert_eq!(payloads(&units[1..], false), [[0x10, 0x30, 2, 3]]);
    }

    #[test]
    fn a_long_unit_continues_in_the_next_packet() {
        let long = Bytes::from(vec![0x30; 2000]);
        let units = [Bytes::from_static(&[0x08, 1]), long.clone(), Bytes::from_static(&[0x2a])];
        let payloads = payloads(&units, true);
        assert_eq!(payloads.len(), 2);
        assert_eq!(payloads[0][..4], [0x68, 2, 0x08, 1]);
        // 4 bytes of overhead and the first element, the rest is the long unit's beginning.
        let first = payloads[0].len() - 4;
        assert!(payloads[0].len() <= MAX_PAYLOAD);
        let rest = long.len() - first;
        assert_eq!(payloads[1][..3], [0xa0, (rest & 0x7f) as u8 | 0x80, (rest >> 7) as u8]);
        assert_eq!(payloads[1][3..], [&vec![0x30; rest][..], &[0x2a]].concat());
    }

    #[test]
    fn a_fourth_unit_goes_to_the_next_packet_whole() {
        let units: Vec<Bytes> = (0..4).map(|i| Bytes::from(vec![0x30, i])).collect();
        let payloads = payloads(&units, false);
        assert_eq!(payloads[0][0], 0x30);
        assert_eq!(payloads[1], [0x10, 0x30, 3]);
    }
}
