use super::*;
use crate::id::{RecordingId, TrackId};
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::playback::fixture::INIT;
use crate::time::Ticks;
use std::collections::BTreeSet;

async fn with_track() -> (TestApp, TrackId) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 900).await;
    let track = app.fixture.track(ada, Codec::Vp9, "camera", &[(0, 1000, 2000), (0, 3000, 2000)]).await;
    (app, track)
}

#[tokio::test]
async fn a_segment_is_served_whole_and_in_parts() {
    let (app, track) = with_track().await;
    app.fixture.finish(5000).await;
    let path = app.at(&format!("/stream/{track}/1.m4s"));
    let whole = app.get(&path, Role::Student).await;
    assert_eq!((whole.status, whole.header("content-type")), (StatusCode::OK, "video/mp4"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert!(
        whole.header("cache-control").contains("immutable")
            && whole.header("cache-control").contains("private")
    );
    assert_eq!(read::scan(&whole.body).fragments[0].start, Ticks(180_000));
    let len = whole.body.len();
    let tag = whole.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'));

    let part = app.get_with(&path, Role::Student, &[("range", "bytes=10-19")]).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[10..20]));
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{len}"));
    let past = app.get_with(&path, Role::Student, &[("range", &format!("bytes={len}-"))]).await;
    past.problem(416, "range");
    assert_eq!(past.header("content-range"), format!("bytes */{len}"));
    let same = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
    let old = [("range", "bytes=10-19"), ("if-range", "\"other\"")];
    assert_eq!(app.get_with(&path, Role::Student, &old).await.status, 200);
    let known = [("range", "bytes=10-19"), ("if-range", tag.as_str())];
    assert_eq!(app.get_with(&path, Role::Student, &known).await.status, 206);

    let head = app.call(Method::HEAD, &path, Role::Student, "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), len.to_string());
    let ranged = app.with_method(Method::HEAD, &path, Role::Student, &[("range", "bytes=10-19")]).await;
    assert_eq!(
        (ranged.status.as_u16(), ranged.header("content-range")),
        (200, ""),
        "ranges are of GET alone"
    );
    assert_eq!(ranged.header("content-length"), len.to_string());
    // Media is not compressed again.
    let zip = app.get_with(&path, Role::Student, &[("accept-encoding", "gzip")]).await;
    assert_eq!((zip.header("content-encoding"), zip.body.len()), ("", len));
}

#[tokio::test]
async fn a_segment_that_many_ask_for_comes_from_memory_and_goes_with_its_recording() {
    let (app, track) = with_track().await;
    app.fixture.finish(5000).await;
    let path = app.at(&format!("/stream/{track}/1.m4s"));
    let first = app.get(&path, Role::Student).await;
    let again = app.get(&path, Role::Student).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body));
    // Where the file is gone only memory can answer.
    app.fixture.store.remove_recording(app.fixture.recording).await.unwrap();
    let kept = app.get(&path, Role::Student).await;
    assert_eq!((kept.status, &kept.body), (StatusCode::OK, &first.body));
    assert_eq!(kept.header("etag"), first.header("etag"));
    let part = app.get_with(&path, Role::Student, &[("range", "bytes=10-19")]).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &first.body[10..20]));
    let other = app.at(&format!("/stream/{track}/0.m4s"));
    assert_ne!(app.get(&other, Role::Student).await.status, 200, "nobody had asked for it");
    assert_eq!(app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await.status, 200);
    app.get(&path, Role::Student).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_may_still_change_is_asked_for_anew() {
    let (app, track) = with_track().await;
    let path = app.at(&format!("/stream/{track}/0.m4s"));
    let segment = app.get(&path, Role::Student).await;
    assert_eq!(segment.header("cache-control"), "private, no-cache");
    let tag = segment.header("etag").to_owned();
    let same = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
    // An earlier track turns up: the same segment counts from another zero.
    let who = app.fixture.catalog.tracks(app.fixture.recording).await.unwrap()[0].participant;
    app.fixture.track(who, Codec::Opus, "microphone", &[(0, 500, 2000)]).await;
    let moved = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
    assert_eq!(moved.status, 200);
    assert_ne!(moved.body, segment.body);
    let init = app.get(&app.at(&format!("/stream/{track}/init-0.mp4")), Role::Student).await;
    assert_eq!(&init.body[..], INIT);
    assert!(init.header("cache-control").contains("immutable"));
    let playlist = app.get(&app.at(&format!("/stream/{track}/playlist.m3u8")), Role::Student).await;
    assert_eq!(playlist.header("cache-control"), "private, no-cache");
    assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
}

#[tokio::test]
async fn the_playlists_lead_to_every_byte_they_name() {
    let (app, track) = with_track().await;
    let text = app.get(&app.at("/stream/playlist.m3u8"), Role::Student).await.text();
    let multivariant = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
    assert_eq!(multivariant.variants[0].uri, format!("{track}/playlist.m3u8"));
    assert_eq!(multivariant.variants[0].codecs.as_deref(), Some("vp09.00.31.08"));
    let text = app.get(&app.at(&format!("/stream/{track}/playlist.m3u8")), Role::Student).await.text();
    let media = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    assert_eq!(media.segments.len(), 2);
    for segment in &media.segments {
        let answer = app.get(&app.at(&format!("/stream/{track}/{}", segment.uri)), Role::Student).await;
        assert_eq!(read::scan(&answer.body).valid, answer.body.len() as u64);
    }
}

#[tokio::test]
async fn a_screen_beside_a_camera_is_presented_by_its_name() {
    let (app, camera) = with_track().await;
    let body = app.get(&app.at("/manifest.json"), Role::Student).await.json();
    let ada = body["participants"][0]["id"].as_str().unwrap().to_owned();
    let stream = |name: &str, rest: &str| app.at(&format!("/stream/{name}?participant={ada}{rest}"));
    for name in ["playlist.m3u8", "manifest.mpd"] {
        for wrong in ["microphone", "Screen", "x"] {
            let bad = app.get(&stream(name, &format!("&source={wrong}")), Role::Student).await;
            assert_eq!(bad.problem(400, "bad-request")["field"], "source");
        }
        app.get(&stream(name, "&source=screen"), Role::Student).await.problem(404, "nothing-yet");
    }
    let who = ada.parse().unwrap();
    let screen = app.fixture.track(who, Codec::H264, "screen", &[(0, 3000, 2000)]).await;
    let sound = app.fixture.track(who, Codec::Opus, "screen", &[(0, 3000, 2000)]).await;
    // While it runs and after, when texts are kept.
    for ended in [false, true] {
        if ended {
            app.fixture.finish(5000).await;
        }
        for _ in 0..2 {
            for (source, own, other) in
                [("", camera, screen), ("camera", camera, screen), ("screen", screen, camera)]
            {
                for name in ["playlist.m3u8", "manifest.mpd"] {
                    let text =
                        app.get(&stream(name, &format!("&source={source}")), Role::Student).await.text();
                    let has = |track: TrackId| text.contains(&format!("{track}/"));
                    assert!(has(own) && !has(other), "{source} {text}");
                    assert_eq!(has(sound), source == "screen", "{source} {text}");
                }
            }
        }
        let body = app.get(&app.at("/manifest.json"), Role::Student).await.json();
        let told = &body["participants"][0]["presentations"];
        let entry = |source: &str, tracks: &[TrackId]| {
            let rest = format!("&source={source}");
            serde_json::json!({
                "source": source, "playlist": stream("playlist.m3u8", &rest),
                "dash": stream("manifest.mpd", &rest), "tracks": tracks,
            })
        };
        assert_eq!(told, &serde_json::json!([entry("camera", &[camera]), entry("screen", &[screen, sound])]));
    }
}

#[tokio::test]
async fn names_that_lead_elsewhere_lead_nowhere() {
    let (app, track) = with_track().await;
    for rest in [
        format!("/stream/{track}/9.m4s"),
        format!("/stream/{track}/init-1.mp4"),
        format!("/stream/{track}/fill-0-0.m4s"),
        format!("/stream/{track}/..%2f..%2ftureen.db"),
        format!("/stream/{track}/%2e%2e%2f0.m4s"),
        format!("/stream/{track}/..%5c0.m4s"),
        format!("/stream/{track}/../0.m4s"),
        format!("/stream/{track}/0.m4s%00"),
        format!("/stream/{track}/%ff.m4s"),
        format!("/stream/{track}/00.m4s"),
        format!("/stream/{}/0.m4s", TrackId::new()),
        "/stream/..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        "/stream/%2e%2e/0.m4s".to_owned(),
        format!("/stream/{track}/a/b/c"),
        "/stream/".to_owned(),
        "/stream".to_owned(),
    ] {
        app.get(&app.at(&rest), Role::Admin).await.problem(404, "not-found");
    }
    // A track of one recording is not found through another.
    let other = format!("{BASE}/{}/stream/{track}/0.m4s", RecordingId::new());
    app.get(&other, Role::Admin).await.problem(404, "not-found");
    let bad = app.get(&app.at("/stream/playlist.m3u8?participant=x"), Role::Admin).await;
    assert_eq!(bad.problem(400, "bad-request")["field"], "participant");
    let stranger = format!("/stream/playlist.m3u8?participant={}", uuid::Uuid::nil());
    app.get(&app.at(&stranger), Role::Admin).await.problem(404, "not-found");
}

#[tokio::test]
async fn transport_stream_segments_lead_to_the_playlist() {
    let (app, track) = with_track().await;
    for rest in
        ["/stream/segment0.ts".to_owned(), format!("/stream/{track}/0.ts"), "/stream/720p/0.ts".to_owned()]
    {
        let body = app.get(&app.at(&rest), Role::Student).await.problem(404, "no-transport-stream");
        let playlist = body["playlist"].as_str().unwrap();
        assert_eq!(app.get(playlist, Role::Student).await.status, 200);
    }
}

#[tokio::test]
async fn a_room_without_media_says_to_come_back() {
    let app = TestApp::new().await;
    let answer = app.get(&app.at("/stream/playlist.m3u8"), Role::Student).await;
    answer.problem(404, "nothing-yet");
    assert_eq!(answer.header("retry-after"), "2");
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.track(ada, Codec::Vp8, "camera", &[(0, 0, 2000)]).await;
    let vp8 = app.get(&app.at("/stream/playlist.m3u8"), Role::Student).await;
    assert!(vp8.problem(404, "not-playable")["error"].as_str().unwrap().contains("VP8"));
}

#[tokio::test]
async fn missing_bytes_are_a_500_that_tells_no_paths() {
    let (app, track) = with_track().await;
    app.fixture.store.remove_recording(app.fixture.recording).await.unwrap();
    let answer = app.get(&app.at(&format!("/stream/{track}/0.m4s")), Role::Student).await;
    let body = answer.problem(500, "internal").to_string();
    assert!(!body.contains(&track.to_string()), "{body}");
}

/// What a camera costs that is switched on three hours into its owner's call: nothing that is stored, and little to
/// load and to compute.
#[expect(clippy::print_stdout, reason = "figures are part of what it shows")]
#[tokio::test]
async fn a_camera_three_hours_late_costs_little() {
    const LATE_MS: i64 = 3 * 3600 * 1000;
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    app.fixture.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (0, LATE_MS, 2000)]).await;
    let camera = app.fixture.track(ada, Codec::H264, "camera", &[(0, LATE_MS, 2000)]).await;
    let stored = app.fixture.store.usage().await.unwrap();
    let load = async |name: String| {
        let path = app.at(&format!("/stream/{camera}/{name}"));
        app.get_with(&path, Role::Student, &[("accept-encoding", "gzip")]).await.body.len()
    };
    let begun = std::time::Instant::now();
    let playlist = load("playlist.m3u8".to_owned()).await;
    let computed = begun.elapsed();
    let text = app.get(&app.at(&format!("/stream/{camera}/playlist.m3u8")), Role::Student).await.text();
    let leads = text.lines().filter(|line| line.starts_with("lead-")).count();
    assert_eq!(leads, 2700, "as long as the target duration allows");
    // A player that starts at zero loads half a minute ahead; one at the edge, where the camera came on, one of them.
    let mut loaded = playlist + load("black.mp4".to_owned()).await;
    let begun = std::time::Instant::now();
    for number in (0..8).chain([2699]) {
        loaded += load(format!("lead-{number}.m4s")).await;
    }
    println!(
        "playlist {playlist} bytes in {computed:?}, 9 fills in {:?}, {loaded} bytes in all",
        begun.elapsed()
    );
    assert!(loaded < 64 << 10, "{loaded} bytes");
    assert_eq!(app.fixture.store.usage().await.unwrap(), stored, "nothing of it is stored");
}

#[tokio::test]
async fn a_playlist_that_has_not_changed_is_not_sent_again() {
    let (app, track) = with_track().await;
    app.fixture.finish(5000).await;
    for path in
        ["playlist.m3u8".to_owned(), format!("{track}/playlist.m3u8"), format!("{track}/iframes.m3u8")]
    {
        let path = app.at(&format!("/stream/{path}"));
        let first = app.get(&path, Role::Student).await;
        assert_eq!(
            (first.status.as_u16(), first.header("content-type")),
            (200, "application/vnd.apple.mpegurl")
        );
        assert!(first.header("link").contains("manifest.json"));
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        let again = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
        let head = app.call(Method::HEAD, &path, Role::Student, "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        let zip = app.get_with(&path, Role::Student, &[("accept-encoding", "gzip")]).await;
        assert_eq!(zip.header("content-encoding"), "gzip", "{path}");
    }
}

#[tokio::test]
async fn key_frames_are_listed_once_the_recording_has_ended() {
    let (app, track) = with_track().await;
    let path = app.at(&format!("/stream/{track}/iframes.m3u8"));
    app.get(&path, Role::Student).await.problem(404, "nothing-yet");
    app.fixture.finish(5000).await;
    let text = app.get(&path, Role::Student).await.text();
    let ranges: Vec<usize> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:")?.strip_suffix("@0")?.parse().ok())
        .collect();
    assert_eq!(ranges.len(), 2, "{text}");
    for (number, bytes) in ranges.into_iter().enumerate() {
        let segment = app.get(&app.at(&format!("/stream/{track}/{number}.m4s")), Role::Student).await;
        let first = &read::scan(&segment.body).fragments[0].samples[0];
        assert_eq!(bytes as u64, first.offset + u64::from(first.size));
        assert!(first.sync);
    }
    let variants = app.get(&app.at("/stream/playlist.m3u8"), Role::Student).await.text();
    let line = variants.lines().find(|line| line.starts_with("#EXT-X-I-FRAME-STREAM-INF:")).unwrap();
    assert!(line.contains(&format!("URI=\"{track}/iframes.m3u8\"")) && line.contains("RESOLUTION=640x480"));
    let voice = app.get(&app.at(&format!("/stream/{}/iframes.m3u8", TrackId::new())), Role::Student).await;
    assert_eq!(voice.status, 404);
}

#[tokio::test]
async fn a_clip_leads_to_the_same_part_of_every_playlist() {
    let (app, track) = with_track().await;
    app.fixture.finish(5000).await;
    let text = app.get(&app.at("/stream/playlist.m3u8?start=2.5&duration=1"), Role::Student).await.text();
    let multivariant = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
    assert_eq!(multivariant.variants[0].uri, format!("{track}/playlist.m3u8?start=2.5&duration=1"));
    assert!(text.contains(&format!("URI=\"{track}/iframes.m3u8?start=2.5&duration=1\"")), "{text}");
    let at = app.at(&format!("/stream/{}", multivariant.variants[0].uri));
    let text = app.get(&at, Role::Student).await.text();
    let media = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
    assert_eq!((media.segments.len(), media.segments[0].uri.as_str()), (1, "1.m4s"));
    assert_eq!((media.media_sequence, media.end_list), (1, true));
    assert!(text.contains("#EXT-X-START:TIME-OFFSET=0.500000,PRECISE=YES\n"), "{text}");
    let keys = app.at(&format!("/stream/{track}/iframes.m3u8?start=2.5&duration=1"));
    let keys = app.get(&keys, Role::Student).await.text();
    assert_eq!((keys.matches("#EXTINF").count(), keys.contains("\n1.m4s\n")), (1, true), "{keys}");
    // The wall clock says the same.
    let wall =
        format!("/stream/{track}/playlist.m3u8?start=2027-01-15T08:00:03.5Z&end=2027-01-15T08:00:04.5Z");
    assert_eq!(app.get(&app.at(&wall), Role::Student).await.text(), text);
    // A token in the address is carried on: to playlists with the part, to segments without.
    let token = token(Role::Student);
    let path = app.at(&format!("/stream/playlist.m3u8?token={token}&start=0&end=&duration=2"));
    let text = app.bare(Method::GET, &path, "").await.text();
    let uri = format!("{track}/playlist.m3u8?start=0&duration=2&token={token}");
    assert!(text.contains(&format!("\n{uri}\n")), "{text}");
    let text = app.bare(Method::GET, &app.at(&format!("/stream/{uri}")), "").await.text();
    assert!(text.contains(&format!("\n0.m4s?token={token}\n")), "{text}");
}

/// Players find sound and picture at the same time, whatever the sound was cut into.
#[tokio::test]
async fn the_sound_of_a_clip_begins_with_its_picture() {
    let (app, _) = with_track().await;
    let bob = app.fixture.participant("Bob", 0).await;
    app.fixture.track(bob, Codec::H264, "camera", &[(0, 0, 2000), (0, 2000, 2000)]).await;
    let voice = app.fixture.track(bob, Codec::Opus, "microphone", &[(0, 0, 1500), (0, 1500, 2500)]).await;
    app.fixture.finish(5000).await;
    let path = app.at(&format!("/stream/{voice}/playlist.m3u8?start=2.5&duration=1"));
    let text = app.get(&path, Role::Student).await.text();
    assert!(text.contains("#EXTINF:2.000000,\nat-72000-96000.m4s\n"), "{text}");
    let rest = app.get(&app.at(&format!("/stream/{voice}/at-72000-96000.m4s")), Role::Student).await;
    assert_eq!((rest.status.as_u16(), rest.header("content-type")), (200, "video/mp4"));
    assert_eq!(read::scan(&rest.body).fragments[0].start, Ticks(96_000));
    let none = app.get(&app.at(&format!("/stream/{voice}/at-72000-999999.m4s")), Role::Student).await;
    none.problem(404, "not-found");
}

#[tokio::test]
async fn no_clip_is_taken_for_another_or_for_the_whole() {
    let (app, track) = with_track().await;
    app.fixture.finish(5000).await;
    // Of key frames there are two, which are told without a start.
    for (name, different) in [
        ("playlist.m3u8".to_owned(), 5),
        ("manifest.mpd".to_owned(), 5),
        (format!("{track}/playlist.m3u8"), 5),
        (format!("{track}/iframes.m3u8"), 3),
    ] {
        let (mut texts, mut tags) = (BTreeSet::new(), BTreeSet::new());
        // Each twice: the second time it may come from memory.
        for part in ["", "?start=0&duration=1", "?start=2&duration=1", "?start=2.5", "?duration=3"].repeat(2)
        {
            let path = app.at(&format!("/stream/{name}{part}"));
            let answer = app.get(&path, Role::Student).await;
            assert_eq!(answer.status, 200, "{path}");
            let tag = answer.header("etag").to_owned();
            let same = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
            assert_eq!(same.status, 304, "{path}");
            tags.insert(tag);
            texts.insert((part, answer.text()));
        }
        assert_eq!((texts.len(), tags.len()), (5, different), "{name}: one text for each part");
    }
    // The same part of another recording's track is of that one.
    let other = app.at(&format!("/stream/{}/playlist.m3u8?start=2.5", TrackId::new()));
    app.get(&other, Role::Student).await.problem(404, "not-found");
    assert_eq!(app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await.status, 200);
    let gone = app.at(&format!("/stream/{track}/playlist.m3u8?start=2.5"));
    app.get(&gone, Role::Student).await.problem(404, "not-found");
}

#[tokio::test]
async fn bad_parts_are_told_by_their_field() {
    let (app, track) = with_track().await;
    app.fixture.finish(5000).await;
    for (query, field) in [
        ("start=-1", "start"),
        ("start=NaN", "start"),
        ("start=1e99", "start"),
        ("start=x", "start"),
        ("start=4", "start"),
        ("start=999999999", "start"),
        ("start=2027-02-15T08:00:00Z", "start"),
        ("start=1&end=1", "start"),
        ("start=2&end=1", "start"),
        ("end=0", "start"),
        ("end=-1", "end"),
        ("duration=0", "duration"),
        ("duration=-1", "duration"),
        ("duration=inf", "duration"),
        ("duration=1&end=2", "end"),
    ] {
        for name in [
            "playlist.m3u8".to_owned(),
            "manifest.mpd".to_owned(),
            format!("{track}/playlist.m3u8"),
            format!("{track}/iframes.m3u8"),
        ] {
            let answer = app.get(&app.at(&format!("/stream/{name}?{query}")), Role::Student).await;
            assert_eq!(answer.problem(400, "bad-request")["field"], field, "{name}?{query}");
        }
    }
}

#[tokio::test]
async fn a_clip_of_a_running_recording_ends_and_is_not_waited_for() {
    let (app, track) = with_track().await;
    let at = |part: &str| app.at(&format!("/stream/{track}/playlist.m3u8?{part}"));
    for part in
        ["start=1&duration=1", "start=1&duration=60", "start=1&_HLS_msn=99&_HLS_part=1", "end=3&_HLS_part=1"]
    {
        let text = app.get(&at(part), Role::Student).await.text();
        assert!(text.contains("PLAYLIST-TYPE:VOD\n") && text.ends_with("#EXT-X-ENDLIST\n"), "{part}: {text}");
        assert!(!text.contains("SERVER-CONTROL"), "{part}");
    }
    assert!(!app.get(&at(""), Role::Student).await.text().contains("ENDLIST"));
    for part in ["start=4&duration=1", "start=99"] {
        for name in ["playlist.m3u8".to_owned(), "manifest.mpd".to_owned(), format!("{track}/playlist.m3u8")]
        {
            let path = app.at(&format!("/stream/{name}?{part}"));
            assert_eq!(app.get(&path, Role::Student).await.problem(400, "bad-request")["field"], "start");
        }
    }
    let keys = app.at(&format!("/stream/{track}/iframes.m3u8?start=1"));
    app.get(&keys, Role::Student).await.problem(404, "nothing-yet");
}
