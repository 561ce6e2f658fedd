//! Rooms in simulated time that are lost and joined again.

use super::gap_tests::{Made, Sends, Sim, camera, causes, microphone};
use super::recording_tests::peer;
use super::testing::at;
use crate::catalog::{Cause, Shown};

/// Ann with a camera and a microphone, recorded for 5 s.
fn begun() -> Sim {
    let mut sim = Sim::new();
    sim.open(&microphone("voice"), Sends::Sound);
    sim.open(&camera("picture"), Sends::Pictures);
    sim.until(5_000);
    sim
}

/// The room is lost for so long, with everything in it.
fn lost(sim: &mut Sim, millis: i64) {
    sim.recording.lost(&mut sim.out);
    sim.live.clear();
    sim.until(sim.now + millis);
}

fn joined(sim: &mut Sim, peers: &[&str]) {
    let peers: Vec<_> = peers.iter().map(|id| peer(id)).collect();
    sim.recording.rejoined(&peers, at(sim.now), &mut sim.out);
}

fn of_pictures(made: &Made) -> Vec<(Cause, Shown, i64, i64)> {
    causes(&made.gaps[1])
}

#[test]
fn what_comes_again_goes_on_with_its_track_behind_a_gap() {
    let mut sim = begun();
    lost(&mut sim, 2_000);
    joined(&mut sim, &["ann"]);
    sim.open(&camera("picture again"), Sends::Pictures);
    sim.open(&microphone("voice again"), Sends::Sound);
    sim.until(20_000);
    let made = sim.finish();
    assert_eq!((made.tracks.len(), made.participants), (2, 1));
    assert_eq!(of_pictures(&made), [(Cause::Loss, Shown::Still, 5_000, 7_000)]);
    assert_eq!((made.gaps[0].len(), made.gaps[0][0].cause), (1, Cause::Loss));
    assert_eq!((made.tiles(0), made.tiles(1)), ((0, 20_000), (0, 20_000)));
}

#[test]
fn what_does_not_come_again_was_switched_off() {
    let mut sim = begun();
    lost(&mut sim, 2_000);
    joined(&mut sim, &["ann"]);
    sim.open(&microphone("voice again"), Sends::Sound);
    sim.until(30_000);
    sim.open(&camera("picture again"), Sends::Pictures);
    sim.until(32_000);
    let made = sim.finish();
    let gaps = of_pictures(&made);
    let [(Cause::Loss, Shown::Still, 5_000, turned), (Cause::Off, Shown::Black, from, 30_000)] = gaps[..]
    else {
        panic!("{gaps:?}")
    };
    // Until it is known that the room offers it no more: 5 s after it was joined, less what is never told yet.
    assert!(turned == from && (8_000..=12_000).contains(&turned), "{gaps:?}");
    assert_eq!(made.tiles(1), (0, 32_000));
}

#[test]
fn who_left_meanwhile_has_left_and_who_came_is_there() {
    let mut sim = begun();
    lost(&mut sim, 4_000);
    joined(&mut sim, &["bob"]);
    assert_eq!(sim.recording.participants_here(), 1);
    sim.until(12_000);
    let made = sim.finish();
    // Ann's track ends as far as the loss had been told: 3 s behind the present.
    assert_eq!((made.participants, made.tiles(1)), (2, (0, 6_000)));
}

#[test]
fn a_muted_sender_is_off_and_not_lost() {
    let mut sim = begun();
    sim.mute("picture");
    sim.until(6_000);
    lost(&mut sim, 3_000);
    joined(&mut sim, &["ann"]);
    sim.open(&camera("picture again"), Sends::Pictures);
    sim.until(12_000);
    let made = sim.finish();
    assert_eq!(of_pictures(&made), [(Cause::Off, Shown::Black, 5_000, 9_000)]);
}

#[test]
fn a_room_lost_in_a_pause_is_a_loss_behind_it() {
    let mut sim = begun();
    sim.recording.pause(at(sim.now), &mut sim.out);
    sim.until(6_000);
    lost(&mut sim, 2_000);
    sim.recording.resume(at(sim.now), &mut sim.out);
    sim.until(10_000);
    joined(&mut sim, &["ann"]);
    sim.open(&camera("picture again"), Sends::Pictures);
    sim.until(12_000);
    let made = sim.finish();
    // 3 s of pause have collapsed.
    assert_eq!(of_pictures(&made), [(Cause::Loss, Shown::Still, 5_000, 7_000)]);
    assert_eq!(made.tiles(1), (0, 9_000));
}

#[test]
fn a_room_lost_twice_is_one_gap() {
    let mut sim = begun();
    lost(&mut sim, 1_500);
    joined(&mut sim, &["ann"]);
    sim.until(7_000);
    lost(&mut sim, 3_000);
    joined(&mut sim, &["ann"]);
    sim.open(&camera("picture again"), Sends::Pictures);
    sim.until(12_000);
    let made = sim.finish();
    assert_eq!(of_pictures(&made), [(Cause::Loss, Shown::Still, 5_000, 10_000)]);
}
