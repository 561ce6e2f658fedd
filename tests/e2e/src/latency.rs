//! How far behind its room a player at the live edge is: each picture carries a number, the publisher knows when it was
//! due, and the browser says when it was shown.

use crate::readers;
use crate::stage::Stage;
use serde_json::Value;
use std::ffi::OsStr;
use tureen_sfu::{Dialect, MediaKind, Options, Publisher, SentFrame};

/// What was seen at the live edge.
#[derive(Debug)]
pub struct Seen {
    /// Seconds from when a picture was due until it was shown, of every picture, in ascending order.
    pub behind: Vec<f64>,
    /// Pictures whose number could not be read.
    pub unread: usize,
    /// Lengths of the stalls in seconds.
    pub stalls: Vec<f64>,
    /// Everything that the browser reported.
    pub report: Value,
}

impl Seen {
    /// The share of pictures, from 0 to 1, that were at most so far behind.
    ///
    /// # Panics
    /// When no picture was seen.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.behind.len().checked_sub(1).expect("pictures were seen");
        self.behind[(last as f64 * share).round() as usize]
    }
}

/// Records a room whose parts are so long, plays its live edge by hls.js with this configuration, and looks for so many
/// seconds.
///
/// # Panics
/// When anything of it cannot be set up.
pub async fn watch(part_ms: u32, config: &str, seconds: u32) -> Seen {
    watch_while(part_ms, config, seconds, async |_, _, _| {}).await
}

/// The same; meanwhile something happens: on this stage, to this publisher, in this recording.
///
/// # Panics
/// When anything of it cannot be set up.
pub async fn watch_while(
    part_ms: u32,
    config: &str,
    seconds: u32,
    happens: impl AsyncFnOnce(&Stage, &Publisher, &str),
) -> Seen {
    let parts = part_ms.to_string();
    let environment = [("PART_DURATION_MS", OsStr::new(&parts))];
    let stage =
        Stage::in_environment(Options { dialect: Dialect::Old, ..Options::default() }, &environment).await;
    let ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 6_000_000).await;
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let seconds = seconds.to_string();
    let arguments = [
        "--playlist",
        &playlist,
        "--token",
        &stage.recorder.token,
        "--seconds",
        &seconds,
        "--config",
        config,
    ];
    let (report, ()) = tokio::join!(readers::script("live.mjs", &arguments), happens(&stage, &ada, &id));
    let sent = ada.ledger(MediaKind::Video).await;
    stage.recorder.stop(&id).await;
    let mut behind = Vec::new();
    let mut unread = 0;
    for frame in report["frames"].as_array().map(Vec::as_slice).unwrap_or_default() {
        match (frame[0].as_f64(), frame[1].as_u64()) {
            (Some(shown_ms), Some(number)) => behind.extend(age(&sent, number, shown_ms)),
            _ => unread += 1,
        }
    }
    behind.sort_by(f64::total_cmp);
    let stalls = report["stalls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stalls = stalls.iter().filter_map(|stall| stall["len"].as_f64()).collect();
    Seen { behind, unread, stalls, report }
}

/// Seconds since the picture with this number was due that was due last before then: the fixture is played in a circle.
fn age(sent: &[SentFrame], number: u64, shown_ms: f64) -> Option<f64> {
    let ages = sent
        .iter()
        .filter(|frame| u64::from(frame.index) == number)
        .map(|frame| shown_ms / 1e3 - frame.due_at as f64 / 1e6);
    ages.filter(|age| *age > 0.0).min_by(f64::total_cmp)
}
