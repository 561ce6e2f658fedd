//! One tick for one capture: the layers of a picture are streams of their own, each placed on the timeline by what its
//! own packets tell, so frames of one capture come out some milliseconds apart. Players switch between layers, which
//! needs equal ticks. So a frame takes the tick that another layer's frame has, when that lies within half a frame.

use crate::time::Ticks;
use std::collections::{BTreeMap, VecDeque};

/// Ticks that are remembered: at 60 pictures a second about 17 s, far more than layers are apart.
const REMEMBERED: usize = 1024;
/// What is taken for the usual step before one is seen, in ticks of the video clock: 30 pictures a second.
const USUAL_STEP: i64 = 3_000;
/// How slowly a layer's shift follows: a sixteenth of the way with each frame.
const SMOOTH: i64 = 16;
/// So many of the newest steps between ticks tell how often pictures are captured.
const STEPS_SEEN: usize = 8;
/// Credible steps: 5 ms to 200 ms.
const STEPS: std::ops::Range<i64> = 450..18_000;

/// The ticks that the layers of one picture have in common.
#[derive(Debug, Default)]
pub struct Grid {
    /// In order.
    given: VecDeque<Ticks>,
    layers: BTreeMap<u8, Layer>,
}

#[derive(Debug)]
struct Layer {
    /// From where the layer's own clock puts its frames to where they are put, on average.
    shift: Option<i64>,
    /// Between its frames.
    step: i64,
    /// Its last frame: where it was, and where it was put.
    last: Option<(Ticks, Ticks)>,
}

impl Grid {
    /// A grid on which nothing lies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The layer's next frame is of another stream, whose clock says nothing of the one before.
    pub fn forget(&mut self, layer: u8) {
        if let Some(own) = self.layers.get_mut(&layer) {
            own.shift = None;
            own.last = own.last.map(|(_, tick)| (tick, tick));
        }
    }

    /// The tick of a layer's next frame, which its own clock puts at `at`. Never before the layer's last one.
    pub fn place(&mut self, layer: u8, at: Ticks) -> Ticks {
        let own = self.layers.entry(layer).or_insert(Layer { shift: None, step: USUAL_STEP, last: None });
        if let Some((before, _)) = own.last
            && STEPS.contains(&(at - before).0)
        {
            own.step = (at - before).0;
        }
        // A layer that left pictures out has a longer step than captures have.
        let half = usual_step(&self.given).map_or(own.step, |usual| usual.min(own.step)) / 2;
        own.shift = own.shift.filter(|shift| shift.abs() <= half);
        let shift = own.shift.unwrap_or(0);
        let earliest = own.last.map(|(_, tick)| tick + Ticks(1));
        let free = |tick: &Ticks| earliest.is_none_or(|earliest| *tick >= earliest);
        let wanted = at + Ticks(shift);
        let right = self.given.partition_point(|tick| *tick < wanted);
        let near = [right.checked_sub(1), Some(right)].into_iter().flatten();
        let near = near.filter_map(|index| self.given.get(index).copied());
        let found = near
            .filter(|tick| free(tick) && (*tick - at).0.abs() <= half)
            .min_by_key(|tick| (*tick - wanted).0.abs());
        let tick = if let Some(tick) = found {
            let now = (tick - at).0;
            own.shift = Some(own.shift.map_or(now, |before| before + (now - before) / SMOOTH));
            tick
        } else {
            // Whoever leads goes back to its own clock by and by, or all would wander together.
            own.shift = Some(shift - shift / SMOOTH);
            let tick = earliest.map_or(wanted, |earliest| wanted.max(earliest));
            let index = self.given.partition_point(|given| *given < tick);
            if self.given.get(index) != Some(&tick) {
                self.given.insert(index, tick);
            }
            tick
        };
        own.last = Some((at, tick));
        if self.given.len() > REMEMBERED {
            self.given.pop_front();
        }
        tick
    }
}

/// The median of the newest steps.
fn usual_step(given: &VecDeque<Ticks>) -> Option<i64> {
    let newest = given.iter().rev();
    let steps = newest.clone().zip(newest.skip(1)).take(STEPS_SEEN).map(|(late, early)| (*late - *early).0);
    let mut steps: Vec<i64> = steps.filter(|step| STEPS.contains(step)).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_layer_takes_the_ticks_of_another() {
        let mut grid = Grid::new();
        for n in 0..10 {
            let at = 3600 * n;
            assert_eq!(grid.place(0, Ticks(at)), Ticks(at));
            assert_eq!(grid.place(2, Ticks(at + 1400)), Ticks(at));
            assert_eq!(grid.place(1, Ticks(at - 900)), Ticks(at));
        }
    }

    #[test]
    fn a_layer_that_is_alone_goes_back_to_its_own_clock_without_a_step() {
        let mut grid = Grid::new();
        let mut last = Ticks(-3600);
        for n in 0..100 {
            let at = 3600 * n;
            let top = (!(50..75).contains(&n)).then(|| grid.place(2, Ticks(at)));
            let tick = grid.place(1, Ticks(at + 800));
            assert!(top.is_none_or(|top| top == tick), "{n}: {top:?} {tick:?}");
            assert!((2900..3700).contains(&(tick - last).0), "{n}: {last:?} {tick:?}");
            last = tick;
        }
    }

    #[test]
    fn another_capture_is_another_tick() {
        let mut grid = Grid::new();
        for n in 0..10 {
            assert_eq!(grid.place(0, Ticks(7200 * n)), Ticks(7200 * n));
        }
        // Twice as many pictures: every other one has no fellow.
        for n in 0..20 {
            let tick = grid.place(1, Ticks(3600 * n + 30));
            assert!((tick.0 - 3600 * n).abs() <= if n % 2 == 0 { 0 } else { 16 }, "{n}: {tick:?}");
        }
    }

    proptest! {
        /// Whatever each layer's clock is off by, and whichever comes first: one capture, one tick, and no tick twice.
        #[test]
        fn frames_of_one_capture_have_one_tick(
            offsets in prop::collection::vec(-600i64..600, 3),
            jitter in prop::collection::vec((-60i64..60, 0usize..3, any::<bool>()), 20..120),
        ) {
            let mut grid = Grid::new();
            let mut last = [None; 3];
            for (n, (jitter, first, all)) in jitter.into_iter().enumerate() {
                let capture = 100_000 + 3600 * n as i64;
                let mut ticks = Vec::new();
                for k in 0..3 {
                    let layer = (first + k) % 3;
                    // The top layer may be off for some frames.
                    if layer == 2 && !all {
                        continue;
                    }
                    let tick = grid.place(layer as u8, Ticks(capture + offsets[layer] + jitter * (k as i64 - 1)));
                    prop_assert!(last[layer].is_none_or(|before| tick > before));
                    last[layer] = Some(tick);
                    ticks.push(tick);
                }
                // At first nobody knows how often pictures come.
                prop_assert!(n < 10 || ticks.windows(2).all(|pair| pair[0] == pair[1]), "{n}: {ticks:?}");
            }
        }
    }
}
