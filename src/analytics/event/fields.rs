//! Members of a beacon, whatever they were written in: JSON or a form.

use super::{Beacon, Kind};
use serde_json::{Map, Value};

/// Furthest position that is believed: recordings end after a week.
const MOST_POSITION_MS: f64 = 8.0 * 86_400_000.0;
/// A playhead so little before 0 is at 0: players round.
const LEAST_POSITION_MS: f64 = -1000.0;
/// Longest client's clock that is believed.
const MOST_CLOCK_MS: f64 = 31.0 * 86_400_000.0;
/// Numbers up to which a float counts exactly (ECMA-262, Number.MAX_SAFE_INTEGER).
const MOST_SEQ: f64 = 9_007_199_254_740_991.0;
/// Rates that browsers play with (HTML leaves it to them; Chromium 0.0625 to 16).
const RATES: std::ops::RangeInclusive<f64> = 0.0625..=16.0;
const MOST_STARTUP_MS: f64 = 600_000.0;
const MOST_KBPS: f64 = 1_000_000.0;
const MOST_HEIGHT: f64 = 16_384.0;
const MOST_TEXT: usize = 64;
/// Characters of a session's id.
const MOST_ID: usize = 64;

/// What is wrong with one event. It is refused alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// Neither a position nor an event that needs none.
    #[error("an event without a position")]
    NoPosition,
    /// Not a number, not finite, before the beginning, or further than any recording goes.
    #[error("a position that cannot be")]
    Position,
    /// `seq` is not a whole number from 0.
    #[error("a sequence number that cannot be")]
    Sequence,
    /// `t` is negative, or longer than a session can be.
    #[error("a clock that cannot be")]
    Clock,
    /// Not an object.
    #[error("an event that is not an object")]
    Shape,
    /// Longer than 64 characters, or with others than letters, digits and `-_.:~`.
    #[error("a session id that cannot be")]
    SessionId,
}

/// Members by name.
pub(super) struct Fields<'a> {
    /// Its own.
    pub(super) own: &'a Map<String, Value>,
    /// Those of the batch around it: [`OF_SESSION`] count where it has none.
    pub(super) around: Option<&'a Map<String, Value>>,
}

/// Members of a beacon and of a batch.
const KNOWN: [&str; 21] = [
    "session_id",
    "seq",
    "event",
    "position",
    "t",
    "from",
    "to",
    "playback_rate",
    "rate",
    "bitrate",
    "bitrate_kbps",
    "height",
    "startup_ms",
    "live",
    "code",
    "error_code",
    "participant",
    "player",
    "player_version",
    "events",
    "current_time",
];

/// Members that hold for the session and not for one event.
const OF_SESSION: [&str; 4] = ["participant", "player", "player_version", "live"];

/// Whether a text may be the id of a session: opaque, printable without quoting wherever it may stand, and bounded.
#[must_use]
pub fn is_session_id(text: &str) -> bool {
    let is_of_ids = |c: char| c.is_ascii_alphanumeric() || "-_.:~".contains(c);
    (1..=MOST_ID).contains(&text.len()) && text.chars().all(is_of_ids)
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let around = || self.around.filter(|_| OF_SESSION.contains(&name))?.get(name);
        self.own.get(name).or_else(around).filter(|value| !value.is_null())
    }

    /// A number, or a text that is one. `Some(None)`: there is something else.
    fn number(&self, name: &str) -> Option<Option<f64>> {
        Some(match self.get(name)? {
            Value::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        })
    }

    /// A number that is of no weight: left out when it cannot be.
    fn measure(&self, name: &str, most: f64) -> Option<i64> {
        let number = self.number(name)??.round();
        (0.0..=most).contains(&number).then_some(number as i64)
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = match self.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let text: String = text.chars().filter(|c| !c.is_control()).take(MOST_TEXT).collect();
        (!text.is_empty()).then_some(text)
    }

    /// A position in milliseconds, and whether it was clamped. [`LEAST_POSITION_MS`] up to 0 is 0.
    fn position(&self, name: &str) -> Result<Option<(i64, bool)>, BadEvent> {
        let Some(seconds) = self.number(name) else { return Ok(None) };
        let millis = (seconds.ok_or(BadEvent::Position)? * 1000.0).round();
        if !(LEAST_POSITION_MS..=MOST_POSITION_MS).contains(&millis) {
            return Err(BadEvent::Position);
        }
        Ok(Some((millis.max(0.0) as i64, millis < 0.0)))
    }

    fn rate(&self) -> (Option<i64>, bool) {
        let told = self.number("playback_rate").or_else(|| self.number("rate"));
        let Some(rate) = told else { return (None, false) };
        // 0 and less is what nothing advances by: such a player is paused, and says so.
        let Some(rate) = rate.filter(|rate| *rate > 0.0) else { return (None, true) };
        let clamped = rate.clamp(*RATES.start(), *RATES.end());
        (Some((clamped * 1000.0).round() as i64), clamped.to_bits() != rate.to_bits())
    }

    fn live(&self) -> Option<bool> {
        match self.get("live")? {
            Value::Bool(live) => Some(*live),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn player(&self) -> Option<String> {
        let name = self.text("player")?;
        Some(self.text("player_version").map_or(name.clone(), |version| format!("{name} {version}")))
    }

    /// The client's id of its session.
    pub(super) fn session_id(&self) -> Result<Option<String>, BadEvent> {
        let Some(value) = self.get("session_id") else { return Ok(None) };
        let id = value.as_str().ok_or(BadEvent::SessionId)?;
        match id {
            "" => Ok(None),
            id if is_session_id(id) => Ok(Some(id.to_owned())),
            _ => Err(BadEvent::SessionId),
        }
    }

    /// Own members that nothing here knows.
    pub(super) fn unknown(&self) -> u32 {
        self.own.keys().filter(|name| !KNOWN.contains(&name.as_str())).count().try_into().unwrap_or(u32::MAX)
    }

    /// The event, and how many of its members were clamped or left out.
    pub(super) fn beacon(&self, at_ms: i64) -> Result<(Beacon, u32), BadEvent> {
        let told = self.text("event");
        let known = told.as_deref().map(|name| Kind::read(&name.to_ascii_lowercase()));
        // A name of a later version still has a position.
        let event = known.flatten().unwrap_or_default();
        let mut clamped = u32::from(known == Some(None));
        let mut position = self.position("position")?;
        if position.is_none() {
            position = self.position(if event == Kind::Seeking { "to" } else { "current_time" })?;
        }
        if position.is_none() && !matches!(event, Kind::Error | Kind::Quit) {
            return Err(BadEvent::NoPosition);
        }
        let from = self.position("from")?;
        clamped += [position, from].into_iter().flatten().filter(|(_, clamped)| *clamped).count() as u32;
        let (rate, is_clamped) = self.rate();
        clamped += u32::from(is_clamped);
        let beacon = Beacon {
            at_ms,
            seq: self.whole("seq", MOST_SEQ, BadEvent::Sequence)?.map(i64::unsigned_abs),
            event,
            t_ms: self.clock()?,
            position_ms: position.map(|(position, _)| position),
            from_ms: from.map(|(from, _)| from),
            rate,
            kbps: self.measure("bitrate_kbps", MOST_KBPS).or_else(|| self.bitrate()),
            height: self.measure("height", MOST_HEIGHT),
            startup_ms: self.measure("startup_ms", MOST_STARTUP_MS),
            live: self.live(),
            code: self.text("code").or_else(|| self.text("error_code")),
            participant: self.text("participant"),
            player: self.player(),
        };
        Ok((beacon, clamped))
    }

    /// `bitrate` is bit/s, as players have it.
    fn bitrate(&self) -> Option<i64> {
        self.measure("bitrate", MOST_KBPS * 1000.0).map(|bits| (bits + 500) / 1000)
    }

    fn whole(&self, name: &str, most: f64, bad: BadEvent) -> Result<Option<i64>, BadEvent> {
        let Some(number) = self.number(name) else { return Ok(None) };
        let number =
            number.filter(|number| (0.0..=most).contains(number) && number.fract() == 0.0).ok_or(bad)?;
        Ok(Some(number as i64))
    }

    fn clock(&self) -> Result<Option<i64>, BadEvent> {
        let Some(t) = self.number("t") else { return Ok(None) };
        let t = t.filter(|t| (0.0..=MOST_CLOCK_MS).contains(t)).ok_or(BadEvent::Clock)?;
        Ok(Some(t.round() as i64))
    }
}
