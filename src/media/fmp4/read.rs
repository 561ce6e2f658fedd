//! Reading boxes back (ISO/IEC 14496-12 4.2), from files that may be torn, and from strangers.
//!
//! Nothing here trusts a length: what is read into memory is bounded by [`LARGEST_HEAD`], counts are never
//! allocated, and every walk ends.

use crate::time::Ticks;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

/// The largest `moov` or `moof` that is read into memory, in bytes. Ours have a few thousand.
pub const LARGEST_HEAD: u64 = 4 << 20;
/// The most samples that a fragment may declare.
const MOST_SAMPLES: u32 = 100_000;

/// A box inside a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Four-character code.
    pub kind: [u8; 4],
    /// Offset of the box from the start of the outermost slice that is walked.
    pub offset: u64,
    /// Offset of its body from there.
    pub body_offset: u64,
    /// What follows its size and type.
    pub body: &'a [u8],
}

impl<'a> Found<'a> {
    /// Size of the box in bytes, head included.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.body_offset - self.offset + self.body.len() as u64
    }

    /// The boxes in its body, for a box that is a plain container.
    #[must_use]
    pub fn children(&self) -> Walk<'a> {
        Walk { rest: self.body, offset: self.body_offset, broken: None }
    }

    /// The first child of a kind.
    #[must_use]
    pub fn child(&self, kind: &[u8; 4]) -> Option<Found<'a>> {
        self.children().find(|found| &found.kind == kind)
    }
}

/// Iterator over the boxes of one level.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    rest: &'a [u8],
    offset: u64,
    broken: Option<u64>,
}

impl Walk<'_> {
    /// Where the walk ended before the end of the slice, once it has: at a head that is torn, or at a size that
    /// cannot be.
    #[must_use]
    pub fn broken(&self) -> Option<u64> {
        self.broken
    }
}

/// Walks the boxes of `bytes`. A size of zero reaches to the end of the slice.
#[must_use]
pub fn walk(bytes: &[u8]) -> Walk<'_> {
    Walk { rest: bytes, offset: 0, broken: None }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let split = Head::parse(self.rest).and_then(|head| {
            let size = usize::try_from(head.size_within(self.rest.len() as u64)?).ok()?;
            let (whole, rest) = self.rest.split_at_checked(size)?;
            Some((head, whole.get(head.length..)?, rest))
        });
        let Some((head, body, rest)) = split else {
            self.broken = Some(self.offset);
            self.rest = &[];
            return None;
        };
        let body_offset = self.offset + head.length as u64;
        let found = Found { kind: head.kind, offset: self.offset, body_offset, body };
        self.offset += found.size();
        self.rest = rest;
        Some(found)
    }
}

/// Size and type of a box (4.2.2).
#[derive(Clone, Copy, Debug)]
struct Head {
    kind: [u8; 4],
    /// As written: 0 reaches to the end.
    size: u64,
    /// Bytes of the head: 8 or 16.
    length: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let size = fields.u32()?;
        let kind = fields.take()?;
        if size == 1 {
            return Some(Self { kind, size: fields.u64()?, length: 16 });
        }
        Some(Self { kind, size: size.into(), length: 8 })
    }

    /// The size in bytes, if the box fits in what remains.
    fn size_within(&self, remaining: u64) -> Option<u64> {
        let size = if self.size == 0 && self.length == 8 { remaining } else { self.size };
        (size >= self.length as u64 && size <= remaining).then_some(size)
    }
}

/// Big-endian fields taken from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*value)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    /// A field that is there only when its flag is set.
    fn optional(&mut self, present: bool) -> Option<Option<u32>> {
        if present { self.u32().map(Some) } else { Some(None) }
    }
}

/// Decode time of the body of a `tfdt` (8.8.12), of exactly the length its version says.
pub(super) fn decode_time(body: &[u8]) -> Option<u64> {
    let mut fields = Fields(body);
    let version = fields.u32()? >> 24;
    let time = if version == 0 { fields.u32()?.into() } else { fields.u64()? };
    fields.0.is_empty().then_some(time)
}

/// A box of the outermost level, in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Top {
    pub(super) kind: [u8; 4],
    pub(super) offset: u64,
    pub(super) body_offset: u64,
    pub(super) end: u64,
}

impl Top {
    /// Reads its body, `None` when that is larger than [`LARGEST_HEAD`] or the file ends first.
    pub(super) fn body<R: Read + Seek>(&self, reader: &mut R) -> std::io::Result<Option<Vec<u8>>> {
        let length = self.end - self.body_offset;
        if length > LARGEST_HEAD {
            return Ok(None);
        }
        reader.seek(SeekFrom::Start(self.body_offset))?;
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body)?;
        Ok((body.len() as u64 == length).then_some(body))
    }

    /// The box in the form that a walk gives.
    pub(super) fn found<'a>(&self, body: &'a [u8]) -> Found<'a> {
        Found { kind: self.kind, offset: self.offset, body_offset: self.body_offset, body }
    }
}

/// The box at `offset` of a file of `length` bytes; `None` at its end, and where no whole box can be.
pub(super) fn top<R: Read + Seek>(reader: &mut R, offset: u64, length: u64) -> std::io::Result<Option<Top>> {
    reader.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(16);
    reader.by_ref().take(16).read_to_end(&mut bytes)?;
    Ok(Head::parse(&bytes).and_then(|head| {
        let size = head.size_within(length.checked_sub(offset)?)?;
        let body_offset = offset + head.length as u64;
        Some(Top { kind: head.kind, offset, body_offset, end: offset + size })
    }))
}

/// What a file of one track holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Bytes of the first init segment.
    pub init: Option<Range<u64>>,
    /// Bytes of every init segment, in order.
    pub inits: Vec<Range<u64>>,
    /// Every whole fragment, in order.
    pub fragments: Vec<Scanned>,
    /// Bytes up to the end of the last whole fragment (or init segment, when no fragment follows it).
    pub valid: u64,
}

/// A whole fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Its bytes, `moof` and `mdat`.
    pub range: Range<u64>,
    /// Decode time of the first sample.
    pub start: Ticks,
    /// Sum of the samples' durations.
    pub duration: Ticks,
    /// The first sample is a sync sample.
    pub sync: bool,
    /// How many init segments come before it.
    pub run: usize,
    /// Its samples.
    pub samples: Vec<ScannedSample>,
}

/// A sample of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScannedSample {
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// Ticks.
    pub duration: u32,
    /// A decoder can start here.
    pub sync: bool,
}

/// Finds the whole fragments of a file in memory. Never fails: what is torn or strange ends it.
#[must_use]
pub fn scan(bytes: &[u8]) -> Scan {
    scan_in(&mut Cursor::new(bytes), 0).unwrap_or_default()
}

/// The same for a file, from the box at offset `from` on. Reads heads only, never the media.
///
/// # Errors
/// What the reader says; never because of what the file holds.
pub fn scan_in<R: Read + Seek>(reader: &mut R, from: u64) -> std::io::Result<Scan> {
    let length = reader.seek(SeekFrom::End(0))?;
    let mut scan = Scan { valid: from.min(length), ..Scan::default() };
    let mut defaults = Defaults::default();
    let (mut offset, mut ftyp) = (from, None);
    while let Some(found) = top(reader, offset, length)? {
        offset = found.end;
        match &found.kind {
            b"ftyp" => ftyp = Some(found.offset),
            b"moov" => {
                let Some(body) = found.body(reader)? else { break };
                defaults = Defaults::of_moov(&found.found(&body));
                scan.inits.push(ftyp.take().unwrap_or(found.offset)..found.end);
                scan.valid = found.end;
            }
            b"moof" => {
                let Some(body) = found.body(reader)? else { break };
                let Some(mdat) = top(reader, found.end, length)?.filter(|next| &next.kind == b"mdat") else {
                    break;
                };
                let Some(mut fragment) = fragment(&found.found(&body), &mdat, defaults) else { break };
                fragment.run = scan.inits.len();
                scan.fragments.push(fragment);
                scan.valid = mdat.end;
                offset = mdat.end;
            }
            // Zeros, or what else was never a box: nothing behind it can be trusted.
            kind if !kind.iter().all(|byte| (0x20..0x7f).contains(byte)) => break,
            _ => {}
        }
    }
    scan.init = scan.inits.first().cloned();
    Ok(scan)
}

/// Values for samples that do not carry their own (8.8.3, 8.8.7).
#[derive(Clone, Copy, Debug, Default)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

impl Defaults {
    fn of_moov(moov: &Found<'_>) -> Self {
        let trex = moov.child(b"mvex").and_then(|mvex| mvex.child(b"trex"));
        trex.and_then(|trex| Self::of_trex(trex.body)).unwrap_or_default()
    }

    fn of_trex(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        fields.skip(12)?;
        Some(Self { duration: fields.u32()?, size: fields.u32()?, flags: fields.u32()? })
    }
}

/// The body of a `tfhd` (8.8.7): where data offsets count from, and defaults.
fn of_tfhd(body: &[u8], mut defaults: Defaults) -> Option<(Option<u64>, Defaults)> {
    let mut fields = Fields(body);
    let flags = fields.u32()?;
    fields.skip(4)?;
    let base = if flags & 1 != 0 { Some(fields.u64()?) } else { None };
    fields.optional(flags & 2 != 0)?;
    defaults.duration = fields.optional(flags & 8 != 0)?.unwrap_or(defaults.duration);
    defaults.size = fields.optional(flags & 0x10 != 0)?.unwrap_or(defaults.size);
    defaults.flags = fields.optional(flags & 0x20 != 0)?.unwrap_or(defaults.flags);
    Some((base, defaults))
}

/// A `moof` with one track and the `mdat` behind it, if all its samples lie in that.
fn fragment(moof: &Found<'_>, mdat: &Top, defaults: Defaults) -> Option<Scanned> {
    let mut trafs = moof.children().filter(|found| &found.kind == b"traf");
    let traf = trafs.next()?;
    if trafs.next().is_some() {
        return None;
    }
    let (base, defaults) = of_tfhd(traf.child(b"tfhd")?.body, defaults)?;
    let base = base.unwrap_or(moof.offset);
    let start = Ticks(i64::try_from(decode_time(traf.child(b"tfdt")?.body)?).ok()?);
    let mut samples = Vec::new();
    let mut offset = base;
    for trun in traf.children().filter(|found| &found.kind == b"trun") {
        offset = of_trun(trun.body, base, offset, defaults, &mut samples)?;
    }
    let inside = |sample: &ScannedSample| {
        sample.offset >= mdat.body_offset
            && sample.offset.checked_add(sample.size.into()).is_some_and(|end| end <= mdat.end)
    };
    if !samples.iter().all(inside) {
        return None;
    }
    let duration = Ticks(samples.iter().map(|sample| i64::from(sample.duration)).sum());
    let sync = samples.first()?.sync;
    Some(Scanned { range: moof.offset..mdat.end, start, duration, sync, run: 0, samples })
}

/// Adds the samples of a `trun` (8.8.8); the offset behind the last of them.
fn of_trun(
    body: &[u8],
    base: u64,
    behind: u64,
    defaults: Defaults,
    samples: &mut Vec<ScannedSample>,
) -> Option<u64> {
    let mut fields = Fields(body);
    let flags = fields.u32()? & 0xff_ffff;
    let count = fields.u32()?;
    let moved = fields.optional(flags & 1 != 0)?;
    let first = fields.optional(flags & 4 != 0)?;
    let mut offset = match moved {
        // Signed (8.8.8.2).
        Some(by) => base.checked_add_signed((by as i32).into())?,
        None => behind,
    };
    if count > MOST_SAMPLES || samples.len() > MOST_SAMPLES as usize {
        return None;
    }
    for place in 0..count {
        let duration = fields.optional(flags & 0x100 != 0)?.unwrap_or(defaults.duration);
        let size = fields.optional(flags & 0x200 != 0)?.unwrap_or(defaults.size);
        let own = fields.optional(flags & 0x400 != 0)?;
        fields.optional(flags & 0x800 != 0)?;
        let own = own.or(if place == 0 { first } else { None }).unwrap_or(defaults.flags);
        samples.push(ScannedSample { offset, size, duration, sync: own & 0x1_0000 == 0 });
        offset = offset.checked_add(size.into())?;
    }
    Some(offset)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
