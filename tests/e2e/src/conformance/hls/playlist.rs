//! Playlists line by line, with the numbers of their lines (RFC 8216bis 4).

use jiff::Timestamp;

/// A tag: `#NAME:VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tag {
    pub line: usize,
    pub name: String,
    pub value: String,
}

/// What is on a line that is neither blank nor a comment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    Tag(Tag),
    Uri(usize, String),
}

pub(super) fn lines(text: &str) -> Vec<Line> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end_matches('\r')));
    numbered
        .filter_map(|(line, text)| match text.strip_prefix('#') {
            Some(tag) if tag.starts_with("EXT") => {
                let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
                Some(Line::Tag(Tag { line, name: name.to_owned(), value: value.to_owned() }))
            }
            Some(_) => None,
            None if text.trim().is_empty() => None,
            None => Some(Line::Uri(line, text.to_owned())),
        })
        .collect()
}

/// An attribute list (4.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Attributes {
    pub line: usize,
    list: Vec<(String, String)>,
}

impl Attributes {
    /// Values keep their quotes.
    pub fn parse(tag: &Tag) -> Result<Self, String> {
        let mut list: Vec<(String, String)> = Vec::new();
        let mut rest = tag.value.as_str();
        while !rest.is_empty() {
            let (name, value) = rest.split_once('=').ok_or_else(|| format!("no value in {rest:?}"))?;
            let end = if let Some(inside) = value.strip_prefix('"') {
                inside.find('"').ok_or("a quote is not closed")? + 2
            } else {
                value.find(',').unwrap_or(value.len())
            };
            let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(good) {
                return Err(format!("{name:?} is no name"));
            }
            if list.iter().any(|(other, _)| other == name) {
                return Err(format!("{name} is there twice"));
            }
            list.push((name.to_owned(), value[..end].to_owned()));
            rest = match value[end..].strip_prefix(',') {
                Some("") => return Err("a comma ends the list".to_owned()),
                Some(next) => next,
                None if value[end..].is_empty() => "",
                None => return Err(format!("{:?} behind a value", &value[end..])),
            };
        }
        Ok(Self { line: tag.line, list })
    }

    pub fn raw(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Without quotes.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).map(|value| value.trim_matches('"'))
    }

    pub fn float(&self, name: &str) -> Option<f64> {
        self.raw(name)?.parse().ok()
    }

    pub fn whole(&self, name: &str) -> Option<u64> {
        self.raw(name)?.parse().ok()
    }

    pub fn yes(&self, name: &str) -> bool {
        self.raw(name) == Some("YES")
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| name.as_str())
    }
}

/// A range of bytes: offset, if given, and length.
pub(super) type ByteRange = (Option<u64>, u64);

fn byte_range(text: &str) -> Option<ByteRange> {
    match text.split_once('@') {
        Some((length, offset)) => Some((Some(offset.parse().ok()?), length.parse().ok()?)),
        None => Some((None, text.parse().ok()?)),
    }
}

/// `EXT-X-MAP`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map {
    pub line: usize,
    pub uri: String,
    pub range: Option<ByteRange>,
}

/// `EXT-X-PART`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub line: usize,
    pub uri: String,
    pub duration: f64,
    pub independent: bool,
    pub range: Option<ByteRange>,
    /// The init segment in force.
    pub map: Option<Map>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    /// Of its URI.
    pub line: usize,
    pub uri: String,
    pub duration: f64,
    /// The init segment in force.
    pub map: Option<Map>,
    pub discontinuity: bool,
    /// Microseconds since 1970.
    pub date: Option<i64>,
    pub range: Option<ByteRange>,
    pub parts: Vec<Part>,
    pub gap: bool,
}

/// A media playlist.
#[derive(Clone, Debug, Default)]
pub(super) struct Media {
    pub lines: Vec<Line>,
    pub version: u64,
    pub target: Option<u64>,
    pub sequence: u64,
    pub discontinuity_sequence: u64,
    pub kind: Option<String>,
    pub independent: bool,
    pub iframes_only: bool,
    pub ended: bool,
    pub part_target: Option<f64>,
    pub control: Option<Attributes>,
    pub skipped: Option<u64>,
    pub segments: Vec<Segment>,
    /// Parts behind the last whole segment.
    pub open: Vec<Part>,
    pub hints: Vec<Attributes>,
    pub reports: Vec<Attributes>,
    /// Lines that cannot be read, and why.
    pub broken: Vec<(usize, String)>,
}

/// What stands before a segment's URI.
#[derive(Default)]
struct Before {
    duration: Option<f64>,
    discontinuity: bool,
    date: Option<i64>,
    range: Option<ByteRange>,
    gap: bool,
}

impl Media {
    pub fn parse(text: &str) -> Self {
        let mut media = Self { lines: lines(text), version: 1, ..Self::default() };
        let (mut map, mut before) = (None, Before::default());
        for line in media.lines.clone() {
            match line {
                Line::Uri(line, uri) => {
                    let Before { duration, discontinuity, date, range, gap } = std::mem::take(&mut before);
                    let duration = duration.unwrap_or_else(|| {
                        media.broken.push((line, "no EXTINF before a URI".to_owned()));
                        0.0
                    });
                    let parts = std::mem::take(&mut media.open);
                    let map = map.clone();
                    media.segments.push(Segment {
                        line,
                        uri,
                        duration,
                        map,
                        discontinuity,
                        date,
                        range,
                        parts,
                        gap,
                    });
                }
                Line::Tag(tag) => {
                    if let Err(why) = media.tag(&tag, &mut map, &mut before) {
                        media.broken.push((tag.line, why));
                    }
                }
            }
        }
        if before.duration.is_some() {
            media.broken.push((media.lines.len(), "an EXTINF without a URI".to_owned()));
        }
        media
    }

    fn tag(&mut self, tag: &Tag, map: &mut Option<Map>, before: &mut Before) -> Result<(), String> {
        let whole = || tag.value.parse().map_err(|_| format!("{:?} is no whole number", tag.value));
        let attributes = || Attributes::parse(tag);
        match tag.name.as_str() {
            "EXT-X-VERSION" => self.version = whole()?,
            "EXT-X-TARGETDURATION" => self.target = Some(whole()?),
            "EXT-X-MEDIA-SEQUENCE" => self.sequence = whole()?,
            "EXT-X-DISCONTINUITY-SEQUENCE" => self.discontinuity_sequence = whole()?,
            "EXT-X-PLAYLIST-TYPE" => self.kind = Some(tag.value.clone()),
            "EXT-X-INDEPENDENT-SEGMENTS" => self.independent = true,
            "EXT-X-I-FRAMES-ONLY" => self.iframes_only = true,
            "EXT-X-ENDLIST" => self.ended = true,
            "EXT-X-GAP" => before.gap = true,
            "EXT-X-DISCONTINUITY" => before.discontinuity = true,
            "EXT-X-PART-INF" => self.part_target = Some(seconds(&attributes()?, "PART-TARGET")?),
            "EXT-X-SERVER-CONTROL" => self.control = Some(attributes()?),
            "EXT-X-PRELOAD-HINT" => self.hints.push(attributes()?),
            "EXT-X-RENDITION-REPORT" => self.reports.push(attributes()?),
            "EXT-X-SKIP" => {
                let skipped = attributes()?.whole("SKIPPED-SEGMENTS").ok_or("no SKIPPED-SEGMENTS")?;
                self.skipped = Some(skipped);
            }
            "EXT-X-MAP" => *map = Some(as_map(&attributes()?)?),
            "EXT-X-PART" => self.open.push(as_part(&attributes()?, map.clone())?),
            "EXT-X-BYTERANGE" => {
                before.range = Some(byte_range(&tag.value).ok_or("no range of bytes")?);
            }
            "EXT-X-PROGRAM-DATE-TIME" => {
                let date: Timestamp = tag.value.parse().map_err(|error| format!("no date: {error}"))?;
                before.date = Some(date.as_microsecond());
            }
            "EXTINF" => {
                let (length, _) = tag.value.split_once(',').ok_or("EXTINF without a comma")?;
                if before.duration.is_some() {
                    return Err("two EXTINF for one URI".to_owned());
                }
                before.duration = Some(length.parse().map_err(|_| format!("{length:?} is no duration"))?);
            }
            _ => {}
        }
        Ok(())
    }

    /// What each `EXT-X-DATERANGE` says.
    pub fn date_ranges(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| match line {
            Line::Tag(tag) if tag.name == "EXT-X-DATERANGE" => Some(tag.value.as_str()),
            _ => None,
        })
    }

    /// Sum of the durations of all segments.
    pub fn length(&self) -> f64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// Where each discontinuity lies, in seconds from the first segment.
    pub fn breaks(&self) -> Vec<f64> {
        let mut at = 0.0;
        let mut found = Vec::new();
        for segment in &self.segments {
            if segment.discontinuity {
                found.push(at);
            }
            at += segment.duration;
        }
        found
    }

    /// All parts in order: media sequence number, place in the segment, part.
    pub fn parts(&self) -> Vec<(u64, u64, &Part)> {
        let first = self.sequence + self.skipped.unwrap_or(0);
        let whole = (first..).zip(&self.segments).map(|(msn, segment)| (msn, segment.parts.as_slice()));
        let open = std::iter::once((first + self.segments.len() as u64, self.open.as_slice()));
        whole
            .chain(open)
            .flat_map(|(msn, parts)| (0..).zip(parts).map(move |(number, part)| (msn, number, part)))
            .collect()
    }
}

fn seconds(attributes: &Attributes, name: &str) -> Result<f64, String> {
    attributes.float(name).ok_or_else(|| format!("no {name}"))
}

fn as_map(attributes: &Attributes) -> Result<Map, String> {
    let uri = attributes.text("URI").ok_or("no URI")?.to_owned();
    let range = attributes.text("BYTERANGE").and_then(byte_range);
    Ok(Map { line: attributes.line, uri, range })
}

fn as_part(attributes: &Attributes, map: Option<Map>) -> Result<Part, String> {
    Ok(Part {
        line: attributes.line,
        uri: attributes.text("URI").ok_or("no URI")?.to_owned(),
        duration: seconds(attributes, "DURATION")?,
        independent: attributes.yes("INDEPENDENT"),
        range: attributes.text("BYTERANGE").and_then(byte_range),
        map,
    })
}

/// A variant: `EXT-X-STREAM-INF` with its URI.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub attributes: Attributes,
    pub uri: String,
}

/// A multivariant playlist.
#[derive(Clone, Debug, Default)]
pub(super) struct Multivariant {
    pub lines: Vec<Line>,
    pub version: u64,
    pub independent: bool,
    pub variants: Vec<Variant>,
    pub renditions: Vec<Attributes>,
    pub iframes: Vec<Attributes>,
    pub broken: Vec<(usize, String)>,
}

impl Multivariant {
    pub fn parse(text: &str) -> Self {
        let mut list = Self { lines: lines(text), version: 1, ..Self::default() };
        let mut stream: Option<Attributes> = None;
        for line in list.lines.clone() {
            let tag = match line {
                Line::Uri(line, uri) => {
                    match stream.take() {
                        Some(attributes) => list.variants.push(Variant { attributes, uri }),
                        None => list.broken.push((line, "a URI without EXT-X-STREAM-INF".to_owned())),
                    }
                    continue;
                }
                Line::Tag(tag) => tag,
            };
            if stream.is_some() {
                list.broken.push((tag.line, "a tag between EXT-X-STREAM-INF and its URI".to_owned()));
            }
            let kind = tag.name.as_str();
            match kind {
                "EXT-X-VERSION" => list.version = tag.value.parse().unwrap_or(0),
                "EXT-X-INDEPENDENT-SEGMENTS" => list.independent = true,
                "EXT-X-STREAM-INF" | "EXT-X-MEDIA" | "EXT-X-I-FRAME-STREAM-INF" => {
                    match Attributes::parse(&tag) {
                        Ok(found) if kind == "EXT-X-STREAM-INF" => stream = Some(found),
                        Ok(found) if kind == "EXT-X-MEDIA" => list.renditions.push(found),
                        Ok(found) => list.iframes.push(found),
                        Err(why) => list.broken.push((tag.line, why)),
                    }
                }
                _ => {}
            }
        }
        if stream.is_some() {
            list.broken.push((list.lines.len(), "EXT-X-STREAM-INF without a URI".to_owned()));
        }
        list
    }
}
