use super::*;
use crate::catalog::{Segment, Shown};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::media::{Codec, Kind};
use crate::playback::timeline::Fill;
use crate::time::{Ticks, WallTime};

fn track(layer: u8) -> Track {
    Track {
        id: TrackId::new(),
        recording: RecordingId(uuid::Uuid::nil()),
        participant: ParticipantId(uuid::Uuid::nil()),
        kind: Kind::Video,
        source: "camera".to_owned(),
        codec: Codec::H264,
        producer_id: String::new(),
        layer: Some(layer),
        picture: None,
        started_at: None,
        start: None,
        ended_at: None,
        error: None,
        integrity: serde_json::Value::Null,
    }
}

/// Segments from pairs of start and end in tenths of seconds; between them are fills.
fn segments(spans: &[(i64, i64)]) -> Vec<Segment> {
    let ticks = |tenths: i64| Ticks(tenths * 9_000);
    let segment = |(number, (start, end)): (usize, &(i64, i64))| Segment {
        track: TrackId(uuid::Uuid::nil()),
        run: 0,
        number: number as u32,
        start: ticks(*start),
        duration: ticks(end - start),
        range: 0..1,
        samples: 1,
        sync: true,
        wall: WallTime(0),
    };
    spans.iter().enumerate().map(segment).collect()
}

fn layer<'a>(track: &'a Track, segments: &'a [Segment], known: i64) -> Layer<'a> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    for segment in segments {
        let start = segment.start.0 / 9_000 * 100_000;
        let end = (segment.start + segment.duration).0 / 9_000 * 100_000;
        if let Some(before) = pieces.last().map(|piece| piece.end).filter(|before| *before < start) {
            let fill = Fill {
                after: Some(segment.number - 1),
                number: 0,
                start: Ticks(before / 100_000 * 9_000),
                duration: Ticks((start - before) / 100_000 * 9_000),
                shown: Shown::Black,
                open: false,
            };
            let piece =
                Piece { item: Item::Fill(fill), map: Map::Black, start: before, end: start, broken: None };
            pieces.push(piece);
        }
        pieces.push(Piece { item: Item::Segment(segment), map: Map::Run(0), start, end, broken: None });
    }
    Layer { track, pieces, known: known * 100_000 }
}

/// Of each step: layer, start in tenths, `!` for a fill, `|` for a discontinuity before it.
fn said(views: &[Vec<Step<'_>>]) -> Vec<String> {
    let word = |step: &Step<'_>| {
        let broken = if step.piece.broken.is_some() { "|" } else { "" };
        let fill = if matches!(step.piece.item, Item::Fill(_)) { "!" } else { "" };
        format!("{broken}{}{fill}@{}", step.track.layer.unwrap(), step.piece.start / 100_000)
    };
    views.iter().map(|view| view.iter().map(word).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn failure_15_a_layer_that_stops_is_filled_from_the_one_below_and_never_by_a_still() {
    let tracks = [track(0), track(1), track(2)];
    let full: Vec<(i64, i64)> = (0..6).map(|n| (20 * n, 20 * n + 20)).collect();
    let low = segments(&full);
    // The top layer's sender stops it at 2.8 s and begins again at 8 s.
    let top = segments(&[(0, 20), (20, 28), (80, 100), (100, 120)]);
    let layers = [layer(&tracks[0], &low, 120), layer(&tracks[1], &low, 120), layer(&tracks[2], &top, 120)];
    assert_eq!(
        said(&views(&layers, true)),
        [
            "0@0 |0@20 0@40 0@60 |0@80 0@100",
            "1@0 |1@20 1@40 1@60 |1@80 1@100",
            "2@0 |1@20 1@40 1@60 |2@80 2@100",
        ]
    );
}

#[test]
fn a_layer_that_begins_between_bounds_is_taken_at_the_next_one() {
    let tracks = [track(0), track(1)];
    let low = segments(&[(0, 20), (20, 40), (40, 60), (60, 80)]);
    let top = segments(&[(27, 40), (40, 60), (60, 80)]);
    let layers = [layer(&tracks[0], &low, 80), layer(&tracks[1], &top, 80)];
    assert_eq!(said(&views(&layers, true)), ["0@0 0@20 |0@40 0@60", "0@0 0@20 |1@40 1@60"]);
}

#[test]
fn without_any_layer_there_is_a_fill() {
    let tracks = [track(0), track(1)];
    let both = segments(&[(0, 20), (20, 30), (60, 80)]);
    let layers = [layer(&tracks[0], &both, 80), layer(&tracks[1], &both, 80)];
    assert_eq!(said(&views(&layers, true)), ["0@0 0@20 |0!@30 |0@60", "1@0 1@20 |1!@30 |1@60"]);
    // The lowest is off, and only its own view is filled.
    let low = segments(&[(0, 20), (60, 80)]);
    let high = segments(&[(0, 20), (20, 40), (40, 60), (60, 80)]);
    let layers = [layer(&tracks[0], &low, 80), layer(&tracks[1], &high, 80)];
    assert_eq!(said(&views(&layers, true)), ["0@0 |0!@20 |0@60", "1@0 |1@20 1@40 |1@60"]);
}

#[test]
fn while_it_runs_all_views_only_grow_and_end_together() {
    let tracks = [track(0), track(1), track(2)];
    let low: Vec<(i64, i64)> = (0..9).map(|n| (20 * n, 20 * n + 20)).collect();
    let middle: Vec<(i64, i64)> =
        low.iter().copied().filter(|(start, _)| !(120..160).contains(start)).collect();
    let top = [(7, 20), (20, 40), (40, 52), (80, 100), (100, 120), (120, 140), (140, 160), (160, 180)];
    let mut before = vec![String::new(); 3];
    for now in 0..240 {
        // A segment is known when it has ended, and that nothing came 3 s later.
        let closed = |spans: &[(i64, i64)]| {
            segments(&spans.iter().copied().filter(|(_, end)| *end <= now).collect::<Vec<_>>())
        };
        let stored = [closed(&low), closed(&middle), closed(&top)];
        let layers: Vec<Layer<'_>> = tracks
            .iter()
            .zip(&stored)
            .map(|(track, segments)| {
                let end = segments.last().map_or(0, |last| (last.start + last.duration).0 / 9_000);
                layer(track, segments, end.max(now - 30))
            })
            .collect();
        let views = views(&layers, false);
        let ends: Vec<Option<i64>> =
            views.iter().map(|view| view.last().map(|step| step.piece.end)).collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "at {now}: {ends:?}");
        for (view, before) in said(&views).into_iter().zip(&mut before) {
            assert!(view.starts_with(&**before), "at {now}: {before} became {view}");
            *before = view;
        }
    }
    assert!(before[2].contains("|1@40 1@60 |2@80"), "{before:?}");
}
