use super::super::fixture::{Fixture, START};
use super::super::playlist;
use super::*;
use crate::catalog::{Cause, Gap, Pause, Shown as Fill};
use crate::id::TrackId;
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::time::Ticks;
use m3u8_rs::MediaPlaylist;
use proptest::prelude::*;

fn seconds(start: f64, duration: f64) -> Clip {
    let micros = |seconds: f64| (seconds * 1e6) as i64;
    Clip { start: Moment::Media(micros(start)), end: None, duration: Some(micros(duration)) }
}

impl Fixture {
    async fn clip(&self, track: TrackId, clip: &Clip) -> Result<String, Error> {
        let list = playlist::clip(&self.catalog, self.recording, track, clip).await?;
        Ok(list.render().with("", true))
    }

    /// Of so many seconds from a second on.
    async fn part(&self, track: TrackId, start: f64, duration: f64) -> (MediaPlaylist, String) {
        let text = self.clip(track, &seconds(start, duration)).await.unwrap();
        let list = m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap();
        assert!(list.end_list && !text.contains("EXT-X-PART"), "{text}");
        assert_eq!(list.playlist_type, Some(m3u8_rs::MediaPlaylistType::Vod));
        assert!(list.segments[0].program_date_time.is_some() && list.segments[0].map.is_some(), "{text}");
        (list, text)
    }
}

/// The names of its segments, `|` for a discontinuity, with the numbers of what is in front of them.
fn said((list, text): &(MediaPlaylist, String)) -> String {
    let name = |uri: &str| uri.strip_suffix(".m4s").unwrap().to_owned();
    let names = list.segments.iter().map(|segment| {
        let bound = if segment.discontinuity { "| " } else { "" };
        format!("{bound}{}", name(&segment.uri))
    });
    let start = text.lines().find_map(|line| line.strip_prefix("#EXT-X-START:TIME-OFFSET=")).unwrap();
    let start = start.strip_suffix("00000,PRECISE=YES").unwrap();
    let names = names.collect::<Vec<_>>().join(" ");
    format!("{} {} +{start}: {names}", list.media_sequence, list.discontinuity_sequence)
}

proptest! {
    #[test]
    fn what_is_taken_covers_the_clip_and_begins_with_a_key_frame(
        sizes in prop::collection::vec((1..4_000_000_i64, 0..200_000_i64, any::<bool>()), 1..60),
        from in 0..130_000_000_i64,
        length in 1..20_000_000_i64,
    ) {
        let mut end = 0;
        let mut list: Vec<(i64, i64, bool)> = Vec::new();
        for (size, hole, independent) in sizes {
            list.push((end + hole, end + hole + size, independent));
            end += hole + size;
        }
        let span = Span { from, to: from + length };
        let range = span.within(list.iter().copied());
        // The hole in front of a piece belongs to it.
        let begins = |index: usize| if index == 0 { list[0].0 } else { list[index - 1].1 };
        let overlaps = |index: &usize| begins(*index) < span.to && list[*index].1 > span.from;
        let overlapping: Vec<usize> = (0..list.len()).filter(overlaps).collect();
        let Some((first, last)) = overlapping.first().zip(overlapping.last()) else {
            prop_assert!(range.is_empty());
            return Ok(());
        };
        prop_assert_eq!(range.end, last + 1);
        prop_assert!(range.start <= *first);
        prop_assert!(range.start == 0 || list[range.start].2);
        // Not further back than it takes.
        prop_assert!((range.start + 1..=*first).all(|index| !list[index].2));
    }
}

/// Pictures each 2 s, and sound that is cut elsewhere.
async fn call(runs: [u32; 6]) -> (Fixture, TrackId, TrackId) {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let picture: Vec<(u32, i64, i64)> =
        runs.iter().zip(0..).map(|(run, number)| (*run, number * 2000, 2000)).collect();
    let camera = it.track(ada, Codec::H264, "camera", &picture).await;
    let sound =
        [(0, 0, 1500), (0, 1500, 2000), (0, 3500, 2000), (0, 5500, 2000), (0, 7500, 2000), (0, 9500, 2500)];
    let voice = it.track(ada, Codec::Opus, "microphone", &sound).await;
    (it, camera, voice)
}

#[tokio::test]
async fn the_sound_is_there_wherever_the_picture_is() {
    let (it, camera, voice) = call([0; 6]).await;
    it.finish(12_000).await;
    let picture = it.part(camera, 5.0, 3.0).await;
    assert_eq!(said(&picture), "2 0 +1.0: 2 3");
    let sound = it.part(voice, 5.0, 3.0).await;
    assert_eq!(said(&sound), "2 0 +1.0: at-168000-192000 3 4");
    let date = |(list, _): &(MediaPlaylist, String)| {
        list.segments[0].program_date_time.unwrap().timestamp_millis() - START.0 / 1000
    };
    assert_eq!((date(&picture), date(&sound)), (4000, 4000));
    assert!(sound.1.contains("#EXTINF:1.500000,\nat-"), "{}", sound.1);
    // Over the end, up to the end, and all of it.
    assert_eq!(said(&it.part(camera, 11.0, 99.0).await), "5 0 +1.0: 5");
    let open = Clip { start: Moment::Media(9_000_000), end: None, duration: None };
    assert!(it.clip(camera, &open).await.unwrap().contains("4.m4s\n"));
    assert_eq!(said(&it.part(voice, 0.0, 12.0).await), "0 0 +0.0: 0 1 2 3 4 5");
    // The wall clock, and an end in place of a length.
    let wall = Clip {
        start: Moment::Wall(START.plus(5_000_000)),
        end: Some(Moment::Wall(START.plus(8_000_000))),
        duration: None,
    };
    assert_eq!(it.clip(camera, &wall).await.unwrap(), picture.1);
}

#[tokio::test]
async fn sound_and_picture_have_the_same_discontinuities() {
    // The picture changes at 4 s; the sound was not cut there, so it tells that at 5.5 s.
    let (it, camera, voice) = call([0, 0, 1, 1, 1, 1]).await;
    it.finish(12_000).await;
    assert_eq!(said(&it.part(camera, 3.0, 2.0).await), "1 0 +1.0: 1 | 2");
    assert_eq!(said(&it.part(voice, 3.0, 2.0).await), "1 0 +1.0: at-72000-96000 2 | 3");
    // Behind the change there is none in either, and both count it.
    assert_eq!(said(&it.part(camera, 4.5, 1.0).await), "2 1 +0.5: 2");
    assert_eq!(said(&it.part(voice, 4.5, 1.0).await), "2 1 +0.5: at-168000-192000 3");
    // In front of it.
    assert_eq!(said(&it.part(camera, 3.0, 1.0).await), "1 0 +1.0: 1");
    assert_eq!(said(&it.part(voice, 3.0, 1.0).await), "1 0 +1.0: at-72000-96000 2");
}

#[tokio::test]
async fn the_rest_of_a_sound_is_what_is_heard_from_then_on() {
    let (it, camera, voice) = call([0; 6]).await;
    let source = it.source();
    // Packets of the fixture are 100 ms long.
    for (from, first) in [(192_000, 192_000), (192_001, 192_000), (168_000, 168_000), (263_999, 259_200)] {
        let rest = source.rest(it.recording, voice, 168_000, from).await.unwrap();
        let scan = read::scan(&rest.bytes);
        assert_eq!(scan.valid, rest.bytes.len() as u64);
        let length: i64 = scan.fragments.iter().map(|fragment| fragment.duration.0).sum();
        assert_eq!((scan.fragments[0].start, length), (Ticks(first), 264_000 - first), "{from}");
        let whole = source.at(it.recording, voice, 168_000).await.unwrap();
        assert_ne!(rest.tag, whole.tag);
    }
    for (track, time, from) in [
        (voice, 168_000, 264_000),
        (voice, 168_000, 167_999),
        (voice, 168_000, u64::MAX),
        (voice, 168_001, 192_000),
        // Not a key frame.
        (camera, 0, 90_000),
    ] {
        let none = source.rest(it.recording, track, time, from).await;
        assert!(matches!(none, Err(Error::NothingAt(_))), "{time} {from}");
    }
}

#[tokio::test]
async fn a_clip_of_a_running_recording_is_what_is_closed() {
    let (it, camera, voice) = call([0; 6]).await;
    let text = it.part(camera, 8.0, 60.0).await;
    assert_eq!(said(&text), "4 0 +0.0: 4 5");
    assert_eq!(said(&it.part(voice, 8.0, 60.0).await), "4 0 +0.0: at-360000-384000 5");
    for clip in [seconds(12.0, 1.0), seconds(1e9, 1e9), seconds(0.0, 0.0)] {
        for track in [camera, voice] {
            assert!(matches!(it.clip(track, &clip).await, Err(Error::Outside { .. })), "{clip:?}");
        }
    }
    let backwards = Clip { start: Moment::Media(5), end: Some(Moment::Media(5)), duration: None };
    assert!(matches!(it.clip(camera, &backwards).await, Err(Error::Outside { .. })));
    assert!(matches!(it.clip(TrackId::new(), &backwards).await, Err(Error::NoTrack(_))));
}

#[tokio::test]
async fn a_clip_that_begins_in_a_gap_tells_of_it() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let camera =
        it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 2000, 2000), (0, 24_000, 2000)]).await;
    let voice = it.track(ada, Codec::Opus, "microphone", &[(0, 0, 26_000)]).await;
    let gap = Gap {
        track: camera,
        number: 0,
        after: 1,
        cause: Cause::Off,
        shown: Fill::Black,
        start: Ticks(4 * 90_000),
        duration: Ticks(20 * 90_000),
        open: false,
        listed_micros: 0,
    };
    it.catalog.add_media(&[], &[gap]).await.unwrap();
    it.finish(26_000).await;
    // Fills of 2 s up to 12 s, then of 4 s.
    let inside = it.part(camera, 17.0, 1.0).await;
    assert_eq!(said(&inside), "7 1 +1.0: fill-1-5");
    assert_eq!(inside.0.segments[0].map.as_ref().unwrap().uri, "black.mp4");
    let told: Vec<&str> = inside.1.lines().filter(|line| line.contains("DATERANGE")).collect();
    assert_eq!(told.len(), 1, "{}", inside.1);
    assert!(told[0].contains("08:00:04.000Z") && told[0].contains("END-DATE=\"2027-01-15T08:00:24.000Z\""));
    let behind = it.part(camera, 24.5, 1.0).await;
    assert_eq!(said(&behind), "9 2 +0.5: 2");
    assert!(!behind.1.contains("DATERANGE"), "{}", behind.1);
    // Of the sound there is one segment, which has neither change.
    assert_eq!(said(&it.part(voice, 24.5, 1.0).await), "0 2 +0.5: at-0-1152000");
}

#[tokio::test]
async fn the_short_gap_in_front_of_a_clip_is_not_in_it() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let camera = it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 2100, 2000)]).await;
    it.finish(4100).await;
    for start in [2.0, 2.1] {
        let (list, text) = it.part(camera, start, 1.0).await;
        assert_eq!(said(&(list.clone(), text.clone())), "1 0 +0.0: 1");
        assert!(text.contains("#EXTINF:2.000000,\n") && text.contains("08:00:02.100Z"), "{text}");
    }
}

#[tokio::test]
async fn a_pause_is_in_the_clip_that_it_lies_in() {
    let (it, camera, voice) = call([0; 6]).await;
    let pause = Pause {
        recording: it.recording,
        number: 0,
        at_micros: 6_000_000,
        began_at: START.plus(6_000_000),
        ended_at: None,
    };
    it.catalog.add_pause(&pause).await.unwrap();
    it.catalog.end_pause(it.recording, 0, START.plus(66_000_000)).await.unwrap();
    it.finish(12_000).await;
    let over = it.part(camera, 5.0, 2.0).await;
    assert_eq!(said(&over), "2 0 +1.0: 2 | 3");
    assert_eq!(over.1.matches("tureen.pause").count(), 1, "{}", over.1);
    // The sound that lies over the pause by half is behind it.
    assert_eq!(said(&it.part(voice, 5.0, 2.0).await).matches('|').count(), 1);
    let behind = Clip { start: Moment::Wall(START.plus(67_000_000)), end: None, duration: Some(1_000_000) };
    let text = it.clip(camera, &behind).await.unwrap();
    assert!(text.contains("#EXT-X-DISCONTINUITY-SEQUENCE:1\n") && text.contains("\n3.m4s\n"), "{text}");
    assert!(text.contains("TIME-OFFSET=1.000000") && text.contains("08:01:06.000Z"), "{text}");
}

#[tokio::test]
async fn layers_and_their_sound_are_cut_alike() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let whole: Vec<(u32, i64, i64)> = (0..6).map(|number| (0, number * 2000, 2000)).collect();
    let low = it.layer(ada, 0, None, &whole).await;
    // Its sender stops it at 4 s and begins again at 8 s.
    let high = it
        .layer(ada, 1, Some(low), &[(0, 0, 2000), (0, 2000, 2000), (1, 8000, 2000), (1, 10_000, 2000)])
        .await;
    let voice = it.track(ada, Codec::Opus, "microphone", &whole).await;
    it.finish(12_000).await;
    for (start, front, breaks) in [(1.0, 0, 0), (3.0, 0, 1), (5.0, 1, 0), (7.0, 1, 1), (9.0, 2, 0)] {
        for track in [low, high, voice] {
            let (list, text) = it.part(track, start, 2.0).await;
            let found = list.segments.iter().filter(|segment| segment.discontinuity).count();
            assert_eq!((list.discontinuity_sequence, found), (front, breaks), "from {start}: {text}");
            assert_eq!(list.segments.len(), 2, "from {start}: {text}");
        }
    }
    let (list, _) = it.part(high, 5.0, 1.0).await;
    assert_eq!(list.segments[0].uri, format!("../{low}/2.m4s"));
}
