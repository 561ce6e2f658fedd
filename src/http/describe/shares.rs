//! How sessions are divided: by what was shown, on what, and by which player.

use super::viewing::seconds;
use crate::analytics::session::Rendition;
use crate::catalog::{ViewingPart, ViewingShares};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// How the sessions of a recording are divided. Of each up to 32, the longest time first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AnalyticsShares)]
pub(in crate::http) struct Shares {
    /// Playing time by what was shown, as far as that is known.
    renditions: Vec<RenditionShare>,
    /// By what it was watched on.
    devices: Vec<DeviceShare>,
    /// By the player, where it said what it is.
    players: Vec<PlayerShare>,
}

/// What was shown in one session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionRendition {
    /// Pixels; null where only the bitrate is known.
    height: Option<i64>,
    /// kbit/s, where the height is not known.
    kbps: Option<i64>,
    /// Playing time.
    seconds: f64,
    /// Of the playing time of which it is known, 0 to 1.
    share: f64,
}

/// What was shown in all sessions.
#[derive(Debug, Serialize, ToSchema)]
struct RenditionShare {
    #[serde(flatten)]
    shown: SessionRendition,
    /// Sessions in which it was.
    sessions: u64,
}

/// Sessions on one class of devices.
#[derive(Debug, Serialize, ToSchema)]
struct DeviceShare {
    /// `phone`, `tablet`, `computer`, `tv` or `other`.
    device: String,
    sessions: u64,
    /// Media that was watched, in seconds.
    playtime: f64,
    /// Of the playtime of all, 0 to 1.
    share: f64,
}

/// Sessions with one player.
#[derive(Debug, Serialize, ToSchema)]
struct PlayerShare {
    /// As it says.
    player: String,
    sessions: u64,
    /// Media that was watched, in seconds.
    playtime: f64,
    /// Of the playtime of all, 0 to 1.
    share: f64,
}

impl From<ViewingShares> for Shares {
    fn from(shares: ViewingShares) -> Self {
        let (rendition_ms, played_ms) = (shares.rendition_ms, shares.played_ms);
        let rendition = |part: ViewingPart<Rendition>| RenditionShare {
            shown: SessionRendition::of(part.of, part.ms, rendition_ms),
            sessions: part.sessions,
        };
        let device = |part: ViewingPart<String>| DeviceShare {
            device: part.of,
            sessions: part.sessions,
            playtime: seconds(part.ms),
            share: part_of(part.ms, played_ms),
        };
        let player = |part: ViewingPart<String>| PlayerShare {
            player: part.of,
            sessions: part.sessions,
            playtime: seconds(part.ms),
            share: part_of(part.ms, played_ms),
        };
        Self {
            renditions: shares.renditions.into_iter().map(rendition).collect(),
            devices: shares.devices.into_iter().map(device).collect(),
            players: shares.players.into_iter().map(player).collect(),
        }
    }
}

impl SessionRendition {
    fn of(rendition: Rendition, ms: i64, of_ms: i64) -> Self {
        let (height, kbps) = match rendition {
            Rendition::Height(height) => (Some(height), None),
            Rendition::Kbps(kbps) => (None, Some(kbps)),
        };
        Self { height, kbps, seconds: seconds(ms), share: part_of(ms, of_ms) }
    }

    /// Those of one session, the longest first.
    pub(super) fn all(renditions: &BTreeMap<Rendition, i64>) -> Vec<Self> {
        let total = renditions.values().fold(0, |total: i64, ms| total.saturating_add(*ms));
        let mut all: Vec<(&Rendition, &i64)> = renditions.iter().collect();
        all.sort_by_key(|(_, ms)| Reverse(**ms));
        all.into_iter().map(|(rendition, ms)| Self::of(*rendition, *ms, total)).collect()
    }
}

/// As cells of CSV tell it, `720p=12.5`.
impl fmt::Display for SessionRendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.height, self.kbps) {
            (Some(height), _) => write!(f, "{height}p={}", self.seconds),
            (None, kbps) => write!(f, "{}k={}", kbps.unwrap_or_default(), self.seconds),
        }
    }
}

fn part_of(ms: i64, of_ms: i64) -> f64 {
    if of_ms > 0 { seconds(ms) / seconds(of_ms) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_that_is_known() {
        let renditions = BTreeMap::from([
            (Rendition::Height(360), 1000),
            (Rendition::Height(720), 2000),
            (Rendition::Kbps(500), 1000),
        ]);
        let told = SessionRendition::all(&renditions);
        let text: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["720p=2", "360p=1", "500k=1"]);
        let shares: Vec<f64> = told.iter().map(|one| one.share).collect();
        assert_eq!(shares, [0.5, 0.25, 0.25]);
        assert!(SessionRendition::all(&BTreeMap::new()).is_empty());
        let none = BTreeMap::from([(Rendition::Height(360), 0)]);
        assert!(SessionRendition::all(&none).iter().all(|one| one.share == 0.0));
    }
}
