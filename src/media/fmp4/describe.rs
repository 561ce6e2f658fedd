//! A file's boxes as an indented text tree, for `tureen inspect`: type, offset, size, and the fields that matter.

use super::read::{Fields, Found, Top, top};
use super::{init, read};
use crate::media::Rotation;
use std::fmt::Write as _;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

/// Deeper than any real file nests.
const DEEPEST: usize = 12;

/// Writes the tree of the file to `out`, a line for each box. What cannot be decoded is told in its line, and a
/// tail that is no box in a last one.
///
/// # Errors
/// What the reader or `out` say; never because of what the file holds.
pub fn describe<R: Read + Seek, W: Write>(reader: &mut R, out: &mut W) -> std::io::Result<()> {
    let length = reader.seek(SeekFrom::End(0))?;
    let mut offset = 0;
    while let Some(found) = top(reader, offset, length)? {
        offset = found.end;
        out.write_all(outermost(reader, &found)?.as_bytes())?;
    }
    if offset < length {
        writeln!(out, "torn @{offset} size={}", length - offset)?;
    }
    Ok(())
}

/// The same for bytes in memory.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // Neither a slice nor a vector can fail.
    let _ = describe(&mut Cursor::new(bytes), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn outermost<R: Read + Seek>(reader: &mut R, found: &Top) -> std::io::Result<String> {
    let mut lines = String::new();
    if &found.kind == b"mdat" {
        head(&mut lines, &found.kind, found.offset, found.end - found.offset, 0, "");
        return Ok(lines);
    }
    match found.body(reader)? {
        Some(body) => tree(&mut lines, &found.found(&body), 0),
        None => {
            head(&mut lines, &found.kind, found.offset, found.end - found.offset, 0, "(too large to decode)")
        }
    }
    Ok(lines)
}

fn head(out: &mut String, kind: &[u8; 4], offset: u64, size: u64, depth: usize, fields: &str) {
    let space = if fields.is_empty() { "" } else { " " };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{:indent$}{} @{offset} size={size}{space}{fields}",
        "",
        code(kind),
        indent = 2 * depth
    );
}

/// A four-character code, whatever its bytes.
fn code(kind: &[u8; 4]) -> String {
    kind.escape_ascii().to_string()
}

fn tree(out: &mut String, found: &Found<'_>, depth: usize) {
    let fields = decode(found).unwrap_or_else(|| "(malformed)".into());
    head(out, &found.kind, found.offset, found.size(), depth, &fields);
    let inner = matches!(
        &found.kind,
        b"moov"
            | b"trak"
            | b"mdia"
            | b"minf"
            | b"dinf"
            | b"stbl"
            | b"edts"
            | b"udta"
            | b"mvex"
            | b"moof"
            | b"traf"
    );
    if !inner || depth >= DEEPEST {
        return;
    }
    let mut children = found.children();
    for child in children.by_ref() {
        tree(out, &child, depth + 1);
    }
    if let Some(offset) = children.broken() {
        let rest = found.offset + found.size() - offset;
        head(out, b"torn", offset, rest, depth + 1, "");
    }
}

/// The fields of a box; empty for boxes of which none are shown, `None` when they are not what they should be.
fn decode(found: &Found<'_>) -> Option<String> {
    let mut fields = Fields(found.body);
    Some(match &found.kind {
        b"ftyp" | b"styp" => {
            let major = fields.take()?;
            fields.skip(4)?;
            let (brands, _) = fields.0.as_chunks::<4>();
            let brands: Vec<String> = brands.iter().map(code).collect();
            format!("major={} compatible={}", code(&major), brands.join(","))
        }
        b"mvhd" | b"mdhd" => {
            let (timescale, duration) = times(&mut fields)?;
            let language = if &found.kind == b"mdhd" { language(fields.u16()?) } else { String::new() };
            format!("timescale={timescale} duration={duration}{language}")
        }
        b"tkhd" => tkhd(&mut fields)?,
        b"hdlr" => {
            fields.skip(8)?;
            let handler = fields.take()?;
            fields.skip(12)?;
            let name = fields.0.split(|byte| *byte == 0).next()?;
            format!("handler={} name=\"{}\"", code(&handler), name.escape_ascii())
        }
        b"stsd" => stsd(found)?,
        b"trex" => {
            fields.skip(4)?;
            let (track, entry) = (fields.u32()?, fields.u32()?);
            let (duration, size, flags) = (fields.u32()?, fields.u32()?, fields.u32()?);
            format!("track={track} entry={entry} duration={duration} bytes={size} flags={flags:#010x}")
        }
        b"mfhd" => {
            fields.skip(4)?;
            format!("sequence={}", fields.u32()?)
        }
        b"tfhd" => {
            let flags = fields.u32()? & 0xff_ffff;
            format!("track={} flags={flags:#08x}", fields.u32()?)
        }
        b"tfdt" => format!("time={}", read::decode_time(found.body)?),
        b"trun" => trun(&mut fields)?,
        b"uuid" => match init::origin_body(found) {
            Some(json) => format!("origin {}", plain(json)),
            None => String::new(),
        },
        _ => String::new(),
    })
}

/// JSON as it is, without what a terminal must not see.
fn plain(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json);
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The times of `mvhd` and `mdhd` (8.2.2, 8.4.2): timescale and duration.
fn times(fields: &mut Fields<'_>) -> Option<(u32, u64)> {
    if fields.u32()? >> 24 == 1 {
        fields.skip(16)?;
        return Some((fields.u32()?, fields.u64()?));
    }
    fields.skip(8)?;
    Some((fields.u32()?, fields.u32()?.into()))
}

/// Three letters of five bits (8.4.2.3).
fn language(packed: u16) -> String {
    let letters = [10, 5, 0].map(|shift| char::from(((packed >> shift) & 0x1f) as u8 + 0x60));
    format!(" language={}", letters.iter().collect::<String>().escape_debug())
}

fn tkhd(fields: &mut Fields<'_>) -> Option<String> {
    let version = fields.u32()? >> 24;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let track = fields.u32()?;
    fields.skip(if version == 1 { 28 } else { 24 })?;
    let (a, b) = (fields.u32()?, fields.u32()?);
    fields.skip(4)?;
    let (c, d) = (fields.u32()?, fields.u32()?);
    fields.skip(16)?;
    let rotation = match init::turn([a, b, c, d]) {
        Some(Rotation::None) => String::new(),
        Some(rotation) => format!(" rotation={}", rotation.degrees()),
        None => " rotation=?".to_owned(),
    };
    // 16.16 fixed point.
    let (width, height) = (fields.u32()? >> 16, fields.u32()? >> 16);
    Some(format!("track={track} width={width} height={height}{rotation}"))
}

/// Counts and total duration (8.8.8).
fn trun(fields: &mut Fields<'_>) -> Option<String> {
    let flags = fields.u32()? & 0xff_ffff;
    let samples = fields.u32()?;
    let mut text = format!("samples={samples}");
    if flags & 1 != 0 {
        let _ = write!(text, " data_offset={}", fields.u32()? as i32);
    }
    if flags & 4 != 0 {
        fields.skip(4)?;
    }
    let (mut duration, mut bytes, mut sync) = (0_u64, 0_u64, 0_u32);
    if flags & 0x0f00 == 0 {
        return Some(text);
    }
    for _ in 0..samples {
        if flags & 0x100 != 0 {
            duration += u64::from(fields.u32()?);
        }
        if flags & 0x200 != 0 {
            bytes += u64::from(fields.u32()?);
        }
        if flags & 0x400 != 0 {
            sync += u32::from(fields.u32()? & 0x1_0000 == 0);
        }
        if flags & 0x800 != 0 {
            fields.skip(4)?;
        }
    }
    for (name, flag, value) in
        [("duration", 0x100, duration), ("bytes", 0x200, bytes), ("sync", 0x400, sync.into())]
    {
        if flags & flag != 0 {
            let _ = write!(text, " {name}={value}");
        }
    }
    Some(text)
}

/// The sample entries (8.5.2), each with its RFC 6381 string.
fn stsd(found: &Found<'_>) -> Option<String> {
    let body = found.body.get(8..)?;
    let entries: Vec<String> = read::walk(body).map(|entry| sample_entry(&entry)).collect();
    Some(entries.join(" "))
}

fn sample_entry(entry: &Found<'_>) -> String {
    let kind = code(&entry.kind);
    let visual = matches!(&entry.kind, b"avc1" | b"avc3" | b"vp08" | b"vp09" | b"av01");
    // Bytes of a visual and of an audio sample entry before their boxes (12.1.3, 12.2.3).
    let boxes = entry.body.get(if visual { 78 } else { 28 }..).unwrap_or_default();
    let string = read::walk(boxes).find_map(|found| codec_string(&entry.kind, &found));
    let mut text = format!("entry={kind}");
    if let Some(string) = string {
        let _ = write!(text, " codec={string}");
    }
    text
}

/// RFC 6381 string from the decoder configuration box of a sample entry.
fn codec_string(entry: &[u8; 4], found: &Found<'_>) -> Option<String> {
    let mut fields = Fields(found.body);
    match &found.kind {
        // ISO/IEC 14496-15 5.3.3.1: profile, compatibility, level.
        b"avcC" => {
            let [_, profile, compatibility, level] = fields.take()?;
            Some(format!("{}.{profile:02x}{compatibility:02x}{level:02x}", code(entry)))
        }
        // VP Codec ISO Media File Format Binding 2.2.
        b"vpcC" => {
            fields.skip(4)?;
            let [profile, level, depth] = fields.take()?;
            Some(format!("{}.{profile:02}.{level:02}.{:02}", code(entry), depth >> 4))
        }
        // AV1-ISOBMFF 2.3.3 and 5.
        b"av1C" => {
            let [_, levels, depths] = fields.take()?;
            let tier = if depths & 0x80 != 0 { 'H' } else { 'M' };
            let depth = match (depths & 0x40 != 0, depths & 0x20 != 0) {
                (false, _) => 8,
                (true, false) => 10,
                (true, true) => 12,
            };
            Some(format!("av01.{}.{:02}{tier}.{depth:02}", levels >> 5, levels & 0x1f))
        }
        b"dOps" => {
            fields.skip(1)?;
            Some(format!("opus channels={}", fields.u8()?))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
