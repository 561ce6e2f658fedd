//! Requests alone: estimates.

use super::*;
use crate::analytics::cmcd::Cmcd;

/// A simulated player with 2 s segments that keeps `goal` ms of buffer, and asks for one more as soon as it has less.
/// Nothing takes longer than `load` ms.
pub(super) struct Client {
    pub(super) events: Vec<Event>,
    /// Milliseconds since the beginning.
    pub(super) now: i64,
    pub(super) position: i64,
    buffered: i64,
    length: i64,
    goal: i64,
    load: i64,
    /// The next request says that the buffer ran empty.
    pub(super) starved: bool,
    with_sound: bool,
}

const SEGMENT: i64 = 2000;

impl Client {
    pub(super) fn new(length: i64) -> Self {
        let (goal, load) = (30_000, 120);
        Self {
            events: vec![],
            now: 0,
            position: 0,
            buffered: 0,
            length,
            goal,
            load,
            starved: false,
            with_sound: true,
        }
    }

    fn ask(&mut self) {
        let start = self.buffered;
        let end = (start + SEGMENT).min(self.length);
        let left = (start - self.position) / 100 * 100;
        let flags = if std::mem::take(&mut self.starved) { ",bs,su" } else { "" };
        for video in [true, false] {
            if !video && !self.with_sound {
                continue;
            }
            let (ot, br) = if video { ("v", 2500) } else { ("a", 64) };
            let (cmcd, _) =
                Cmcd::read(&format!("bl={left},br={br},d={},ot={ot},sf=h,st=v{flags}", end - start)).unwrap();
            let segment = Segment {
                track: ot.to_owned(),
                video,
                start_ms: start,
                end_ms: end,
                height: video.then_some(720),
                fill: false,
                last: end == self.length,
            };
            let at_ms = AT + self.now + 30 + (self.now * 7) % 40;
            self.events.push(Event::Request(Requested { at_ms, cmcd, segment, bytes: 1000, zero_ms: 0 }));
        }
        self.buffered = end;
        self.now += self.load;
    }

    fn is_hungry(&self) -> bool {
        self.buffered < self.length && self.buffered - self.position < self.goal
    }

    /// Plays for so long, and goes on loading.
    pub(super) fn play(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.now < end {
            let before = self.now;
            if self.is_hungry() {
                self.ask();
            } else {
                self.now += 100;
            }
            self.now = self.now.min(end);
            self.position += self.now - before;
        }
    }

    /// Stands still for so long, and goes on loading.
    pub(super) fn wait(&mut self, millis: i64) {
        let end = self.now + millis;
        while self.is_hungry() && self.now < end {
            self.ask();
        }
        self.now = self.now.max(end);
    }

    pub(super) fn seek(&mut self, to: i64) {
        self.position = to;
        if !(to..to + self.goal + 4000).contains(&self.buffered) {
            self.buffered = to / SEGMENT * SEGMENT;
            self.starved = true;
            self.ask();
        }
    }
}

/// Within 10 %.
fn is_near(found: i64, wanted: i64) -> bool {
    (found - wanted).abs() * 10 <= wanted
}

#[test]
fn playing_to_the_end_is_seen() {
    for length in [20_000, 60_000, 61_300, 600_000] {
        let mut client = Client::new(length);
        client.wait(500);
        client.play(length);
        let found = summary(&client.events);
        assert_eq!((found.source, found.estimated), (Source::Requests, true));
        assert!(apart(&found.seen, &Ranges::one(0, length)) <= 200, "{length}: {:?}", found.seen);
        assert_eq!((found.stalls, found.seeks, found.pauses, found.ended), (0, 0, 0, true));
        assert_eq!(found.live, Some(false));
        assert_eq!(
            (found.requests as usize, found.bytes),
            (client.events.len(), client.events.len() as u64 * 1000)
        );
    }
}

#[test]
fn leaving_early_counts_only_what_was_played() {
    let mut client = Client::new(600_000);
    client.play(100_000);
    let found = summary(&client.events);
    assert!(is_near(found.played_ms, 100_000), "{}", found.played_ms);
    assert!(!found.ended && (20_000..40_000).contains(&found.unsure_ms), "{}", found.unsure_ms);
    assert_eq!(found.renditions.keys().collect::<Vec<_>>(), [&Rendition::Height(720)]);
}

#[test]
fn a_pause_is_time_without_requests() {
    let mut client = Client::new(600_000);
    client.play(60_000);
    client.wait(45_000);
    client.play(60_000);
    let found = summary(&client.events);
    assert!(is_near(found.played_ms, 120_000), "{}", found.played_ms);
    assert_eq!((found.pauses, found.stalls, found.seeks), (1, 0, 0));
}

#[test]
fn seeks_are_segments_that_do_not_follow() {
    let mut client = Client::new(600_000);
    client.play(60_000);
    client.seek(301_000);
    client.play(50_000);
    client.seek(10_000);
    client.play(40_000);
    let found = summary(&client.events);
    let wanted = set(&[(0, 60_000), (301_000, 351_000)]);
    assert!(apart(&found.seen, &wanted) <= 8000, "{:?}", found.seen);
    assert!(is_near(found.played_ms, 150_000), "{}", found.played_ms);
    // The buffer that a seek empties is no stall.
    assert_eq!((found.seeks, found.stalls, found.pauses), (2, 0, 0));
}

#[test]
fn a_seek_within_the_buffer_moves_the_playhead_alone() {
    let mut client = Client::new(600_000);
    client.play(60_000);
    client.seek(80_000);
    client.play(60_000);
    let found = summary(&client.events);
    assert!(apart(&found.seen, &set(&[(0, 60_000), (80_000, 140_000)])) <= 6000, "{:?}", found.seen);
    assert_eq!(found.seeks, 1);
}

#[test]
fn a_stall_is_told_and_its_length_is_what_is_missing() {
    let mut client = Client::new(600_000);
    client.play(60_000);
    // For 38 s nothing comes: the buffer lasts for 30 of them.
    client.play(client.buffered - client.position - 1);
    client.now += 8000;
    client.starved = true;
    client.play(60_000);
    let found = summary(&client.events);
    assert_eq!(found.stalls, 1);
    assert!((7000..9500).contains(&found.stalled_ms), "{}", found.stalled_ms);
    assert_eq!((found.pauses, found.seeks), (0, 0));
}

/// The text of each picture's request from `now` on is changed, up to the first that `change` answers with `true`.
fn change(events: &mut [Event], now: i64, mut change: impl FnMut(&mut Cmcd) -> bool) {
    let requests = events.iter_mut().filter(|event| event.at_ms() > AT + now);
    for event in requests {
        if let Event::Request(requested) = event
            && requested.segment.video
            && change(&mut requested.cmcd)
        {
            return;
        }
    }
}

#[test]
fn an_empty_buffer_is_no_stall_where_a_seek_emptied_it() {
    // dash.js says so with the next request whatever the seek did.
    let mut client = Client::new(600_000);
    client.play(60_000);
    client.seek(80_000);
    let now = client.now;
    client.play(60_000);
    change(&mut client.events, now, |cmcd| {
        cmcd.bs = true;
        true
    });
    let found = summary(&client.events);
    assert_eq!((found.seeks, found.stalls), (1, 0));
}

#[test]
fn a_stall_may_be_told_with_an_init_segment_or_by_urgency() {
    let mut client = Client::new(600_000);
    client.play(89_000);
    client.now += 5000;
    let now = client.now;
    client.play(60_000);
    // shaka has no `bs`: it needs things at once while it stalls.
    let mut urgent = client.events.clone();
    let mut left = 3;
    change(&mut urgent, now, |cmcd| {
        cmcd.su = true;
        left -= 1;
        left == 0
    });
    let found = summary(&urgent);
    assert_eq!((found.stalls, found.pauses), (1, 0));
    assert!((4500..5600).contains(&found.stalled_ms), "{}", found.stalled_ms);
    let (cmcd, _) = Cmcd::read("ot=i,bs,su").unwrap();
    let segment = Segment { video: true, ..Segment::default() };
    let init = Requested { at_ms: AT + now + 1, cmcd, segment, ..Requested::default() };
    client.events.push(Event::Request(init));
    let found = summary(&client.events);
    assert_eq!((found.stalls, found.pauses, found.seeks), (1, 0, 0));
    assert!((4500..5600).contains(&found.stalled_ms), "{}", found.stalled_ms);
}

#[test]
fn a_length_that_is_told_is_taken() {
    let mut client = Client::new(600_000);
    client.play(89_000);
    client.now += 5000;
    let now = client.now;
    client.play(60_000);
    change(&mut client.events, now, |cmcd| {
        cmcd.bsd = Cmcd::read("bsd=(4321;v)").unwrap().0.bsd;
        true
    });
    let found = summary(&client.events);
    assert_eq!((found.stalls, found.stalled_ms), (1, 4321));
}

#[test]
fn without_pictures_the_sound_tells() {
    let mut client = Client::new(100_000);
    client.play(100_000);
    let sound: Vec<Event> = client
        .events
        .iter()
        .filter(|event| matches!(event, Event::Request(r) if !r.segment.video))
        .cloned()
        .collect();
    assert!(apart(&summary(&sound).seen, &Ranges::one(0, 100_000)) <= 200);
}

#[test]
fn without_cmcd_little_is_said() {
    let mut client = Client::new(600_000);
    client.play(100_000);
    for event in &mut client.events {
        if let Event::Request(requested) = event {
            requested.cmcd = Cmcd::default();
        }
    }
    let found = summary(&client.events);
    assert_eq!((found.played_ms, found.estimated), (0, true));
    assert!(found.unsure_ms >= 100_000);
}

#[test]
fn bad_requests_are_survived() {
    let segment = |start_ms, end_ms| Segment { video: true, start_ms, end_ms, ..Segment::default() };
    let texts = [
        "bl=9999999999",
        "bl=0",
        "pr=0",
        "pr=1000000",
        "bl=(1;a)",
        "ot=i,bl=5",
        "nr",
        "bsd=(99999999999)",
        "bs",
    ];
    let events: Vec<Event> = (0..200)
        .map(|index| {
            let (cmcd, _) = Cmcd::read(texts[index % texts.len()]).unwrap();
            let start = (index as i64 * 7919) % 50_000;
            Event::Request(Requested {
                at_ms: AT + index as i64,
                cmcd,
                segment: segment(start, start - 5000 + index as i64 * 60),
                ..Requested::default()
            })
        })
        .collect();
    let found = summary(&events);
    assert!(found.seen.total() <= found.played_ms && found.played_ms <= 60_000);
}

#[test]
fn a_request_that_is_sent_again_moves_nothing() {
    let (cmcd, _) = Cmcd::read("bl=(10000;v),sn=5,v=2").unwrap();
    let segment = Segment {
        track: "t".to_owned(),
        video: true,
        start_ms: 20_000,
        end_ms: 22_000,
        ..Segment::default()
    };
    let request = |at, sn, start| {
        let segment = Segment { start_ms: start, end_ms: start + 2000, ..segment.clone() };
        Event::Request(Requested {
            at_ms: AT + at,
            cmcd: Cmcd { sn: Some(sn), ..cmcd.clone() },
            segment,
            bytes: 10,
            zero_ms: 0,
        })
    };
    let mut events = vec![request(0, 5, 20_000), request(2000, 6, 22_000), request(4000, 7, 24_000)];
    let right = summary(&events);
    events.push(request(4500, 5, 20_000));
    let found = summary(&events);
    assert_eq!((found.seen, found.seeks, found.played_ms), (right.seen, right.seeks, right.played_ms));
    assert_eq!((found.bytes, found.requests), (40, 4));
}
