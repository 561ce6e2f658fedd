//! The outside of AV1's open bitstream units (AV1 Bitstream and Decoding Process 5.3).

use bytes::{BufMut, BytesMut};

pub(in crate::media) const SEQUENCE: u8 = 1;
pub(in crate::media) const TEMPORAL_DELIMITER: u8 = 2;
pub(in crate::media) const FRAME_HEADER: u8 = 3;
pub(in crate::media) const TILE_GROUP: u8 = 4;
pub(in crate::media) const FRAME: u8 = 6;
pub(in crate::media) const TILE_LIST: u8 = 8;
pub(in crate::media) const PADDING: u8 = 15;

/// The most bytes a leb128() takes (4.10.5).
pub(in crate::media) const MAX_LEB128: usize = 8;

/// obu_header() (5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Header {
    pub(in crate::media) kind: u8,
    pub(in crate::media) has_size: bool,
    /// spatial_id; 0 without an extension.
    pub(in crate::media) spatial: u8,
    /// Bytes of the header: 1, or 2 with an extension.
    pub(in crate::media) len: usize,
}

impl Header {
    /// `None` when the bytes end too early or the forbidden bit is set.
    pub(in crate::media) fn parse(data: &[u8]) -> Option<Self> {
        let first = *data.first()?;
        if first & 0x80 != 0 {
            return None;
        }
        let (spatial, len) = if first & 0x04 == 0 { (0, 1) } else { (data.get(1)? >> 3 & 0x03, 2) };
        Some(Self { kind: first >> 3 & 0x0f, has_size: first & 0x02 != 0, spatial, len })
    }
}

/// The value at the front and what follows it. `None` when it ends too early or is over 32 bits, as no size may be.
pub(in crate::media) fn leb128(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in data.iter().take(MAX_LEB128).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value <= u64::from(u32::MAX)).then_some((value, data.get(index + 1..)?));
        }
    }
    None
}

/// Writes a size in as few bytes as it takes.
pub(in crate::media) fn put_leb128(data: &mut BytesMut, mut value: usize) {
    while value > 0x7f {
        data.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    data.put_u8(value as u8);
}

/// One OBU of a temporal unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Obu<'a> {
    pub(in crate::media) header: Header,
    /// With header and size field.
    pub(in crate::media) whole: &'a [u8],
    pub(in crate::media) payload: &'a [u8],
}

/// The OBUs of a temporal unit in which each has a size field; `Err` once, where that is not so.
pub(in crate::media) fn split(mut data: &[u8]) -> impl Iterator<Item = Result<Obu<'_>, ()>> {
    std::iter::from_fn(move || {
        if data.is_empty() {
            return None;
        }
        let obu = next(data);
        data = obu.map_or(&[], |(_, rest)| rest);
        Some(obu.map(|(obu, _)| obu).ok_or(()))
    })
}

fn next(data: &[u8]) -> Option<(Obu<'_>, &[u8])> {
    let header = Header::parse(data).filter(|header| header.has_size)?;
    let (size, body) = leb128(data.get(header.len..)?)?;
    let (payload, rest) = body.split_at_checked(usize::try_from(size).ok()?)?;
    let (whole, _) = data.split_at_checked(data.len() - rest.len())?;
    Some((Obu { header, whole, payload }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leb128_goes_there_and_back_within_its_bounds() {
        for value in [0_usize, 1, 127, 128, 16_383, 16_384, 0xffff_ffff] {
            let mut data = BytesMut::new();
            put_leb128(&mut data, value);
            data.put_u8(0xaa);
            assert_eq!(leb128(&data), Some((value as u64, &[0xaa][..])));
        }
        assert_eq!(leb128(&[0x80, 0x80]), None);
        assert_eq!(leb128(&[0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(leb128(&[0x80; 9]), None);
        // Leading zeros are allowed (4.10.5).
        assert_eq!(leb128(&[0x81, 0x80, 0x00]), Some((1, &[][..])));
    }

    #[test]
    fn a_unit_is_split_and_a_broken_one_ends() {
        let unit = [0x0a, 2, 1, 2, 0x36, 0x08, 1, 9, 0x32, 5, 0];
        let obus: Vec<_> = split(&unit).collect();
        assert_eq!(obus.len(), 3);
        let first = obus[0].unwrap();
        assert_eq!((first.header.kind, first.whole, first.payload), (SEQUENCE, &unit[..4], &[1, 2][..]));
        let second = obus[1].unwrap();
        assert_eq!((second.header.kind, second.header.spatial, second.payload), (FRAME, 1, &[9][..]));
        assert_eq!(obus[2], Err(()));
    }
}
