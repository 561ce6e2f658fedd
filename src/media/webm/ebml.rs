//! Elements of EBML (RFC 8794): an identifier, a size of variable length, a body.

/// The size that says nothing: the element reaches to the end of the stream (RFC 8794 6.2).
pub const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// Appends an identifier, given with its length marker.
pub fn id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    out.extend(bytes.into_iter().skip(first));
}

/// Bytes of an identifier.
#[must_use]
pub fn id_len(id: u32) -> usize {
    4 - (id.leading_zeros() as usize / 8).min(3)
}

/// Bytes of the shortest size that says `size` (RFC 8794 4): seven bits a byte, all ones being taken.
#[must_use]
pub fn size_len(size: u64) -> usize {
    (1..8).find(|len| size < (1 << (7 * len)) - 1).unwrap_or(8)
}

/// Appends a size in its shortest form.
pub fn size(out: &mut Vec<u8>, size: u64) {
    size_in(out, size, size_len(size));
}

/// Appends a size in `len` bytes, 1 to 8. What does not fit loses its upper bits.
pub fn size_in(out: &mut Vec<u8>, size: u64, len: usize) {
    let len = len.clamp(1, 8);
    let marked = (size & ((1 << (7 * len)) - 1)) | (1 << (7 * len));
    out.extend(marked.to_be_bytes().into_iter().skip(8 - len));
}

/// Appends an element with a body.
pub fn binary(out: &mut Vec<u8>, element: u32, body: &[u8]) {
    id(out, element);
    size(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// Appends an element that holds others.
pub fn master(out: &mut Vec<u8>, element: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    binary(out, element, &body);
}

/// Appends an unsigned integer in its shortest form, of one byte at least.
pub fn uint(out: &mut Vec<u8>, element: u32, value: u64) {
    let bytes = value.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    binary(out, element, bytes.get(first..).unwrap_or_default());
}

/// Appends an unsigned integer of eight bytes, so that its length does not depend on its value.
pub fn uint_fixed(out: &mut Vec<u8>, element: u32, value: u64) {
    binary(out, element, &value.to_be_bytes());
}

/// Appends a float of eight bytes.
pub fn float(out: &mut Vec<u8>, element: u32, value: f64) {
    binary(out, element, &value.to_be_bytes());
}

/// Appends a string.
pub fn string(out: &mut Vec<u8>, element: u32, value: &str) {
    binary(out, element, value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_short_as_they_can_be() {
        for (value, bytes) in [
            (0, vec![0x80]),
            (126, vec![0xfe]),
            // 0xff would be the unknown size.
            (127, vec![0x40, 0x7f]),
            (16_382, vec![0x7f, 0xfe]),
            (16_383, vec![0x20, 0x3f, 0xff]),
            ((1 << 56) - 2, vec![0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]),
        ] {
            let mut out = Vec::new();
            size(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(out.len(), size_len(value));
        }
        let mut out = Vec::new();
        size_in(&mut out, 5, 8);
        assert_eq!(out, [1, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn identifiers_keep_their_length() {
        for (value, bytes) in
            [(0xa3, vec![0xa3]), (0x4286, vec![0x42, 0x86]), (0x1a45_dfa3, vec![0x1a, 0x45, 0xdf, 0xa3])]
        {
            let mut out = Vec::new();
            id(&mut out, value);
            assert_eq!((out.len(), out), (id_len(value), bytes));
        }
    }

    #[test]
    fn integers_have_one_byte_at_least() {
        let mut out = Vec::new();
        uint(&mut out, 0xd7, 0);
        uint(&mut out, 0xd7, 256);
        assert_eq!(out, [0xd7, 0x81, 0, 0xd7, 0x82, 1, 0]);
    }
}
