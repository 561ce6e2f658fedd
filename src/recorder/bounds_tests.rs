//! Where the sound is cut because the picture changes, in simulated time.

use super::gap_tests::{Made, Sends, Sim, camera, microphone};
use crate::catalog::Shown;
use crate::time::Ticks;

/// Where the segments of the first track begin, in milliseconds.
fn bounds(made: &Made) -> Vec<i64> {
    made.tracks[0].segments.iter().map(|(_, own)| own.start.0 / 48).collect()
}

fn call() -> Sim {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&camera("face"), Sends::Pictures);
    sim
}

#[test]
fn the_sound_is_cut_where_black_begins_and_where_it_ends() {
    let mut sim = call();
    sim.until(3_000);
    sim.close("face");
    sim.until(13_010);
    sim.open(&camera("again"), Sends::Pictures);
    sim.until(16_000);
    let made = sim.finish();
    let gap = &made.gaps[1][0];
    assert_eq!((gap.start, gap.shown), (Ticks(3_000 * 90), Shown::Black));
    // It is told a second later; what the sound had given out by then was half a second of its segment at most.
    let from = gap.listed_micros / 1000;
    assert!((4_000..=4_100).contains(&from) || from == 3_500, "{from}");
    let back = made.tracks[1].runs[1].first.0 / 90;
    assert_eq!(made.tracks[1].runs[1].listed_micros / 1000, back);
    let bounds = bounds(&made);
    let near = |place: i64| bounds.iter().any(|at| (0..20).contains(&(at - place)));
    assert!(near(from) && near(back), "{from} and {back} in {bounds:?}");
    // Between those it is cut each 2 s, as it is else.
    assert_eq!(bounds.len(), 1 + 1 + 1 + 5 + 1, "{bounds:?}");
    assert_eq!(made.tiles(0), (0, 16_000));
}

#[test]
fn failure_16_the_sound_is_cut_as_often_as_the_picture_changes_and_no_more() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&camera("face"), Sends::Flapping);
    sim.until(8_000);
    let made = sim.finish();
    let runs = &made.tracks[1].runs;
    assert_eq!(runs.len(), 20);
    let changes: Vec<i64> = runs.iter().map(|run| run.first.0 / 90).collect();
    assert_eq!(bounds(&made), changes, "each sound segment begins with a picture of another size");
    let lengths: Vec<i64> = made.tracks[0].segments.iter().map(|(_, own)| own.duration.0 / 48).collect();
    assert!(lengths.iter().all(|length| *length == 400), "{lengths:?}");
}

#[test]
fn a_picture_that_goes_on_alike_cuts_nothing() {
    let mut sim = call();
    sim.until(5_000);
    // An outage: the last picture stands.
    sim.sends("face", Sends::Nothing);
    sim.until(13_000);
    sim.sends("face", Sends::Pictures);
    sim.until(16_000);
    let made = sim.finish();
    assert_eq!((made.tracks[1].runs.len(), made.gaps[1][0].shown), (2, Shown::Still));
    assert_eq!((made.gaps[1][0].listed_micros, made.tracks[1].runs[1].listed_micros), (0, 0));
    assert_eq!(bounds(&made), [0, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000]);
}

#[test]
fn a_camera_that_comes_late_ends_its_black_lead_there() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.until(5_000);
    sim.open(&camera("face"), Sends::Pictures);
    sim.until(8_000);
    let made = sim.finish();
    assert_eq!(made.tracks[1].runs[0].listed_micros, 5_000_000);
    assert_eq!(bounds(&made), [0, 2_000, 4_000, 5_000, 7_000]);
}

#[test]
fn a_sound_that_is_muted_too_is_cut_behind_what_was_told_of_its_gap() {
    let mut sim = call();
    sim.until(3_000);
    sim.mute("voice");
    sim.until(9_000);
    sim.mute("face");
    sim.until(15_000);
    sim.unmute("face", Sends::Pictures);
    sim.until(17_000);
    let told = sim.out.len();
    sim.until(20_000);
    assert!(sim.out.len() > told);
    let made = sim.finish();
    let (black, back) = (made.gaps[1][0].listed_micros, made.tracks[1].runs[1].listed_micros);
    assert!((9_000_000..10_200_000).contains(&black), "{black}");
    assert!((14_500_000..=15_500_000).contains(&back), "{back}");
    assert_eq!(bounds(&made), [0, 2_000]);
}

#[test]
fn a_mute_that_is_over_when_it_is_told_shows_the_picture_on() {
    let mut sim = call();
    sim.until(3_000);
    sim.close("face");
    sim.unpolled(4_000);
    sim.open(&camera("again"), Sends::Pictures);
    sim.unpolled(4_900);
    sim.until(6_000);
    let made = sim.finish();
    assert_eq!(made.gaps[1].len(), 1);
    assert_eq!((made.gaps[1][0].shown, made.gaps[1][0].listed_micros), (Shown::Still, 0));
}
