use super::*;
use crate::catalog::{Cause, Gap, Pause, Shown};
use crate::id::ParticipantId;
use crate::media::dash::mpd::{AdaptationSet, Representation};
use crate::media::fmp4::read;
use crate::media::{Codec, Container, Kind};
use crate::playback::clip::Clip;
use crate::playback::fetch::Source;
use crate::playback::file::select::Moment;
use crate::playback::fixture::{Fixture, START};
use crate::playback::room::Subject;
use crate::time::Ticks;
use matroska_demuxer::{Frame, MatroskaFile};
use std::io::Cursor;

async fn described(it: &Fixture, choice: impl Into<Choice>) -> Result<Snapshot, Error> {
    manifest(&it.catalog, it.recording, choice, "?token=t").await.map(|(snapshot, _)| snapshot)
}

/// Every span as `first tick + ticks`, with the tick of the period's start.
fn said(own: &Representation) -> String {
    let spans: Vec<String> =
        own.segments.iter().map(|span| format!("{}+{}", span.time, span.duration)).collect();
    format!("{}: {}", own.offset, spans.join(" "))
}

fn set(snapshot: &Snapshot, period: usize, kind: Kind) -> &AdaptationSet {
    snapshot.periods[period].sets.iter().find(|set| set.kind == kind).unwrap()
}

fn only(snapshot: &Snapshot, period: usize, kind: Kind) -> &Representation {
    let [own] = set(snapshot, period, kind).representations.as_slice() else { panic!("not one") };
    own
}

/// What a URI of a description leads to: `{track}/{name}?token=t`.
fn place(uri: &str) -> (TrackId, &str) {
    let (track, rest) = uri.split_once('/').unwrap();
    (track.parse().unwrap(), rest.strip_suffix("?token=t").unwrap())
}

/// The rules that every description keeps: periods ascend, spans follow each other and reach from bound to bound, every
/// name leads to bytes that begin at the tick it says, or at the period's start.
async fn keeps_the_rules(it: &Fixture, snapshot: &Snapshot) {
    let source = it.source();
    let starts: Vec<i64> = snapshot.periods.iter().map(|period| period.start_micros).collect();
    assert!(starts.is_sorted_by(|a, b| a < b) && starts[0] == 0, "{starts:?}");
    for (number, period) in snapshot.periods.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(snapshot.duration_micros);
        for set in &period.sets {
            for own in &set.representations {
                reaches(own, period.start_micros, end);
                leads_to_bytes(it, &source, set.container, own).await;
            }
        }
    }
}

/// From one bound to the other without a hole, short of what players step over.
fn reaches(own: &Representation, start: i64, end: i64) {
    let micros = |tick: i64| start + (tick - own.offset) * 1_000_000 / i64::from(own.timescale);
    let (first, last) = (own.segments.first().unwrap(), own.segments.last().unwrap());
    assert!(micros(first.time) <= start + 200_000, "{}", said(own));
    assert!(micros(last.time + last.duration) >= end - 200_000, "up to {end}: {}", said(own));
    let follow = own.segments.windows(2).all(|pair| pair[0].time + pair[0].duration == pair[1].time);
    assert!(follow, "{}", said(own));
}

async fn leads_to_bytes(it: &Fixture, source: &Source, container: Container, own: &Representation) {
    let (track, init) = place(&own.init);
    let webm = container == Container::WebM;
    let head = match init.split_once('.').unwrap() {
        ("black", "mp4") => source.black(it.recording, track).await,
        ("black", "webm") => source.black_webm(it.recording, track).await,
        (run, "mp4") => source.init(it.recording, track, run[5..].parse().unwrap()).await,
        (run, "webm") => source.init_webm(it.recording, track, run[5..].parse().unwrap()).await,
        other => panic!("{other:?}"),
    };
    let head = head.unwrap();
    let (track, media) = place(&own.media);
    assert_eq!(media, if webm { "at-$Time$.webm" } else { "at-$Time$.m4s" });
    for span in &own.segments {
        let time = u64::try_from(span.time).unwrap();
        let fetched = source.at(it.recording, track, time).await.unwrap();
        let scan = read::scan(&fetched.bytes);
        assert_eq!(scan.valid, fetched.bytes.len() as u64);
        let start = scan.fragments[0].start.0;
        let late = if span.time == own.offset { 0..=i64::from(own.timescale) / 5 } else { 0..=0 };
        assert!(late.contains(&(start - span.time)), "{start}: {span:?}");
        let length: i64 = scan.fragments.iter().map(|fragment| fragment.duration.0).sum();
        assert!((span.duration - length).abs() <= 18_000, "{length} ticks: {span:?}");
        if webm {
            let clusters = source.at_webm(it.recording, track, time).await.unwrap();
            let bytes = [&head.bytes[..], &clusters.bytes[..]].concat();
            let mut file = MatroskaFile::open(Cursor::new(bytes)).unwrap();
            let (mut frame, mut times) = (Frame::default(), Vec::new());
            while file.next_frame(&mut frame).unwrap() {
                times.push(frame.timestamp);
            }
            assert_eq!(times[0], u64::try_from(start + 45).unwrap() / 90);
            assert_eq!(
                times.len(),
                scan.fragments.iter().map(|fragment| fragment.samples.len()).sum::<usize>()
            );
        }
    }
}

#[tokio::test]
async fn a_camera_and_a_microphone_are_one_period() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let video =
        it.track(ada, Codec::H264, "camera", &[(0, 1050, 2000), (0, 3050, 2000), (0, 5050, 950)]).await;
    let audio = it.track(ada, Codec::Opus, "microphone", &[(0, 1000, 2000), (0, 3000, 3000)]).await;
    let live = described(&it, None).await.unwrap();
    let told = live.live.unwrap();
    assert_eq!((told.available_from, told.published), (START.plus(1_000_000), START.plus(6_000_000)));
    it.finish(6000).await;
    let ended = described(&it, Some(ada)).await.unwrap();
    assert_eq!((&ended.live, ended.duration_micros, ended.periods.len()), (&None, 5_000_000, 1));
    assert_eq!(ended.periods, live.periods, "nothing changes but that it ends");
    let seen = only(&ended, 0, Kind::Video);
    assert_eq!(said(seen), "0: 0+184500 184500+180000 364500+85500");
    assert_eq!((seen.codecs.as_str(), seen.width, seen.timescale), ("avc3.42e01f", 640, 90_000));
    assert_eq!(seen.init, format!("{video}/init-0.mp4?token=t"));
    assert_eq!(seen.media, format!("{video}/at-$Time$.m4s?token=t"));
    assert!((seen.frame_rate.unwrap() - 10.0).abs() < 0.2 && seen.bandwidth > 0);
    let heard = only(&ended, 0, Kind::Audio);
    assert_eq!(said(heard), "0: 0+96000 96000+144000");
    assert_eq!((heard.id.clone(), heard.channels), (audio.to_string(), 2));
    assert_eq!(set(&ended, 0, Kind::Audio).label, "Ada");
    keeps_the_rules(&it, &ended).await;
}

#[tokio::test]
async fn another_size_is_another_period_and_the_sound_over_its_bound_is_in_both() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 2000, 2000), (1, 4000, 2000), (1, 6000, 2000)])
        .await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 3000), (0, 3000, 3000), (0, 6000, 2000)]).await;
    it.finish(8000).await;
    let found = described(&it, None).await.unwrap();
    let starts: Vec<i64> = found.periods.iter().map(|period| period.start_micros).collect();
    assert_eq!(starts, [0, 4_000_000]);
    assert_eq!(said(only(&found, 0, Kind::Video)), "0: 0+180000 180000+180000");
    assert_eq!(said(only(&found, 1, Kind::Video)), "360000: 360000+180000 540000+180000");
    assert_eq!((only(&found, 0, Kind::Video).width, only(&found, 1, Kind::Video).width), (640, 320));
    assert_eq!(said(only(&found, 0, Kind::Audio)), "0: 0+144000 144000+144000");
    assert_eq!(said(only(&found, 1, Kind::Audio)), "192000: 144000+144000 288000+96000");
    keeps_the_rules(&it, &found).await;
}

/// The recorder ends the sound's segment where the picture changes, which may leave one of a single packet at the bound. A
/// player that finds nothing there jumps, and what its decoder held is not shown.
#[tokio::test]
async fn a_packet_of_sound_at_a_bound_is_in_one_of_its_periods() {
    for (bound, first) in [(4004, 192_000), (4016, 192_960)] {
        let it = Fixture::new().await;
        let ada = it.participant("Ada", 0).await;
        it.track(ada, Codec::H264, "camera", &[(0, 0, bound), (1, bound, 2000)]).await;
        let sound = [(0, 0, 4000), (0, 4000, 20), (0, 4020, 1980)];
        it.track(ada, Codec::Opus, "microphone", &sound).await;
        it.finish(6000).await;
        let found = described(&it, None).await.unwrap();
        let spans = |period| only(&found, period, Kind::Audio).segments.clone();
        let end = spans(0).last().map(|span| span.time + span.duration);
        // What begins after the bound is told from there on.
        let told = first.min(only(&found, 1, Kind::Audio).offset);
        assert_eq!((end, spans(1)[0].time), (Some(first), told), "{bound}");
        keeps_the_rules(&it, &found).await;
    }
}

/// dash.js takes a hole between a period's start and its first segment for a reason to seek, over the head of a viewer who has
/// just gone elsewhere. None is told, and the first is found under the time that is told instead.
#[tokio::test]
async fn what_begins_a_little_after_its_period_is_told_from_its_start() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::H264, "camera", &[(0, 3, 3997), (1, 4000, 2000)]).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 4000), (0, 4003, 1997)]).await;
    it.finish(6000).await;
    let found = described(&it, None).await.unwrap();
    let first = |period, kind| only(&found, period, kind).segments[0];
    for (period, kind) in [(0, Kind::Video), (0, Kind::Audio), (1, Kind::Video), (1, Kind::Audio)] {
        assert_eq!(first(period, kind).time, only(&found, period, kind).offset, "{period} {kind:?}");
    }
    assert_eq!(first(0, Kind::Video).duration, 360_000);
    assert_eq!(first(1, Kind::Audio).duration, 96_000);
    keeps_the_rules(&it, &found).await;
}

/// The zero is a tick of the sound, and the nearest tick of the picture may lie a few microseconds before it.
#[tokio::test]
async fn black_pictures_from_the_zero_on_are_there_wherever_the_zero_lies() {
    for micros in [0, 20, 42, 83, 104] {
        let it = Fixture::new().await;
        let ada = it.participant("Ada", 0).await;
        it.sound_at(ada, micros, &[(0, 0, 4000), (0, 4000, 4000)]).await;
        it.track(ada, Codec::H264, "camera", &[(0, 4000, 2000), (0, 6000, 2000)]).await;
        it.finish(8000).await;
        let found = described(&it, None).await.unwrap();
        assert_eq!(found.periods.len(), 2, "{micros}");
        assert!(only(&found, 0, Kind::Video).init.contains("black.mp4"), "{micros}");
        keeps_the_rules(&it, &found).await;
    }
}

#[tokio::test]
async fn a_camera_that_was_off_is_a_period_of_black_pictures() {
    for codec in [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1] {
        let it = Fixture::new().await;
        let ada = it.participant("Ada", 0).await;
        let video = it.track(ada, codec, "camera", &[(0, 0, 2000), (0, 9000, 2000)]).await;
        it.track(ada, Codec::Opus, "microphone", &[(0, 0, 3000), (0, 3000, 3000), (0, 6000, 5000)]).await;
        let gap = Gap {
            track: video,
            number: 0,
            after: 0,
            cause: Cause::Off,
            shown: Shown::Black,
            start: Ticks(180_000),
            duration: Ticks(630_000),
            open: false,
            listed_micros: 0,
        };
        it.catalog.add_media(&[], &[gap]).await.unwrap();
        it.finish(11_000).await;
        let found = described(&it, None).await.unwrap();
        assert_eq!(found.periods.len(), 3, "{codec:?}");
        let black = only(&found, 1, Kind::Video);
        assert_eq!((black.width, black.height, black.frame_rate), (256, 144, None));
        assert_eq!(said(black), "180000: 180000+180000 360000+180000 540000+180000 720000+90000");
        assert_eq!(said(only(&found, 2, Kind::Video)), "810000: 810000+180000");
        let webm = codec == Codec::Vp8;
        let extension = if webm { "webm" } else { "mp4" };
        assert_eq!(black.init, format!("{video}/black.{extension}?token=t"));
        assert_eq!(set(&found, 1, Kind::Video).container == Container::WebM, webm);
        assert_eq!(black.codecs == "vp8", webm, "{}", black.codecs);
        keeps_the_rules(&it, &found).await;
    }
}

#[tokio::test]
async fn a_pause_is_a_bound_and_the_clock_that_is_told_stands_still_in_it() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Vp9, "camera", &[(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000)]).await;
    let pause = Pause {
        recording: it.recording,
        number: 0,
        at_micros: 4_000_000,
        began_at: START.plus(4_000_000),
        ended_at: None,
    };
    let live = async |seconds: i64| {
        let (snapshot, clock) = manifest(&it.catalog, it.recording, None, "").await.unwrap();
        (snapshot.live.unwrap(), clock.at(START.plus(seconds * 1_000_000)))
    };
    let (before, now) = live(4).await;
    assert_eq!((before.available_from, now), (START, START.plus(4_000_000)));
    it.catalog.add_pause(&pause).await.unwrap();
    let (during, now) = live(30).await;
    assert_eq!((during.available_from, now), (START, START.plus(4_000_000)));
    it.catalog.end_pause(it.recording, 0, START.plus(64_000_000)).await.unwrap();
    let (behind, now) = live(67).await;
    assert_eq!((behind.available_from, behind.published), (START, START.plus(6_000_000)));
    assert_eq!(now, START.plus(7_000_000));
    let found = described(&it, None).await.unwrap();
    let starts: Vec<i64> = found.periods.iter().map(|period| period.start_micros).collect();
    assert_eq!(starts, [0, 4_000_000]);
    keeps_the_rules(&it, &found).await;
}

#[tokio::test]
async fn layers_are_representations_and_one_stands_in_for_another_once() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let whole = [(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000), (0, 6000, 2000)];
    let low = it.layer(ada, 0, None, &whole).await;
    // Its sender stops it at 2 s and begins again at 6 s.
    let high = it.layer(ada, 1, Some(low), &[(0, 0, 2000), (1, 6000, 2000)]).await;
    it.finish(8000).await;
    let found = described(&it, None).await.unwrap();
    let names: Vec<Vec<(TrackId, String)>> = found
        .periods
        .iter()
        .map(|period| {
            let list = &period.sets[0].representations;
            list.iter().map(|own| (place(&own.media).0, own.init.clone())).collect()
        })
        .collect();
    let init = |track: TrackId, run: u32| (track, format!("{track}/init-{run}.mp4?token=t"));
    assert_eq!(
        names,
        [vec![init(high, 0), init(low, 0)], vec![init(low, 0)], vec![init(high, 1), init(low, 0)],]
    );
    keeps_the_rules(&it, &found).await;
}

#[tokio::test]
async fn vp8_is_presented_as_webm_with_sound_beside_it() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Vp8, "camera", &[(0, 0, 2000), (0, 2000, 2000)]).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (0, 2000, 2000)]).await;
    it.finish(4000).await;
    let found = described(&it, None).await.unwrap();
    assert_eq!(set(&found, 0, Kind::Video).container, Container::WebM);
    assert_eq!(set(&found, 0, Kind::Audio).container, Container::Mp4);
    assert_eq!(only(&found, 0, Kind::Video).codecs, "vp8");
    keeps_the_rules(&it, &found).await;
}

#[tokio::test]
async fn a_screen_in_vp8_is_described_beside_a_camera_in_h264() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 2000, 4000)]).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (0, 2000, 4000)]).await;
    let screen = it.track(ada, Codec::Vp8, "screen", &[(0, 2000, 2000), (0, 4000, 1000)]).await;
    let sound = it.track(ada, Codec::Opus, "screen", &[(0, 2000, 2000), (0, 4000, 500)]).await;
    it.finish(6000).await;
    let choice = Choice { participant: Some(ada), subject: Some(Subject::Screen) };
    let found = described(&it, choice).await.unwrap();
    // On the participant's clock, black before it, up to its own end.
    assert_eq!((found.periods.len(), found.duration_micros), (2, 5_000_000));
    for number in [0, 1] {
        assert_eq!(set(&found, number, Kind::Video).container, Container::WebM);
        assert_eq!(place(&only(&found, number, Kind::Video).media).0, screen);
        assert_eq!(place(&only(&found, number, Kind::Audio).media).0, sound);
    }
    keeps_the_rules(&it, &found).await;
}

#[tokio::test]
async fn what_begins_nowhere_is_not_found() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let video = it.track(ada, Codec::H264, "camera", &[(0, 1000, 2000), (0, 3000, 2000)]).await;
    let source = it.source();
    assert!(source.at(it.recording, video, 180_000).await.is_ok());
    for time in [1, 90_000, 360_000, u64::MAX, i64::MAX as u64] {
        assert!(matches!(source.at(it.recording, video, time).await, Err(Error::NothingAt(_))), "{time}");
    }
    assert!(matches!(
        source.at_webm(it.recording, video, 0).await,
        Err(Error::NotInContainer { codec: "H264", .. })
    ));
    let other = source.at(RecordingId::new(), video, 0).await;
    assert!(matches!(other, Err(Error::NoTrack(_))));
    let stranger = described(&it, Some(ParticipantId::new())).await;
    assert!(matches!(stranger, Err(Error::NoParticipant(_))));
}

#[tokio::test]
async fn before_the_first_segment_there_is_nothing_yet() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::H264, "camera", &[]).await;
    assert!(matches!(described(&it, None).await, Err(Error::NothingYet)));
    it.finish(1000).await;
    assert!(matches!(described(&it, None).await, Err(Error::Nothing)));
}

#[tokio::test]
async fn sound_alone_is_a_presentation() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 500, 2000), (0, 5000, 2000)]).await;
    it.finish(7000).await;
    let found = described(&it, None).await.unwrap();
    assert_eq!((found.periods.len(), found.periods[0].sets.len()), (1, 1));
    assert_eq!(said(only(&found, 0, Kind::Audio)), "0: 0+96000 96000+96000 192000+24000 216000+96000");
    keeps_the_rules(&it, &found).await;
}

#[tokio::test]
async fn a_description_is_told_with_the_time_and_known_without_it() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Vp9, "camera", &[(0, 0, 2000), (0, 2000, 2000)]).await;
    let pause = Pause {
        recording: it.recording,
        number: 0,
        at_micros: 4_000_000,
        began_at: START.plus(5_000_000),
        ended_at: None,
    };
    let live = description(&it.catalog, it.recording, Choice::default()).await.unwrap();
    let at = |seconds: i64| live.told("?a=1&token=t", START.plus(seconds * 1_000_000));
    let (first, soon, late) = (at(8), at(11), at(12));
    assert_ne!(first.text, soon.text);
    assert!(first.text.contains("urn:mpeg:dash:utc:direct:2014\" value=\"2027-01-15T08:00:08.000Z\""));
    assert!(first.text.contains(".m4s?a=1&amp;token=t\"") && !first.text.contains("{"), "{}", first.text);
    assert_eq!(first.version, soon.version);
    assert_ne!(first.version, late.version, "the clock that was told is too late by now");
    assert_ne!(first.version, live.told("", START.plus(8_000_000)).version);
    // In a pause its clock stands still.
    it.catalog.add_pause(&pause).await.unwrap();
    let paused = description(&it.catalog, it.recording, Choice::default()).await.unwrap();
    let at = |seconds: i64| paused.told("", START.plus(seconds * 1_000_000));
    assert_eq!((at(8).text, at(8).version), (at(900).text, at(900).version));
    it.finish(4000).await;
    let ended = description(&it.catalog, it.recording, Choice::default()).await.unwrap();
    let at = |seconds: i64| ended.told("", START.plus(seconds * 1_000_000));
    assert_eq!((at(8).text, at(8).version), (at(900).text, at(900).version));
    assert_ne!(at(8).version, paused.told("", START).version);
}

async fn part(it: &Fixture, start: i64, duration: Option<i64>) -> Result<Snapshot, Error> {
    let seconds = 1_000_000;
    let duration = duration.map(|duration| duration * seconds);
    let wanted = Clip { start: Moment::Media(start * seconds), end: None, duration };
    clip(&it.catalog, it.recording, None, &wanted, "?token=t").await
}

#[tokio::test]
async fn a_clip_begins_with_a_segment_and_ends_where_it_should() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let picture = [(0, 1000, 2000), (0, 3000, 2000), (1, 5000, 2000), (1, 7000, 2000)];
    it.track(ada, Codec::H264, "camera", &picture).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 1000, 3000), (0, 4000, 3000), (0, 7000, 2000)]).await;
    // While it runs too: what is closed will not change.
    for ended in [false, true] {
        if ended {
            it.finish(9000).await;
        }
        let found = part(&it, 3, Some(2)).await.unwrap();
        let starts: Vec<i64> = found.periods.iter().map(|period| period.start_micros).collect();
        assert!(found.live.is_none(), "{found:?}");
        assert_eq!((starts, found.duration_micros), (vec![0, 2_000_000], 3_000_000));
        // Ticks count from the participant's zero, as those of the whole do.
        assert_eq!(said(only(&found, 0, Kind::Video)), "180000: 180000+180000");
        assert_eq!(said(only(&found, 1, Kind::Video)), "360000: 360000+180000");
        assert_eq!(said(only(&found, 0, Kind::Audio)), "96000: 0+144000 144000+144000");
        assert_eq!(said(only(&found, 1, Kind::Audio)), "192000: 144000+144000");
        keeps_the_rules(&it, &found).await;
        let rest = part(&it, 5, None).await.unwrap();
        assert_eq!((rest.periods.len(), rest.duration_micros), (1, 4_000_000));
        assert_eq!(said(only(&rest, 0, Kind::Video)), "360000: 360000+180000 540000+180000");
        keeps_the_rules(&it, &rest).await;
        for start in [8, 999_999_999] {
            assert!(matches!(part(&it, start, Some(1)).await, Err(Error::Outside { .. })), "{start}");
        }
    }
}

#[tokio::test]
async fn a_clip_of_layers_and_one_of_sound_alone() {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let whole = [(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000), (0, 6000, 2000)];
    let low = it.layer(ada, 0, None, &whole).await;
    it.layer(ada, 1, Some(low), &[(0, 0, 2000), (1, 6000, 2000)]).await;
    it.finish(8000).await;
    let found = part(&it, 5, Some(2)).await.unwrap();
    let layers: Vec<usize> =
        found.periods.iter().map(|period| period.sets[0].representations.len()).collect();
    assert_eq!((layers, found.duration_micros), (vec![1, 2], 3_000_000));
    keeps_the_rules(&it, &found).await;

    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000)]).await;
    it.finish(6000).await;
    let found = part(&it, 3, Some(2)).await.unwrap();
    assert_eq!(said(only(&found, 0, Kind::Audio)), "96000: 96000+96000 192000+96000");
    assert_eq!(found.duration_micros, 3_000_000);
    keeps_the_rules(&it, &found).await;
}
