//! Keeps one stream on the clock that all tracks of a recording share.
//!
//! The clock of a recording is our own, monotonic. A stream's media time is moved onto it by an **offset**. Where that
//! offset should be is asked of three witnesses, the best one first:
//!
//! 1. abs-capture-time: the sender's wall clock, equal for all streams of one participant;
//! 2. sender reports: the SFU's wall clock (or the sender's), once three came;
//! 3. arrival: the least of arrival less media time over a minute. It cannot tell a slow clock from a path that got
//!    longer, so it is followed slowly.
//!
//! A stream's first offset is taken when 0.4 s of it have come, so nothing waits for reports. From then on the offset
//! is **slewed**: pictures by at most 5 % (20 % while they are more than 0.2 s off), sound by at most 0.5 % of the time that
//! passes. It never steps back. It steps forward only where media is missing anyway: where the media clock stood still
//! while time went on (a stall in capture), which is a gap and is told as one.

use super::anchor::Anchor;
use super::least::Least;
use super::reference::{Reference, Seen};
use super::unwrap::Unwrap;
use crate::media::Kind;
use crate::media::rtp::packet::SenderReport;
use crate::time::{Moment, NtpTime, Ticks, Timescale};

/// Fractions of a tick in an offset.
const FRACTION: u32 = 16;
/// A media clock that is this far from where time says it must be, between two frames, began anew.
const JUMP_MICROS: i64 = 10_000_000;
/// The same where it cannot be delay: backwards, or ahead of the quickest packet.
const EARLY_MICROS: i64 = 1_000_000;
/// Over a long silence a clock may gain one part of so many.
const DRIFT_PART: i64 = 2000;
/// Time that passed while the media clock stood still, above which it is a stall and no slewing.
const STALL_MICROS: i64 = 1_000_000;
/// How long arrivals after a silence are watched before it is taken as a stall.
const WATCH_MICROS: i64 = 2_000_000;
/// Arrivals are compared over this time.
const ARRIVAL_WINDOW_MICROS: i64 = 60_000_000;
/// After such a silence the place is found anew.
const SILENCE_MICROS: i64 = 5_000_000;
/// ... and kept, if it is not further off than this.
const KEPT_MICROS: i64 = 100_000;
/// After such a silence what clocks said before counts no more.
const STALE_MICROS: i64 = 60_000_000;
/// An error is corrected over about this time, if the limits allow it.
const SETTLE_MICROS: i64 = 2_000_000;
/// A smaller error is left as it is, so that clocks which agree give frames exact distances.
const QUIET_MICROS: i64 = 1_000;
/// Longer delays of a participant's other streams are another clock's.
const SHARED_MICROS: i64 = 10_000_000;
/// Parts in a million by which pictures and sound may be slewed, and by which a rising delay is followed.
const PICTURE_PPM: i64 = 50_000;
/// ... and pictures that are further off than this, because all know that they are out of step.
const FAR_PPM: i64 = 200_000;
const FAR_MICROS: i64 = 200_000;
const SOUND_PPM: i64 = 5_000;
const ARRIVAL_PPM: i64 = 300;

/// Something a clock did that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// The media clock began anew elsewhere.
    Jumped,
    /// Time passed, in microseconds, that the media clock did not count.
    Stalled(i64),
    /// The wall clock of reports or of capture times was set by so many microseconds.
    Stepped(i64),
}

/// The least delays of a participant's wall clocks against ours, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Of sender reports.
    pub reports: Option<i64>,
    /// Of capture times.
    pub captures: Option<i64>,
}

impl Delays {
    /// The lesser of each.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        let least = |one: Option<i64>, two: Option<i64>| match (one, two) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self { reports: least(self.reports, other.reports), captures: least(self.captures, other.captures) }
    }
}

/// What a frame's clocks came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Its media time, to be placed by [`Sync::tick`].
    pub media: Ticks,
    /// It is the first after a long silence, of which its timestamp knows.
    pub after_silence: bool,
    /// What a clock did.
    pub anomaly: Option<Anomaly>,
}

/// One stream's place in time.
#[derive(Clone, Debug)]
pub struct Sync {
    kind: Kind,
    scale: Timescale,
    start: Moment,
    unwrap: Unwrap,
    anchor: Option<Anchor>,
    /// In ticks, [`FRACTION`] bits of them behind the point: the recording's tick of media time zero.
    offset: Option<i64>,
    /// The newest frame.
    newest: Option<(Ticks, Moment)>,
    /// Media time of the last frame that was placed.
    placed: Option<Ticks>,
    arrivals: Least,
    /// Since a silence in which the media clock stood still: when it ended, and the least arrival since.
    silence: Option<(Moment, i64)>,
    reports: Reference,
    captures: Reference,
    shared: Delays,
}

impl Sync {
    /// `start` is the moment that is tick zero of the recording.
    #[must_use]
    pub fn new(kind: Kind, scale: Timescale, start: Moment) -> Self {
        Self {
            kind,
            scale,
            start,
            unwrap: Unwrap::new(),
            anchor: None,
            offset: None,
            newest: None,
            placed: None,
            arrivals: Least::new(ARRIVAL_WINDOW_MICROS),
            silence: None,
            reports: Reference::new(3),
            captures: Reference::new(1),
            shared: Delays::default(),
        }
    }

    /// The least delays that this stream saw.
    #[must_use]
    pub fn delays(&self) -> Delays {
        Delays { reports: self.reports.delay(), captures: self.captures.delay() }
    }

    /// Takes what the participant's other streams saw.
    pub fn share(&mut self, delays: Delays) {
        self.shared = delays;
    }

    /// Whether a frame with this timestamp begins the media clock anew. Frames that wait for their place must be placed
    /// before it is taken.
    #[must_use]
    pub fn jumps(&self, timestamp: u32, arrival: Moment) -> bool {
        let Some((before, came)) = self.newest else { return false };
        let media = Ticks(self.unwrap.peek_at(timestamp, arrival, self.scale));
        let step = (media - before).to_micros(self.scale);
        let passed = arrival.since(came);
        let unheard = |least: i64| self.delay(media, arrival) < least.saturating_sub(EARLY_MICROS);
        // A queue that drains brings many frames quickly; it does not make one frame a second longer than the time
        // that passed.
        let sooner = EARLY_MICROS.saturating_add(passed.max(0) / DRIFT_PART);
        let early = step.saturating_sub(passed) > sooner && self.arrivals.get().is_some_and(unheard);
        step < -EARLY_MICROS || early || passed.saturating_sub(step) > JUMP_MICROS
    }

    /// Takes a frame's clocks, in order of sending.
    pub fn frame(&mut self, timestamp: u32, arrival: Moment, captured: Option<NtpTime>) -> Timed {
        let jumped = self.jumps(timestamp, arrival);
        let media = Ticks(self.unwrap.push_at(timestamp, arrival, self.scale));
        if jumped {
            self.restart();
        }
        let mut anomaly = jumped.then_some(Anomaly::Jumped);
        let mut after_silence = false;
        if let Some((before, came)) = self.newest.filter(|_| !jumped) {
            let passed = arrival.since(came);
            if passed > STALE_MICROS {
                self.reports.restart();
                self.captures.restart();
            }
            let step = (media - before).to_micros(self.scale);
            after_silence = passed.min(step) > SILENCE_MICROS;
            if after_silence && self.offset.is_some() {
                self.anchor = Some(Anchor::new(self.scale, self.start));
                self.arrivals.clear();
            }
            if passed.saturating_sub(step) > STALL_MICROS {
                self.silence = Some((arrival, i64::MAX));
            }
        }
        let delay = self.delay(media, arrival);
        self.arrivals.push(arrival, delay);
        if let Some(captured) = captured {
            let micros = media.to_micros(self.scale);
            anomaly = anomaly.or(seen(self.captures.push(captured.to_wall().0, micros, arrival)));
        }
        self.newest = Some((media, arrival));
        self.find(media, arrival);
        let anomaly = anomaly.or_else(|| self.stalled(delay, arrival));
        Timed { media, after_silence, anomaly }
    }

    /// Takes a sender report.
    pub fn report(&mut self, report: &SenderReport) -> Option<Anomaly> {
        let (_, came) = self.newest?;
        // A report may come long after the last frame of a muted stream.
        if report.ntp == NtpTime(0) || report.arrival.since(came) > STALE_MICROS {
            return None;
        }
        let media = Ticks(self.unwrap.peek_at(report.rtp, report.arrival, self.scale));
        seen(self.reports.push(report.ntp.to_wall().0, media.to_micros(self.scale), report.arrival))
    }

    /// Whether frames can be placed.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.offset.is_some() && self.anchor.is_none()
    }

    /// Fixes the place with what is known, because no more frame can wait for it.
    pub fn settle(&mut self) {
        let Some(anchor) = self.anchor.take() else { return };
        let Some(arrived) = anchor.offset() else { return };
        let clocks = self.by_clocks().map(|micros| self.to_offset(micros));
        let found = clocks.unwrap_or(arrived.0 << FRACTION);
        let kept = self.to_fraction(KEPT_MICROS);
        let keep = self.offset.filter(|offset| offset.saturating_sub(found).saturating_abs() <= kept);
        self.offset = Some(keep.unwrap_or(found));
    }

    /// The tick of a media time on the recording's timeline; 0 while no place is found. Called for each frame in order.
    pub fn tick(&mut self, media: Ticks) -> (Ticks, Option<Anomaly>) {
        let anomaly = self.slew(media);
        let offset = self.offset.unwrap_or_default();
        self.placed = Some(media);
        // A stream never begins before its recording.
        (Ticks((media.0 + (offset >> FRACTION)).max(0)), anomaly)
    }

    fn restart(&mut self) {
        self.anchor = None;
        self.offset = None;
        self.placed = None;
        self.silence = None;
        self.arrivals.clear();
        self.reports.restart();
        self.captures.restart();
    }

    /// Looks for the place as long as there is none.
    fn find(&mut self, media: Ticks, arrival: Moment) {
        if self.settled() {
            return;
        }
        let (scale, start) = (self.scale, self.start);
        let anchor = self.anchor.get_or_insert_with(|| Anchor::new(scale, start));
        if anchor.push(media.0, arrival) {
            self.settle();
        }
    }

    /// What clocks say must be added to media time, in microseconds of our clock.
    fn by_clocks(&self) -> Option<i64> {
        let shared = |own: Option<i64>, other: Option<i64>| {
            other.filter(|other| own.is_some_and(|own| own.saturating_sub(*other) < SHARED_MICROS))
        };
        let own = self.delays();
        let captures = self.captures.offset(shared(own.captures, self.shared.captures));
        captures.or_else(|| self.reports.offset(shared(own.reports, self.shared.reports)))
    }

    /// Follows the best witness by as much as the time since the frame before allows.
    fn slew(&mut self, media: Ticks) -> Option<Anomaly> {
        let offset = self.offset?;
        let passed = (media - self.placed?).0.max(0);
        let clocks = self.by_clocks();
        let target = self.to_offset(clocks.or_else(|| self.arrivals.get())?);
        let error = target.saturating_sub(offset);
        if clocks.is_some() && error > self.to_fraction(STALL_MICROS) {
            self.offset = Some(target);
            self.silence = None;
            return Some(Anomaly::Stalled(self.to_micros(error)));
        }
        if error.saturating_abs() <= self.to_fraction(QUIET_MICROS) {
            return None;
        }
        // Less delay than was known is certain; more may be the path.
        let ppm = match self.kind {
            _ if clocks.is_none() && error > 0 => ARRIVAL_PPM,
            Kind::Video if error.saturating_abs() > self.to_fraction(FAR_MICROS) => FAR_PPM,
            Kind::Video => PICTURE_PPM,
            Kind::Audio => SOUND_PPM,
        };
        let most = part(passed, ppm, 1_000_000);
        let settle = Ticks::from_micros(SETTLE_MICROS, self.scale).0;
        let step = (i128::from(error) * i128::from(passed.min(settle)) / i128::from(settle.max(1))) as i64;
        self.offset = Some(offset.saturating_add(step.clamp(-most, most)));
        None
    }

    /// Without a clock to ask: arrivals that stay late after a silence mean that capture stood still.
    fn stalled(&mut self, delay: i64, arrival: Moment) -> Option<Anomaly> {
        let (since, least) = self.silence?;
        let least = least.min(delay);
        self.silence = Some((since, least));
        if arrival.since(since) < WATCH_MICROS {
            return None;
        }
        self.silence = None;
        let target = self.to_offset(least);
        let error = target.saturating_sub(self.offset?);
        if self.by_clocks().is_some() || error <= self.to_fraction(STALL_MICROS) {
            return None;
        }
        self.offset = Some(target);
        self.arrivals.clear();
        self.arrivals.push(arrival, least);
        Some(Anomaly::Stalled(self.to_micros(error)))
    }

    /// Arrival less media time, in microseconds.
    fn delay(&self, media: Ticks, arrival: Moment) -> i64 {
        arrival.0.saturating_sub(media.to_micros(self.scale))
    }

    /// An offset from what must be added to media time to get our clock.
    fn to_offset(&self, micros: i64) -> i64 {
        self.to_fraction(micros.saturating_sub(self.start.0))
    }

    fn to_fraction(&self, micros: i64) -> i64 {
        let scaled = i128::from(micros) * i128::from(self.scale.0);
        ((scaled << FRACTION) / 1_000_000) as i64
    }

    fn to_micros(&self, fraction: i64) -> i64 {
        Ticks(fraction >> FRACTION).to_micros(self.scale)
    }
}

/// So many parts of a number of ticks, as a fraction.
fn part(ticks: i64, parts: i64, of: i64) -> i64 {
    (((i128::from(ticks) * i128::from(parts)) << FRACTION) / i128::from(of)) as i64
}

fn seen(seen: Seen) -> Option<Anomaly> {
    match seen {
        Seen::Stepped(micros) => Some(Anomaly::Stepped(micros)),
        Seen::Usual | Seen::Outlier | Seen::Moved(_) => None,
    }
}
