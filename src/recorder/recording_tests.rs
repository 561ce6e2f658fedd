use super::recording::{Action, Recording};
use super::testing::{START, START_WALL, at, h264, opus, sized, vp8};
use super::track::Output;
use super::writer::Write;
use crate::id::RecordingId;
use crate::media::Kind;
use crate::media::segment::Policy;
use crate::session::{Consumer, ConsumerType, Source};
use crate::sfu::PeerInfo;
use serde_json::json;

pub(super) fn recording() -> Recording {
    Recording::new(RecordingId::new(), Policy::default(), START, START_WALL)
}

pub(super) fn consumer(id: &str, peer: &str, mime: &str) -> Consumer {
    let kind = if mime.starts_with("audio") { Kind::Audio } else { Kind::Video };
    let clock = if kind == Kind::Audio { 48_000 } else { 90_000 };
    Consumer {
        id: id.to_owned(),
        producer_id: format!("producer of {id}"),
        peer_id: peer.to_owned(),
        kind,
        source: if kind == Kind::Audio { Source::Microphone } else { Source::Camera },
        rtp_parameters: serde_json::from_value(json!({
            "codecs": [{ "mimeType": mime, "payloadType": 100, "clockRate": clock }],
            "encodings": [{ "ssrc": 7 }],
        }))
        .unwrap(),
        paused: false,
        kind_of: ConsumerType::Simple,
        layer: None,
    }
}

pub(super) fn peer(id: &str) -> PeerInfo {
    PeerInfo { id: id.to_owned(), display_name: format!("{id}'s name"), user_id: None }
}

/// What was written, a word for each.
fn words(actions: &[Action]) -> Vec<&'static str> {
    let word = |action: &Action| match action {
        Action::Write(Write::Participant(_)) => Some("joined"),
        Action::Write(Write::ParticipantLeft(..)) => Some("left"),
        Action::Write(Write::ParticipantReturned(_)) => Some("returned"),
        Action::Write(Write::Names(_)) => Some("named"),
        Action::Write(Write::Track(_)) => Some("track"),
        Action::Write(Write::EndTrack(..)) => Some("end"),
        Action::Write(Write::Media(_, Output::Run(_))) => Some("run"),
        Action::Write(Write::Media(_, Output::Segment { .. })) => Some("segment"),
        Action::Write(Write::Pause(_)) => Some("pause"),
        Action::Write(Write::Resume(..)) => Some("resume"),
        Action::Write(Write::Media(..) | Write::Reached(_) | Write::Integrity(..) | Write::Rules(..)) => None,
        Action::Write(Write::Turn(turn)) => Some(if turn.end_micros.is_none() { "speaks" } else { "silent" }),
        Action::RequestKeyframes(_) => Some("key"),
    };
    actions.iter().filter_map(word).collect()
}

fn pictures(recording: &mut Recording, id: &str, first: u64, from: i64, out: &mut Vec<Action>) {
    for n in 0..25 {
        recording.packet(id, vp8(first + n, from + 40 * n as i64, n == 0), out);
    }
}

#[test]
fn key_frames_are_asked_for_at_most_once_a_second_of_each_producer() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.consumer_opened(&consumer("picture", "ann", "video/VP8"), at(0), &mut out);
    recording.consumer_opened(&consumer("sound", "ann", "audio/opus"), at(0), &mut out);
    recording.consumer_opened(&consumer("other", "bob", "video/VP9"), at(300), &mut out);
    let mut asked: Vec<(i64, String)> = Vec::new();
    for millis in (300..5_300).step_by(50) {
        out.clear();
        recording.poll(at(millis), &mut out);
        for action in &out {
            let Action::RequestKeyframes(consumers) = action else { panic!("{action:?}") };
            asked.extend(consumers.iter().map(|id| (millis, id.clone())));
        }
    }
    for id in ["picture", "other"] {
        let times: Vec<i64> =
            asked.iter().filter(|(_, asked)| asked == id).map(|(millis, _)| *millis).collect();
        assert_eq!(times, [300, 1300, 2300, 3300, 4300], "{id}");
    }
    assert!(asked.iter().all(|(_, id)| id != "sound"));
}

#[test]
fn a_segment_at_its_target_asks_and_a_fresh_one_does_not() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.consumer_opened(&consumer("picture", "ann", "video/VP8"), at(0), &mut out);
    let mut asked = Vec::new();
    for n in 0..70 {
        recording.packet("picture", vp8(n, 40 * n as i64, n == 0), &mut out);
        out.clear();
        recording.poll(at(40 * n as i64), &mut out);
        if words(&out).contains(&"key") {
            asked.push(n);
        }
    }
    // One picture is held, so the 50 pictures of 2 s are in with the 51st.
    assert_eq!(asked, [50]);
}

#[test]
fn who_sends_key_frames_in_time_is_not_asked() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.consumer_opened(&consumer("picture", "ann", "video/VP8"), at(0), &mut out);
    for n in 0..200 {
        recording.packet("picture", vp8(n, 40 * n as i64, n % 50 == 0), &mut out);
        out.clear();
        recording.poll(at(40 * n as i64), &mut out);
        assert!(!words(&out).contains(&"key"), "after picture {n}");
    }
}

#[test]
fn a_camera_that_goes_off_and_on_is_one_track() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.peer_joined(&peer("ann"), at(0), &mut out);
    recording.consumer_opened(&consumer("first", "ann", "video/VP8"), at(0), &mut out);
    pictures(&mut recording, "first", 0, 0, &mut out);
    recording.consumer_closed("first", &mut out);
    recording.consumer_opened(&consumer("second", "ann", "video/VP8"), at(3_000), &mut out);
    pictures(&mut recording, "second", 500, 3_000, &mut out);
    recording.consumer_closed("second", &mut out);
    // Another codec cannot go into the same file.
    recording.consumer_opened(&consumer("third", "ann", "video/VP9"), at(5_000), &mut out);
    recording.finish(at(6_000), &mut out);
    assert_eq!(words(&out), ["joined", "track", "run", "segment", "run", "segment", "track", "end", "end"]);
}

#[test]
fn two_cameras_at_once_are_two_tracks() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.consumer_opened(&consumer("first", "ann", "video/VP8"), at(0), &mut out);
    recording.consumer_opened(&consumer("second", "ann", "video/VP8"), at(0), &mut out);
    assert_eq!(words(&out), ["joined", "track", "track"]);
}

#[test]
fn who_leaves_has_all_media_stored_before() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.peer_joined(&peer("ann"), at(0), &mut out);
    recording.consumer_opened(&consumer("picture", "ann", "video/VP8"), at(0), &mut out);
    pictures(&mut recording, "picture", 0, 0, &mut out);
    recording.peer_left("ann", at(1_200), &mut out);
    recording.packet("picture", vp8(25, 1_240, true), &mut out);
    recording.consumer_closed("picture", &mut out);
    recording.peer_left("ann", at(1_300), &mut out);
    assert_eq!(words(&out), ["joined", "track", "run", "segment", "left"]);
    assert_eq!(recording.participants_here(), 0);
}

#[test]
fn who_comes_back_is_the_same_participant_and_has_not_left() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.peer_joined(&peer("ann"), at(0), &mut out);
    recording.peer_joined(&peer("ann"), at(10), &mut out);
    recording.peer_left("ann", at(1_000), &mut out);
    recording.peer_joined(&peer("ann"), at(2_000), &mut out);
    assert_eq!(words(&out), ["joined", "left", "returned"]);
    let [Action::Write(Write::Participant(new)), _, Action::Write(Write::ParticipantReturned(id))] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!(new.id, *id);
    assert_eq!(recording.participants_here(), 1);
}

#[test]
fn a_codec_that_is_not_recorded_makes_no_track() {
    let mut recording = recording();
    let mut out = Vec::new();
    assert!(!recording.consumer_opened(&consumer("sound", "ann", "audio/PCMU"), at(0), &mut out));
    assert!(out.is_empty());
}

/// Why each track ended; empty when it just did.
pub(super) fn errors(out: &[Action]) -> Vec<String> {
    let error = |action: &Action| match action {
        Action::Write(Write::EndTrack(_, _, error)) => Some(error.clone().unwrap_or_default()),
        _ => None,
    };
    out.iter().filter_map(error).collect()
}

#[test]
fn a_track_says_why_it_has_nothing() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.consumer_opened(&consumer("silent", "ann", "video/VP8"), at(0), &mut out);
    recording.consumer_opened(&consumer("keyless", "bob", "video/VP8"), at(0), &mut out);
    recording.consumer_opened(&consumer("sound", "bob", "audio/opus"), at(0), &mut out);
    for n in 0..30 {
        recording.packet("keyless", vp8(n, 40 * n as i64, false), &mut out);
        recording.packet("sound", opus(n, 20 * n as i64), &mut out);
    }
    recording.finish(at(2_000), &mut out);
    assert_eq!(errors(&out), ["no packet came", "no key frame came in 30 packets", ""]);
}

#[test]
fn a_refused_track_keeps_its_reason_and_is_asked_for_nothing() {
    let stream = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/h264-bframes.h264")).unwrap();
    let mut recording = recording();
    let mut out = Vec::new();
    recording.consumer_opened(&consumer("picture", "ann", "video/H264"), at(0), &mut out);
    for packet in h264(&stream) {
        recording.packet("picture", packet, &mut out);
    }
    out.clear();
    recording.poll(at(20_000), &mut out);
    assert_eq!(words(&out), [""; 0]);
    let progress = recording.progress(at(20_000));
    assert!(progress.tracks[0].error.as_deref().is_some_and(|reason| reason.contains("B-frames")));
    recording.finish(at(20_000), &mut out);
    assert!(errors(&out)[0].contains("B-frames"));
}

fn layer(number: u8, producer: &str) -> Consumer {
    let id = format!("{producer} {number}");
    Consumer { layer: Some(number), producer_id: producer.to_owned(), ..consumer(&id, "ann", "video/VP8") }
}

const SIZES: [(u16, u16); 3] = [(160, 90), (320, 180), (640, 360)];

/// Starts and lengths of the stored segments of each track, in order of the tracks.
fn segments(out: &[Action]) -> Vec<Vec<(i64, i64)>> {
    let mut tracks = Vec::new();
    let mut found: Vec<Vec<(i64, i64)>> = Vec::new();
    for action in out {
        match action {
            Action::Write(Write::Track(new)) => {
                tracks.push(new.id);
                found.push(Vec::new());
            }
            Action::Write(Write::Media(track, Output::Segment { segment, .. })) => {
                let index = tracks.iter().position(|known| known == track).unwrap();
                found[index].push((segment.start.0, segment.duration.0));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn layers_are_tracks_of_one_picture_and_survive_a_new_producer() {
    let mut recording = recording();
    let mut out = Vec::new();
    for producer in ["first", "second"] {
        for number in 0..3 {
            recording.consumer_opened(&layer(number, producer), at(0), &mut out);
        }
        for number in 0..3 {
            recording.consumer_closed(&format!("{producer} {number}"), &mut out);
        }
    }
    let tracks: Vec<_> = out
        .iter()
        .filter_map(|action| match action {
            Action::Write(Write::Track(new)) => Some((new.id, new.layer, new.picture)),
            _ => None,
        })
        .collect();
    let first = tracks[0].0;
    let layers: Vec<_> = tracks.iter().map(|(_, layer, picture)| (*layer, *picture)).collect();
    assert_eq!(layers, [(Some(0), Some(first)), (Some(1), Some(first)), (Some(2), Some(first))]);
}

#[test]
fn two_cameras_in_layers_are_two_pictures() {
    let mut recording = recording();
    let mut out = Vec::new();
    for producer in ["one", "other"] {
        for number in 0..2 {
            recording.consumer_opened(&layer(number, producer), at(0), &mut out);
        }
    }
    let pictures: std::collections::BTreeSet<_> = out
        .iter()
        .filter_map(|action| match action {
            Action::Write(Write::Track(new)) => Some(new.picture),
            _ => None,
        })
        .collect();
    assert_eq!(pictures.len(), 2);
}

#[test]
fn what_the_sfu_sends_instead_of_a_layer_is_not_stored_as_it() {
    let mut recording = recording();
    let mut out = Vec::new();
    for number in 0..3 {
        recording.consumer_opened(&layer(number, "p"), at(0), &mut out);
    }
    let mut asked = 0;
    for n in 0..400_u64 {
        let millis = 40 * n as i64;
        for number in 0..3_usize {
            // The top layer stops at 4 s; 2 s later mediasoup sends the middle one for it, until 12 s.
            let (off, other) = ((100..300).contains(&n), (150..300).contains(&n));
            let size = match number {
                2 if off && !other => continue,
                2 if other => SIZES[1],
                own => SIZES[own],
            };
            let packet = sized(n, millis + 3 * number as i64, (n % 50 == 0).then_some(size));
            recording.packet(&format!("p {number}"), packet, &mut out);
        }
        if n == 152 {
            recording.layer_told("p 2", Some(1));
        }
        if n == 302 {
            recording.layer_told("p 2", Some(2));
        }
        let before = out.len();
        recording.poll(at(millis), &mut out);
        asked += out[before..].iter().filter(|action| matches!(action, Action::RequestKeyframes(_))).count();
    }
    recording.finish(at(16_000), &mut out);
    let segments = segments(&out);
    let two_seconds: Vec<(i64, i64)> = (0..8).map(|n| (segments[0][0].0 + 180_000 * n, 180_000)).collect();
    assert_eq!(segments[0], two_seconds);
    assert_eq!(segments[1], two_seconds, "captures have one tick, so segments begin together");
    let top: Vec<(i64, i64)> = [&two_seconds[..2], &two_seconds[6..]].concat();
    assert_eq!(segments[2], top, "and the top layer has nothing but its own");
    assert!(asked <= 12, "asked {asked} times although key frames come by themselves");
}

#[test]
fn layers_are_asked_for_key_frames_together_and_cut_together() {
    let mut recording = recording();
    let mut out = Vec::new();
    for number in 0..3 {
        recording.consumer_opened(&layer(number, "p"), at(0), &mut out);
    }
    // The upper layers begin a second later. A sender that makes key frames only when asked.
    let mut due = [0_u64, 25, 25];
    for n in 0..500_u64 {
        for number in 0..3_usize {
            if n < due[number] && due[number] == 25 && n < 25 {
                continue;
            }
            let key = n == due[number];
            let packet = sized(n, 40 * n as i64, key.then_some(SIZES[number]));
            recording.packet(&format!("p {number}"), packet, &mut out);
        }
        let before = out.len();
        recording.poll(at(40 * n as i64), &mut out);
        for action in &out[before..] {
            let Action::RequestKeyframes(consumers) = action else { continue };
            for (number, due) in due.iter_mut().enumerate() {
                if n >= 25 && consumers.contains(&format!("p {number}")) {
                    *due = n + 2;
                }
            }
        }
    }
    recording.finish(at(20_000), &mut out);
    let starts: Vec<Vec<i64>> = segments(&out)
        .iter()
        .map(|track| track.iter().map(|(start, _)| *start).filter(|start| *start > 90 * 6_000).collect())
        .collect();
    assert!(starts[0].len() >= 5, "{starts:?}");
    assert_eq!(starts[0], starts[1]);
    assert_eq!(starts[0], starts[2]);
}

#[test]
fn turns_of_speakers_lie_on_the_timeline_and_end_with_whoever_spoke() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.peer_joined(&peer("ann"), at(0), &mut out);
    recording.peer_joined(&peer("bob"), at(0), &mut out);
    recording.speaks(Some("nobody"), at(500), &mut out);
    recording.speaks(Some("ann"), at(1000), &mut out);
    recording.speaks(Some("ann"), at(1500), &mut out);
    recording.speaks(Some("bob"), at(2000), &mut out);
    recording.pause(at(3000), &mut out);
    recording.speaks(Some("ann"), at(4000), &mut out);
    recording.resume(at(5000), &mut out);
    recording.speaks(Some("bob"), at(6000), &mut out);
    recording.peer_left(&peer("bob").id, at(7000), &mut out);
    recording.speaks(Some("ann"), at(8000), &mut out);
    recording.finish(at(9000), &mut out);
    assert_eq!(
        words(&out),
        [
            "joined", "joined", "speaks", "silent", "speaks", "silent", "pause", "resume", "speaks",
            "silent", "left", "speaks", "silent"
        ]
    );
    let turns: Vec<(i64, i64)> = out
        .iter()
        .filter_map(|action| match action {
            Action::Write(Write::Turn(turn)) => Some((turn.start_micros / 1000, turn.end_micros? / 1000)),
            _ => None,
        })
        .collect();
    // Two seconds of pause are not on the timeline.
    assert_eq!(turns, [(1000, 2000), (2000, 3000), (4000, 5000), (6000, 7000)]);
}

#[test]
fn names_follow_what_is_told_and_what_is_not_told_stays() {
    let mut recording = recording();
    let mut out = Vec::new();
    let mut named = |display_name: &str, user_id: Option<&str>, joins: bool| {
        out.clear();
        let (id, user_id) = ("ann".to_owned(), user_id.map(str::to_owned));
        let told = PeerInfo { id, display_name: display_name.to_owned(), user_id };
        if joins {
            recording.peer_joined(&told, at(0), &mut out);
        } else {
            recording.peer_renamed(&told, &mut out);
        }
        let names = out.iter().find_map(|action| match action {
            Action::Write(Write::Names(names)) => Some((names.display_name.clone(), names.user_id.clone())),
            _ => None,
        });
        (words(&out), names)
    };
    let names = |display_name: &str, user_id: Option<&str>| {
        Some((display_name.to_owned(), user_id.map(str::to_owned)))
    };
    assert_eq!(named("Ann", None, false), (vec![], None), "who has not come");
    // As of a consumer that is offered first; an empty user id is none.
    assert_eq!(named("", Some(""), true), (vec!["joined"], None));
    assert_eq!(named("Ann", None, true), (vec!["named"], names("Ann", None)));
    assert_eq!(named("", Some("user 1"), false), (vec!["named"], names("Ann", Some("user 1"))));
    assert_eq!(named("Anna", None, false), (vec!["named"], names("Anna", Some("user 1"))));
    assert_eq!(named("", Some(""), false), (vec![], None));
    assert_eq!(named("Anna", Some("user 1"), true), (vec![], None), "nothing new");
    assert_eq!(recording.user_of("ann"), Some("user 1"));
}

#[test]
fn names_that_were_told_while_the_room_was_lost_are_known_when_it_is_joined_again() {
    let mut recording = recording();
    let mut out = Vec::new();
    recording.peer_joined(&peer("ann"), at(0), &mut out);
    recording.lost(&mut out);
    out.clear();
    let told = PeerInfo { display_name: "Anna".to_owned(), ..peer("ann") };
    recording.rejoined(&[told], at(1_000), &mut out);
    assert_eq!(words(&out), ["named"]);
}
