use super::testing::{START_WALL, Stored, at, h264, opus, sized, stored, track, vp8};
use super::track::{Output, Track};
use crate::catalog::{Cause, Shown};
use crate::media::rtp::packet::Packet;
use crate::media::{Codec, Rotation};
use crate::time::{Ticks, Timescale};

/// A picture is 40 ms.
const PICTURE: i64 = 3600;

fn push(track: &mut Track, packets: impl IntoIterator<Item = Packet>) -> Vec<Output> {
    let mut out = Vec::new();
    for packet in packets {
        track.push(packet, &mut out).unwrap();
    }
    out
}

fn finish(track: &mut Track, mut out: Vec<Output>) -> Stored {
    track.detach(&mut out).unwrap();
    stored(out)
}

/// Pictures 40 ms apart from `millis` on; these are key frames.
fn pictures(first: u64, count: u64, millis: i64, keys: &[u64]) -> impl Iterator<Item = Packet> {
    let keys = keys.to_vec();
    (0..count).map(move |n| vp8(first + n, millis + 40 * n as i64, keys.contains(&n)))
}

#[test]
fn opus_packets_in_a_row_are_one_run_without_a_hole() {
    let mut track = track(Codec::Opus);
    let out = push(&mut track, (0..250).map(|n| opus(900 + n, 1000 + 20 * n as i64)));
    let stored = finish(&mut track, out);
    let [run] = &stored.runs[..] else { panic!("{:?}", stored.runs) };
    assert_eq!((run.first, run.wall), (Ticks(48_000), START_WALL.plus(1_000_000)));
    assert_eq!(stored.entries.len(), 250);
    assert!(stored.entries.iter().all(|entry| entry.duration == 960));
    let segments: Vec<_> = stored.segments.iter().map(|(_, s)| (s.start.0, s.duration.0)).collect();
    assert_eq!(segments, [(48_000, 96_000), (144_000, 96_000), (240_000, 48_000)]);
    assert_eq!(track.counts().duration_micros, 5_000_000);
    assert!(stored.gaps.is_empty());
}

#[test]
fn the_least_delayed_packet_places_the_stream() {
    let mut track = track(Codec::Opus);
    // The first packets come late; the one at 1200 ms is the fastest, 30 ms after its capture.
    let out = push(
        &mut track,
        (0..60).map(|n| {
            let mut packet = opus(n, 1000 + 20 * n as i64);
            packet.arrival = packet.arrival.plus(if n == 10 { 30_000 } else { 90_000 });
            packet
        }),
    );
    assert_eq!(finish(&mut track, out).runs[0].first.to_micros(Timescale::OPUS), 1_030_000);
}

#[test]
fn a_lost_sound_packet_makes_the_one_before_it_longer() {
    let mut track = track(Codec::Opus);
    let out = push(&mut track, (0..200).filter(|n| *n != 30).map(|n| opus(n, 20 * n as i64)));
    let stored = finish(&mut track, out);
    assert_eq!((stored.runs.len(), stored.entries.len()), (1, 199));
    assert_eq!((stored.entries[29].duration, stored.entries[30].duration), (1920, 960));
    assert_eq!(track.counts().lost, 1);
}

#[test]
fn video_begins_with_its_first_key_frame() {
    let mut track = track(Codec::Vp8);
    assert!(track.wants_keyframe());
    let mut out = push(&mut track, pictures(0, 10, 0, &[]));
    assert!(track.wants_keyframe());
    assert_eq!(stored(std::mem::take(&mut out)).runs.len(), 0);
    out = push(&mut track, pictures(10, 40, 400, &[0]));
    assert!(!track.wants_keyframe());
    let stored = finish(&mut track, out);
    assert_eq!(stored.runs.len(), 1);
    assert_eq!(stored.runs[0].first, Ticks(10 * PICTURE));
    assert_eq!((stored.entries.len(), track.counts().samples), (40, 40));
    assert!(stored.entries[0].sync() && !stored.entries[1].sync());
}

#[test]
fn after_loss_pictures_are_dropped_until_a_key_frame_and_the_gap_is_told() {
    let mut track = track(Codec::Vp8);
    // The hole stays open for 2 s, so that a retransmission may still fill it.
    let out = push(&mut track, pictures(0, 65, 0, &[0, 50]).filter(|packet| packet.sequence != 20));
    assert_eq!((track.counts().lost, track.wants_keyframe()), (0, false));
    let mut out = out;
    track.poll(at(2_900), &mut out).unwrap();
    assert_eq!(
        (track.counts().lost, track.wants_keyframe()),
        (1, false),
        "the next key frame was held behind it"
    );
    let told: Vec<_> = (out.iter())
        .filter_map(|output| match output {
            Output::Gap(gap) => Some((gap.cause, gap.shown, gap.open, gap.start, gap.duration)),
            _ => None,
        })
        .collect();
    let stored = finish(&mut track, out);
    assert_eq!((stored.runs.len(), stored.entries.len()), (2, 65 - 30));
    // No stored picture is made to stand for what is missing.
    assert!(stored.entries.iter().all(|entry| entry.duration == PICTURE as u32));
    assert!(stored.entries[20].sync());
    assert_eq!(told, [(Cause::Loss, Shown::Still, false, Ticks(20 * PICTURE), Ticks(30 * PICTURE))]);
    let verdict = track.integrity();
    assert_eq!((verdict.damaged_spans, verdict.damaged_us), (1, 1_200_000));
}

#[test]
fn pictures_lost_for_less_than_half_a_second_make_the_one_before_them_longer() {
    let mut track = track(Codec::Vp8);
    let mut out = push(&mut track, pictures(0, 65, 0, &[0, 30]).filter(|packet| packet.sequence != 20));
    track.poll(at(2_900), &mut out).unwrap();
    let stored = finish(&mut track, out);
    assert_eq!((stored.runs.len(), stored.gaps.len()), (1, 0));
    assert_eq!(stored.entries[19].duration, 11 * PICTURE as u32);
    assert_eq!(track.integrity().damaged_us, 400_000);
}

#[test]
fn a_hole_without_a_key_frame_behind_it_asks_for_one() {
    let mut track = track(Codec::Vp8);
    let mut out = push(&mut track, pictures(0, 45, 0, &[0]).filter(|packet| packet.sequence != 20));
    track.poll(at(2_900), &mut out).unwrap();
    assert!(track.wants_keyframe());
    assert_eq!(finish(&mut track, out).entries.len(), 20);
}

#[test]
fn a_retransmission_inside_the_window_leaves_no_trace() {
    let mut track = track(Codec::Vp8);
    let mut packets: Vec<_> = pictures(0, 60, 0, &[0]).collect();
    let mut late = packets.remove(20);
    late.arrival = late.arrival.plus(300_000);
    late.recovered = true;
    packets.insert(27, late);
    let out = push(&mut track, packets);
    let stored = finish(&mut track, out);
    assert_eq!(stored.entries.len(), 60);
    assert!(stored.entries.iter().all(|entry| i64::from(entry.duration) == PICTURE));
    assert_eq!((track.counts().recovered, track.counts().lost), (1, 0));
}

#[test]
fn after_a_pause_a_new_run_begins_with_a_key_frame() {
    let mut track = track(Codec::Vp8);
    let mut out = push(&mut track, pictures(0, 25, 0, &[0]));
    out.extend(push(&mut track, pictures(25, 3, 6_000, &[])));
    assert!(track.wants_keyframe(), "what comes is not stored and nothing else would ask");
    out.extend(push(&mut track, pictures(28, 25, 6_120, &[0])));
    assert!(!track.wants_keyframe());
    let stored = finish(&mut track, out);
    assert_eq!(stored.runs.iter().map(|run| run.first.0).collect::<Vec<_>>(), [0, 6_120 * 90]);
    assert_eq!(stored.gaps, [(Ticks(25 * PICTURE), Ticks(6_120 * 90 - 25 * PICTURE))]);
    assert!(stored.segments.iter().all(|(_, segment)| segment.sync));
    assert_eq!(stored.segments.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_track_goes_on_with_another_stream() {
    let mut track = track(Codec::Vp8);
    let mut out = push(&mut track, pictures(0, 25, 0, &[0]));
    track.detach(&mut out).unwrap();
    assert!(!track.wants_keyframe(), "there is nobody to ask");
    track.attach();
    assert!(track.wants_keyframe());
    // Another camera: sequence numbers and timestamps begin elsewhere.
    out.extend(push(
        &mut track,
        pictures(70_000, 25, 2_000, &[0])
            .map(|packet| Packet { timestamp: packet.timestamp.wrapping_add(0x7654_3210), ..packet }),
    ));
    let stored = finish(&mut track, out);
    assert_eq!(stored.runs.iter().map(|run| run.first.0).collect::<Vec<_>>(), [0, 2_000 * 90]);
    assert_eq!(stored.entries.len(), 50);
    assert_eq!(stored.gaps.len(), 1);
}

#[test]
fn failure_15_another_picture_size_is_another_run_without_a_gap() {
    let mut track = track(Codec::Vp8);
    let size = |n| match n {
        0 => Some((320, 180)),
        20 => Some((640, 360)),
        40 => Some((640, 360)),
        _ => None,
    };
    let out = push(&mut track, (0..60).map(|n| sized(n, 40 * n as i64, size(n))));
    let stored = finish(&mut track, out);
    let runs: Vec<_> = stored.runs.iter().map(|run| (run.first.0, run.config.width)).collect();
    assert_eq!(runs, [(0, 320), (20 * PICTURE, 640)]);
    assert!(stored.gaps.is_empty());
    assert_eq!(stored.entries.len(), 60);
}

#[test]
fn a_small_step_back_of_the_senders_clock_is_not_followed() {
    let mut track = track(Codec::Vp8);
    let out = push(
        &mut track,
        pictures(0, 60, 0, &[0]).map(|mut packet| {
            if packet.sequence >= 40 {
                packet.timestamp = packet.timestamp.wrapping_sub(200 * 90);
            }
            packet
        }),
    );
    let stored = finish(&mut track, out);
    assert_eq!((stored.runs.len(), stored.entries.len()), (1, 60));
    let (_, last) = stored.segments.last().unwrap();
    let end = (last.start + last.duration).0;
    assert!((55 * PICTURE..=60 * PICTURE).contains(&end), "{end}");
}

/// A sender whose clock jumps by so many seconds, as after sleep, is placed by arrival again.
fn jump(seconds: i64) -> Stored {
    let mut track = track(Codec::Vp8);
    let out = push(
        &mut track,
        pictures(0, 100, 0, &[0, 50]).map(|mut packet| {
            if packet.sequence >= 50 {
                packet.timestamp = packet.timestamp.wrapping_add((seconds * 90_000) as u32);
            }
            packet
        }),
    );
    finish(&mut track, out)
}

#[test]
fn a_jump_of_the_senders_clock_does_not_move_the_track() {
    for seconds in [-3600, -60, 60, 3600] {
        let stored = jump(seconds);
        assert_eq!(stored.entries.len(), 100, "{seconds} s");
        let (_, last) = stored.segments.last().unwrap();
        assert_eq!((last.start + last.duration).0, 100 * PICTURE, "{seconds} s");
        assert!(stored.gaps.is_empty(), "{seconds} s");
    }
}

#[test]
fn pictures_out_of_order_are_refused_once() {
    let stream = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/h264-bframes.h264")).unwrap();
    let mut track = track(Codec::H264);
    let out = push(&mut track, h264(&stream));
    assert!(!track.wants_keyframe());
    let samples = track.counts().samples;
    let stored = finish(&mut track, out);
    assert_eq!(stored.refused.len(), 1);
    assert!(stored.refused[0].contains("B-frames"));
    assert_eq!(track.counts().samples, samples, "nothing is stored behind the refusal");
}

#[test]
fn high_profile_without_b_frames_is_stored() {
    let stream = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/h264-high.h264")).unwrap();
    let mut track = track(Codec::H264);
    let packets = h264(&stream);
    let pictures = packets.iter().filter(|packet| packet.marker).count();
    let out = push(&mut track, packets);
    let stored = finish(&mut track, out);
    assert_eq!((stored.refused.len(), stored.runs.len()), (0, 1));
    assert!(stored.runs[0].config.string.starts_with("avc1.64"), "{}", stored.runs[0].config.string);
    assert_eq!(stored.entries.len(), pictures);
}

#[test]
fn our_own_overflow_drops_pictures_until_a_key_frame() {
    let mut track = track(Codec::Vp8);
    let mut out = push(&mut track, pictures(0, 20, 0, &[0]));
    track.overflowed(&mut out).unwrap();
    assert!(track.wants_keyframe());
    out.extend(push(&mut track, pictures(20, 20, 800, &[10])));
    assert!(!track.wants_keyframe());
    assert_eq!(finish(&mut track, out).entries.len(), 30);
}

/// Pictures 40 ms apart; these are key frames, and from these on the phone is held so. As browsers do it, the turn is on
/// every packet of a key frame and where it changes, and nowhere else.
fn turned(count: u64, keys: &[u64], turns: &[(u64, Rotation)]) -> Vec<Packet> {
    let of = |n: u64| turns.iter().rev().find(|(from, _)| *from <= n).map(|(_, turn)| *turn);
    let said = |n: u64| keys.contains(&n) || turns.iter().any(|(from, _)| *from == n);
    let packets = pictures(0, count, 0, keys);
    packets
        .map(|packet| Packet { rotation: of(packet.sequence).filter(|_| said(packet.sequence)), ..packet })
        .collect()
}

fn runs(stored: &Stored) -> Vec<(i64, u16)> {
    stored.runs.iter().map(|run| (run.first.0 / PICTURE, run.rotation.degrees())).collect()
}

#[test]
fn failure_17_a_phone_held_upright_from_the_start() {
    let mut track = track(Codec::Vp8);
    let out = push(&mut track, turned(45, &[0, 30], &[(0, Rotation::Right)]));
    assert!(!track.wants_keyframe());
    let stored = finish(&mut track, out);
    assert_eq!(runs(&stored), [(0, 90)]);
    let shown = crate::media::fmp4::describe::text(&stored.file);
    assert!(shown.contains("width=320 height=180 rotation=90"), "{shown}");
}

#[test]
fn failure_17_a_phone_turned_in_mid_call_plays_upright_from_its_next_key_frame() {
    let mut track = track(Codec::Vp8);
    let packets =
        turned(60, &[0, 25, 45], &[(0, Rotation::None), (20, Rotation::Right), (45, Rotation::None)]);
    let mut out = Vec::new();
    let mut asked = Vec::new();
    for packet in packets {
        let number = packet.sequence;
        track.push(packet, &mut out).unwrap();
        if track.wants_keyframe() {
            asked.push(number);
        }
    }
    // Placing holds the first 400 ms back; from the turn to the key frame one is asked for.
    assert_eq!(asked, [20, 21, 22, 23, 24]);
    let stored = finish(&mut track, out);
    assert_eq!(runs(&stored), [(0, 0), (25, 90), (45, 0)]);
    assert_eq!((stored.entries.len(), stored.gaps.len()), (60, 0));
    for (run, segment) in &stored.segments {
        let first = stored.runs[*run as usize].first;
        assert!(segment.sync && segment.start >= first, "{segment:?}");
    }
}

#[test]
fn failure_17_a_phone_turned_and_turned_back_needs_no_new_run() {
    let mut track = track(Codec::Vp8);
    let out = push(
        &mut track,
        turned(45, &[0, 40], &[(0, Rotation::None), (20, Rotation::Left), (30, Rotation::None)]),
    );
    assert!(!track.wants_keyframe());
    assert_eq!(runs(&finish(&mut track, out)), [(0, 0)]);
}
