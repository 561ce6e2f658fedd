//! What is wrong with a recording before anybody plays it. Players are compared with what the playlists list, so this
//! compares the playlists with what is stored, and with their specification.

use super::expected::{Served, codec, served};
use crate::conformance::hls;
use crate::descriptions::presentations;
use crate::recorder::Recorder;
use crate::stage::tracks_of;
use crate::stored::{Hash, Stored};
use reqwest::Method;
use serde_json::Value;
use std::collections::HashSet;
use tureen::time::Ticks;

/// No segment is longer, in ticks of 1/90000 s.
const LONGEST_SEGMENT: i64 = 315_000;

/// What was looked at, and what is wrong.
#[derive(Debug, Default)]
pub struct Checked {
    /// Pictures that are stored.
    pub pictures: usize,
    /// Media playlists that were read, those of I-frames too.
    pub playlists: usize,
    /// Segments that they list.
    pub segments: usize,
    /// What is wrong, for people.
    pub faults: Vec<String>,
}

/// Checks all that is stored and all that HLS presents of a recording that has ended.
pub async fn check(recorder: &Recorder, recording: &str) -> Checked {
    let mut checked = Checked::default();
    let manifest = recorder.manifest(recording).await;
    for participant in manifest["participants"].as_array().into_iter().flatten() {
        let zero = participant["offset_us"].as_i64().unwrap_or(0);
        for track in tracks_of(participant).into_iter().filter(|track| track["kind"] == "video") {
            is_served(recorder, recording, zero, track, &mut checked).await;
        }
    }
    for query in presentations(&manifest) {
        conforms(recorder, recording, &query, &mut checked).await;
    }
    checked
}

/// Every stored picture of the track is in what its playlist lists, at its time. Fills come on top.
async fn is_served(
    recorder: &Recorder,
    recording: &str,
    zero_micros: i64,
    track: &Value,
    checked: &mut Checked,
) {
    let codec = codec(track);
    let zero = Ticks::from_micros(zero_micros, codec.timescale());
    let file = Stored::read(&recorder.media(), recording, track["id"].as_str().expect("a track has an id"));
    let ticks = file.ticks();
    if ticks.len() != file.entries.len() {
        let (media, index) = (ticks.len(), file.entries.len());
        checked.faults.push(format!("{media} pictures are stored, {index} are in the index: {track}"));
    }
    let stored: Vec<Picture> = ticks.into_iter().map(|at| (at - zero).0).zip(file.hashes(codec)).collect();
    checked.pictures += stored.len();
    let listed = served(recorder, track).await;
    let lost = omitted(&stored, &listed, track["layer"].as_u64().is_some_and(|layer| layer > 0));
    if let Some((at, _)) = lost.first() {
        let seconds = *at as f64 / f64::from(codec.timescale().0);
        let id = &track["id"];
        checked.faults.push(format!(
            "{} stored pictures of {} are not served, the first at {seconds:.3} s: {id} {}",
            lost.len(),
            stored.len(),
            track["layer"]
        ));
    }
}

/// Where a picture begins, in ticks from the participant's zero, and its units.
type Picture = (i64, Vec<Hash>);

/// The stored pictures that are not served. A layer above the lowest begins and ends in its view where the lower ones have
/// a bound too: what it stored of the segments before and behind is shown from below.
fn omitted<'a>(stored: &'a [Picture], served: &[Served], above: bool) -> Vec<&'a Picture> {
    let listed: HashSet<(i64, &[Hash])> = served.iter().map(|own| (own.from, own.units.as_slice())).collect();
    let shown = |picture: &&Picture| listed.contains(&(picture.0, picture.1.as_slice()));
    let (first, last) = (stored.iter().find(shown), stored.iter().rfind(shown));
    let (Some((first, _)), Some((last, _))) = (first, last) else { return stored.iter().collect() };
    let before = first - LONGEST_SEGMENT..*first;
    let behind = last + 1..last + LONGEST_SEGMENT;
    let from_below = |at: &i64| above && (before.contains(at) || behind.contains(at));
    stored.iter().filter(|picture| !shown(picture) && !from_below(&picture.0)).collect()
}

/// Its multivariant playlist and all that this leads to keep to RFC 8216bis.
async fn conforms(recorder: &Recorder, recording: &str, query: &str, checked: &mut Checked) {
    let path = format!("/api/v1/recordings/{recording}/stream/playlist.m3u8?{query}");
    let (_, answer) = recorder.call(Method::GET, &path, None).await;
    // VP8, which HLS does not carry.
    if answer["code"] == "not-playable" {
        return;
    }
    let options = hls::Options { iframes: true, reloads: 1, ..hls::Options::default() };
    let url = format!("{}{path}&token={}", recorder.url, recorder.token);
    match hls::check(&url, options).await {
        Ok(report) => {
            checked.playlists += report.playlists + report.iframe_playlists;
            checked.segments += report.segments;
            checked.faults.extend(report.violations.iter().map(|found| format!("{query}: {found}")));
        }
        Err(error) => checked.faults.push(format!("{query}: {error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(n: u8) -> Picture {
        (i64::from(n) * 3600, vec![[n; 32]])
    }

    fn listed(pictures: impl IntoIterator<Item = Picture>) -> Vec<Served> {
        pictures.into_iter().map(|(from, units)| Served { from, to: from + 3600, units }).collect()
    }

    #[test]
    fn a_stored_picture_that_is_not_served_is_found() {
        let stored: Vec<Picture> = (0..250).map(picture).collect();
        let of = |served: &[Served]| omitted(&stored, served, false).len();
        assert_eq!(of(&listed((0..250).map(picture))), 0);
        // A fill before them, and one behind.
        let fill = |at: i64| (at, vec![[255; 32]]);
        let filled = [fill(-3600)].into_iter().chain((0..250).map(picture)).chain([fill(900_000)]);
        assert_eq!(of(&listed(filled)), 0);
        assert_eq!(of(&listed((0..250).filter(|n| !(100..150).contains(n)).map(picture))), 50, "a segment");
        assert_eq!(of(&listed((50..250).map(picture))), 50, "the first one");
        assert_eq!(of(&listed((0..200).map(picture))), 50, "the last one");
        assert_eq!(of(&listed((0..250).map(picture).map(|(at, units)| (at + 1, units)))), 250, "elsewhere");
        let twice = |n: u8| (picture(n).0, picture(if n == 7 { 8 } else { n }).1);
        assert_eq!(of(&listed((0..250).map(twice))), 1, "another picture in its place");
        assert_eq!(of(&[]), 250);
    }

    #[test]
    fn an_upper_layer_may_begin_and_end_a_segment_within() {
        let stored: Vec<Picture> = (0..250).map(picture).collect();
        let of = |served: &[Served]| omitted(&stored, served, true).len();
        assert_eq!(of(&listed((50..200).map(picture))), 0);
        assert_eq!(of(&listed((100..250).map(picture))), 100 - 87, "more than a segment");
        assert_eq!(of(&listed((0..150).map(picture))), 100 - 87);
        assert_eq!(of(&listed((0..250).filter(|n| !(100..150).contains(n)).map(picture))), 50);
        assert_eq!(of(&[]), 250);
    }
}
