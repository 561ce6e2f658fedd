//! The bounded queue between the stack's task and the reader. Nobody waits at its entrance.

use super::Event;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Connection events that wait for room. They alternate and are rare; the oldest are the least interesting.
const MAX_HELD: usize = 16;

/// The entrance.
pub(super) struct Queue {
    sender: mpsc::Sender<Event>,
    held: Mutex<Held>,
}

/// What did not fit.
#[derive(Default)]
struct Held {
    /// Events that must not be lost.
    events: VecDeque<Event>,
    /// Events that were.
    dropped: u64,
}

impl Queue {
    pub(super) fn new(sender: mpsc::Sender<Event>) -> Self {
        Self { sender, held: Mutex::default() }
    }

    /// A packet or report: dropped and counted when there is no room.
    pub(super) fn media(&self, event: Event) {
        let mut held = self.lock();
        if !self.drain(&mut held) || self.sender.try_send(event).is_err() {
            held.dropped += 1;
        }
    }

    /// A change of the connection: kept until there is room.
    pub(super) fn connection(&self, event: Event) {
        let mut held = self.lock();
        if held.events.len() == MAX_HELD {
            held.events.pop_front();
        }
        held.events.push_back(event);
        self.drain(&mut held);
    }

    /// Try again with what was kept. Called from time to time.
    pub(super) fn retry(&self) {
        self.drain(&mut self.lock());
    }

    /// Whether all that was kept is gone.
    fn drain(&self, held: &mut Held) -> bool {
        if held.dropped > 0 {
            if self.sender.try_send(Event::Overflow { dropped: held.dropped }).is_err() {
                return false;
            }
            held.dropped = 0;
        }
        while let Some(event) = held.events.pop_front() {
            if let Err(full) = self.sender.try_send(event) {
                held.events.push_front(full.into_inner());
                return false;
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::packet::SenderReport;
    use crate::time::{Moment, NtpTime};

    fn report(rtp: u32) -> Event {
        Event::SenderReport {
            consumer: "c".into(),
            report: SenderReport { ntp: NtpTime(0), rtp, arrival: Moment(0) },
        }
    }

    #[test]
    fn what_does_not_fit_is_told_before_what_follows() {
        let (sender, mut receiver) = mpsc::channel(2);
        let queue = Queue::new(sender);
        (0..5).for_each(|rtp| queue.media(report(rtp)));
        assert_eq!(receiver.try_recv(), Ok(report(0)));
        assert_eq!(receiver.try_recv(), Ok(report(1)));
        queue.media(report(5));
        assert_eq!(receiver.try_recv(), Ok(Event::Overflow { dropped: 3 }));
        assert_eq!(receiver.try_recv(), Ok(report(5)));
    }

    #[test]
    fn connection_events_wait_for_room() {
        let (sender, mut receiver) = mpsc::channel(1);
        let queue = Queue::new(sender);
        queue.media(report(0));
        queue.connection(Event::Disconnected("gone".into()));
        queue.connection(Event::Connected);
        queue.media(report(1));
        let mut seen = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            seen.push(event);
            queue.retry();
        }
        let gone = Event::Disconnected("gone".into());
        assert_eq!(seen, [report(0), Event::Overflow { dropped: 1 }, gone, Event::Connected]);
    }
}
