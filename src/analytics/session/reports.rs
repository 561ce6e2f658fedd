//! A session as CMCD's reports tell it (version 2, event mode): exact in time, and in place within a segment.
//!
//! Reports tell what the player does and when, but none tells where the playhead is, unless the player sends `pt`. That
//! is known from the requests of the same session: the start of the segment less the buffer's length is the playhead at
//! that moment, and the first segment behind a seek is where it went. In between, the playhead moves as the clock and
//! the rate say while the player says that it plays.

use super::clock::Clock;
use super::requests::{asks_for_media, playhead};
use super::summary::Outcome;
use super::walk::Walk;
use crate::analytics::cmcd::{Cmcd, EventKind, State, Stream};
use crate::analytics::event::{Reported, Requested, Segment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Records that are kept of a session. Of more the earliest by the sender's clock are.
const MOST_RECORDS: usize = 20_000;
/// Playheads that are kept, one for each [`ANCHOR_MS`].
const MOST_ANCHORS: usize = 20_000;
const ANCHOR_MS: i64 = 200;

/// Where the playhead is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Place {
    /// Here.
    Exact(i64),
    /// Or, if nothing was shown since a seek or the start, somewhere in this segment.
    Within(i64, i64),
}

impl Place {
    fn of(segment: &Segment) -> Self {
        Self::Within(segment.start_ms, segment.end_ms.max(segment.start_ms))
    }
}

/// What is kept of a record. In the sender's order: members begin with what that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Mark {
    ts: i64,
    sn: Option<i64>,
    at: i64,
    pub(super) kind: EventKind,
    pub(super) state: Option<State>,
    pub(super) rate: Option<i64>,
    pub(super) kbps: Option<i64>,
    pub(super) place: Option<Place>,
    pub(super) live: Option<bool>,
    pub(super) startup_ms: Option<i64>,
    pub(super) codes: Vec<String>,
}

impl Mark {
    fn of(reported: &Reported) -> Option<Self> {
        let cmcd = &reported.cmcd;
        let pt = cmcd.pt.map(|pt| Place::Exact(pt.saturating_add(reported.zero_ms)));
        let kind = cmcd.e?;
        // Of a response `ts` is the request's, and all that is not of the response is of now.
        let is_response = kind == EventKind::Response;
        let place = if is_response { reported.segment.as_ref().map(Place::of) } else { pt };
        Some(Self {
            ts: cmcd.ts?,
            sn: cmcd.sn,
            at: reported.at_ms,
            kind,
            state: cmcd.sta.filter(|_| !is_response),
            rate: cmcd.pr.filter(|_| !is_response),
            kbps: Cmcd::most(&cmcd.pb).or_else(|| Cmcd::most(&cmcd.br)).filter(|_| !is_response),
            place,
            live: cmcd.st.map(|stream| stream != Stream::Recorded),
            startup_ms: cmcd.msd,
            codes: if kind == EventKind::Error { cmcd.ec.clone() } else { Vec::new() },
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.sn.is_some() && (self.ts, self.sn) == (other.ts, other.sn)
    }
}

/// The records and playheads of a session, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reports {
    marks: Vec<Mark>,
    anchors: BTreeMap<i64, (Place, i64)>,
    /// Where the recording ends, if its last segment was asked for.
    end: Option<i64>,
}

/// What happened, and when since the first record.
pub(super) enum Fact<'a> {
    /// The playhead was told.
    Anchor(Place),
    /// The player told something.
    Mark(&'a Mark),
}

impl Reports {
    /// A record. `false`: it is there already, or says nothing.
    pub(super) fn push(&mut self, reported: &Reported) -> bool {
        let Some(mark) = Mark::of(reported) else { return false };
        let index = self.marks.partition_point(|other| *other < mark);
        let is_same =
            |other: Option<&Mark>| other.is_some_and(|other| other == &mark || other.is_same(&mark));
        // Of the same record the one that arrived first counts, which is in front.
        if is_same(index.checked_sub(1).and_then(|before| self.marks.get(before))) {
            return false;
        }
        if is_same(self.marks.get(index)) {
            if let Some(later) = self.marks.get_mut(index) {
                *later = mark;
            }
            return true;
        }
        self.marks.insert(index, mark);
        self.marks.truncate(MOST_RECORDS);
        true
    }

    /// A request of the same session.
    pub(super) fn anchor(&mut self, requested: &Requested) {
        if !asks_for_media(requested) {
            return;
        }
        let place = playhead(requested).map_or_else(|| Place::of(&requested.segment), Place::Exact);
        if requested.segment.last {
            self.end = self.end.max(Some(requested.segment.end_ms));
        }
        let anchor = (place, requested.at_ms);
        let kept = self.anchors.entry(requested.at_ms.div_euclid(ANCHOR_MS)).or_insert(anchor);
        *kept = anchor.min(*kept);
        if self.anchors.len() > MOST_ANCHORS {
            self.anchors.pop_last();
        }
    }

    /// The player told what it does.
    pub(super) fn tell(&self) -> bool {
        self.marks.iter().any(|mark| mark.state.is_some())
    }

    /// What it came to.
    pub(super) fn outcome(&self) -> Outcome {
        let mut clock = Clock::new(self.marks.iter().map(|mark| mark.at).min().unwrap_or_default());
        let mut facts: Vec<(i64, Fact<'_>)> = Vec::with_capacity(self.marks.len() + self.anchors.len());
        for mark in &self.marks {
            let now = match mark.kind {
                EventKind::Response => clock.back(mark.ts),
                _ => clock.tick(mark.ts, mark.at),
            };
            if let Some(place) = mark.place {
                facts.push((now, Fact::Anchor(place)));
            }
            facts.push((now, Fact::Mark(mark)));
        }
        let anchors = self.anchors.values().map(|(place, at)| (*at - clock.origin, Fact::Anchor(*place)));
        facts.extend(anchors);
        // Stable: of one moment what the player told comes first.
        facts.sort_by_key(|(now, _)| *now);
        let mut walk = Walk::new(self.end);
        for (now, fact) in &facts {
            walk.step(*now, fact);
        }
        walk.finish(clock.origin)
    }
}
