//! What holds for any events whatever.

use super::*;
use crate::analytics::cmcd::Cmcd;
use proptest::prelude::*;

fn kinds() -> impl Strategy<Value = Kind> {
    use Kind::*;
    prop::sample::select(vec![
        Play, Playing, Pause, Seeking, Seeked, Waiting, Progress, Progress, Rate, Ended, Error, Quit,
    ])
}

prop_compose! {
    fn a_beacon()(
        at in 0..90_000_i64, seq in prop::option::weighted(0.9, 0..40_u64), t in prop::option::weighted(0.95, 0..100_000_i64),
        event in kinds(), position in prop::option::weighted(0.9, 0..90_000_i64),
        from in prop::option::of(0..90_000_i64), rate in prop::option::weighted(0.1, 60..16_000_i64),
        kbps in prop::option::of(0..9000_i64), live in prop::option::of(any::<bool>()),
    ) -> Event {
        let code = (event == Kind::Error).then(|| "x".to_owned());
        Event::Beacon(Beacon {
            at_ms: AT + at, seq, event, t_ms: t, position_ms: position, from_ms: from, rate, kbps, live, code, ..Beacon::default()
        })
    }
}

prop_compose! {
    fn a_report()(
        at in 0..90_000_i64, ts in 0..90_000_i64, sn in prop::option::of(0..30_i64),
        e in prop::sample::select(vec!["ps", "ps", "t", "rr", "bc", "pr", "e"]),
        sta in prop::sample::select(vec!["s", "p", "p", "p", "k", "r", "a", "w", "e", "f", "q", "d"]),
        pt in prop::option::of(0..90_000_i64), pr in prop::option::of(0..5_i64), start in prop::option::of(0..45_i64),
    ) -> Event {
        let mut text = format!("e={e},sta={sta},ts={ts},v=2");
        for (key, value) in [("sn", sn), ("pt", pt), ("pr", pr)] {
            if let Some(value) = value {
                text = format!("{text},{key}={value}");
            }
        }
        let cmcd = Cmcd::read(&text).unwrap().0;
        let segment = start.map(|start| Segment { start_ms: start * 2000, end_ms: start * 2000 + 2000, ..Segment::default() });
        Event::Report(Reported { at_ms: AT + at, cmcd, zero_ms: 0, segment })
    }
}

prop_compose! {
    fn a_request()(
        at in 0..90_000_i64, start in 0..45_i64, length in 1..4000_i64, bl in prop::option::of(0..30_000_i64),
        video: bool, bs: bool, last in prop::bool::weighted(0.1), sn in prop::option::of(0..20_i64), bytes in 0..5_u64,
    ) -> Event {
        let mut text = String::from("v=2,pr=1");
        if let Some(bl) = bl { text = format!("{text},bl=({bl})"); }
        if let Some(sn) = sn { text = format!("{text},sn={sn}"); }
        if bs { text.push_str(",bs"); }
        let cmcd = Cmcd::read(&text).unwrap().0;
        let segment = Segment {
            track: "t".to_owned(), video, start_ms: start * 2000, end_ms: start * 2000 + length, last, ..Segment::default()
        };
        Event::Request(Requested { at_ms: AT + at, cmcd, segment, bytes, zero_ms: 0 })
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let beacons = || prop::collection::vec(a_beacon(), 0..25);
    let reports = || prop::collection::vec(a_report(), 0..20);
    let requests = || prop::collection::vec(a_request(), 0..20);
    let all = (beacons(), reports(), requests()).prop_map(|(one, two, three)| [one, two, three].concat());
    prop_oneof![beacons(), reports(), requests(), all]
}

fn some_media() -> impl Strategy<Value = Ranges> {
    prop::collection::vec((0_i64..90_000, 0_i64..90_000), 0..6).prop_map(|list| set(&list))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_order_and_number_of_arrivals_does_not_matter(
        (events, other) in events().prop_flat_map(|events| {
            let twice = [events.clone(), events.clone()].concat();
            (Just(events), Just(twice).prop_shuffle())
        }),
        media in some_media(),
    ) {
        prop_assert_eq!(fold(&events, &media), fold(&other, &media));
        prop_assert_eq!(Session::of(&events), Session::of(&other));
    }

    #[test]
    fn what_is_pushed_is_what_is_folded(events in events(), media in some_media()) {
        let mut session = Session::default();
        for (index, event) in events.iter().enumerate() {
            let before = session.clone();
            match session.push(event) {
                Pushed::Taken => {}
                Pushed::Known => prop_assert_eq!(&session, &before),
                Pushed::OutOfOrder => {
                    prop_assert_eq!(&session, &before);
                    session = Session::of(&events[..=index]);
                }
            }
            prop_assert_eq!(&session, &Session::of(&events[..=index]));
        }
        prop_assert_eq!(session.summary(&media), fold(&events, &media));
    }

    #[test]
    fn what_comes_in_order_is_never_folded_again(
        beacons in prop::collection::vec(a_beacon(), 0..30), others in events(), media in some_media(),
    ) {
        let others = others.into_iter().filter(|event| !matches!(event, Event::Beacon(_)));
        let numbered = beacons.into_iter().enumerate().filter_map(|(index, event)| {
            let Event::Beacon(beacon) = event else { return None };
            let at_ms = AT + index as i64 * 3000 - beacon.at_ms % 7;
            Some(Event::Beacon(Beacon { at_ms, seq: Some(index as u64), t_ms: beacon.t_ms.or(Some(0)), ..beacon }))
        });
        let mut all: Vec<Event> = others.chain(numbered).collect();
        all.sort_by_key(Event::at_ms);
        // Two requests of one millisecond may come in either order.
        all.dedup_by_key(|event| event.at_ms());
        let mut session = Session::default();
        for event in &all {
            let pushed = session.push(event);
            prop_assert_ne!(pushed, Pushed::OutOfOrder);
        }
        prop_assert_eq!(session.summary(&media), fold(&all, &media));
    }

    #[test]
    fn numbers_keep_their_bounds(events in events(), media in some_media()) {
        let Some(found) = fold(&events, &media) else { return Ok(()) };
        prop_assert!(found.seen.subtract(&media).is_empty());
        prop_assert!(found.seen.total() <= found.played_ms);
        prop_assert!(found.rewatched_ms() >= 0 && found.stalled_ms >= 0 && found.playing_ms >= 0 && found.unsure_ms >= 0);
        prop_assert!(found.started_ms <= found.ended_ms);
        prop_assert!(found.bits_ms <= found.playing_ms);
        prop_assert_eq!(found.startup_ms.filter(|startup| *startup < 0), None);
        prop_assert!((0..=1000).contains(&found.stalled_permille()));
        let rated: i64 = found.renditions.values().sum();
        prop_assert!(rated <= found.playing_ms);
        // Nobody watches more than the time that could have passed allows.
        if found.source != Source::Requests {
            prop_assert!(found.playing_ms <= 90_000 + HELD_BACK_MS);
        }
        let json = serde_json::to_string(&found).unwrap();
        prop_assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), found);
    }

    #[test]
    fn what_is_kept_goes_on_as_it_was(events in events(), media in some_media()) {
        let session = Session::of(&events);
        let kept: Session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
        prop_assert_eq!(kept.summary(&media), session.summary(&media));
        prop_assert_eq!(kept, session);
        for event in &events {
            let text = serde_json::to_string(event).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Event>(&text).unwrap(), event);
        }
    }
}
