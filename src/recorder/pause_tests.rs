//! A recording is paused: time collapses in every track, and people come and go meanwhile.

use super::gap_tests::{Sends, Sim, camera, causes, microphone};
use super::recording::Action;
use super::recording_tests::consumer;
use super::testing::{START_WALL, at};
use super::writer::Write;
use crate::catalog::Cause;
use crate::time::Ticks;

#[test]
fn a_pause_of_the_recording_collapses_time_in_every_track() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&camera("face"), Sends::Pictures);
    sim.open(&consumer("off", "bob", "video/VP8"), Sends::Pictures);
    sim.until(2_000);
    sim.mute("off");
    sim.until(6_000);
    let pause = sim.recording.pause(at(sim.now), &mut sim.out).unwrap();
    assert_eq!((pause.at_micros, pause.began_at), (6_000_000, START_WALL.plus(6_000_000)));
    assert!(sim.recording.pause(at(sim.now), &mut sim.out).is_none(), "it is paused already");
    // Media goes on and is none of ours; so does what a poll would ask for.
    let before = sim.out.len();
    sim.until(36_000);
    assert_eq!(sim.out.len(), before);
    let progress = sim.recording.progress(at(sim.now));
    assert!(progress.paused);
    assert_eq!(progress.elapsed_micros, 6_000_000);
    let (resumed, by) = sim.recording.resume(at(sim.now), &mut sim.out).unwrap();
    assert_eq!((resumed, by), (START_WALL.plus(36_000_000), 30_000_000));
    assert!(sim.recording.resume(at(sim.now), &mut sim.out).is_none(), "it goes on already");
    assert!(
        matches!(sim.out.last(), Some(Action::RequestKeyframes(ids)) if ids.contains(&"face".to_owned()))
    );
    sim.sends("face", Sends::Pictures);
    sim.until(40_000);
    let made = sim.finish();
    assert_eq!([0, 1, 2].map(|n| made.tiles(n)), [(0, 10_000), (0, 10_000), (0, 10_000)]);
    assert_eq!(made.pauses[0].ended_at, Some(START_WALL.plus(36_000_000)));
    for (track, walls) in made.walls.iter().enumerate().take(2) {
        let scale = made.sources[track].1.timescale();
        for (start, wall) in walls {
            let micros = Ticks(*start).to_micros(scale);
            let paused = if micros >= 6_000_000 { 30_000_000 } else { 0 };
            assert_eq!(wall.since(START_WALL), micros + paused);
        }
        let cut = |own: &(u32, crate::media::segment::Segment)| {
            let (start, end) = (own.1.start, own.1.start + own.1.duration);
            (start.to_micros(scale) >= 6_000_000) == (end.to_micros(scale) > 6_000_000)
        };
        assert!(made.tracks[track].segments.iter().all(cut), "no segment lies across the pause");
    }
    // Bob's camera was off all the while; the pause is not counted.
    let off: Vec<_> = causes(&made.gaps[2]).into_iter().map(|gap| (gap.0, gap.2, gap.3)).collect();
    assert_eq!(off, [(Cause::Off, 2_000, 6_000), (Cause::Off, 6_000, 10_000)]);
    assert_eq!(made.stopped, START_WALL.plus(40_000_000));
}

#[test]
fn people_come_and_go_while_the_recording_is_paused() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&consumer("guest", "bob", "audio/opus"), Sends::Sound);
    sim.until(4_000);
    sim.recording.pause(at(sim.now), &mut sim.out).unwrap();
    sim.until(8_000);
    sim.recording.peer_left("bob", at(sim.now), &mut sim.out);
    sim.live.retain(|live| live.id != "guest");
    sim.open(&consumer("late", "eve", "audio/opus"), Sends::Sound);
    sim.until(14_000);
    sim.recording.resume(at(sim.now), &mut sim.out).unwrap();
    sim.until(18_000);
    let made = sim.finish();
    assert_eq!(made.participants, 3);
    assert_eq!((made.tiles(0), made.tiles(2)), ((0, 8_000), (4_000, 8_000)));
    // Bob's sound ends with the first half.
    assert_eq!(made.tracks[1].segments.iter().map(|(_, own)| own.duration.0).sum::<i64>(), 4 * 48_000);
    assert_eq!(made.walls[2][0].1, START_WALL.plus(14_000_000));
}

#[test]
fn a_recording_that_is_stopped_while_it_is_paused_has_the_length_of_what_was_recorded() {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.until(4_000);
    sim.recording.pause(at(sim.now), &mut sim.out).unwrap();
    sim.until(64_000);
    sim.recording.finish(at(sim.now), &mut sim.out);
    let progress = sim.recording.progress(at(sim.now));
    assert_eq!((progress.elapsed_micros, progress.paused_micros), (4_000_000, 60_000_000));
    let ends: Vec<_> = sim
        .out
        .iter()
        .filter_map(|action| match action {
            Action::Write(Write::EndTrack(_, at, error)) => Some((*at, error.clone())),
            Action::Write(Write::Resume(_, 0, at)) => Some((*at, None)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(START_WALL.plus(64_000_000), None), (START_WALL.plus(64_000_000), None)]);
}
