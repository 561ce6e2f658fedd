use super::*;
use dash_mpd_core::{MPD, parse};
use proptest::prelude::*;

fn video(id: &str) -> Representation {
    Representation {
        id: id.into(),
        codecs: "avc3.42c01f".into(),
        width: 1280,
        height: 720,
        frame_rate: Some(29.97),
        bandwidth: 2_500_000,
        timescale: 90_000,
        init: format!("{id}/init-0.mp4?token=a.b&x=1"),
        media: format!("{id}/at-$Time$.m4s?token=a.b&x=1"),
        segments: spans(0, &[180_000, 180_000, 180_000, 93_000]),
        ..Representation::default()
    }
}

fn audio() -> Representation {
    Representation {
        id: "sound".into(),
        codecs: "opus".into(),
        channels: 2,
        bandwidth: 40_000,
        timescale: 48_000,
        init: "sound/init-0.mp4".into(),
        media: "sound/at-$Time$.m4s".into(),
        segments: spans(960, &[96_000, 96_000, 95_040]),
        ..Representation::default()
    }
}

/// One behind the other from a tick on.
fn spans(mut time: i64, durations: &[i64]) -> Vec<Span> {
    let next = |duration: &i64| {
        let span = Span { time, duration: *duration };
        time += duration;
        span
    };
    durations.iter().map(next).collect()
}

fn set(kind: Kind, representations: Vec<Representation>) -> AdaptationSet {
    AdaptationSet { kind, container: Container::Mp4, label: "Ada".into(), independent: true, representations }
}

fn whole() -> Snapshot {
    Snapshot {
        title: "Lesson".into(),
        live: None,
        duration_micros: 7_033_333,
        longest_micros: 4_000_000,
        periods: vec![Period {
            start_micros: 0,
            sets: vec![set(Kind::Video, vec![video("one")]), set(Kind::Audio, vec![audio()])],
        }],
    }
}

fn live() -> Live {
    let at = WallTime(1_792_000_000_000_000);
    Live {
        available_from: at,
        published: at.plus(7_033_333),
        now: at.plus(9_500_000).to_string(),
        update_micros: 2_000_000,
        delay_micros: 10_000_000,
    }
}

#[track_caller]
fn parsed(text: &str) -> MPD {
    parse(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

#[test]
fn a_person_with_camera_and_microphone() {
    let text = render(&whole());
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT7.033333S" minBufferTime="PT2S" maxSegmentDuration="PT4S">
      <ProgramInformation>
        <Title>Lesson</Title>
      </ProgramInformation>
      <Period id="p0" start="PT0S">
        <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
          <Label>Ada</Label>
          <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
          <Representation id="one" bandwidth="2500000" codecs="avc3.42c01f" width="1280" height="720" frameRate="29970/1000">
            <SegmentTemplate timescale="90000" presentationTimeOffset="0" initialization="one/init-0.mp4?token=a.b&amp;x=1" media="one/at-$Time$.m4s?token=a.b&amp;x=1">
              <SegmentTimeline>
                <S t="0" d="180000" r="2"/>
                <S d="93000"/>
              </SegmentTimeline>
            </SegmentTemplate>
          </Representation>
        </AdaptationSet>
        <AdaptationSet id="2" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1" lang="und">
          <Label>Ada</Label>
          <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
          <Representation id="sound" bandwidth="40000" codecs="opus" audioSamplingRate="48000">
            <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
            <SegmentTemplate timescale="48000" presentationTimeOffset="0" initialization="sound/init-0.mp4" media="sound/at-$Time$.m4s">
              <SegmentTimeline>
                <S t="960" d="96000" r="1"/>
                <S d="95040"/>
              </SegmentTimeline>
            </SegmentTemplate>
          </Representation>
        </AdaptationSet>
      </Period>
    </MPD>
    "#);
    let mpd = parsed(&text);
    assert_eq!(mpd.mpdtype.as_deref(), Some("static"));
    assert_eq!(mpd.mediaPresentationDuration.unwrap().as_micros(), 7_033_333);
    let sets = &mpd.periods[0].adaptations;
    let template = sets[0].representations[0].SegmentTemplate.as_ref().unwrap();
    assert_eq!(template.media.as_deref(), Some("one/at-$Time$.m4s?token=a.b&x=1"));
    let runs = &template.SegmentTimeline.as_ref().unwrap().segments;
    let said: Vec<_> = runs.iter().map(|s| (s.t, s.d, s.r)).collect();
    assert_eq!(said, [(Some(0), 180_000, Some(2)), (None, 93_000, None)]);
}

#[test]
fn a_growing_recording_of_several_periods() {
    let mut snapshot = Snapshot { live: Some(live()), ..whole() };
    let mut later = video("one");
    later.segments = spans(633_000, &[180_000]);
    later.offset = 633_000;
    snapshot.periods.push(Period { start_micros: 7_033_333, sets: vec![set(Kind::Video, vec![later])] });
    let text = render(&snapshot);
    let mpd = parsed(&text);
    assert_eq!(mpd.mpdtype.as_deref(), Some("dynamic"));
    assert!(mpd.mediaPresentationDuration.is_none() && mpd.timeShiftBufferDepth.is_none(), "{text}");
    assert_eq!(mpd.availabilityStartTime.unwrap().to_rfc3339(), "2026-10-14T17:46:40+00:00");
    assert_eq!(mpd.minimumUpdatePeriod.unwrap().as_secs(), 2);
    assert_eq!(mpd.UTCTiming[0].value.as_deref(), Some("2026-10-14T17:46:49.500Z"));
    let ids: Vec<_> = mpd.periods.iter().map(|period| period.id.clone().unwrap()).collect();
    assert_eq!(ids, ["p0", "p7033333"]);
    assert_eq!(mpd.periods[1].start.unwrap().as_micros(), 7_033_333);
    let template = mpd.periods[1].adaptations[0].representations[0].SegmentTemplate.as_ref().unwrap();
    assert_eq!(template.presentationTimeOffset, Some(633_000));
}

#[test]
fn a_segment_that_does_not_follow_says_when_it_begins() {
    let mut snapshot = whole();
    snapshot.periods[0].sets[0].representations[0].segments =
        [spans(0, &[100, 100]), spans(250, &[100]), spans(350, &[100, 50, 50])].concat();
    let mpd = parsed(&render(&snapshot));
    let template = mpd.periods[0].adaptations[0].representations[0].SegmentTemplate.as_ref().unwrap();
    let runs = &template.SegmentTimeline.as_ref().unwrap().segments;
    let said: Vec<_> = runs.iter().map(|s| (s.t, s.d, s.r)).collect();
    assert_eq!(said, [(Some(0), 100, Some(1)), (Some(250), 100, Some(1)), (None, 50, Some(1))]);
}

#[test]
fn webm_is_told_as_such() {
    let mut snapshot = whole();
    let pictures = &mut snapshot.periods[0].sets[0];
    pictures.container = Container::WebM;
    pictures.representations[0].codecs = "vp8".into();
    let mpd = parsed(&render(&snapshot));
    assert_eq!(mpd.profiles.as_deref(), Some("urn:mpeg:dash:profile:full:2011"));
    let mimes: Vec<_> = mpd.periods[0].adaptations.iter().map(|set| set.mimeType.clone().unwrap()).collect();
    assert_eq!(mimes, ["video/webm", "audio/mp4"]);
}

#[test]
fn frame_rates_are_ratios() {
    for (rate, printed) in [
        (25.0, Some("25")),
        (29.97, Some("29970/1000")),
        (0.0, None),
        (f64::NAN, None),
        (f64::INFINITY, None),
        (-3.0, None),
    ] {
        assert_eq!(frame_rate(rate).as_deref(), printed, "{rate}");
    }
}

#[test]
fn durations_are_printed_to_the_microsecond() {
    for (micros, printed) in
        [(0, "PT0S"), (-1, "PT0S"), (1, "PT0.000001S"), (90_500_000, "PT90.5S"), (100_000_000, "PT100S")]
    {
        assert_eq!(seconds(micros), printed);
    }
}

proptest! {
    /// Whatever people call themselves and their lessons, and whatever a token is.
    #[test]
    fn no_text_breaks_the_document(title in any::<String>(), name in any::<String>(), query in any::<String>()) {
        let mut snapshot = whole();
        snapshot.title = title.clone();
        snapshot.periods[0].sets[0].label = name.clone();
        snapshot.periods[0].sets[0].representations[0].media = query.clone();
        let text = render(&snapshot);
        let mpd = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        prop_assert_eq!(mpd.periods.len(), 1);
        prop_assert_eq!(mpd.periods[0].adaptations.len(), 2);
        let template = mpd.periods[0].adaptations[0].representations[0].SegmentTemplate.as_ref();
        let kept: String = query.chars().filter(|c| "\t\n\r".contains(*c) || !c.is_control() && !"\u{fffe}\u{ffff}".contains(*c)).collect();
        prop_assert_eq!(template.unwrap().media.as_deref().unwrap_or_default(), kept);
    }

    /// What the timeline says in runs is what was put in.
    #[test]
    fn runs_say_every_segment(gaps in proptest::collection::vec((0i64..3, 1i64..4), 0..60)) {
        let mut segments = Vec::new();
        let mut at = 0;
        for (gap, duration) in gaps {
            at += if gap == 2 { 7 } else { 0 };
            segments.push(Span { time: at, duration });
            at += duration;
        }
        let mut snapshot = whole();
        snapshot.periods[0].sets[0].representations[0].segments = segments.clone();
        let mpd = parsed(&render(&snapshot));
        let template = mpd.periods[0].adaptations[0].representations[0].SegmentTemplate.as_ref().unwrap();
        let mut said = Vec::new();
        let mut at = 0;
        for s in &template.SegmentTimeline.as_ref().unwrap().segments {
            at = s.t.map_or(at, |t| t as i64);
            for _ in 0..=s.r.unwrap_or(0) {
                said.push(Span { time: at, duration: s.d as i64 });
                at += s.d as i64;
            }
        }
        prop_assert_eq!(said, segments);
    }
}
