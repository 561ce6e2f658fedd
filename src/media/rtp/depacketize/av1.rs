//! AV1 (RTP Payload Format For AV1, version 1.0): OBUs without size fields, several to a packet or several
//! packets to one.
//!
//! A frame here is a temporal unit as a file stores it (AV1-ISOBMFF 2.4): every OBU with its size field, without
//! temporal delimiters and tile lists. The dependency descriptor is not needed and not read.

use super::Error;
use super::parts::Parts;
use crate::media::codec::obu::{self, Header};
use bytes::{BufMut, Bytes, BytesMut};

/// The temporal unit that is being put together.
#[derive(Default)]
pub(super) struct Payload {
    data: BytesMut,
    /// The pieces so far of an OBU that goes on in the next packet.
    fragment: Parts,
}

/// The aggregation header (4.4).
#[derive(Clone, Copy)]
struct Aggregation(u8);

impl Aggregation {
    /// Z: the first element continues the last one of the packet before.
    fn continues(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Y: the last element goes on in the next packet.
    fn goes_on(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// W: the number of elements, of which the last has no length; 0 when all have one.
    fn elements(self) -> usize {
        usize::from(self.0 >> 4 & 0x03)
    }
}

impl super::Payload for Payload {
    fn starts(&self, payload: &[u8]) -> bool {
        let Some((&flags, body)) = payload.split_first() else { return false };
        let aggregation = Aggregation(flags);
        if aggregation.continues() {
            return false;
        }
        let first =
            if aggregation.elements() == 1 { Some(body) } else { obu::leb128(body).map(|(_, rest)| rest) };
        first.and_then(Header::parse).is_some_and(|header| {
            // A tile group goes on with a frame, and an upper spatial layer with a temporal unit.
            header.spatial == 0 && !matches!(header.kind, obu::TILE_GROUP | obu::TILE_LIST | obu::PADDING)
        })
    }

    fn add(&mut self, payload: &Bytes) -> Result<(), Error> {
        let Some(&flags) = payload.first() else { return Ok(()) };
        let aggregation = Aggregation(flags);
        match (aggregation.continues(), self.fragment.is_empty()) {
            (true, true) => return Err(Error::NoStart),
            (false, false) => return Err(Error::NoEnd),
            _ => {}
        }
        if payload.len() == 1 {
            return Err(Error::Truncated("an AV1 payload"));
        }
        let mut body = payload.slice(1..);
        let mut number = 0;
        while !body.is_empty() {
            number += 1;
            let element = if number == aggregation.elements() {
                std::mem::take(&mut body)
            } else {
                let (size, rest) = obu::leb128(&body).ok_or(Error::Truncated("an AV1 element's length"))?;
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size > rest.len() {
                    return Err(Error::Truncated("an AV1 element"));
                }
                let start = body.len() - rest.len();
                let element = body.slice(start..start + size);
                body = body.slice(start + size..);
                element
            };
            self.fragment.push(element);
            if !(body.is_empty() && aggregation.goes_on()) {
                self.write()?;
            }
        }
        if number < aggregation.elements() {
            return Err(Error::Truncated("the elements of an AV1 payload"));
        }
        Ok(())
    }

    fn take(&mut self, _sure: bool) -> Result<Option<Bytes>, Error> {
        if !self.fragment.is_empty() {
            return Err(Error::NoEnd);
        }
        if self.data.is_empty() {
            return Ok(None);
        }
        let next = BytesMut::with_capacity(self.data.len().min(64 << 10));
        Ok(Some(std::mem::replace(&mut self.data, next).freeze()))
    }

    fn clear(&mut self) {
        self.data.clear();
        self.fragment.clear();
    }
}

impl Payload {
    /// Writes out the OBU that is now whole.
    fn write(&mut self) -> Result<(), Error> {
        if self.fragment.bytes() == 0 {
            self.fragment.clear();
            return Ok(());
        }
        // Header, extension and size field, which may be cut anywhere.
        let mut front = [0; 2 + obu::MAX_LEB128];
        let mut filled = 0;
        for (place, byte) in front.iter_mut().zip(self.fragment.pieces().iter().flatten()) {
            *place = *byte;
            filled += 1;
        }
        let front = front.get(..filled).unwrap_or_default();
        let header = Header::parse(front).ok_or(Error::Malformed("an OBU without a header"))?;
        let mut skip = header.len;
        let mut size = self.fragment.bytes().saturating_sub(skip);
        if header.has_size {
            let after = front.get(skip..).unwrap_or_default();
            let (said, rest) = obu::leb128(after).ok_or(Error::Truncated("an OBU's size"))?;
            skip += after.len() - rest.len();
            let there = self.fragment.bytes().saturating_sub(skip);
            size =
                usize::try_from(said).ok().filter(|said| *said <= there).ok_or(Error::Truncated("an OBU"))?;
        }
        if !matches!(header.kind, obu::TEMPORAL_DELIMITER | obu::TILE_LIST) {
            // obu_has_size_field (AV1 5.3.2).
            let (first, extension) =
                front.get(..header.len).and_then(<[u8]>::split_first).unwrap_or((&0, &[]));
            self.data.put_u8(first | 0x02);
            self.data.put_slice(extension);
            obu::put_leb128(&mut self.data, size);
            for piece in self.fragment.pieces() {
                let (_, rest) = piece.split_at(skip.min(piece.len()));
                skip -= piece.len() - rest.len();
                let (rest, _) = rest.split_at(size.min(rest.len()));
                size -= rest.len();
                self.data.put_slice(rest);
            }
        }
        self.fragment.clear();
        Ok(())
    }
}
