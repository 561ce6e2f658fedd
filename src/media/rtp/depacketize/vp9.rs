//! VP9 (RFC 9628): a payload descriptor before each piece of a layer frame.
//!
//! A frame here is a picture: all layer frames with one timestamp. One layer frame is given on byte for byte;
//! several are joined into a superframe with its index (VP9 bitstream specification, Annex B), which is how a
//! file and a decoder take them.

use super::Error;
use super::parts::Parts;
use bytes::Bytes;

/// A superframe holds no more frames than its index can count (Annex B.3).
const MAX_LAYERS: usize = 8;
/// Reference differences that a descriptor may list (RFC 9628 4.2).
const MAX_DIFFS: usize = 3;

/// The picture that is being put together.
#[derive(Default)]
pub(super) struct Payload {
    parts: Parts,
    /// Lengths of the layer frames that are whole.
    layers: Vec<usize>,
    /// Where in `parts` the open layer frame begins.
    open: Option<usize>,
}

/// What the descriptor says that matters here (RFC 9628 4.2).
struct Descriptor {
    begins: bool,
    ends: bool,
    /// Spatial layer; 0 when there are no layer indices.
    spatial: u8,
    len: usize,
}

/// Walks a descriptor byte by byte.
struct Cursor<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.payload.len())?;
        Some(())
    }
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor { payload, at: 0 };
        let flags = cursor.byte()?;
        let set = |bit: u8| flags & bit != 0;
        let flexible = set(0x10);
        // I: PictureID of 15 bits when M is set, 7 otherwise.
        if set(0x80) && cursor.byte()? & 0x80 != 0 {
            cursor.skip(1)?;
        }
        let mut spatial = 0;
        if set(0x20) {
            spatial = cursor.byte()? >> 1 & 0x07;
            if !flexible {
                cursor.skip(1)?;
            }
        }
        // F and P: reference differences, each saying whether one more follows.
        if flexible && set(0x40) {
            let mut diffs = 1;
            while cursor.byte()? & 0x01 != 0 {
                diffs += 1;
                if diffs > MAX_DIFFS {
                    return None;
                }
            }
        }
        if set(0x02) {
            Self::skip_structure(&mut cursor)?;
        }
        Some(Self { begins: set(0x08), ends: set(0x04), spatial, len: cursor.at })
    }

    /// The scalability structure: sizes of the layers and the pictures of a group (RFC 9628 4.2.1).
    fn skip_structure(cursor: &mut Cursor<'_>) -> Option<()> {
        let flags = cursor.byte()?;
        if flags & 0x10 != 0 {
            cursor.skip(4 * (usize::from(flags >> 5) + 1))?;
        }
        if flags & 0x08 != 0 {
            for _ in 0..cursor.byte()? {
                let references = cursor.byte()? >> 2 & 0x03;
                cursor.skip(usize::from(references))?;
            }
        }
        Some(())
    }
}

impl super::Payload for Payload {
    fn starts(&self, payload: &[u8]) -> bool {
        Descriptor::parse(payload).is_some_and(|descriptor| descriptor.begins && descriptor.spatial == 0)
    }

    fn add(&mut self, payload: &Bytes) -> Result<(), Error> {
        let descriptor = Descriptor::parse(payload).ok_or(Error::Truncated("a VP9 payload descriptor"))?;
        if descriptor.len >= payload.len() {
            return Err(Error::Truncated("a VP9 payload"));
        }
        let begin = match (descriptor.begins, self.open) {
            (true, Some(_)) => return Err(Error::NoEnd),
            (false, None) => return Err(Error::NoStart),
            (true, None) => self.parts.bytes(),
            (false, Some(begin)) => begin,
        };
        self.parts.push(payload.slice(descriptor.len..));
        self.open = Some(begin);
        if descriptor.ends {
            if self.layers.len() == MAX_LAYERS {
                return Err(Error::Malformed("more layers in a picture than a superframe holds"));
            }
            self.layers.push(self.parts.bytes().saturating_sub(begin));
            self.open = None;
        }
        Ok(())
    }

    fn take(&mut self, _sure: bool) -> Result<Option<Bytes>, Error> {
        if self.open.is_some() {
            return Err(Error::NoEnd);
        }
        if self.layers.len() > 1 {
            self.parts.push(index(&self.layers));
        }
        let picture = self.parts.join();
        self.clear();
        Ok(Some(picture))
    }

    fn clear(&mut self) {
        self.parts.clear();
        self.layers.clear();
        self.open = None;
    }
}

/// The superframe index (Annex B.3): a marker, the sizes in little endian, the marker again.
fn index(layers: &[usize]) -> Bytes {
    let largest = layers.iter().copied().max().unwrap_or(0);
    let width = (1..4).find(|width| largest >> (8 * width) == 0).unwrap_or(4);
    let marker = 0xc0 | (width as u8 - 1) << 3 | (layers.len() as u8).saturating_sub(1);
    let mut index = vec![marker];
    for layer in layers {
        index.extend(layer.to_le_bytes().iter().take(width));
    }
    index.push(marker);
    index.into()
}
