//! Reports of CMCD's event mode, placed by requests.

use super::requests::Client;
use super::*;
use crate::analytics::cmcd::Cmcd;

/// A simulated player that reports what it does, by a clock that is wrong by `skew`.
struct Reporter {
    client: Client,
    sn: i64,
    skew: i64,
}

impl Reporter {
    fn new(length: i64, skew: i64) -> Self {
        Self { client: Client::new(length), sn: 0, skew }
    }

    fn tell(&mut self, text: &str) {
        let now = self.client.now;
        let ts = 1_732_000_000_000 + self.skew + now;
        let (cmcd, _) = Cmcd::read(&format!("{text},ts={ts},sn={},st=v,v=2", self.sn)).unwrap();
        self.sn += 1;
        let at_ms = AT + now + 25 + (now * 13) % 50;
        self.client.events.push(Event::Report(Reported { at_ms, cmcd, zero_ms: 0, segment: None }));
    }

    fn state(&mut self, state: &str) {
        self.tell(&format!("e=ps,sta={state}"));
    }

    fn start(&mut self) {
        self.state("s");
        self.client.wait(700);
        self.state("p");
    }

    fn seek(&mut self, to: i64) {
        self.state("k");
        self.client.seek(to);
        self.client.wait(100);
        self.state("r");
        self.client.wait(400);
        self.state("p");
    }

    fn summary(&self) -> Summary {
        summary(&self.client.events)
    }
}

#[test]
fn states_are_exact_and_places_are_of_the_requests() {
    for skew in [0, 3_600_000, -86_400_000 * 365] {
        let mut reporter = Reporter::new(600_000, skew);
        reporter.start();
        reporter.client.play(40_000);
        reporter.state("a");
        reporter.client.wait(30_000);
        reporter.state("p");
        reporter.client.play(20_000);
        reporter.seek(301_000);
        reporter.client.play(30_000);
        reporter.state("r");
        reporter.client.now += 2500;
        reporter.state("p");
        reporter.client.play(10_000);
        reporter.state("q");
        let found = reporter.summary();
        assert_eq!((found.source, found.estimated), (Source::Reports, false));
        let started = found.startup_ms.unwrap();
        assert!((700..1000).contains(&started), "{started}");
        assert_eq!((found.stalls, found.stalled_ms), (1, 2500));
        assert_eq!((found.seeks, found.pauses, found.ended), (1, 1, false));
        let wanted = set(&[(0, 60_000), (301_000, 341_000)]);
        assert!(apart(&found.seen, &wanted) <= 2000, "{:?}", found.seen);
        assert!((found.played_ms - 100_000).abs() <= 2000, "{}", found.played_ms);
        assert!((found.started_ms - AT - 25).abs() <= 50);
    }
}

#[test]
fn each_play_and_seek_is_within_a_segment() {
    let mut reporter = Reporter::new(600_000, 0);
    reporter.start();
    let (mut wanted, mut at) = (Ranges::default(), 0);
    for (to, millis) in [(0, 12_000), (205_300, 9000), (100_900, 14_000), (400_000, 5000), (50_100, 20_000)] {
        if to != at {
            reporter.seek(to);
        }
        reporter.client.play(millis);
        at = to + millis;
        wanted.insert(to, at);
    }
    reporter.state("q");
    let found = reporter.summary();
    assert_eq!(found.seeks, 4);
    assert!(apart(&found.seen, &wanted) <= 5 * 2000, "{:?} {wanted:?}", found.seen);
}

#[test]
fn to_the_end_without_any_report_in_between() {
    let mut reporter = Reporter::new(90_000, 0);
    reporter.start();
    reporter.client.play(90_000);
    reporter.state("a");
    reporter.state("e");
    let found = reporter.summary();
    assert!(apart(&found.seen, &Ranges::one(0, 90_000)) <= 400, "{:?}", found.seen);
    assert_eq!((found.pauses, found.ended), (0, true));
}

#[test]
fn a_tab_that_dies_counts_as_far_as_it_was_heard() {
    let mut reporter = Reporter::new(900_000, 0);
    reporter.start();
    reporter.client.play(60_000);
    let found = reporter.summary();
    assert!((56_000..=62_100).contains(&found.played_ms), "{}", found.played_ms);
}

#[test]
fn a_player_that_tells_its_playhead_needs_no_requests() {
    let mut reporter = Reporter::new(600_000, 0);
    for (now, text) in [
        (0, "e=ps,sta=s"),
        (500, "e=ps,sta=p,pt=0"),
        (10_500, "e=ps,sta=k,pt=10000"),
        (11_000, "e=ps,sta=p,pt=70000"),
        (31_000, "e=t,sta=p,pt=90000"),
        (41_000, "e=ps,sta=a,pt=100000"),
    ] {
        reporter.client.now = now;
        reporter.tell(text);
    }
    for event in &mut reporter.client.events {
        if let Event::Report(reported) = event {
            reported.zero_ms = 5000;
        }
    }
    let found = reporter.summary();
    assert_eq!(found.seen, set(&[(5000, 15_000), (75_000, 105_000)]));
    assert_eq!((found.startup_ms, found.pauses), (Some(500), 1));
}

#[test]
fn reports_alone_are_of_the_beginning() {
    let mut reporter = Reporter::new(600_000, 0);
    for (now, text) in [(0, "e=ps,sta=s"), (500, "e=ps,sta=p"), (20_500, "e=ps,sta=a")] {
        reporter.client.now = now;
        reporter.tell(text);
    }
    assert_eq!(reporter.summary().seen, set(&[(0, 20_000)]));
}

#[test]
fn the_end_places_what_no_request_did() {
    let mut reporter = Reporter::new(20_000, 0);
    reporter.start();
    reporter.client.play(18_000);
    // All of it is loaded: going back asks for nothing.
    reporter.state("k");
    reporter.client.position = 8000;
    reporter.client.now += 50;
    reporter.state("p");
    reporter.client.now += 12_000;
    reporter.state("e");
    let found = reporter.summary();
    assert!(apart(&found.seen, &Ranges::one(0, 20_000)) <= 400, "{:?}", found.seen);
    assert!((found.played_ms - 30_000).abs() <= 1000, "{}", found.played_ms);
}

#[test]
fn batches_that_come_late_are_placed_by_their_own_clock() {
    let mut reporter = Reporter::new(600_000, 0);
    reporter.start();
    reporter.client.play(30_000);
    reporter.state("r");
    reporter.client.now += 1500;
    reporter.state("p");
    reporter.client.play(20_000);
    reporter.state("q");
    let right = reporter.summary();
    let mut events = reporter.client.events.clone();
    let mut reports = 0;
    for event in &mut events {
        if let Event::Report(reported) = event {
            reports += 1;
            if (3..5).contains(&reports) {
                reported.at_ms += 19_000;
            }
        }
    }
    let found = summary(&events);
    assert_eq!((found.stalls, found.stalled_ms, found.seen), (right.stalls, right.stalled_ms, right.seen));
}

#[test]
fn replays_and_a_reporter_that_begins_again_are_told_apart() {
    let mut reporter = Reporter::new(600_000, 0);
    reporter.start();
    reporter.client.play(20_000);
    reporter.state("r");
    reporter.client.now += 1000;
    // The player loads its source again: it counts from 0 again.
    reporter.sn = 0;
    reporter.state("p");
    reporter.client.play(5000);
    reporter.state("q");
    let right = reporter.summary();
    assert_eq!((right.stalls, right.stalled_ms), (1, 1000));
    let mut events = reporter.client.events.clone();
    for event in reporter.client.events.iter().filter(|event| matches!(event, Event::Report(_))) {
        let mut again = event.clone();
        if let Event::Report(reported) = &mut again {
            reported.at_ms += 60_000;
        }
        events.push(again);
    }
    assert_eq!(summary(&events), right);
}

#[test]
fn errors_and_failures_are_the_same_error() {
    let mut reporter = Reporter::new(600_000, 0);
    reporter.start();
    reporter.client.play(5000);
    reporter.state("f");
    reporter.tell("e=e,ec=(\"bufferStalledError\"),sta=f");
    let found = reporter.summary();
    assert_eq!(
        (found.errors, found.error_codes.iter().map(String::as_str).collect::<Vec<_>>()),
        (1, vec!["bufferStalledError"])
    );
    let mut reporter = Reporter::new(600_000, 0);
    reporter.start();
    reporter.state("f");
    assert_eq!(reporter.summary().errors, 1);
}

#[test]
fn bitrates_rates_and_starts_that_are_told() {
    let mut reporter = Reporter::new(600_000, 0);
    for (now, text) in [
        (0, "e=ps,sta=p,msd=812,pt=0,br=(500)"),
        (10_000, "e=bc,sta=p,br=(2000;v 64;a)"),
        (20_000, "e=pr,pr=2.0,sta=p"),
        (30_000, "e=ps,sta=a,pt=40000"),
    ] {
        reporter.client.now = now;
        reporter.tell(text);
    }
    let found = reporter.summary();
    assert_eq!(
        (found.seen.clone(), found.playing_ms, found.startup_ms),
        (set(&[(0, 40_000)]), 30_000, Some(812))
    );
    assert_eq!(found.renditions.values().sum::<i64>(), 30_000);
}

#[test]
fn a_very_long_silence_ends_what_counts() {
    let mut reporter = Reporter::new(600_000, 0);
    for (now, text) in [(0, "e=ps,sta=p,pt=0"), (10_000, "e=t,sta=p"), (4_000_000, "e=ps,sta=a")] {
        reporter.client.now = now;
        reporter.tell(text);
    }
    let found = reporter.summary();
    assert_eq!((found.seen, found.silences), (set(&[(0, 10_000)]), 1));
}
