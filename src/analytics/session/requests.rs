//! A session as the requests for its segments tell it: an estimate.
//!
//! A player asks for the segment that follows its buffer: the playhead is the segment's start less the buffer's length
//! (`bl`). Between two requests the playhead came so far as these two say, and the rest of the time nothing was shown:
//! the player stood still, or, where the later one says that the buffer had run empty (`bs`), it stalled. Segments that
//! do not follow each other are a seek.
//!
//! What was loaded and not known to be watched at the end is counted only when it reaches the end of the recording, and
//! then up to [`TAIL_MS`]: a player that has all of it asks for nothing more, whether it plays or not.

use super::clock::{at_rate, of_rate};
use super::summary::{Errors, Outcome};
use super::watched::Watched;
use super::{MOST_RATE, Pushed};
use crate::analytics::cmcd::{Cmcd, Object, Stream};
use crate::analytics::event::Requested;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// See the module.
pub const TAIL_MS: i64 = 60_000;
/// A playhead may be so much beside where clock and rate have it: `bl` is rounded to 100 ms and requests take their way.
const TOLERANCE_MS: i64 = 1000;
/// Segments are taken for at least so long where they are compared.
const LEAST_SEGMENT_MS: i64 = 2000;
/// When it stood still for so long it was a pause.
const PAUSE_MS: i64 = 3000;
/// A request that is sent again within so long, with the same number, tells nothing new.
const AGAIN_MS: i64 = 30_000;
/// Requests that are looked through for that.
const RECENT: usize = 16;
/// Sound and picture run empty together.
const STALL_TOGETHER_MS: i64 = 2000;

/// The order of arrival, and a total one: equal are only equal requests.
pub(super) fn order(one: &Requested, two: &Requested) -> Ordering {
    let of = |requested: &Requested| (requested.at_ms, requested.cmcd.sn, requested.bytes);
    let text = |requested: &Requested| serde_json::to_string(requested).unwrap_or_default();
    let segments = || one.segment.cmp(&two.segment);
    of(one).cmp(&of(two)).then_with(segments).then_with(|| text(one).cmp(&text(two)))
}

/// The fold: one request after the other in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requests {
    first_at: i64,
    last: Requested,
    recent: VecDeque<(i64, i64, String, i64)>,
    pub(super) bytes: u64,
    pub(super) requests: u32,
    video: Playhead,
    audio: Playhead,
    live: Option<bool>,
    startup_ms: Option<i64>,
    errors: Errors,
}

impl Requests {
    pub(super) fn new(first: &Requested) -> Self {
        let mut requests = Self {
            first_at: first.at_ms,
            last: first.clone(),
            recent: VecDeque::new(),
            bytes: 0,
            requests: 0,
            video: Playhead::default(),
            audio: Playhead::default(),
            live: None,
            startup_ms: None,
            errors: Errors::default(),
        };
        requests.take(first);
        requests
    }

    pub(super) fn push(&mut self, requested: &Requested) -> Pushed {
        match order(requested, &self.last) {
            Ordering::Less => Pushed::OutOfOrder,
            Ordering::Equal => Pushed::Known,
            Ordering::Greater => {
                self.last = requested.clone();
                self.take(requested);
                Pushed::Taken
            }
        }
    }

    fn take(&mut self, requested: &Requested) {
        self.bytes = self.bytes.saturating_add(requested.bytes);
        self.requests = self.requests.saturating_add(1);
        self.live = requested.cmcd.st.map(|stream| stream != Stream::Recorded).or(self.live);
        self.startup_ms = self.startup_ms.or(requested.cmcd.msd);
        for code in &requested.cmcd.ec {
            self.errors.add(Some(code));
        }
        if self.is_again(requested) {
            return;
        }
        let playhead = if requested.segment.video { &mut self.video } else { &mut self.audio };
        if asks_for_media(requested) {
            playhead.push(requested);
        } else if requested.cmcd.ot == Some(Object::Init) {
            // Behind a stall hls.js may ask for another rendition, and tells it with that.
            playhead.starve(&requested.cmcd, requested.at_ms);
        }
    }

    fn is_again(&mut self, requested: &Requested) -> bool {
        let Some(number) = requested.cmcd.sn else { return false };
        let (at, segment) = (requested.at_ms, &requested.segment);
        let is_again = self.recent.iter().any(|(before, sn, track, start)| {
            at - before <= AGAIN_MS && *sn == number && *track == segment.track && *start == segment.start_ms
        });
        self.recent.push_back((at, number, segment.track.clone(), segment.start_ms));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        is_again
    }

    /// What it came to: by the pictures, or by the sound where there were none.
    pub(super) fn outcome(&self) -> Outcome {
        let mut playhead = if self.video.run.is_some() { self.video.clone() } else { self.audio.clone() };
        let (unsure_ms, ended) = playhead.finish();
        Outcome {
            started_ms: self.first_at,
            ended_ms: self.last.at_ms,
            startup_ms: self.startup_ms,
            stalls: playhead.stalls,
            stalled_ms: playhead.stalled_ms,
            seeks: playhead.seeks,
            pauses: playhead.pauses,
            ended,
            errors: self.errors.clone(),
            live: self.live,
            position_ms: playhead.position(),
            jumps: 0,
            silences: 0,
            unsure_ms,
            participant: None,
            player: None,
            watched: playhead.watched,
        }
    }
}

/// Init segments and captions are not where the playhead is.
pub(super) fn asks_for_media(requested: &Requested) -> bool {
    let is_media = |object| matches!(object, Object::Audio | Object::Video | Object::Muxed | Object::Other);
    !requested.cmcd.nr && requested.cmcd.ot.is_none_or(is_media)
}

/// The playhead that a request tells, if its buffer holds more than a segment: else what is on its way hides too much.
pub(super) fn playhead(requested: &Requested) -> Option<i64> {
    let segment = &requested.segment;
    let object = requested.cmcd.ot.unwrap_or_else(|| segment.object());
    let buffered = Cmcd::of(&requested.cmcd.bl, Some(object))?;
    let position = segment.start_ms - buffered;
    let is_known = buffered >= segment.end_ms - segment.start_ms && position >= -TOLERANCE_MS;
    is_known.then_some(position.max(0))
}

/// Where segments follow each other: its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    at: i64,
    start: i64,
    length: i64,
}

/// A playhead that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    at: i64,
    position: i64,
}

/// The playhead of the sound or of the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Playhead {
    run: Option<Run>,
    known: Option<Known>,
    /// Where what was asked for ends.
    ahead: i64,
    /// That is the end of the recording.
    is_last: bool,
    /// The last request was needed at once.
    urgent: bool,
    segment_ms: i64,
    rate: i64,
    /// For how long it stood still, up to the last request.
    still_ms: i64,
    /// That is the start, or belongs to a seek.
    settling: bool,
    /// That is a stall.
    starved: bool,
    /// How long it was, if that was told.
    starved_ms: Option<i64>,
    starved_at: Option<i64>,
    watched: Watched,
    seeks: u32,
    pauses: u32,
    stalls: u32,
    stalled_ms: i64,
}

impl Playhead {
    fn push(&mut self, requested: &Requested) {
        let (at, segment, cmcd) = (requested.at_ms, &requested.segment, &requested.cmcd);
        let length = (segment.end_ms - segment.start_ms).max(1);
        self.segment_ms = length.max(LEAST_SEGMENT_MS);
        let follows =
            (self.ahead - 2 * self.segment_ms..=self.ahead + self.segment_ms).contains(&segment.start_ms);
        // Version 1 tells only another rate than 1.
        self.rate = cmcd.pr.unwrap_or(1000).min(MOST_RATE);
        let position = playhead(requested);
        if self.run.is_none() || !follows {
            self.begin(Run { at, start: segment.start_ms, length });
            self.ahead = segment.end_ms;
        } else {
            let stays = position.is_none_or(|position| self.moved(at, position).is_some());
            if stays {
                self.starve(cmcd, at);
            }
            self.ahead = self.ahead.max(segment.end_ms);
        }
        self.is_last = segment.last;
        self.urgent = cmcd.su;
        if let Some(position) = position {
            self.fix(at, position);
        }
        self.watched.shows(Cmcd::of(&cmcd.br, cmcd.ot).or_else(|| Cmcd::most(&cmcd.br)), segment.height);
    }

    fn begin(&mut self, run: Run) {
        if self.run.is_some() {
            self.leave(run.at);
            self.seeks = self.seeks.saturating_add(1);
        }
        self.run = Some(run);
        self.known = None;
        self.settling = true;
        self.still_ms = 0;
    }

    /// The buffer had run empty: the player says so, or begins to need things at once. Behind a seek it is empty because
    /// of that, and some say so too (hls.js and dash.js do).
    fn starve(&mut self, cmcd: &Cmcd, at: i64) {
        let told = Cmcd::most(&cmcd.bsd);
        let is_told = cmcd.bs || told.is_some() || (cmcd.su && !self.urgent);
        let is_new = self.starved_at.is_none_or(|before| at - before > STALL_TOGETHER_MS);
        if is_told && self.run.is_some() && !self.settling && is_new {
            self.stalls = self.stalls.saturating_add(1);
            (self.starved, self.starved_ms) = (true, told);
            self.starved_at = Some(at);
        }
    }

    /// How far the playhead came since it was known; `None` when it was moved there. 0 where it was not known yet.
    fn moved(&self, at: i64, position: i64) -> Option<i64> {
        let Some(known) = self.known else { return Some(0) };
        let most = at_rate((at - known.at).max(0), self.rate);
        let moved = position - known.position;
        (-TOLERANCE_MS..=most + TOLERANCE_MS).contains(&moved).then_some(moved.max(0))
    }

    /// The playhead is known.
    fn fix(&mut self, at: i64, position: i64) {
        let Some(known) = self.known else {
            self.fix_first(at, position);
            self.known = Some(Known { at, position });
            return;
        };
        let Some(moved) = self.moved(at, position) else {
            // A seek within the buffer.
            self.leave(at);
            self.seeks = self.seeks.saturating_add(1);
            self.known = Some(Known { at, position });
            (self.settling, self.still_ms) = (true, 0);
            return;
        };
        let passed = (at - known.at).max(0);
        let took = of_rate(moved, self.rate).min(passed);
        self.watched.add(known.position, known.position + moved, took);
        self.still_ms = self.still_ms.saturating_add(passed - took);
        self.known = Some(Known { at, position: known.position + moved });
        if 2 * took > passed {
            self.stood_still();
        }
    }

    /// The first time in a run: it began within the run's first segment, and where exactly the time since says.
    fn fix_first(&mut self, at: i64, position: i64) {
        let Some(run) = self.run else { return };
        let passed = (at - run.at).max(0);
        let began = position - at_rate(passed, self.rate);
        let began = began.clamp(run.start, run.start + run.length).min(position);
        if position >= run.start && position - began <= at_rate(passed, self.rate) + TOLERANCE_MS {
            self.watched.add(began, position, of_rate(position - began, self.rate).min(passed));
        }
    }

    /// It moves again: why did it not?
    fn stood_still(&mut self) {
        if !self.stalled() && self.still_ms >= PAUSE_MS && !self.settling {
            self.pauses = self.pauses.saturating_add(1);
        }
        (self.settling, self.still_ms) = (false, 0);
    }

    /// It was a stall, which is over.
    fn stalled(&mut self) -> bool {
        let starved = std::mem::take(&mut self.starved);
        if starved {
            let lasted = self.starved_ms.take().unwrap_or(self.still_ms);
            self.stalled_ms = self.stalled_ms.saturating_add(lasted);
        }
        starved
    }

    /// Goes elsewhere, and asks for that at once: up to then it played on. Had it stood still, it would have asked for
    /// nothing: without a request for longer than a segment it did, unless there was nothing left to ask for.
    fn leave(&mut self, at: i64) {
        let Some(known) = self.last_known() else { return };
        let loaded = (self.ahead - known.position).max(0);
        let most = if self.is_last { loaded } else { loaded.min(self.segment_ms) };
        let passed = at_rate((at - known.at).max(0), self.rate).min(most);
        self.watched.add(known.position, known.position + passed, of_rate(passed, self.rate));
    }

    fn last_known(&self) -> Option<Known> {
        self.known.or_else(|| self.run.map(|run| Known { at: run.at, position: run.start }))
    }

    fn position(&self) -> Option<i64> {
        self.last_known().map(|known| known.position)
    }

    /// Nothing more came. How much of what was loaded may have been watched and is not counted, and whether what is
    /// counted reaches the end.
    fn finish(&mut self) -> (i64, bool) {
        let Some(known) = self.last_known() else { return (0, false) };
        self.stalled();
        let loaded = (self.ahead - known.position).max(0);
        let tail = if self.is_last { loaded.min(TAIL_MS) } else { 0 };
        self.watched.add(known.position, known.position + tail, of_rate(tail, self.rate));
        self.known = Some(Known { at: known.at, position: known.position + tail });
        (loaded - tail, self.is_last && tail == loaded)
    }
}
