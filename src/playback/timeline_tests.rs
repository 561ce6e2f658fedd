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
        cuts: &[],
        part: Ticks(24_000),
        edge: false,
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
fn what_was_shown_goes_on_to_where_the_sound_was_cut() {
    let all = [segment(0, 0, 2000), segment(1, 9000, 2000)];
    let cut = |listed_ms: i64, length: i64, open: bool| Gap {
        listed_micros: listed_ms * 1000,
        ..gap(0, Shown::Black, 2000, length, open)
    };
    let shown = |row: Gap, known: usize| {
        let rows = [row];
        let bounds = Bounds { gaps: &rows, ended: known > 1, ..ended(0, 11_000) };
        view(&all[..known], Kind::Video, &bounds)[1..].to_vec()
    };
    let black = [(3030, 2000, BLACK), (5030, 2000, BLACK), (7030, 1970, BLACK), (9000, 2000, None)];
    let whole = shown(cut(3030, 7000, false), 2);
    assert_eq!(whole[0], (2000, 1030, STILL));
    assert_eq!(whole[1..], black);
    assert_eq!(shown(cut(3030, 3500, true), 1), whole[..2]);
    assert_eq!(shown(cut(3030, 1010, true), 1), [], "where black begins is not sure yet");
    assert_eq!(shown(cut(2010, 7000, false), 2)[0], (2000, 2000, BLACK), "too short to be shown");
}

#[test]
fn at_the_edge_a_fill_grows_by_parts() {
    let all = [segment(0, 0, 2000)];
    let at = |length: i64| {
        let rows = [Gap { listed_micros: 3_100_000, ..gap(0, Shown::Black, 2000, length, true) }];
        let bounds = Bounds { ended: false, edge: true, gaps: &rows, ..ended(0, 90_000) };
        let list = items(&all, Kind::Video, SCALE, &bounds);
        let open = matches!(list.last(), Some(Item::Fill(Fill { open: true, .. })));
        (view(&all, Kind::Video, &bounds)[1..].to_vec(), open)
    };
    assert_eq!(at(400), (vec![], false));
    assert_eq!(at(900), (vec![(2000, 500, STILL)], true));
    let still = (2000, 1100, STILL);
    assert_eq!(at(1500), (vec![still], false));
    assert_eq!(at(1700), (vec![still, (3100, 500, BLACK)], true));
    assert_eq!(at(3099), (vec![still, (3100, 1500, BLACK)], true));
    assert_eq!(at(3100), (vec![still, (3100, 2000, BLACK)], false));
}

#[test]
fn fills_of_sound_are_cut_where_the_picture_changes() {
    let all = [segment(0, 3000, 1000), segment(1, 9000, 1000)];
    let cuts = [Ticks(1000 * 48), Ticks(4000 * 48), Ticks(5500 * 48), Ticks(9500 * 48)];
    let bounds = Bounds { cuts: &cuts, ..ended(0, 10_000) };
    let found: Vec<_> = view(&all, Kind::Audio, &bounds).iter().map(|item| (item.0, item.1)).collect();
    assert_eq!(
        found,
        [(0, 1000), (1000, 2000), (3000, 1000), (4000, 1500), (5500, 2000), (7500, 1500), (9000, 1000)]
    );
}

#[test]
fn short_gaps_are_left_to_the_player() {
    let all = [segment(0, 50, 2000), segment(1, 2240, 2000)];
    assert_eq!(view(&all, Kind::Video, &ended(0, 4300)).len(), 2);
    assert_eq!(view(&all, Kind::Audio, &ended(0, 4300)).len(), 5);
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
        cut in 0i64..100,
        kind in prop::sample::select(vec![Kind::Audio, Kind::Video]),
    ) {
        let (mut segments, mut gaps, mut at) = (Vec::new(), Vec::new(), 0);
        for (number, (length, media, off)) in lengths.into_iter().enumerate() {
            if let Some(after) = number.checked_sub(1).filter(|_| length > 0) {
                // Told first as lost, then as off, as far as that is.
                let shown = if off { Shown::Black } else { Shown::Still };
                gaps.push(gap(after as u32, Shown::Still, at, length / 3, false));
                let row = gap(after as u32, shown, at + length / 3, length - length / 3, false);
                // What it shows is shown for a while at least.
                let most = (length - length / 3 - 210).max(0);
                let listed_micros = (row.start.0 / 48 + most * cut / 100) * 1000;
                gaps.push(Gap { listed_micros, ..row });
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
                    for edge in [true, false] {
                        // Nothing is told of a gap before it has a second.
                        let short = rows.last().is_some_and(|row| row.open && row.duration < Ticks(48_000));
                        if edge && short {
                            continue;
                        }
                        let bounds = Bounds { gaps: &rows, ended: false, edge, ..ended(0, at) };
                        let mut running = items(&segments[..known], kind, SCALE, &bounds);
                        if let Some(Item::Fill(fill)) = running.pop_if(|last| matches!(last, Item::Fill(fill) if fill.open)) {
                            let Some(Item::Fill(later)) = whole.get(running.len()) else {
                                panic!("{fill:?} was taken back")
                            };
                            let same = |fill: &Fill| (fill.after, fill.number, fill.start, fill.shown);
                            prop_assert_eq!(same(&fill), same(later));
                            prop_assert!(fill.duration <= later.duration && fill.duration.0 % 24_000 == 0);
                        }
                        let same = running.iter().zip(&whole).take_while(|(a, b)| a == b).count();
                        prop_assert_eq!(same, running.len());
                    }
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
