//! I-frame playlists (RFC 8216 4.3.3.6) of ended tracks.

use super::media::Seconds;
use super::{line, quoted};
use crate::time::WallTime;
use std::fmt::Write;

/// A key frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The resource that it lies in.
    pub uri: String,
    /// The bytes of it that reach to its end, from the first on.
    pub bytes: u64,
    /// Where its init segment is.
    pub map: String,
    /// How long it stands, in microseconds.
    pub duration_micros: i64,
    /// When it is shown.
    pub wall: WallTime,
    /// The timeline or the encoding breaks before it.
    pub discontinuity: bool,
}

/// The playlist's text. In front of a part there are as many discontinuities as its media playlist tells.
#[must_use]
pub fn render(target_duration: u32, entries: &[Entry], discontinuities: usize) -> String {
    let mut out = String::with_capacity(200 + 200 * entries.len());
    // Writing to a String cannot fail.
    let _ = writeln!(out, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_duration}");
    out.push_str("#EXT-X-MEDIA-SEQUENCE:0\n");
    if discontinuities > 0 {
        let _ = writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}");
    }
    out.push_str("#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n");
    let mut map = None;
    for entry in entries {
        let changed = map != Some(entry.map.as_str());
        if map.is_some() && (changed || entry.discontinuity) {
            out.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if changed {
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", quoted(&entry.map));
            map = Some(entry.map.as_str());
        }
        let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", entry.wall);
        let _ = writeln!(out, "#EXTINF:{},", Seconds(entry.duration_micros.max(0)));
        let _ = writeln!(out, "#EXT-X-BYTERANGE:{}@0\n{}", entry.bytes, line(&entry.uri));
    }
    out.push_str("#EXT-X-ENDLIST\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_ranges_of_their_segments() {
        let entry = |number: i64, bytes: u64, map: &str| Entry {
            uri: format!("{number}.m4s"),
            bytes,
            map: map.into(),
            duration_micros: 2_000_000,
            wall: WallTime(1_792_000_000_000_000 + 2_000_000 * number),
            discontinuity: false,
        };
        let list = [entry(0, 900, "init-0.mp4"), entry(1, 300, "black.mp4")];
        insta::assert_snapshot!(render(4, &list, 0), @r#"
        #EXTM3U
        #EXT-X-VERSION:7
        #EXT-X-TARGETDURATION:4
        #EXT-X-MEDIA-SEQUENCE:0
        #EXT-X-PLAYLIST-TYPE:VOD
        #EXT-X-I-FRAMES-ONLY
        #EXT-X-MAP:URI="init-0.mp4"
        #EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z
        #EXTINF:2.000000,
        #EXT-X-BYTERANGE:900@0
        0.m4s
        #EXT-X-DISCONTINUITY
        #EXT-X-MAP:URI="black.mp4"
        #EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:42.000Z
        #EXTINF:2.000000,
        #EXT-X-BYTERANGE:300@0
        1.m4s
        #EXT-X-ENDLIST
        "#);
        let playlist = m3u8_rs::parse_media_playlist_res(render(4, &list, 0).as_bytes()).unwrap();
        assert!(playlist.i_frames_only && playlist.end_list);
        let range = playlist.segments[0].byte_range.as_ref().unwrap();
        assert_eq!((range.length, range.offset), (900, Some(0)));
        let part = m3u8_rs::parse_media_playlist_res(render(4, &list, 3).as_bytes()).unwrap();
        assert_eq!((part.discontinuity_sequence, part.segments.len()), (3, 2));
    }
}
