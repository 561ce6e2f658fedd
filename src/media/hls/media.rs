//! Media playlists (RFC 8216 4.3.2, 4.3.3): the segments of one track.

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
}

/// The playlist's text. While it grows it is an `EVENT` playlist: all of it can be seeked from the start.
#[must_use]
pub fn render(snapshot: &Snapshot<'_>) -> String {
    let mut out = String::with_capacity(200 + 160 * snapshot.segments.len());
    out.push_str("#EXTM3U\n#EXT-X-VERSION:7\n");
    let kind = if snapshot.ended { "VOD" } else { "EVENT" };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "#EXT-X-TARGETDURATION:{}", snapshot.target_duration);
    let _ = writeln!(out, "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}");
    if snapshot.independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    let mut map = None;
    for entry in snapshot.segments {
        let changed = map != Some(entry.map.as_str());
        if map.is_some() && (changed || entry.discontinuity) {
            out.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if changed {
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", quoted(&entry.map));
            map = Some(entry.map.as_str());
        }
        let micros = entry.duration_micros.max(0);
        if entry.dated {
            let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", entry.wall);
        }
        let _ =
            writeln!(out, "#EXTINF:{}.{:06},\n{}", micros / 1_000_000, micros % 1_000_000, line(&entry.uri));
    }
    if snapshot.ended {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
