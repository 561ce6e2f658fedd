//! The pure pipeline in simulated time: senders with clocks of their own, an SFU that keeps packets for retransmission,
//! a network that loses, delays and repeats, and the tracks of one participant behind it. Hours run in seconds, and
//! every run with one seed is the same.

mod clocks;
mod line;
mod loss;
mod network;

use crate::time::Moment;
pub(super) use line::{Line, Sender};
pub(super) use network::{Network, Random};

use super::testing::START;
use line::Event;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How often the recorder looks at the time.
const POLL_MICROS: i64 = 50_000;

/// One participant's streams on one network.
pub(super) struct Call {
    random: Random,
    network: Network,
    lines: Vec<Line>,
    queue: BinaryHeap<Reverse<(i64, u64, usize, Event)>>,
    count: u64,
    poll_micros: i64,
}

impl Call {
    pub(super) fn new(seed: u64, network: Network, senders: Vec<Sender>) -> Self {
        let lines = senders.into_iter().map(Line::new).collect();
        Self {
            random: Random(seed),
            network,
            lines,
            queue: BinaryHeap::new(),
            count: 0,
            poll_micros: POLL_MICROS,
        }
    }

    /// Runs the call up to its end, all times in microseconds since the recording's start, and gives the lines.
    pub(super) fn run(mut self, end: i64) -> Vec<Line> {
        for index in 0..self.lines.len() {
            let begin = self.lines[index].sender.begin;
            self.schedule(begin, index, Event::Capture);
            self.schedule(begin, index, Event::Report);
        }
        self.schedule(0, 0, Event::Poll);
        while let Some(Reverse((now, _, index, event))) = self.queue.pop() {
            if now > end + 5_000_000 {
                break;
            }
            if now > end && matches!(event, Event::Capture | Event::Report) {
                continue;
            }
            self.step(now, index, event);
        }
        for line in &mut self.lines {
            line.finish();
        }
        self.lines
    }

    fn step(&mut self, now: i64, index: usize, event: Event) {
        let mut next = Vec::new();
        match event {
            Event::Poll => {
                let least =
                    self.lines.iter().map(|line| line.track.delays()).reduce(|one, two| one.least(two));
                for (index, line) in self.lines.iter_mut().enumerate() {
                    line.track.share(least.unwrap_or_default());
                    let asked = line.poll(moment(now));
                    next.extend(asked.then(|| (now + self.network.delay, index, Event::KeyframeRequest)));
                }
                next.push((now + self.poll_micros, 0, Event::Poll));
            }
            other => {
                let line = &mut self.lines[index];
                let events = line.step(now, other, &self.network, &mut self.random);
                next.extend(events.into_iter().map(|(at, event)| (at, index, event)));
            }
        }
        for (at, index, event) in next {
            self.schedule(at, index, event);
        }
    }

    fn schedule(&mut self, at: i64, index: usize, event: Event) {
        self.count += 1;
        self.queue.push(Reverse((at, self.count, index, event)));
    }
}

/// Microseconds since the recording's start on the clock of the recorder.
fn moment(micros: i64) -> Moment {
    START.plus(micros)
}
