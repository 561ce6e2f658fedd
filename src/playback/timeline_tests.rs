use super::*;
use crate::catalog::Cause;
use crate::id::TrackId;
use crate::time::WallTime;
use proptest::prelude::*;

const SCALE: Timescale = Timescale::OPUS;

fn segment(number: u32, start_ms: i64, millis: i64) -> Segment {
    Segment {
        track: TrackId(uuid::Uuid::nil()),
        run: 0,
        number,
        start: Ticks(start_ms * 48),
        duration: Ticks(millis * 48),
        range: 0..1,
        samples: 1,
        sync: true,
        wall: WallTime(0),
    }
}

fn gap(after: u32, shown: Shown, start_ms: i64, millis: i64, open: bool) -> Gap {
    Gap {
        track: TrackId(uuid::Uuid::nil()),
        number: 0,
        after,
        cause: Cause::Off,
        shown,
        start: Ticks(start_ms * 48),
        duration: Ticks(millis * 48),
        open,
        listed_micros: 0,
    }
}

fn ended(zero_ms: i64, furthest_ms: i64) -> Bounds<'static> {
    Bounds {
        zero: Ticks(zero_ms * 48),
        furthest: Ticks(furthest_ms * 48),
        ended: true,
        gaps: &[],
        pauses: &[],
        begun: false,
    }
}

/// `(start, length, what fills it)` in milliseconds.
fn view(segments: &[Segment], kind: Kind, bounds: &Bounds<'_>) -> Vec<(i64, i64, Option<Shown>)> {
    items(segments, kind, SCALE, bounds)
        .iter()
        .map(|item| {
            let length = item.end() - item.start();
            let shown = match item {
                Item::Fill(fill) => Some(fill.shown),
                Item::Segment(_) => None,
            };
            (item.start().0 / 48, length.0 / 48, shown)
        })
        .collect()
}

const SILENCE: Option<Shown> = Some(Shown::Silence);
const STILL: Option<Shown> = Some(Shown::Still);
const BLACK: Option<Shown> = Some(Shown::Black);

#[test]
fn a_track_without_gaps_is_its_segments() {
    let all = [segment(0, 1000, 2000), segment(1, 3000, 2000)];
    assert_eq!(view(&all, Kind::Audio, &ended(1000, 5000)), [(1000, 2000, None), (3000, 2000, None)]);
}

#[test]
fn gaps_before_between_and_behind_are_filled() {
    let all = [segment(0, 1000, 2000), segment(1, 8000, 1000)];
    assert_eq!(
        view(&all, Kind::Audio, &ended(0, 9500)),
        [
            (0, 1000, SILENCE),
            (1000, 2000, None),
            (3000, 2000, SILENCE),
            (5000, 2000, SILENCE),
            (7000, 1000, SILENCE),
            (8000, 1000, None),
            (9000, 500, SILENCE)
        ]
    );
}

#[test]
fn a_short_lead_is_the_first_picture_and_a_long_one_is_black() {
    let late = |millis| view(&[segment(0, millis, 2000)], Kind::Video, &ended(0, 0));
    assert_eq!(late(50).len(), 1);
    assert_eq!(late(60), [(0, 60, STILL), (60, 2000, None)]);
    assert_eq!(late(999)[0], (0, 999, STILL));
    assert_eq!(late(5000), [(0, 4000, BLACK), (4000, 1000, BLACK), (5000, 2000, None)]);
}

#[test]
fn a_lead_is_cut_where_the_recording_was_paused() {
    let pauses = [Ticks(0), Ticks(3000 * 48), Ticks(6000 * 48)];
    let bounds = Bounds { pauses: &pauses, ..ended(0, 0) };
    assert_eq!(
        view(&[segment(0, 6000, 2000)], Kind::Video, &bounds),
        [(0, 3000, BLACK), (3000, 3000, BLACK), (6000, 2000, None)]
    );
}

#[test]
fn rows_say_what_is_shown_and_the_rest_goes_on_like_the_last() {
    let all = [segment(0, 0, 2000), segment(1, 9000, 2000)];
    let rows = [
        gap(0, Shown::Still, 2000, 100, false),
        gap(0, Shown::Still, 2100, 3000, false),
        gap(0, Shown::Black, 5100, 2500, false),
    ];
    let bounds = Bounds { gaps: &rows, ..ended(0, 11_300) };
    assert_eq!(
        view(&all, Kind::Video, &bounds),
        [
            (0, 2000, None),
            // A part that is too short for a fill begins the next one.
            (2000, 2000, STILL),
            (4000, 1100, STILL),
            (5100, 2000, BLACK),
            (7100, 500, BLACK),
            (7600, 1400, BLACK),
            (9000, 2000, None),
            (11_000, 300, STILL),
        ]
    );
}

#[test]
fn an_open_gap_is_filled_with_whole_fills_as_far_as_it_is_sure() {
    let all = [segment(0, 0, 2000)];
    let running = |length| {
        let rows = [gap(0, Shown::Black, 2000, length, true)];
        let bounds = Bounds { ended: false, gaps: &rows, ..ended(0, 90_000) };
        view(&all, Kind::Video, &bounds)[1..].to_vec()
    };
    assert_eq!(running(1_999), []);
    assert_eq!(running(5_000), [(2000, 2000, BLACK), (4000, 2000, BLACK)]);
    let long = running(19_000);
    assert_eq!((long.len(), long[5]), (6, (14_000, 4000, BLACK)));
    // Nothing is known of what has no row.
    let bounds = Bounds { ended: false, ..ended(0, 90_000) };
    assert_eq!(view(&all, Kind::Video, &bounds).len(), 1);
}

#[test]
fn short_gaps_are_left_to_the_player() {
    let all = [segment(0, 50, 2000), segment(1, 2240, 2000)];
    assert_eq!(view(&all, Kind::Video, &ended(0, 4300)).len(), 2);
    assert_eq!(view(&all, Kind::Audio, &ended(0, 4300)).len(), 4);
}

#[test]
fn without_a_segment_there_is_no_view() {
    assert!(view(&[], Kind::Audio, &ended(0, 60_000)).is_empty());
}

proptest! {
    /// What was listed while the recording ran stays at its place, whatever comes later.
    #[test]
    fn a_view_only_grows(
        lengths in prop::collection::vec((0i64..30_000, 1000i64..3500, any::<bool>()), 1..8),
        part in 0i64..100,
        kind in prop::sample::select(vec![Kind::Audio, Kind::Video]),
    ) {
        let (mut segments, mut gaps, mut at) = (Vec::new(), Vec::new(), 0);
        for (number, (length, media, off)) in lengths.into_iter().enumerate() {
            if let Some(after) = number.checked_sub(1).filter(|_| length > 0) {
                // Told first as lost, then as off, as far as that is.
                let shown = if off { Shown::Black } else { Shown::Still };
                gaps.push(gap(after as u32, Shown::Still, at, length / 3, false));
                gaps.push(gap(after as u32, shown, at + length / 3, length - length / 3, false));
            }
            at += length;
            segments.push(segment(number as u32, at, media));
            at += media;
        }
        let whole = items(&segments, kind, SCALE, &Bounds { gaps: &gaps, ..ended(0, at) });
        for known in 1..=segments.len() {
            let last = known as u32 - 1;
            let before: Vec<Gap> = gaps.iter().filter(|gap| gap.after < last).cloned().collect();
            let now: Vec<Gap> = gaps.iter().filter(|gap| gap.after == last).cloned().collect();
            for told in 0..=now.len() {
                for open in [true, false] {
                    let mut rows = before.clone();
                    rows.extend_from_slice(&now[..told]);
                    if let Some(row) = rows.last_mut().filter(|row| open && row.after == last) {
                        row.duration = Ticks(row.duration.0 * part / 100);
                        row.open = true;
                    }
                    let bounds = Bounds { gaps: &rows, ended: false, ..ended(0, at) };
                    let running = items(&segments[..known], kind, SCALE, &bounds);
                    let same = running.iter().zip(&whole).take_while(|(a, b)| a == b).count();
                    prop_assert_eq!(same, running.len());
                }
            }
        }
        let holes = whole.windows(2).map(|pair| (pair[1].start().0 - pair[0].end().0) * 1000 / 48);
        let least = if kind == Kind::Audio { LEAST_SOUND_MICROS } else { LEAST_PICTURE_MICROS };
        for hole in holes {
            prop_assert!((0..least).contains(&hole));
        }
    }
}
