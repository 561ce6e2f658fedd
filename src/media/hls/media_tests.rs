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
        parts: Vec::new(),
        marks: Vec::new(),
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
    let text = render(&Snapshot {
        target_duration: 4,
        ended: false,
        independent: true,
        segments: &segments,
        marks: &[],
        live: None,
    });
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
    let text = render(&Snapshot {
        target_duration: 4,
        ended: true,
        independent: false,
        segments: &segments,
        marks: &[],
        live: None,
    });
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
    let text = render(&Snapshot {
        target_duration: 4,
        ended: false,
        independent: true,
        segments: &[],
        marks: &[],
        live: None,
    });
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
        let text = render(&Snapshot {
            target_duration: 4,
            ended: true,
            independent: true,
            segments: &segments,
            marks: &[],
            live: None,
        });
        assert!(text.contains(&format!("#EXTINF:{printed},\n")), "{text}");
    }
}

#[test]
fn no_uri_breaks_out_of_its_line() {
    let mut hostile = entry(0, "init\"\n#EXT-X-ENDLIST\n");
    hostile.uri = "#EXT-X-KEY\r\nevil".into();
    let text = render(&Snapshot {
        target_duration: 4,
        ended: false,
        independent: true,
        segments: &[hostile],
        marks: &[],
        live: None,
    });
    let playlist = parsed(&text);
    assert!(!playlist.end_list && !text.contains("\n#EXT-X-ENDLIST"));
    assert_eq!(playlist.segments[0].uri, "./#EXT-X-KEYevil");
    assert_eq!(playlist.segments[0].map.as_ref().unwrap().uri, "init'#EXT-X-ENDLIST");
}

fn part(name: &str, independent: bool) -> Part {
    Part { uri: name.into(), duration_micros: 500_000, independent }
}

#[test]
fn the_edge_of_a_running_recording() {
    let mut closed = entry(0, "init-0.mp4");
    closed.parts = vec![part("video/0.0.m4s", true), part("video/0.1.m4s", false)];
    let mut open = entry(1, "init-1.mp4");
    open.discontinuity = true;
    open.parts = vec![part("video/1.0.m4s", true)];
    let live = Live { part_target_micros: 500_000, open: Some(&open), hint: "video/1.1.m4s", skipped: 0 };
    let snapshot = Snapshot {
        target_duration: 4,
        ended: false,
        independent: true,
        segments: &[closed],
        marks: &[],
        live: Some(live),
    };
    insta::assert_snapshot!(render(&snapshot), @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-TARGETDURATION:4
    #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24.0,PART-HOLD-BACK=1.500000
    #EXT-X-PART-INF:PART-TARGET=0.500000
    #EXT-X-MEDIA-SEQUENCE:0
    #EXT-X-PLAYLIST-TYPE:EVENT
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MAP:URI="init-0.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:40.000Z
    #EXT-X-PART:DURATION=0.500000,URI="video/0.0.m4s",INDEPENDENT=YES
    #EXT-X-PART:DURATION=0.500000,URI="video/0.1.m4s"
    #EXTINF:2.000011,
    video/0.m4s
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="init-1.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:42.000Z
    #EXT-X-PART:DURATION=0.500000,URI="video/1.0.m4s",INDEPENDENT=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="video/1.1.m4s"
    "#);
    assert_eq!(
        report("../a/playlist.m3u8", 7, Some(2)),
        "#EXT-X-RENDITION-REPORT:URI=\"../a/playlist.m3u8\",LAST-MSN=7,LAST-PART=2\n"
    );
}

#[test]
fn a_delta_update_leaves_out_what_is_old_and_nothing_else() {
    let maps = ["a", "a", "b", "b", "b"];
    let segments: Vec<Entry> = (0..40).map(|n| entry(n, maps.get(n as usize).unwrap_or(&"b"))).collect();
    // Six target durations of 4 s are 24 s: 12 segments.
    let skipped = skippable(&segments, 4);
    assert_eq!((skipped, skippable(&segments[..12], 4), skippable(&[], 4)), (28, 0, 0));
    let text = |skipped| {
        let live = Live { part_target_micros: 200_000, open: None, hint: "h", skipped };
        render(&Snapshot {
            target_duration: 4,
            ended: false,
            independent: true,
            segments: &segments,
            marks: &[],
            live: Some(live),
        })
    };
    let (whole, delta) = (text(0), text(skipped));
    let delta = delta.replacen("#EXT-X-VERSION:9\n", "#EXT-X-VERSION:7\n", 1);
    let (head, rest) = delta.split_once("#EXT-X-SKIP:SKIPPED-SEGMENTS=28\n").unwrap();
    assert!(whole.starts_with(head) && whole.ends_with(rest), "{delta}");
    assert_eq!(rest.matches("#EXTINF").count(), 12);
    // The init segment is the one that the client knows from the segments before.
    assert!(!rest.contains("#EXT-X-MAP") && !rest.contains("DISCONTINUITY"));
    let early = text(2);
    let rest = early.split_once("SKIPPED-SEGMENTS=2\n").unwrap().1;
    assert!(rest.starts_with("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b\"\n"), "{rest}");
}

#[test]
fn a_delta_update_tells_date_ranges_of_what_it_leaves_out() {
    let mut segments: Vec<Entry> = (0..40).map(|n| entry(n, "a")).collect();
    let start = WallTime(1_792_000_002_000_000);
    let begun = Mark { id: "gap-1".into(), class: "tureen.gap", start, end: None, attribute: None };
    segments[2].marks = vec![begun.clone()];
    segments[4].marks = vec![Mark { end: Some(start.plus(4_000_000)), ..begun.clone() }];
    segments[39].marks = vec![Mark { id: "gap-2".into(), ..begun }];
    let told = |skipped| {
        let live = Live { part_target_micros: 200_000, open: None, hint: "h", skipped };
        let text = render(&Snapshot {
            target_duration: 4,
            ended: false,
            independent: true,
            segments: &segments,
            marks: &[],
            live: Some(live),
        });
        let ranges = text.lines().filter(|line| line.starts_with("#EXT-X-DATERANGE"));
        (ranges.map(str::to_owned).collect::<Vec<_>>(), text)
    };
    let ((whole, _), (delta, text)) = (told(0), told(28));
    assert_eq!((delta.len(), &delta), (3, &whole), "{text}");
    let skip = "#EXT-X-SKIP:SKIPPED-SEGMENTS=28\n#EXT-X-DATERANGE:ID=\"gap-1\"";
    assert!(text.contains(skip) && !text.contains("CAN-SKIP-DATERANGES"), "{text}");
}

#[test]
fn what_lasts_for_a_while_is_told_where_it_begins_and_where_it_ends() {
    let start = WallTime(1_792_000_002_000_000);
    let begun = Mark {
        id: "gap-\"3".into(),
        class: "tureen.gap",
        start,
        end: None,
        attribute: Some(("X-CAUSE", "off".into())),
    };
    let ended = Mark { end: Some(start.plus(1_500_000)), ..begun.clone() };
    let mut last = entry(1, "a");
    last.marks = vec![begun];
    let segments = [entry(0, "a"), last];
    let text = render(&Snapshot {
        target_duration: 4,
        ended: true,
        independent: true,
        segments: &segments,
        marks: &[ended],
        live: None,
    });
    let told: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("#EXT-X-DATERANGE")).collect();
    assert_eq!(
        told,
        [
            "#EXT-X-DATERANGE:ID=\"gap-'3\",CLASS=\"tureen.gap\",START-DATE=\"2026-10-14T17:46:42.000Z\",X-CAUSE=\"off\"",
            "#EXT-X-PROGRAM-DATE-TIME:2026-10-14T17:46:42.000Z",
            "#EXTINF:2.000011,",
            "video/1.m4s",
            "#EXT-X-DATERANGE:ID=\"gap-'3\",CLASS=\"tureen.gap\",START-DATE=\"2026-10-14T17:46:42.000Z\",END-DATE=\"2026-10-14T17:46:43.500Z\",X-CAUSE=\"off\"",
            "#EXT-X-ENDLIST",
        ]
    );
    assert_eq!(parsed(&text).segments.len(), 2);
}

#[test]
fn a_part_tells_what_is_in_front_of_it_and_where_to_begin() {
    let mut segments = [entry(2, "b"), entry(3, "b"), entry(4, "a")];
    segments[0].discontinuity = true;
    let snapshot = Snapshot {
        target_duration: 4,
        ended: true,
        independent: true,
        segments: &segments,
        marks: &[],
        live: None,
    };
    let begin = Begin { segments: 2, discontinuities: 1, start_micros: 1_250_000 };
    let text = render_part(&snapshot, begin);
    assert!(text.contains("#EXT-X-START:TIME-OFFSET=1.250000,PRECISE=YES\n"), "{text}");
    let playlist = parsed(&text);
    assert_eq!((playlist.media_sequence, playlist.discontinuity_sequence), (2, 1));
    let breaks: Vec<bool> = playlist.segments.iter().map(|segment| segment.discontinuity).collect();
    assert_eq!(breaks, [false, false, true]);
    assert!(playlist.end_list && playlist.start.is_some());
    assert!(!render(&snapshot).contains("EXT-X-START"));
}
