//! What was watched, with which bitrate and size.

use super::super::ranges::{Interval, Ranges};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Plays of one session that are kept one by one: what is watched without a break is one. Of what is more only the length
/// is kept.
const MOST_RUNS: usize = 2048;
/// Renditions of one session that are told apart.
const MOST_RENDITIONS: usize = 32;

/// What a picture was watched in: its height, or the bitrate where that is not known. Written `720p` or `1500k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Rendition {
    /// Pixels.
    Height(i64),
    /// Encoded kbit/s.
    Kbps(i64),
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Height(height) => write!(f, "{height}p"),
            Self::Kbps(kbps) => write!(f, "{kbps}k"),
        }
    }
}

impl From<Rendition> for String {
    fn from(rendition: Rendition) -> Self {
        rendition.to_string()
    }
}

impl TryFrom<String> for Rendition {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = |number: &str, of: fn(i64) -> Self| number.parse().ok().map(of);
        let height = text.strip_suffix('p').and_then(|number| read(number, Self::Height));
        height.or_else(|| read(text.strip_suffix('k')?, Self::Kbps)).ok_or("neither 720p nor 1500k")
    }
}

/// Collects it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watched {
    runs: Vec<Interval>,
    more_ms: i64,
    seen: Ranges,
    /// For how long media was shown, by the clock.
    pub(super) playing_ms: i64,
    kbps: Option<i64>,
    height: Option<i64>,
    /// Bitrate by time: kbit/s times milliseconds are bits.
    pub(super) bits: i64,
    /// For how long a bitrate was known.
    pub(super) bits_ms: i64,
    pub(super) renditions: BTreeMap<Rendition, i64>,
}

impl Watched {
    /// From here on it is shown so. What is not told stays.
    pub(super) fn shows(&mut self, kbps: Option<i64>, height: Option<i64>) {
        self.kbps = kbps.or(self.kbps);
        self.height = height.or(self.height);
    }

    /// Media from `start` up to `end` was shown, which took `took` milliseconds.
    pub(super) fn add(&mut self, start: i64, end: i64, took: i64) {
        let start = start.max(0);
        if end <= start {
            return;
        }
        self.seen.insert(start, end);
        if let Some(run) = self.runs.last_mut().filter(|run| run.end == start) {
            run.end = end;
        } else if self.runs.len() < MOST_RUNS {
            self.runs.push(Interval { start, end });
        } else {
            self.more_ms = self.more_ms.saturating_add(end - start);
        }
        let took = took.max(0);
        self.playing_ms = self.playing_ms.saturating_add(took);
        if let Some(kbps) = self.kbps {
            self.bits = self.bits.saturating_add(kbps.saturating_mul(took));
            self.bits_ms = self.bits_ms.saturating_add(took);
        }
        if let Some(rendition) = self.height.map(Rendition::Height).or(self.kbps.map(Rendition::Kbps))
            && (self.renditions.len() < MOST_RENDITIONS || self.renditions.contains_key(&rendition))
        {
            let known = self.renditions.entry(rendition).or_default();
            *known = known.saturating_add(took);
        }
    }

    /// What was watched at least once of what is media, and how much media in all, which is never less.
    pub(super) fn of(&self, media: &Ranges) -> (Ranges, i64) {
        let seen = self.seen.intersect(media);
        let runs = self.runs.iter().map(|run| media.overlap(run.start, run.end));
        let played = runs.fold(self.more_ms, i64::saturating_add);
        // A set that had to close gaps says more than was watched.
        let played = played.max(seen.total());
        (seen, played)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_again_is_played_twice_and_seen_once() {
        let mut watched = Watched::default();
        watched.add(0, 10_000, 10_000);
        watched.add(10_000, 20_000, 10_000);
        watched.add(5000, 8000, 1500);
        let media = Ranges::one(2000, 100_000);
        assert_eq!(watched.of(&media), (Ranges::one(2000, 20_000), 21_000));
        assert_eq!((watched.playing_ms, watched.runs.len()), (21_500, 2));
        assert_eq!(watched.of(&Ranges::default()), (Ranges::default(), 0));
    }

    #[test]
    fn bitrates_and_renditions_are_weighed_by_time() {
        let mut watched = Watched::default();
        watched.add(0, 1000, 1000);
        watched.shows(Some(500), None);
        watched.add(1000, 3000, 2000);
        watched.shows(Some(2000), Some(720));
        watched.add(3000, 9000, 3000);
        assert_eq!((watched.bits, watched.bits_ms), (7_000_000, 5000));
        let renditions = serde_json::to_string(&watched.renditions).unwrap();
        assert_eq!(renditions, r#"{"720p":3000,"500k":2000}"#);
        assert_eq!(
            serde_json::from_str::<BTreeMap<Rendition, i64>>(&renditions).unwrap(),
            watched.renditions
        );
        assert!(serde_json::from_str::<Rendition>("\"high\"").is_err());
    }

    #[test]
    fn plays_are_bounded() {
        let mut watched = Watched::default();
        for at in 0..10_000 {
            watched.add(at * 100, at * 100 + 10, 10);
        }
        let (seen, played) = watched.of(&Ranges::one(0, i64::MAX));
        assert_eq!(watched.runs.len(), MOST_RUNS);
        assert!(seen.total() <= played && played >= 100_000);
    }
}
