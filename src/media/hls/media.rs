//! Media playlists (RFC 8216 4.3.2, 4.3.3): the segments of one track, and of a running recording their parts (RFC
//! 8216bis 4.4.3.7, 4.4.3.8, 4.4.4.9, 4.4.5).

use super::{line, quoted};
use crate::time::WallTime;
use std::fmt::Write;

/// Everything that a media playlist says.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Whole seconds that no segment's rounded duration exceeds. Fixed for the life of the playlist.
    pub target_duration: u32,
    /// Nothing will be added.
    pub ended: bool,
    /// Every segment starts with a key frame.
    pub independent: bool,
    /// All segments from the first on.
    pub segments: &'a [Entry],
    /// What is told behind them.
    pub marks: &'a [Mark],
    /// It is of a running recording, with parts at its end.
    pub live: Option<Live<'a>>,
}

/// The end of a low-latency playlist.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Microseconds that no part exceeds. Fixed for the life of the playlist.
    pub part_target_micros: i64,
    /// The segment that is not closed yet, with the parts that there are.
    pub open: Option<&'a Entry>,
    /// Where the next part will be.
    pub hint: &'a str,
    /// How many segments are left out of a delta update (4.4.5.2), their marks excepted: see [`skippable`].
    pub skipped: usize,
}

/// A part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub uri: String,
    /// Length in microseconds.
    pub duration_micros: i64,
    /// It begins with a key frame.
    pub independent: bool,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub uri: String,
    /// Where its init segment is. Another one than before is a discontinuity.
    pub map: String,
    /// Length in microseconds: the difference of the segment's rounded ends, so that sums do not drift.
    pub duration_micros: i64,
    /// Wall clock of its first sample.
    pub wall: WallTime,
    /// It has a date of its own; else its date follows from the entry before it.
    pub dated: bool,
    /// The timeline or the encoding breaks before it.
    pub discontinuity: bool,
    /// Its parts, if they are listed.
    pub parts: Vec<Part>,
    /// What is told in front of it.
    pub marks: Vec<Mark>,
}

/// Something that lasts for a while, told by `EXT-X-DATERANGE` (RFC 8216bis 4.4.5.1). It may be told twice: when it
/// begins, and with its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Unique within the playlist.
    pub id: String,
    /// What it is.
    pub class: &'static str,
    /// When it begins.
    pub start: WallTime,
    /// When it ends, if that is known.
    pub end: Option<WallTime>,
    /// An attribute of our own: name and value.
    pub attribute: Option<(&'static str, String)>,
}

/// How a playlist begins that is of a part of what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// How many segments are in front of it.
    pub segments: usize,
    /// How many discontinuities are in front of it: tracks that are presented together have the same number.
    pub discontinuities: usize,
    /// Where players begin in it, in microseconds.
    pub start_micros: i64,
}

/// A delta update may leave out what is older than so many target durations (RFC 8216bis 4.4.3.8 wants at least six).
const SKIP_BOUNDARY: u32 = 6;
/// Players stay so many parts behind the end (RFC 8216bis 4.4.3.8 wants three).
const PARTS_BEHIND: i64 = 3;

/// How many of a playlist's segments a delta update leaves out.
#[must_use]
pub fn skippable(segments: &[Entry], target_duration: u32) -> usize {
    let boundary = i64::from(target_duration) * i64::from(SKIP_BOUNDARY) * 1_000_000;
    let mut behind = 0;
    let kept = segments.iter().rev().take_while(|entry| {
        let near = behind < boundary;
        behind += entry.duration_micros.max(0);
        near
    });
    segments.len() - kept.count()
}

/// `EXT-X-RENDITION-REPORT` (RFC 8216bis 4.4.5.4): how far another playlist of the same presentation has come. A line.
#[must_use]
pub fn report(uri: &str, last: usize, part: Option<usize>) -> String {
    let part = part.map_or_else(String::new, |part| format!(",LAST-PART={part}"));
    format!("#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={last}{part}\n", quoted(uri))
}

/// The playlist's text. While it grows it is an `EVENT` playlist: all of it can be seeked from the start.
#[must_use]
pub fn render(snapshot: &Snapshot<'_>) -> String {
    text(snapshot, None)
}

/// The text of a part, which the segments are of.
#[must_use]
pub fn render_part(snapshot: &Snapshot<'_>, begin: Begin) -> String {
    text(snapshot, Some(begin))
}

fn text(snapshot: &Snapshot<'_>, begin: Option<Begin>) -> String {
    let mut out = String::with_capacity(600 + 160 * snapshot.segments.len());
    head(&mut out, snapshot, begin);
    let mut map = None;
    let skipped = snapshot.live.map_or(0, |live| live.skipped.min(snapshot.segments.len()));
    for (number, entry) in snapshot.segments.iter().enumerate() {
        if number < skipped {
            // Date ranges stay: players forget those that a delta update does not have, unless it may skip them too
            // (RFC 8216bis 4.4.3.8, CAN-SKIP-DATERANGES).
            entry.marks.iter().for_each(|told| mark(&mut out, told));
        } else {
            segment(&mut out, entry, map);
            let micros = entry.duration_micros.max(0);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "#EXTINF:{},\n{}", Seconds(micros), line(&entry.uri));
        }
        map = Some(entry.map.as_str());
    }
    if let Some(live) = snapshot.live {
        if let Some(open) = live.open {
            segment(&mut out, open, map);
        }
        let _ = writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", quoted(live.hint));
    }
    snapshot.marks.iter().for_each(|told| mark(&mut out, told));
    if snapshot.ended {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

/// What is said of the whole.
fn head(out: &mut String, snapshot: &Snapshot<'_>, begin: Option<Begin>) {
    // Delta updates are of version 9 (RFC 8216bis 8); what is listed whole stays as it was when the recording ends.
    let version = if snapshot.live.is_some_and(|live| live.skipped > 0) { 9 } else { 7 };
    let kind = if snapshot.ended { "VOD" } else { "EVENT" };
    let target = snapshot.target_duration;
    let _ = writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{target}");
    if let Some(live) = snapshot.live {
        let part = live.part_target_micros.max(1);
        let _ = writeln!(
            out,
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={}.0,PART-HOLD-BACK={}",
            target.saturating_mul(SKIP_BOUNDARY),
            Seconds(part.saturating_mul(PARTS_BEHIND))
        );
        let _ = writeln!(out, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(part));
    }
    let _ = writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{}", begin.map_or(0, |begin| begin.segments));
    if let Some(begin) = begin {
        let _ = writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", begin.discontinuities);
        let start = Seconds(begin.start_micros.max(0));
        let _ = writeln!(out, "#EXT-X-START:TIME-OFFSET={start},PRECISE=YES");
    }
    let _ = writeln!(out, "#EXT-X-PLAYLIST-TYPE:{kind}");
    if snapshot.independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    if let Some(skipped) = snapshot.live.map(|live| live.skipped).filter(|skipped| *skipped > 0) {
        let _ = writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
    }
}

/// What is said of a segment before its end: `map` is the one before it.
fn segment(out: &mut String, entry: &Entry, map: Option<&str>) {
    let changed = map != Some(entry.map.as_str());
    if map.is_some() && (changed || entry.discontinuity) {
        out.push_str("#EXT-X-DISCONTINUITY\n");
    }
    entry.marks.iter().for_each(|told| mark(out, told));
    if changed {
        let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", quoted(&entry.map));
    }
    if entry.dated {
        let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", entry.wall);
    }
    for part in &entry.parts {
        let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
        let (duration, uri) = (Seconds(part.duration_micros.max(0)), quoted(&part.uri));
        let _ = writeln!(out, "#EXT-X-PART:DURATION={duration},URI=\"{uri}\"{independent}");
    }
}

/// A date range.
fn mark(out: &mut String, mark: &Mark) {
    let (id, class, start) = (quoted(&mark.id), mark.class, mark.start);
    // Writing to a String cannot fail.
    let _ = write!(out, "#EXT-X-DATERANGE:ID=\"{id}\",CLASS=\"{class}\",START-DATE=\"{start}\"");
    if let Some(end) = mark.end {
        let _ = write!(out, ",END-DATE=\"{end}\"");
    }
    if let Some((name, value)) = &mark.attribute {
        let _ = write!(out, ",{name}=\"{}\"", quoted(value));
    }
    out.push('\n');
}

/// Microseconds, printed as seconds.
pub(super) struct Seconds(pub(super) i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
