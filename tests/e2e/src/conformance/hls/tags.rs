//! Which tags there are, where they may stand, how often, and which version they need (RFC 8216bis 4.4, 8).

use super::Findings;
use super::playlist::{Line, Tag};

/// Which kind of playlist a tag belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Any,
    /// Of a media playlist as a whole.
    Media,
    /// Of a media playlist as a whole, and before its first segment.
    Head,
    /// Of a segment or part.
    Segment,
    Multivariant,
}

/// Name, place, at most once.
const TAGS: [(&str, Place, bool); 32] = [
    ("EXTM3U", Place::Any, true),
    ("EXT-X-VERSION", Place::Any, true),
    ("EXT-X-INDEPENDENT-SEGMENTS", Place::Any, true),
    ("EXT-X-START", Place::Any, true),
    ("EXT-X-DEFINE", Place::Any, false),
    ("EXT-X-TARGETDURATION", Place::Media, true),
    ("EXT-X-MEDIA-SEQUENCE", Place::Head, true),
    ("EXT-X-DISCONTINUITY-SEQUENCE", Place::Head, true),
    ("EXT-X-ENDLIST", Place::Media, true),
    ("EXT-X-PLAYLIST-TYPE", Place::Media, true),
    ("EXT-X-I-FRAMES-ONLY", Place::Media, true),
    ("EXT-X-PART-INF", Place::Media, true),
    ("EXT-X-SERVER-CONTROL", Place::Media, true),
    ("EXTINF", Place::Segment, false),
    ("EXT-X-BYTERANGE", Place::Segment, false),
    ("EXT-X-DISCONTINUITY", Place::Segment, false),
    ("EXT-X-KEY", Place::Segment, false),
    ("EXT-X-MAP", Place::Segment, false),
    ("EXT-X-PROGRAM-DATE-TIME", Place::Segment, false),
    ("EXT-X-GAP", Place::Segment, false),
    ("EXT-X-BITRATE", Place::Segment, false),
    ("EXT-X-PART", Place::Segment, false),
    ("EXT-X-DATERANGE", Place::Segment, false),
    ("EXT-X-SKIP", Place::Segment, true),
    ("EXT-X-PRELOAD-HINT", Place::Segment, false),
    ("EXT-X-RENDITION-REPORT", Place::Segment, false),
    ("EXT-X-MEDIA", Place::Multivariant, false),
    ("EXT-X-STREAM-INF", Place::Multivariant, false),
    ("EXT-X-I-FRAME-STREAM-INF", Place::Multivariant, false),
    ("EXT-X-SESSION-DATA", Place::Multivariant, false),
    ("EXT-X-SESSION-KEY", Place::Multivariant, false),
    ("EXT-X-CONTENT-STEERING", Place::Multivariant, true),
];

/// Rules `first-line`, `known-tag`, `place`, `once`, `version`.
pub(super) fn rules(lines: &[Line], multivariant: bool, found: &mut Findings<'_>) {
    let first = matches!(lines.first(), Some(Line::Tag(Tag { line: 1, name, .. })) if name == "EXTM3U");
    found.want(first, "first-line", 1, || "the first line is not #EXTM3U".to_owned());
    let mut seen: Vec<&str> = Vec::new();
    let mut began = false;
    for line in lines {
        let Line::Tag(tag) = line else {
            began = true;
            continue;
        };
        let Some((name, place, once)) = TAGS.iter().find(|(name, ..)| *name == tag.name) else {
            found.add("known-tag", tag.line, format!("{} is not in RFC 8216bis", tag.name));
            continue;
        };
        let fits = match place {
            Place::Any => true,
            Place::Multivariant => multivariant,
            Place::Media | Place::Segment => !multivariant,
            Place::Head => !multivariant && !began,
        };
        found.want(fits, "place", tag.line, || format!("{name} may not stand here"));
        found.want(!once || !seen.contains(name), "once", tag.line, || format!("{name} is there again"));
        seen.push(name);
    }
    version(lines, found);
}

/// RFC 8216bis 8.
fn version(lines: &[Line], found: &mut Findings<'_>) {
    let tags = lines.iter().filter_map(|line| match line {
        Line::Tag(tag) => Some(tag),
        Line::Uri(..) => None,
    });
    let (mut said, mut needed) = (1, (1, 0, ""));
    let iframes =
        lines.iter().any(|line| matches!(line, Line::Tag(tag) if tag.name == "EXT-X-I-FRAMES-ONLY"));
    for tag in tags {
        let needs = match tag.name.as_str() {
            "EXT-X-VERSION" => {
                said = tag.value.parse().unwrap_or(0);
                1
            }
            "EXTINF" if tag.value.contains('.') => 3,
            "EXT-X-BYTERANGE" | "EXT-X-I-FRAMES-ONLY" => 4,
            "EXT-X-MAP" if iframes => 5,
            "EXT-X-MAP" => 6,
            "EXT-X-DEFINE" if tag.value.contains("QUERYPARAM") => 11,
            "EXT-X-DEFINE" => 8,
            "EXT-X-SKIP" if tag.value.contains("RECENTLY-REMOVED-DATERANGES") => 10,
            "EXT-X-SKIP" => 9,
            "EXT-X-MEDIA" if tag.value.contains("INSTREAM-ID=\"SERVICE") => 7,
            name if name != "EXT-X-SESSION-DATA" && tag.value.contains("REQ-") => 12,
            _ => 1,
        };
        if needs > needed.0 {
            needed = (needs, tag.line, tag.name.as_str());
        }
    }
    found.want(said >= needed.0, "version", needed.1, || {
        format!("{} needs version {}, {said} is declared", needed.2, needed.0)
    });
}
