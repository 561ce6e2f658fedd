//! Beacons: exact, and those of older clients.

use super::*;
use Kind::{Ended, Error, Pause, Play, Playing, Progress, Quit, Rate, Seeked, Seeking, Waiting};

#[test]
fn a_play_with_a_pause_a_seek_and_a_stall() {
    let mut events = beacons(&[
        (0, Play, 0),
        (420, Playing, 0),
        (10_420, Progress, 10_000),
        (15_420, Pause, 15_000),
        (45_420, Play, 15_000),
        (45_430, Playing, 15_000),
        (50_430, Seeking, 60_000),
        (50_440, Waiting, 60_000),
        (51_000, Seeked, 60_000),
        (51_100, Playing, 60_000),
        (56_100, Waiting, 65_000),
        (58_350, Playing, 65_000),
        (63_350, Quit, 70_000),
    ]);
    if let Event::Beacon(seeking) = &mut events[6] {
        seeking.from_ms = Some(20_000);
    }
    let found = summary(&events);
    assert_eq!((found.source, found.estimated), (Source::Beacon, false));
    assert_eq!((found.started_ms, found.ended_ms), (AT + 40, AT + 63_390));
    assert_eq!(found.seen, set(&[(0, 20_000), (60_000, 70_000)]));
    assert_eq!((found.played_ms, found.rewatched_ms(), found.playing_ms), (30_000, 0, 30_000));
    assert_eq!((found.startup_ms, found.stalls, found.stalled_ms), (Some(420), 1, 2250));
    assert_eq!((found.seeks, found.pauses, found.ended), (1, 1, false));
    assert_eq!((found.position_ms, found.jumps, found.silences), (Some(70_000), 0, 0));
    assert_eq!(found.stalled_permille(), 69);
}

#[test]
fn what_is_watched_again_counts_once_as_seen() {
    let mut events = beacons(&[
        (0, Playing, 0),
        (10_000, Progress, 10_000),
        (20_000, Seeking, 5000),
        (20_200, Playing, 5000),
        (30_200, Pause, 15_000),
        (30_204, Ended, 15_000),
    ]);
    if let Event::Beacon(seeking) = &mut events[2] {
        seeking.from_ms = Some(20_000);
    }
    let found = summary(&events);
    assert_eq!((found.seen.total(), found.played_ms, found.rewatched_ms()), (20_000, 30_000, 10_000));
    assert_eq!((found.pauses, found.ended), (0, true));
}

#[test]
fn a_seek_without_its_beginning_is_placed_by_the_clock() {
    let found = summary(&beacons(&[(0, Playing, 0), (4000, Seeking, 90_000), (4100, Playing, 90_000)]));
    assert_eq!(found.seen, set(&[(0, 4000)]));
}

#[test]
fn the_rate_says_how_far_it_may_come() {
    let mut events = beacons(&[
        (0, Playing, 0),
        (5000, Rate, 5000),
        (15_000, Progress, 25_000),
        (25_000, Progress, 70_000),
    ]);
    if let Event::Beacon(rate) = &mut events[1] {
        rate.rate = Some(2000);
    }
    let found = summary(&events);
    // The last heartbeat is 45 s further after 10 s at double rate.
    assert_eq!((found.seen, found.playing_ms, found.jumps), (set(&[(0, 25_000)]), 15_000, 1));
}

#[test]
fn a_rate_that_nobody_watches_at_is_not_believed() {
    let mut events = beacons(&[(0, Playing, 0), (10_000, Progress, 160_000), (20_000, Progress, 200_000)]);
    if let Event::Beacon(first) = &mut events[0] {
        first.rate = Some(16_000);
    }
    let found = summary(&events);
    assert_eq!((found.seen, found.jumps), (set(&[(160_000, 200_000)]), 1));
}

#[test]
fn a_silence_ends_what_counts() {
    let found = summary(&beacons(&[
        (0, Playing, 0),
        (10_000, Progress, 10_000),
        (101_000, Progress, 101_000),
        (111_000, Progress, 111_000),
    ]));
    assert_eq!((found.seen, found.silences), (set(&[(0, 10_000), (101_000, 111_000)]), 1));
    let throttled =
        summary(&beacons(&[(0, Playing, 0), (60_000, Progress, 60_000), (120_000, Progress, 120_000)]));
    assert_eq!(throttled.seen, set(&[(0, 120_000)]));
}

#[test]
fn lost_beacons_leave_what_is_known() {
    // `playing` is lost: the heartbeats tell it, and when it began.
    let found = summary(&beacons(&[(0, Play, 0), (10_400, Progress, 10_000), (20_400, Progress, 20_000)]));
    assert_eq!((found.seen, found.startup_ms), (set(&[(0, 20_000)]), Some(400)));
    // The end of a stall is lost.
    let found = summary(&beacons(&[(0, Playing, 0), (5000, Waiting, 5000), (10_000, Progress, 8000)]));
    assert_eq!((found.seen, found.stalls, found.stalled_ms), (set(&[(0, 8000)]), 1, 2000));
    // The end of a pause is lost: from the heartbeat on it is known.
    let found = summary(&beacons(&[
        (0, Playing, 0),
        (5000, Pause, 5000),
        (10_000, Progress, 8000),
        (20_000, Progress, 18_000),
    ]));
    assert_eq!((found.seen, found.pauses), (set(&[(0, 5000), (8000, 18_000)]), 1));
    // A seek is lost.
    let found =
        summary(&beacons(&[(0, Playing, 0), (10_000, Progress, 500_000), (20_000, Progress, 510_000)]));
    assert_eq!((found.seen, found.jumps), (set(&[(500_000, 510_000)]), 1));
}

#[test]
fn a_heartbeat_in_a_pause_or_a_stall_says_nothing_without_a_move() {
    let found = summary(&beacons(&[
        (0, Playing, 0),
        (5000, Pause, 5000),
        (15_000, Progress, 5000),
        (25_000, Progress, 5100),
        (30_000, Play, 5100),
        (30_010, Playing, 5100),
        (40_010, Waiting, 15_100),
        (50_000, Progress, 15_100),
        (51_000, Playing, 15_100),
    ]));
    assert_eq!((found.seen.total(), found.stalls, found.stalled_ms, found.pauses), (15_000, 1, 10_990, 1));
}

#[test]
fn a_skewed_clock_changes_nothing() {
    let list = [(0, Play, 0), (500, Playing, 0), (10_500, Progress, 10_000), (20_500, Quit, 20_000)];
    let right = summary(&beacons(&list));
    for skew in [7_000, 86_400_000, 30 * 86_400_000] {
        let mut events = beacons(&list);
        for event in &mut events {
            if let Event::Beacon(Beacon { t_ms: Some(t_ms), .. }) = event {
                *t_ms += skew;
            }
        }
        assert_eq!(summary(&events), right);
    }
}

#[test]
fn a_clock_that_runs_too_fast_is_bounded_by_the_servers() {
    let mut events = Vec::new();
    for seq in 0..100 {
        let t = seq as i64 * 60_000;
        let forged = Beacon {
            at_ms: AT + seq as i64 * 10,
            ..beacon(seq, t, if seq == 0 { Playing } else { Progress }, t)
        };
        events.push(Event::Beacon(forged));
    }
    let found = summary(&events);
    assert!(found.played_ms <= (HELD_BACK_MS + 1000) * 21 / 20 + TOLERANCE_MS * 100, "{}", found.played_ms);
    assert!(found.jumps > 90);
}

#[test]
fn replayed_numbers_count_once_and_the_first_arrival_counts() {
    let mut events = beacons(&[(0, Playing, 0), (10_000, Progress, 10_000), (20_000, Progress, 20_000)]);
    let right = summary(&events);
    let forged = Beacon { at_ms: AT + 90_000, ..beacon(1, 10_000, Seeking, 900_000) };
    events.push(Event::Beacon(forged));
    assert_eq!(summary(&events), right);
}

#[test]
fn late_and_early_events_are_put_in_their_place() {
    let mut events = beacons(&[
        (0, Playing, 0),
        (10_000, Progress, 10_000),
        (20_000, Seeking, 90_000),
        (20_100, Playing, 90_000),
        (30_100, Progress, 100_000),
    ]);
    let right = summary(&events);
    events.swap(1, 4);
    events.swap(0, 2);
    assert_eq!(summary(&events), right);
    let mut session = Session::default();
    assert_eq!(session.push(&events[2]), Pushed::Taken);
    assert_eq!(session.push(&events[4]), Pushed::Taken);
    let before = session.clone();
    assert_eq!(session.push(&events[4]), Pushed::Known);
    assert_eq!(session.push(&events[2]), Pushed::OutOfOrder);
    assert_eq!(session, before);
}

#[test]
fn errors_bitrates_and_sizes_are_counted() {
    let mut events = beacons(&[
        (0, Playing, 0),
        (10_000, Progress, 10_000),
        (20_000, Progress, 20_000),
        (21_000, Error, 21_000),
    ]);
    let told = [(Some(500), None), (Some(2000), Some(720)), (None, None), (None, None)];
    for (event, (kbps, height)) in events.iter_mut().zip(told) {
        if let Event::Beacon(beacon) = event {
            (beacon.kbps, beacon.height) = (kbps, height);
            beacon.code = (beacon.event == Error).then(|| "3".to_owned());
            beacon.startup_ms = Some(333);
        }
    }
    let found = summary(&events);
    assert_eq!((found.bits, found.bits_ms, found.mean_kbps()), (27_000_000, 21_000, Some(1285)));
    let renditions = [(Rendition::Height(720), 11_000), (Rendition::Kbps(500), 10_000)];
    assert_eq!(found.renditions, renditions.into());
    assert_eq!((found.errors, found.error_codes.len(), found.startup_ms), (1, 1, Some(333)));
}

#[test]
fn fills_are_not_media() {
    let events = beacons(&[(0, Playing, 0), (10_000, Progress, 10_000), (20_000, Progress, 20_000)]);
    let found = fold(&events, &set(&[(0, 5000), (15_000, 90_000)])).unwrap();
    assert_eq!(
        (found.seen, found.played_ms, found.playing_ms),
        (set(&[(0, 5000), (15_000, 20_000)]), 10_000, 20_000)
    );
    assert_eq!(fold(&events, &Ranges::default()).unwrap().played_ms, 0);
}

#[test]
fn nothing_makes_no_summary() {
    assert_eq!(fold([], &media()), None);
    assert_eq!(fold(&[Event::Report(Reported::default())], &media()), None);
}

/// A beacon without a number or a clock.
fn position(at: i64, event: Kind, position: i64) -> Event {
    Event::Beacon(Beacon { at_ms: AT + at, event, position_ms: Some(position), ..Beacon::default() })
}

#[test]
fn positions_alone_are_placed_by_their_arrival() {
    let events: Vec<Event> =
        (0..7).map(|beat| position(beat * 5000 + beat % 3 * 120, Progress, beat * 5000)).collect();
    let found = summary(&events);
    assert_eq!((found.source, found.estimated), (Source::Progress, false));
    assert_eq!((found.seen, found.stalls), (set(&[(0, 30_000)]), 0));
    let pushed = events.iter().map(|event| (event, ()));
    let mut session = Session::default();
    assert!(pushed.into_iter().all(|(event, ())| session.push(event) == Pushed::Taken));
}

#[test]
fn positions_alone_may_be_at_double_rate_and_may_jump() {
    let events: Vec<Event> = (0..7).map(|beat| position(beat * 5000, Progress, beat * 10_000)).collect();
    assert_eq!(summary(&events).seen, set(&[(0, 60_000)]));
    let events = [(0, 0), (5000, 5000), (10_000, 80_000), (15_000, 85_000), (20_000, 3000)];
    let events: Vec<Event> = events.into_iter().map(|(at, to)| position(at, Progress, to)).collect();
    let found = summary(&events);
    assert_eq!((found.seen, found.jumps), (set(&[(0, 5000), (80_000, 85_000)]), 2));
}

#[test]
fn an_older_client_may_tell_events_without_playing() {
    let events = [
        (0, Play, 0),
        (10_000, Progress, 9600),
        (20_000, Pause, 19_600),
        (50_000, Play, 19_600),
        (60_000, Progress, 29_400),
        (61_000, Ended, 30_400),
    ];
    let events: Vec<Event> = events.into_iter().map(|(at, event, to)| position(at, event, to)).collect();
    let found = summary(&events);
    assert_eq!((found.seen, found.pauses, found.ended), (set(&[(0, 30_400)]), 1, true));
}

#[test]
fn numbers_go_before_positions_alone() {
    let mut events = beacons(&[(0, Playing, 0), (10_000, Progress, 10_000)]);
    events.push(position(3000, Progress, 700_000));
    events.push(position(9000, Progress, 706_000));
    let found = summary(&events);
    assert_eq!((found.source, found.seen), (Source::Beacon, set(&[(0, 10_000)])));
}
