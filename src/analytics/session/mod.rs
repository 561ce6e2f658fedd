//! A viewing session: one player that shows one recording, from its first event to its last.
//!
//! Its [`Summary`] is a function of the set of its raw events. [`fold`] computes it from all of them, in whatever order
//! they are given. [`Session`] computes it as they come: an event that follows the ones before it costs a constant effort
//! ([`Session::push`] says `Taken`), and what it knows can be kept as JSON in between. When an event does not follow,
//! `push` says `OutOfOrder`, has changed nothing, and the session must be made anew from all raw events, this one
//! included ([`Session::of`]). Either way the numbers are the same; tests with random events show that.
//!
//! Each source has its own order: beacons their number, requests their arrival. Reports take any order.

mod beacons;
mod clock;
mod player;
mod reports;
mod requests;
mod summary;
mod walk;
mod watched;

pub use beacons::{SILENCE_MS, TOLERANCE_MS};
pub use clock::HELD_BACK_MS;
pub use player::TOGETHER_MS;
pub use requests::TAIL_MS;
pub use summary::{Source, Summary};
pub use walk::REPORT_SILENCE_MS;
pub use watched::Rendition;

use super::event::{Beacon, Event, Requested};
use super::ranges::Ranges;
use beacons::Beacons;
use reports::Reports;
use requests::Requests;
use serde::{Deserialize, Serialize};

/// Faster than this nobody is believed to watch, in thousandths: what a rate above it passes over counts as a jump.
pub const MOST_RATE: i64 = 4000;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It counts.
    Taken,
    /// It had come before, or says nothing: nothing changed.
    Known,
    /// It belongs before one that had come: nothing changed. See [`Session`].
    OutOfOrder,
}

/// A session as far as its events came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    beacons: Option<Beacons>,
    progress: Option<Beacons>,
    reports: Reports,
    requests: Option<Requests>,
}

impl Session {
    /// From all raw events, in any order, however often each of them is there.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut session = Self::default();
        let (mut exact, mut progress) = (Vec::<&Beacon>::new(), Vec::<&Beacon>::new());
        let mut requests = Vec::<&Requested>::new();
        for event in events {
            match event {
                Event::Beacon(beacon) if beacon.sequence().is_some() => exact.push(beacon),
                Event::Beacon(beacon) => progress.push(beacon),
                Event::Report(reported) => drop(session.reports.push(reported)),
                Event::Request(requested) => requests.push(requested),
            }
        }
        session.beacons = in_order(exact, true);
        session.progress = in_order(progress, false);
        requests.sort_by(|one, two| requests::order(one, two));
        for requested in requests {
            session.request(requested);
        }
        session
    }

    /// The next event as it arrived.
    pub fn push(&mut self, event: &Event) -> Pushed {
        match event {
            Event::Beacon(beacon) => {
                let exact = beacon.sequence().is_some();
                let lane = if exact { &mut self.beacons } else { &mut self.progress };
                if let Some(lane) = lane {
                    return lane.push(beacon);
                }
                *lane = Some(Beacons::new(beacon, beacon.at_ms));
                Pushed::Taken
            }
            Event::Report(reported) if self.reports.push(reported) => Pushed::Taken,
            Event::Report(_) => Pushed::Known,
            Event::Request(requested) => self.request(requested),
        }
    }

    fn request(&mut self, requested: &Requested) -> Pushed {
        let pushed = match &mut self.requests {
            Some(requests) => requests.push(requested),
            none => {
                *none = Some(Requests::new(requested));
                Pushed::Taken
            }
        };
        if pushed == Pushed::Taken {
            self.reports.anchor(requested);
        }
        pushed
    }

    /// Its numbers. `media` is what of the timeline is media of what was watched: nothing else counts as watched.
    /// `None`: no event said anything.
    #[must_use]
    pub fn summary(&self, media: &Ranges) -> Option<Summary> {
        let sent = self.requests.as_ref().map_or((0, 0), |requests| (requests.bytes, requests.requests));
        let (source, outcome) = if let Some(beacons) = &self.beacons {
            (Source::Beacon, beacons.outcome())
        } else if self.reports.tell() {
            (Source::Reports, self.reports.outcome())
        } else if let Some(progress) = &self.progress {
            (Source::Progress, progress.outcome())
        } else {
            (Source::Requests, self.requests.as_ref()?.outcome())
        };
        Some(Summary::new(source, outcome, media, sent))
    }
}

/// The numbers of a session from all its raw events, in any order. See [`Session::summary`].
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>, media: &Ranges) -> Option<Summary> {
    Session::of(events).summary(media)
}

fn in_order(mut list: Vec<&Beacon>, exact: bool) -> Option<Beacons> {
    list.sort_by(|one, two| beacons::order(one).cmp(&beacons::order(two)));
    // Of several with one number the one that arrived first counts, which is in front.
    list.dedup_by(|later, first| later == first || (exact && later.seq == first.seq));
    let first_at = list.iter().map(|beacon| beacon.at_ms).min()?;
    let (first, rest) = list.split_first()?;
    let mut beacons = Beacons::new(first, first_at);
    for beacon in rest {
        beacons.push(beacon);
    }
    Some(beacons)
}

#[cfg(test)]
mod tests;
