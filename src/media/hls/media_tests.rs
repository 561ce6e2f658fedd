use super::*;
use m3u8_rs::{MediaPlaylistType, Playlist};

fn entry(number: i64, map: &str) -> Entry {
    Entry {
        uri: format!("video/{number}.m4s"),
        map: map.into(),
        duration_micros: 2_000_011,
        wall: WallTime(1_792_000_000_000_000 + 2_000_011 * number),
        dated: true,
        discontinuity: false,
    }
}

fn parsed(text: &str) -> m3u8_rs::MediaPlaylist {
    let Ok(([], Playlist::MediaPlaylist(playlist))) = m3u8_rs::parse_playlist(text.as_bytes()) else {
        panic!("not a media playlist:\n{text}")
    };
    playlist
}

#[test]
fn a_growing_recording() {
    let segments = [entry(0, "init-0.mp4"), entry(1, "init-0.mp4")];
    let text = render(&Snapshot { target_duration: 4, ended: false, independent: true, segments: &segments });
    insta::assert_snapshot!(text, @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-TARGETDURATION:4
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-PLAYLIST-TYPE:EVENT
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MAP:URI="init-0.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z
    #EXTINF:2.000011,
    video/0.m4s
    #EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:42.000Z
    #EXTINF:2.000011,
    video/1.m4s
    "#);
    let playlist = parsed(&text);
    assert_eq!(playlist.playlist_type, Some(MediaPlaylistType::Event));
    assert!(!playlist.end_list);
}

#[test]
fn a_finished_recording_with_breaks() {
    let mut segments = [entry(0, "a"), entry(1, "a"), entry(2, "b"), entry(3, "b"), entry(4, "a")];
    segments[0].discontinuity = true;
    segments[3].discontinuity = true;
    let text = render(&Snapshot { target_duration: 4, ended: true, independent: false, segments: &segments });
    let playlist = parsed(&text);
    let breaks: Vec<bool> = playlist.segments.iter().map(|s| s.discontinuity).collect();
    assert_eq!(breaks, [false, false, true, true, true]);
    let maps: Vec<Option<&str>> =
        playlist.segments.iter().map(|s| s.map.as_ref().map(|m| m.uri.as_str())).collect();
    assert_eq!(maps, [Some("a"), None, Some("b"), None, Some("a")]);
    assert_eq!((playlist.playlist_type, playlist.end_list), (Some(MediaPlaylistType::Vod), true));
    assert!(!text.contains("INDEPENDENT"));
    assert!(playlist.segments.iter().all(|s| s.program_date_time.is_some()));
}

#[test]
fn a_recording_without_segments_is_still_a_playlist() {
    let text = render(&Snapshot { target_duration: 4, ended: false, independent: true, segments: &[] });
    assert!(text.starts_with("#EXTM3U\n") && text.contains("#EXT-X-TARGETDURATION:4\n"));
    assert!(!text.contains("EXTINF"));
}

#[test]
fn durations_are_printed_to_the_microsecond() {
    let mut odd = entry(0, "a");
    for (micros, printed) in
        [(20_000, "0.020000"), (3_500_000, "3.500000"), (1_999_999, "1.999999"), (-1, "0.000000")]
    {
        odd.duration_micros = micros;
        let segments = [odd.clone()];
        let text =
            render(&Snapshot { target_duration: 4, ended: true, independent: true, segments: &segments });
        assert!(text.contains(&format!("#EXTINF:{printed},\n")), "{text}");
    }
}

#[test]
fn no_uri_breaks_out_of_its_line() {
    let mut hostile = entry(0, "init\"\n#EXT-X-ENDLIST\n");
    hostile.uri = "#EXT-X-KEY\r\nevil".into();
    let text =
        render(&Snapshot { target_duration: 4, ended: false, independent: true, segments: &[hostile] });
    let playlist = parsed(&text);
    assert!(!playlist.end_list && !text.contains("\n#EXT-X-ENDLIST"));
    assert_eq!(playlist.segments[0].uri, "./#EXT-X-KEYevil");
    assert_eq!(playlist.segments[0].map.as_ref().unwrap().uri, "init'#EXT-X-ENDLIST");
}
