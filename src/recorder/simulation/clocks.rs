//! One clock: what senders' clocks, reports and paths do, and where the frames lie in the end.

use super::line::Reports;
use super::{Call, Line, Network, Sender};
use crate::media::timeline::sync::Anomaly;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// Error of every stored frame, in microseconds: capture, and where it was put less where it belongs.
fn errors(line: Line) -> Vec<(i64, i64)> {
    let captured = line.captured.clone();
    let (_, samples) = line.stored();
    samples.into_iter().map(|(number, at)| (captured[&number], at - captured[&number])).collect()
}

/// How far a picture is from the sound that was captured with it, in microseconds, by the picture's capture.
fn apart(pictures: &[(i64, i64)], sounds: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let with = |captured: i64| {
        let behind = sounds.partition_point(|(at, _)| *at < captured);
        sounds.get(behind).or(sounds.last()).copied()
    };
    let near = |captured: &i64, sound: (i64, i64)| (sound.0 - captured).abs() < SECOND;
    pictures
        .iter()
        .filter_map(|(captured, error)| {
            let sound = with(*captured).filter(|sound| near(captured, *sound))?;
            Some((*captured, error - sound.1))
        })
        .collect()
}

/// 95th percentile and most of the distances between picture and sound from `from` on.
fn distance(lines: Vec<Line>, from: i64) -> (i64, i64) {
    let [pictures, sounds] = <[Line; 2]>::try_from(lines).ok().unwrap().map(errors);
    let mut sizes: Vec<i64> = apart(&pictures, &sounds)
        .into_iter()
        .filter(|(captured, _)| *captured >= from)
        .map(|(_, apart)| apart.abs())
        .collect();
    assert!(sizes.len() > 100, "too little to judge");
    sizes.sort_unstable();
    (sizes[sizes.len() * 95 / 100], *sizes.last().unwrap())
}

fn in_step(lines: Vec<Line>, from: i64) {
    let (usual, most) = distance(lines, from);
    assert!(usual <= 20_000 && most <= 40_000, "95 % within {usual} µs, at most {most} µs");
}

/// A camera and a microphone, each changed by `change`.
fn call(seed: u64, change: impl Fn(&mut Sender)) -> Call {
    let mut senders = vec![Sender::camera(), Sender::microphone()];
    senders.iter_mut().for_each(change);
    Call::new(seed, Network::default(), senders)
}

fn is_picture(sender: &Sender) -> bool {
    sender.packets > 1
}

/// Steps between the starts of neighbouring samples of one stream, in microseconds.
fn steps(line: Line) -> Vec<i64> {
    let (_, samples) = line.stored();
    samples.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
}

#[test]
fn failure_6_sound_that_starts_10_s_before_or_after_pictures_stays_in_step() {
    for picture_first in [true, false] {
        let call = call(6, |sender| {
            if is_picture(sender) != picture_first {
                sender.begin += 10 * SECOND;
            }
        });
        in_step(call.run(40 * SECOND), 0);
    }
}

#[test]
fn failure_7_reports_that_are_absent_late_or_wrong_cause_no_jump() {
    for reports in [Reports::Absent, Reports::OfArrival, Reports::OfCapture] {
        let run = || {
            call(7, |sender| {
                sender.reports = reports;
                sender.reports_from = 30 * SECOND;
                sender.report_outliers = 150;
            })
            .run(120 * SECOND)
        };
        in_step(run(), 0);
        for line in run() {
            let period = line.sender.period;
            let steps = steps(line);
            let jump = steps.iter().find(|step| (*step - period).abs() > period / 10);
            assert_eq!(jump, None, "{reports:?}");
        }
    }
}

#[test]
fn failure_8_pictures_that_come_2_s_late_stay_in_step_with_their_sound() {
    // From the start, by capture times.
    let told = call(8, |sender| {
        sender.capture_times = true;
        if is_picture(sender) {
            sender.uplink = vec![(0, 2 * SECOND)];
        }
    });
    in_step(told.run(60 * SECOND), 0);
    // From the middle of the call on and back again, with any witness that does not take arrival for capture.
    for (reports, capture_times) in
        [(Reports::OfCapture, false), (Reports::OfCapture, true), (Reports::OfArrival, true)]
    {
        let later = call(8, |sender| {
            (sender.reports, sender.capture_times) = (reports, capture_times);
            if is_picture(sender) {
                sender.uplink = vec![(0, 15_000), (30 * SECOND, 2 * SECOND)];
            }
        });
        in_step(later.run(120 * SECOND), 0);
    }
}

#[test]
fn failure_8_pictures_that_are_late_from_the_start_are_brought_into_step_by_reports() {
    let call = call(8, |sender| {
        if is_picture(sender) {
            sender.uplink = vec![(0, 2 * SECOND)];
        }
    });
    // Nothing tells in the first seconds. Then 20 % of the time that passes, and 5 % for the rest.
    in_step(call.run(120 * SECOND), 25 * SECOND);
}

#[test]
fn failure_9_after_8_hours_of_skew_the_end_is_in_step() {
    for (reports, capture_times) in [
        (Reports::OfCapture, false),
        (Reports::OfArrival, false),
        (Reports::Absent, false),
        (Reports::Absent, true),
    ] {
        let mut call = call(9, |sender| {
            sender.skew_ppm = if is_picture(sender) { 100 } else { -100 };
            (sender.reports, sender.capture_times) = (reports, capture_times);
            sender.period = if is_picture(sender) { 200_000 } else { 100_000 };
            sender.key_every = 10;
            sender.packets = if is_picture(sender) { 2 } else { 1 };
        });
        call.poll_micros = 500_000;
        let lines = call.run(8 * HOUR);
        let (usual, most) = distance(lines, 10 * SECOND);
        assert!(most <= 20_000, "{reports:?}, {capture_times}: 95 % within {usual} µs, at most {most} µs");
    }
}

#[test]
fn failure_9_each_track_ends_where_its_sender_did() {
    let mut call = call(9, |sender| {
        sender.skew_ppm = 100;
        sender.period = 200_000;
        sender.key_every = 10;
    });
    call.poll_micros = 500_000;
    for line in call.run(8 * HOUR) {
        let (captured, error) = errors(line).pop().unwrap();
        assert!(captured > 8 * HOUR - SECOND);
        // What is left of it is the delay of the path, which nobody can see.
        assert!((0..=60_000).contains(&error), "{error} µs");
    }
}

#[test]
fn failure_10_timestamps_wrap_and_durations_stay_sane() {
    let mut call = call(10, |sender| {
        sender.first_timestamp = u32::MAX - 90_000 * 7;
        sender.period = 500_000;
        sender.key_every = 4;
    });
    call.poll_micros = SECOND;
    for line in call.run(14 * HOUR) {
        let runs = line.track.counts();
        assert!(runs.samples > 14 * 3600 * 2 - 100);
        let (stored, samples) = line.stored();
        assert_eq!(stored.runs.len(), 1);
        assert!(samples.windows(2).all(|pair| (490_000..=510_000).contains(&(pair[1].1 - pair[0].1))));
    }
}

#[test]
fn failure_11_a_pause_of_8_hours_is_gone_over() {
    let pause = 20 * SECOND..20 * SECOND + 8 * HOUR;
    let mut call = call(11, |sender| {
        sender.pauses = vec![pause.clone()];
        sender.skew_ppm = if is_picture(sender) { 60 } else { -60 };
        sender.first_timestamp = 0x9000_0000;
    });
    call.poll_micros = 500_000;
    let lines = call.run(8 * HOUR + 60 * SECOND);
    for line in &lines {
        assert!(line.anomalies().is_empty(), "{:?}", line.anomalies());
    }
    in_step(lines, 0);
}

#[test]
fn failure_13_a_stall_in_capture_is_a_gap_and_is_told() {
    for (length, reports) in [
        (18 * SECOND, Reports::Absent),
        (18 * SECOND, Reports::OfCapture),
        (4 * SECOND, Reports::Absent),
        (4 * SECOND, Reports::OfCapture),
    ] {
        let stall = 20 * SECOND..20 * SECOND + length;
        let call = call(13, |sender| {
            sender.reports = reports;
            if is_picture(sender) {
                sender.stall = stall.clone();
                sender.key_every = 50;
            }
        });
        let lines = call.run(60 * SECOND);
        let told = lines[0].anomalies();
        let named = |anomaly: &Anomaly| matches!(anomaly, Anomaly::Jumped | Anomaly::Stalled(_));
        assert_eq!(told.iter().filter(|anomaly| named(anomaly)).count(), 1, "{told:?}");
        // Within the few seconds that it takes to be sure.
        in_step(lines, stall.end + 10 * SECOND);
    }
}

#[test]
fn failure_27_after_8_hours_segments_are_as_long_as_at_the_start() {
    let mut call = call(27, |sender| {
        sender.skew_ppm = 50;
        sender.period = 100_000;
        sender.key_every = if is_picture(sender) { 20 } else { 0 };
    });
    call.poll_micros = 500_000;
    for line in call.run(8 * HOUR) {
        let scale = line.sender.codec.timescale();
        let (stored, _) = line.stored();
        let (last, all) = stored.segments.split_last().unwrap();
        assert!(last.1.start.to_micros(scale) > 8 * HOUR - 4 * SECOND);
        for (_, segment) in all {
            let micros = segment.duration.to_micros(scale);
            assert!((1_900_000..=2_100_000).contains(&micros), "{segment:?}");
        }
    }
}

#[test]
fn failure_28_a_wall_clock_that_is_set_by_a_day_changes_nothing() {
    for day in [24 * HOUR, -24 * HOUR, 3 * SECOND, -3 * SECOND] {
        for capture_times in [false, true] {
            let call = call(28, |sender| {
                sender.wall_step = (30 * SECOND, day);
                sender.capture_times = capture_times;
            });
            let lines = call.run(90 * SECOND);
            for line in &lines {
                assert!(line.anomalies().contains(&Anomaly::Stepped(day)), "{:?}", line.anomalies());
            }
            let one_run = lines.iter().all(|line| line.track.counts().samples > 2000);
            assert!(one_run);
            in_step(lines, 0);
        }
    }
}

#[test]
fn a_media_clock_that_jumps_is_placed_anew() {
    for step in [5 * SECOND, -5 * SECOND, 3600 * SECOND, -3600 * SECOND] {
        let call = call(1, |sender| {
            sender.media_step = (20 * SECOND, step);
            sender.key_every = 25;
        });
        let lines = call.run(60 * SECOND);
        for line in &lines {
            assert_eq!(line.anomalies(), [Anomaly::Jumped], "{step}");
        }
        in_step(lines, 0);
    }
}
