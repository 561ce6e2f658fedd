//! The pictures that a player must show of a track: when, and which number is drawn in each.

use crate::recorder::Recorder;
use crate::stored::{Hash, unit_hashes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use tureen::media::Codec;
use tureen::media::fmp4::read;
use tureen_sfu::Fixture;

/// A picture of the view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Seconds from the participant's zero.
    pub from: f64,
    /// Where the next one begins.
    pub to: f64,
    /// The number that is drawn in it; none in what stands for a camera that is off.
    pub number: Option<u32>,
}

/// A sample that the playlist of a track lists.
pub(super) struct Served {
    /// Ticks from the participant's zero.
    pub from: i64,
    /// Where the next one begins.
    pub to: i64,
    /// Hashes of its units.
    pub units: Vec<Hash>,
}

/// All pictures that the playlist of a track lists, stored ones and fills: counted in what is served, and their numbers
/// found by comparing their bytes with the fixtures'. That all stored ones are among them, [`super::checks`] sees.
///
/// # Panics
/// If a segment cannot be fetched.
pub async fn pictures(recorder: &Recorder, track: &Value, fixtures: &[Fixture]) -> Vec<Picture> {
    let scale = f64::from(codec(track).timescale().0);
    let numbers = numbers(fixtures);
    let all = served(recorder, track).await;
    all.into_iter()
        .map(|Served { from, to, units }| Picture {
            from: from as f64 / scale,
            to: to as f64 / scale,
            number: numbers.get(&units).copied(),
        })
        .collect()
}

/// All samples that the playlist of a track lists, in its order.
pub(super) async fn served(recorder: &Recorder, track: &Value) -> Vec<Served> {
    let codec = codec(track);
    let playlist = track["playlist"].as_str().expect("a track with a playlist");
    let (folder, _) = playlist.rsplit_once('/').unwrap();
    let text = String::from_utf8(recorder.get(playlist).await.to_vec()).unwrap();
    let mut all = Vec::new();
    for uri in text.lines().filter(|line| !line.starts_with('#')) {
        let bytes = recorder.get(&format!("{folder}/{uri}")).await;
        for fragment in read::scan(&bytes).fragments {
            let mut at = fragment.start.0;
            for sample in fragment.samples {
                let offset = usize::try_from(sample.offset).unwrap();
                let units = unit_hashes(codec, &bytes[offset..offset + sample.size as usize]);
                let to = at + i64::from(sample.duration);
                all.push(Served { from: at, to, units });
                at = to;
            }
        }
    }
    all
}

pub(super) fn codec(track: &Value) -> Codec {
    match track["codec"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "h264" => Codec::H264,
        "vp8" => Codec::Vp8,
        "vp9" => Codec::Vp9,
        "av1" => Codec::Av1,
        other => panic!("{other:?} of {track}"),
    }
}

/// The number of each picture of the fixtures by its bytes.
fn numbers(fixtures: &[Fixture]) -> HashMap<Vec<Hash>, u32> {
    let mut numbers = HashMap::new();
    for fixture in fixtures {
        for (number, frame) in (0u32..).zip(&fixture.frames) {
            numbers.insert(frame.units.iter().map(|unit| Sha256::digest(unit).into()).collect(), number);
        }
    }
    numbers
}
