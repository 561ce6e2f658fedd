//! VP9 (RFC 9628), one spatial and one temporal layer.

use super::{MAX_PAYLOAD, Vp9Mode, split};

/// What a frame's descriptors say.
pub(super) struct Picture {
    pub(super) key: bool,
    pub(super) picture: u16,
    pub(super) group: u8,
    pub(super) mode: Vp9Mode,
    pub(super) size: (u16, u16),
}

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const E: u8 = 0x04;
const V: u8 = 0x02;

/// A frame in packets (4.2).
pub(super) fn payloads(frame: &[u8], picture: &Picture) -> Vec<Vec<u8>> {
    let parts = split(frame, MAX_PAYLOAD - 16);
    let last = parts.len() - 1;
    parts
        .enumerate()
        .map(|(i, part)| {
            let mut out = descriptor(picture, i == 0, i == last);
            out.extend_from_slice(part);
            out
        })
        .collect()
}

fn descriptor(frame: &Picture, begins: bool, ends: bool) -> Vec<u8> {
    let flexible = frame.mode == Vp9Mode::Flexible;
    let structure = frame.key && begins;
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    let mut out = vec![
        I | bit(!frame.key, P)
            | bit(!flexible, L)
            | bit(flexible, F)
            | bit(begins, B)
            | bit(ends, E)
            | bit(structure, V),
    ];
    out.extend_from_slice(&(frame.picture | 0x8000).to_be_bytes());
    if !flexible {
        out.extend_from_slice(&[0, frame.group]); // layer 0 of both kinds, TL0PICIDX
    } else if !frame.key {
        out.push(1 << 1); // P_DIFF 1, no more
    }
    if structure {
        // N_S 0, Y with the size; in fixed mode G with a group of one picture that refers to the one before.
        out.push(0x10 | bit(!flexible, 0x08));
        out.extend_from_slice(&frame.size.0.to_be_bytes());
        out.extend_from_slice(&frame.size.1.to_be_bytes());
        if !flexible {
            out.extend_from_slice(&[1, 0x04, 1]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(key: bool, mode: Vp9Mode) -> Picture {
        Picture { key, picture: 0x0102, group: 9, mode, size: (320, 180) }
    }

    #[test]
    fn fixed_mode_names_layers_and_group() {
        let key = payloads(&[7], &picture(true, Vp9Mode::Fixed));
        assert_eq!(key, [[0xae, 0x81, 2, 0, 9, 0x18, 1, 0x40, 0, 180, 1, 4, 1, 7]]);
        assert_eq!(payloads(&[7], &picture(false, Vp9Mode::Fixed)), [[0xec, 0x81, 2, 0, 9, 7]]);
    }

    #[test]
    fn flexible_mode_names_references() {
        let key = payloads(&[7], &picture(true, Vp9Mode::Flexible));
        assert_eq!(key, [[0x9e, 0x81, 2, 0x10, 1, 0x40, 0, 180, 7]]);
        assert_eq!(payloads(&[7], &picture(false, Vp9Mode::Flexible)), [[0xdc, 0x81, 2, 2, 7]]);
    }

    #[test]
    fn a_long_frame_begins_and_ends_once() {
        let payloads = payloads(&[7; 3000], &picture(false, Vp9Mode::Flexible));
        let bits: Vec<u8> = payloads.iter().map(|p| p[0] & (B | E)).collect();
        assert_eq!(bits, [B, 0, E]);
    }
}
