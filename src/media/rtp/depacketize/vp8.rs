//! VP8 (RFC 7741): a payload descriptor before each piece of the frame.

use super::Error;
use super::parts::Parts;
use bytes::Bytes;

/// The frame that is being put together.
#[derive(Default)]
pub(super) struct Payload {
    parts: Parts,
}

/// What the descriptor says that matters here (RFC 7741 4.2).
struct Descriptor {
    /// The first packet of a frame: the start (S) of partition 0 (PID).
    first: bool,
    len: usize,
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Option<Self> {
        let flags = *payload.first()?;
        let mut len = 1;
        if flags & 0x80 != 0 {
            let extended = *payload.get(len)?;
            len += 1;
            if extended & 0x80 != 0 {
                // PictureID: 15 bits when M is set, 7 otherwise.
                len += if payload.get(len)? & 0x80 != 0 { 2 } else { 1 };
            }
            // TL0PICIDX; then TID, Y and KEYIDX share a byte.
            len += usize::from(extended & 0x40 != 0) + usize::from(extended & 0x30 != 0);
        }
        Some(Self { first: flags & 0x17 == 0x10, len })
    }
}

impl super::Payload for Payload {
    fn starts(&self, payload: &[u8]) -> bool {
        Descriptor::parse(payload).is_some_and(|descriptor| descriptor.first)
    }

    fn add(&mut self, payload: &Bytes) -> Result<(), Error> {
        let descriptor = Descriptor::parse(payload).ok_or(Error::Truncated("a VP8 payload descriptor"))?;
        if descriptor.len >= payload.len() {
            return Err(Error::Truncated("a VP8 payload"));
        }
        match (descriptor.first, self.parts.is_empty()) {
            (true, false) => Err(Error::NoEnd),
            (false, true) => Err(Error::NoStart),
            _ => {
                self.parts.push(payload.slice(descriptor.len..));
                Ok(())
            }
        }
    }

    fn take(&mut self, _sure: bool) -> Result<Option<Bytes>, Error> {
        Ok(Some(self.parts.join()))
    }

    fn clear(&mut self) {
        self.parts.clear();
    }
}
