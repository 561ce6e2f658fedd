use super::super::fixture::Fixture;
use super::super::playlists::{Directives, Playlists};
use super::*;
use crate::catalog::testing::spoil;
use crate::catalog::{Cause, Gap, NewRecording, NewRun, Pause, Shown};
use crate::id::ParticipantId;
use crate::live::{Hub, NewPart};
use crate::media::Codec;
use crate::time::Ticks;
use std::sync::Arc;
use std::time::Duration;

struct Running {
    it: Fixture,
    hub: Hub,
    ada: ParticipantId,
    camera: TrackId,
    voice: TrackId,
}

impl Running {
    /// Ada's camera and microphone, three closed segments each.
    async fn new() -> Self {
        let it = Fixture::new().await;
        let ada = it.participant("Ada", 0).await;
        let three = [(0, 0, 2000), (0, 2000, 2000), (0, 4000, 2000)];
        let camera = it.track(ada, Codec::H264, "camera", &three).await;
        let voice = it.track(ada, Codec::Opus, "microphone", &three).await;
        let hub = Hub::default();
        let _ = hub.open(it.recording);
        Self { it, hub, ada, camera, voice }
    }

    /// Parts of a segment of this run, half a second each, from `start` milliseconds on; or of these lengths.
    fn part(&self, track: TrackId, run: u32, segment: u32, start: i64, millis: i64) {
        let scale = if track == self.voice { Codec::Opus.timescale() } else { Codec::H264.timescale() };
        let ticks = |millis: i64| Ticks::from_micros(millis * 1000, scale);
        let new = NewPart {
            track,
            run,
            segment,
            start: ticks(start),
            duration: ticks(millis),
            sync: track == self.voice || start % 2000 == 0,
            range: 0..10,
        };
        self.hub.open(self.it.recording).publish([new]);
    }

    async fn text(&self, track: TrackId) -> String {
        let edge = self.hub.get(self.it.recording);
        let list = of(&self.it.catalog, edge.as_ref(), self.it.recording, track).await.unwrap();
        list.render().with("?token=t", false)
    }

    fn playlists(&self) -> Playlists {
        Playlists::new(self.it.catalog.clone(), self.it.store.clone(), self.hub.clone())
    }
}

/// From a line that begins so to the end.
fn from<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let dated = |line: &&str| line.contains("DATE-TIME") || line.contains("DATERANGE");
    text.lines().filter(|line| !dated(line)).skip_while(|line| !line.starts_with(start)).collect()
}

#[tokio::test]
async fn the_open_segment_is_listed_by_its_parts() {
    let it = Running::new().await;
    // Its last segment in parts, of which it is made, then one and a half of the open one.
    (0..4).for_each(|n| it.part(it.camera, 0, 2, 4000 + 500 * n, 500));
    (0..2).for_each(|n| it.part(it.camera, 0, 3, 6000 + 500 * n, 500));
    let text = it.text(it.camera).await;
    assert!(text.contains("#EXT-X-PART-INF:PART-TARGET=0.500000\n"), "{text}");
    assert_eq!(
        from(&text, "#EXT-X-PART:"),
        [
            "#EXT-X-PART:DURATION=0.500000,URI=\"2.0.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.500000,URI=\"2.1.m4s?token=t\"",
            "#EXT-X-PART:DURATION=0.500000,URI=\"2.2.m4s?token=t\"",
            "#EXT-X-PART:DURATION=0.500000,URI=\"2.3.m4s?token=t\"",
            "#EXTINF:2.000000,",
            "2.m4s?token=t",
            "#EXT-X-PART:DURATION=0.500000,URI=\"3.0.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.500000,URI=\"3.1.m4s?token=t\"",
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"3.2.m4s?token=t\"",
        ]
    );
    // Before the first part of a segment it is announced too.
    assert!(it.text(it.voice).await.ends_with("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"3.0.m4s?token=t\"\n"));
}

#[tokio::test]
async fn what_ran_in_another_process_or_has_ended_has_no_parts() {
    let it = Running::new().await;
    it.part(it.camera, 0, 3, 6000, 500);
    let plain = of(&it.it.catalog, None, it.it.recording, it.camera).await.unwrap().render();
    assert!(!plain.with("", true).contains("PART") && !plain.reached.live);
    it.it.finish(6000).await;
    let text = it.text(it.camera).await;
    assert!(text.ends_with("2.m4s?token=t\n#EXT-X-ENDLIST\n") && !text.contains("PART"), "{text}");
}

#[tokio::test]
async fn failure_29_no_part_is_longer_than_was_promised() {
    let it = Running::new().await;
    it.part(it.camera, 0, 3, 6000, 500);
    // A picture that stood still.
    it.part(it.camera, 0, 3, 6500, 1200);
    it.part(it.camera, 0, 3, 7700, 400);
    let text = it.text(it.camera).await;
    assert_eq!(text.matches("#EXT-X-PART:").count(), 1, "{text}");
    assert!(text.contains("PART-TARGET=0.500000"));
    assert!(text.ends_with("URI=\"3.3.m4s?token=t\"\n"), "{text}");
    // Once it is whole it has no parts: they would not be all of it.
    let mut row = it.it.catalog.segments(it.camera).await.unwrap().remove(2);
    let ticks = |millis: i64| Ticks::from_micros(millis * 1000, Codec::H264.timescale());
    (row.number, row.start, row.duration) = (3, ticks(6000), ticks(2100));
    it.it.catalog.add_segments(&[row]).await.unwrap();
    let text = it.text(it.camera).await;
    assert_eq!(text.matches("#EXT-X-PART:").count(), 0, "{text}");
    assert!(text.contains("#EXTINF:2.100000,\n3.m4s?token=t\n"), "{text}");
}

#[tokio::test]
async fn the_sound_is_broken_where_it_was_cut_for_the_picture() {
    let it = Running::new().await;
    let run = it.it.catalog.runs(it.camera).await.unwrap().remove(0);
    // The picture changes at 6.01 s; the sound is cut behind what it had given out, at 6.5 s.
    (0..1).for_each(|n| it.part(it.voice, 0, 3, 6000 + 500 * n, 500));
    let mut row = it.it.catalog.segments(it.voice).await.unwrap().remove(2);
    (row.number, row.start, row.duration) = (3, Ticks(6000 * 48), Ticks(500 * 48));
    let first = Ticks::from_micros(6_010_000, Codec::H264.timescale());
    let before = it.text(it.voice).await;
    let run = NewRun { number: 1, first, width: 320, listed_micros: 6_500_000, ..run };
    it.it.catalog.add_segments(&[row]).await.unwrap();
    it.it.catalog.add_run(&run).await.unwrap();
    let text = it.text(it.voice).await;
    assert!(!text.contains("DISCONTINUITY"), "{text}");
    it.part(it.voice, 0, 4, 6500, 500);
    let text = it.text(it.voice).await;
    let lines = from(&text, "3.m4s");
    assert_eq!(lines[1], "#EXT-X-DISCONTINUITY", "{text}");
    let part = "#EXT-X-PART:DURATION=0.500000,URI=\"4.0.m4s?token=t\",INDEPENDENT=YES";
    assert_eq!(lines[2], part, "{text}");
    assert!(before.contains("3.0.m4s") && text.contains("3.0.m4s"), "what was listed stays: {text}");
}

#[tokio::test]
async fn a_change_is_told_before_the_first_part_behind_it() {
    let it = Running::new().await;
    let run = it.it.catalog.runs(it.camera).await.unwrap().remove(0);
    // The sound was listed up to 6.5 s when the picture changed at 6 s.
    let first = Ticks::from_micros(6_000_000, Codec::H264.timescale());
    let run = NewRun { number: 1, first, width: 320, listed_micros: 6_500_000, ..run };
    it.it.catalog.add_run(&run).await.unwrap();
    it.part(it.camera, 1, 3, 6000, 500);
    let text = it.text(it.camera).await;
    assert_eq!(
        from(&text, "2.m4s"),
        [
            "2.m4s?token=t",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-MAP:URI=\"init-1.mp4?token=t\"",
            "#EXT-X-PART:DURATION=0.500000,URI=\"3.0.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"3.1.m4s?token=t\"",
        ]
    );
    // The sound's open segment had been listed, so its discontinuity is behind it: also when it has grown.
    it.part(it.voice, 0, 3, 6000, 500);
    assert!(!it.text(it.voice).await.contains("DISCONTINUITY"));
    (1..4).for_each(|n| it.part(it.voice, 0, 3, 6000 + 500 * n, 500));
    assert!(!it.text(it.voice).await.contains("DISCONTINUITY"));
    it.part(it.voice, 0, 4, 8000, 500);
    let text = it.text(it.voice).await;
    assert!(!text.contains("DISCONTINUITY"), "segment 3 has no row, so 4 is not looked at: {text}");
    assert!(text.ends_with("URI=\"4.0.m4s?token=t\"\n"), "{text}");
}

#[tokio::test]
async fn behind_a_gap_the_fills_come_first() {
    let it = Running::new().await;
    let ticks = |millis: i64| Ticks::from_micros(millis * 1000, Codec::H264.timescale());
    let gap = |open: bool, millis: i64| Gap {
        track: it.camera,
        number: 0,
        after: 2,
        cause: Cause::Off,
        shown: Shown::Black,
        start: ticks(6000),
        duration: ticks(millis),
        open,
        listed_micros: 0,
    };
    it.it.catalog.add_media(&[], &[gap(true, 2500)]).await.unwrap();
    let text = it.text(it.camera).await;
    assert_eq!(
        from(&text, "#EXT-X-PART:"),
        [
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-0.0.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-0.1.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-0.2.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-0.3.m4s?token=t\",INDEPENDENT=YES",
            "#EXTINF:2.000000,",
            "fill-2-0.m4s?token=t",
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-1.0.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"fill-2-1.1.m4s?token=t\"",
        ]
    );
    // What its row does not say yet the edge may.
    let sure = |millis: i64| crate::live::Sure { gap: 0, reached: ticks(millis) };
    it.hub.open(it.it.recording).reach(it.camera, sure(9000));
    let text = it.text(it.camera).await;
    assert!(text.ends_with("TYPE=PART,URI=\"fill-2-1.2.m4s?token=t\"\n"), "{text}");
    it.hub.open(it.it.recording).reach(it.camera, crate::live::Sure { gap: 1, reached: ticks(90_000) });
    let text = it.text(it.camera).await;
    assert!(text.ends_with("TYPE=PART,URI=\"fill-2-1.1.m4s?token=t\"\n"), "of another gap: {text}");
    it.it.catalog.add_media(&[], &[gap(false, 3000)]).await.unwrap();
    let run = it.it.catalog.runs(it.camera).await.unwrap().remove(0);
    it.it.catalog.add_run(&NewRun { number: 1, first: ticks(9000), ..run }).await.unwrap();
    it.part(it.camera, 1, 3, 9000, 500);
    let text = it.text(it.camera).await;
    assert_eq!(
        from(&text, "fill-2-0"),
        [
            "fill-2-0.m4s?token=t",
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-1.0.m4s?token=t\",INDEPENDENT=YES",
            "#EXT-X-PART:DURATION=0.500000,URI=\"fill-2-1.1.m4s?token=t\",INDEPENDENT=YES",
            "#EXTINF:1.000000,",
            "fill-2-1.m4s?token=t",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-MAP:URI=\"init-0.mp4?token=t\"",
            "#EXT-X-PART:DURATION=0.500000,URI=\"3.0.m4s?token=t\"",
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"3.1.m4s?token=t\"",
        ]
    );
    let marks: Vec<&str> = text.lines().filter(|line| line.starts_with("#EXT-X-DATERANGE")).collect();
    assert!(marks.len() == 2 && marks[0].contains("X-CAUSE=\"off\""), "{marks:?}");
    assert!(!marks[0].contains("END-DATE") && marks[1].contains("END-DATE=\"2027-01-15T08:00:09.000Z\""));
    let pause = Pause {
        recording: it.it.recording,
        number: 0,
        at_micros: 9_000_000,
        began_at: super::super::fixture::START.plus(9_000_000),
        ended_at: None,
    };
    it.it.catalog.add_pause(&pause).await.unwrap();
    let text = it.text(it.camera).await;
    assert!(text.contains("ID=\"pause-0\",CLASS=\"tureen.pause\",START-DATE=\"2027-01-15T08:00:09.000Z\"\n"));
}

#[tokio::test]
async fn a_shared_screen_is_told_beside_the_camera_and_only_once_it_is_sure() {
    let it = Running::new().await;
    let screen = it.it.track(it.ada, Codec::Vp9, "screen", &[(0, 1000, 2000)]).await;
    // It began 1 s in, which is told from 9 s on, and ended at 3 s.
    assert!(!it.text(it.camera).await.contains("tureen.screen"));
    (3..5).for_each(|segment| it.part(it.camera, 0, segment, 2000 * i64::from(segment), 500));
    it.it.finish(12_000).await;
    let text = it.text(it.camera).await;
    let told: Vec<&str> = text.lines().filter(|line| line.contains("tureen.screen")).collect();
    assert_eq!(told.len(), 2, "{text}");
    assert!(told[0].contains(&format!("X-TRACK=\"{screen}\"")) && !told[0].contains("END-DATE"));
    assert!(told[1].contains("END-DATE=\"2027-01-15T08:00:03.000Z\""), "{told:?}");
    assert!(!it.text(screen).await.contains("tureen.screen"), "not in its own");
}

#[tokio::test]
async fn a_screen_and_its_sound_report_each_other() {
    let it = Running::new().await;
    let screen = it.it.track(it.ada, Codec::Vp9, "screen", &[(0, 1000, 2000)]).await;
    let sound = it.it.track(it.ada, Codec::Opus, "screen", &[(0, 1000, 2000)]).await;
    for (track, other) in [(screen, sound), (sound, screen), (it.camera, it.voice), (it.voice, it.camera)] {
        let edge = it.hub.get(it.it.recording);
        let list = of(&it.it.catalog, edge.as_ref(), it.it.recording, track).await.unwrap();
        assert_eq!(list.render().beside, [other]);
    }
}

#[tokio::test]
async fn players_wait_for_the_part_that_they_want() {
    let it = Running::new().await;
    it.part(it.camera, 0, 3, 6000, 500);
    it.part(it.voice, 0, 3, 6000, 500);
    it.part(it.voice, 0, 3, 6500, 500);
    let playlists = it.playlists();
    let ask = |segment, part, delta| {
        let (playlists, recording, camera) = (playlists.clone(), it.it.recording, it.camera);
        let directives = Directives { segment: Some(segment), part, delta };
        async move { playlists.media(recording, camera, directives, "?t").await }
    };
    let now = ask(3, Some(0), false).await.unwrap();
    assert!(now.ends_with(&format!(
        "#EXT-X-RENDITION-REPORT:URI=\"../{}/playlist.m3u8?t\",LAST-MSN=3,LAST-PART=1\n",
        it.voice
    )));
    let next = tokio::spawn(ask(3, Some(1), false));
    let whole = tokio::spawn(ask(3, None, false));
    tokio::task::yield_now().await;
    it.part(it.camera, 0, 3, 6500, 500);
    let text = next.await.unwrap().unwrap();
    assert!(text.contains("3.1.m4s?t\"\n") && text.contains("URI=\"3.2.m4s?t\""), "{text}");
    assert!(!whole.is_finished(), "the segment is not whole");
    // Whoever waits learns of the end.
    it.it.finish(7000).await;
    it.hub.close(it.it.recording);
    assert!(whole.await.unwrap().unwrap().ends_with("#EXT-X-ENDLIST\n"));
    assert!(ask(99, Some(7), false).await.unwrap().ends_with("#EXT-X-ENDLIST\n"));
}

#[tokio::test]
async fn nobody_waits_for_what_does_not_come() {
    let it = Running::new().await;
    it.part(it.camera, 0, 3, 6000, 500);
    let playlists = Playlists::patient(
        it.it.catalog.clone(),
        it.it.store.clone(),
        it.hub.clone(),
        Duration::from_millis(50),
    );
    let ask = |segment, part| {
        let directives = Directives { segment, part, delta: false };
        playlists.media(it.it.recording, it.camera, directives, "")
    };
    assert!(matches!(ask(Some(3), Some(1)).await, Err(Error::NotInTime)));
    assert!(matches!(ask(None, Some(1)).await, Err(Error::PartOfNothing)));
    assert!(matches!(ask(Some(u64::MAX), None).await, Err(Error::TooFarAhead { last: 3, .. })));
    let stranger = playlists.media(it.it.recording, TrackId::new(), Directives::default(), "").await;
    assert!(matches!(stranger, Err(Error::NoTrack(_))));
}

#[tokio::test]
async fn a_text_is_made_once_until_something_changes() {
    let it = Running::new().await;
    it.part(it.camera, 0, 3, 6000, 500);
    let playlists = it.playlists();
    let get = || playlists.media(it.it.recording, it.camera, Directives::default(), "");
    let first = get().await.unwrap();
    // Rows that nobody told the edge of are not looked for again.
    it.it.catalog.participant_left(it.ada, super::super::fixture::START.plus(7_000_000)).await.unwrap();
    assert_eq!(get().await.unwrap(), first);
    it.hub.open(it.it.recording).touch_all();
    assert!(get().await.unwrap().ends_with("#EXT-X-ENDLIST\n"));
}

#[tokio::test]
async fn a_presentation_is_made_once_until_rows_change() {
    let it = Running::new().await;
    let (playlists, recording) = (it.playlists(), it.it.recording);
    let get = || playlists.description(recording, Some(it.ada));
    let variants = || playlists.multivariant(recording, Some(it.ada), "");
    let (first, text) = (get().await.unwrap(), variants().await.unwrap());
    // Of which nobody told the edge.
    it.it.catalog.participant_left(it.ada, super::super::fixture::START.plus(7_000_000)).await.unwrap();
    spoil(&it.it.catalog, it.camera, 3).await;
    // Fragments make no other one, nor does what concerns somebody else.
    it.part(it.camera, 0, 3, 6000, 500);
    let bob = it.it.participant("Bob", 0).await;
    let other = it.it.track(bob, Codec::Opus, "microphone", &[(0, 0, 2000)]).await;
    it.hub.open(recording).touch([other]);
    assert!(Arc::ptr_eq(&first, &get().await.unwrap()));
    assert_eq!(variants().await.unwrap(), text);
    it.hub.open(recording).touch([it.voice]);
    let next = get().await.unwrap().told("", super::super::fixture::START).text;
    assert!(next.contains("type=\"static\""), "{next}");
    // What was removed is not told from memory.
    let before = get().await.unwrap();
    playlists.forget(recording);
    assert!(!Arc::ptr_eq(&before, &get().await.unwrap()));
}

#[tokio::test]
async fn what_was_read_of_segments_is_not_read_again() {
    let it = Running::new().await;
    let (playlists, recording) = (it.playlists(), it.it.recording);
    let told = async |playlists: &Playlists| {
        let media = playlists.media(recording, it.camera, Directives::default(), "").await.unwrap();
        let variants = playlists.multivariant(recording, Some(it.ada), "").await.unwrap();
        let description = playlists.description(recording, Some(it.ada)).await.unwrap();
        (media, variants, description.told("", super::super::fixture::START).text)
    };
    let first = told(&playlists).await;
    let mut row = it.it.catalog.segments(it.camera).await.unwrap().remove(2);
    spoil(&it.it.catalog, it.camera, 2).await;
    spoil(&it.it.catalog, it.voice, 2).await;
    // Made anew, of the same rows.
    it.hub.open(recording).touch_all();
    assert_eq!(told(&playlists).await, first);
    let ticks = |millis: i64| Ticks::from_micros(millis * 1000, Codec::H264.timescale());
    (row.number, row.start, row.duration) = (3, ticks(6000), ticks(2000));
    it.it.catalog.add_segments(&[row]).await.unwrap();
    it.hub.open(recording).touch([it.camera]);
    let next = told(&playlists).await;
    assert!(next.0.contains("\n3.m4s\n") && next.2 != first.2);
    // Whoever reads all of them finds what is there now.
    let url = format!("sqlite:{}", it.it.folder.path().join("tureen.db").display());
    let other = Playlists::new(Catalog::open(&url).await.unwrap(), it.it.store.clone(), it.hub.clone());
    assert_ne!(told(&other).await.1, next.1);
}

#[tokio::test]
async fn strangers_are_not_remembered_and_get_nothing_of_others() {
    let it = Running::new().await;
    let playlists = it.playlists();
    let edge = it.hub.open(it.it.recording);
    let stranger = TrackId::new();
    for directives in [Directives::default(), Directives { segment: Some(9), part: Some(0), delta: true }] {
        let asked = playlists.media(it.it.recording, stranger, directives, "").await;
        assert!(matches!(asked, Err(Error::NoTrack(track)) if track == stranger));
    }
    assert!(edge.watched(stranger).is_none());
    // Another recording that runs, at the same number.
    let other = NewRecording {
        room_id: "room two".to_owned(),
        format: "mp4".to_owned(),
        metadata: serde_json::json!({}),
        source: serde_json::json!({}),
        ..NewRecording::default()
    };
    it.it.catalog.create_recording(&other).await.unwrap();
    let _ = it.hub.open(other.id);
    assert!(playlists.media(it.it.recording, it.camera, Directives::default(), "").await.is_ok());
    let asked = playlists.media(other.id, it.camera, Directives::default(), "").await;
    assert!(matches!(asked, Err(Error::NoTrack(_))));
    assert!(it.hub.open(other.id).watched(it.camera).is_none());
}
