//! H.264 (RFC 6184): single NAL unit packets, STAP-A and FU-A, as WebRTC uses them.
//!
//! A frame is an access unit: all its NAL units byte for byte and in order, each after its length in four bytes
//! (ISO/IEC 14496-15 5.3.3). Nothing is left out, so that what is stored is what was sent.

use super::Error;
use bytes::{BufMut, Bytes, BytesMut};

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// The access unit that is being put together.
#[derive(Default)]
pub(super) struct Payload {
    data: BytesMut,
    /// Where in `data` the fragmented NAL unit's length stands, while one is open.
    fragmented: Option<usize>,
    /// It has a slice: without one it is not a picture yet.
    picture: bool,
    idr: bool,
    sps: bool,
}

impl super::Payload for Payload {
    fn starts(&self, payload: &[u8]) -> bool {
        let (header, body) = match *payload {
            [indicator, header, ref body @ ..] if indicator & 0x1f == FU_A => {
                if header & 0x80 == 0 {
                    return false;
                }
                (header, body)
            }
            [indicator, _, _, header, ref body @ ..] if indicator & 0x1f == STAP_A => (header, body),
            [header, ref body @ ..] => (header, body),
            [] => return false,
        };
        match header & 0x1f {
            SPS | DELIMITER | SEI => true,
            // first_mb_in_slice is 0, which ue(v) writes as a single set bit (ITU-T H.264 7.3.3).
            SLICE | IDR => body.first().is_some_and(|bits| bits & 0x80 != 0),
            _ => false,
        }
    }

    fn add(&mut self, payload: &Bytes) -> Result<(), Error> {
        let Some((&header, body)) = payload.split_first() else { return Ok(()) };
        match header & 0x1f {
            FU_A => self.add_fragment(header, body),
            _ if self.fragmented.is_some() => Err(Error::NoEnd),
            1..=23 => self.add_unit(payload),
            STAP_A => self.add_aggregate(body),
            kind => Err(Error::Unsupported(kind)),
        }
    }

    fn take(&mut self, sure: bool) -> Result<Option<Bytes>, Error> {
        if self.fragmented.is_some() {
            return Err(Error::NoEnd);
        }
        if !self.picture {
            return Ok(None);
        }
        // Its parameter sets may have been in the packets that are lost, and they may have been new ones.
        if self.idr && !self.sps && !sure {
            return Err(Error::FrontLost);
        }
        let next = BytesMut::with_capacity(self.data.len().min(64 << 10));
        let data = std::mem::replace(&mut self.data, next);
        self.clear();
        Ok(Some(data.freeze()))
    }

    fn clear(&mut self) {
        self.data.clear();
        *self = Self { data: std::mem::take(&mut self.data), ..Self::default() };
    }
}

impl Payload {
    fn note(&mut self, kind: u8) {
        self.picture |= (SLICE..=IDR).contains(&kind);
        self.idr |= kind == IDR;
        self.sps |= kind == SPS;
    }

    fn add_unit(&mut self, unit: &[u8]) -> Result<(), Error> {
        let Some(header) = unit.first() else { return Err(Error::Malformed("an empty NAL unit")) };
        let kind = header & 0x1f;
        if !(1..=23).contains(&kind) {
            return Err(Error::Unsupported(kind));
        }
        self.note(kind);
        self.data.put_u32(length(unit.len())?);
        self.data.put_slice(unit);
        Ok(())
    }

    /// RFC 6184 5.7.1: units each after a length of two bytes.
    fn add_aggregate(&mut self, mut body: &[u8]) -> Result<(), Error> {
        if body.is_empty() {
            return Err(Error::Truncated("a STAP-A"));
        }
        while !body.is_empty() {
            let (size, rest) = body.split_first_chunk().ok_or(Error::Truncated("a length in a STAP-A"))?;
            let size = usize::from(u16::from_be_bytes(*size));
            let (unit, rest) = rest.split_at_checked(size).ok_or(Error::Truncated("a unit in a STAP-A"))?;
            self.add_unit(unit)?;
            body = rest;
        }
        Ok(())
    }

    /// RFC 6184 5.8. A fragment that is start and end at once is forbidden there, but means only one thing.
    fn add_fragment(&mut self, indicator: u8, body: &[u8]) -> Result<(), Error> {
        let (&header, body) = body.split_first().ok_or(Error::Truncated("a FU-A header"))?;
        if header & 0x80 != 0 {
            if self.fragmented.is_some() {
                return Err(Error::NoEnd);
            }
            let kind = header & 0x1f;
            if !(1..=23).contains(&kind) {
                return Err(Error::Unsupported(kind));
            }
            self.note(kind);
            self.fragmented = Some(self.data.len());
            self.data.put_u32(0);
            self.data.put_u8(indicator & 0xe0 | kind);
        }
        let start = self.fragmented.ok_or(Error::NoStart)?;
        self.data.put_slice(body);
        if header & 0x40 != 0 {
            let unit = self.data.len().saturating_sub(start + 4);
            if let Some(place) = self.data.get_mut(start..start + 4) {
                place.copy_from_slice(&length(unit)?.to_be_bytes());
            }
            self.fragmented = None;
        }
        Ok(())
    }
}

fn length(bytes: usize) -> Result<u32, Error> {
    u32::try_from(bytes).map_err(|_| Error::Malformed("a NAL unit of more than 4 GiB"))
}
