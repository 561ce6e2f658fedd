//! The spatial layers of one picture, each a track: what they have in common.
//!
//! mediasoup has no consumer of one layer alone. It is told which layer a consumer prefers, and sends another while that
//! one does not come. The other layer is recorded already, so its frames are dropped here: a track holds its own layer
//! or nothing, and playback fills it from the layer below. Which layer a key frame is of is known from its size, and
//! from what the SFU says where the size decides nothing.

use super::stream::Placed;
use crate::media::timeline::grid::Grid;
use crate::time::Ticks;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Segment bounds that are remembered: layers are never that many apart.
const CUTS: usize = 32;

/// One picture in several layers.
#[derive(Clone, Debug, Default)]
pub struct Picture(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    grid: Grid,
    /// Width and height of each layer's newest key frame.
    sizes: BTreeMap<u8, (u32, u32)>,
    /// Where layers have begun segments.
    cuts: VecDeque<Ticks>,
}

impl Picture {
    /// A layer of it.
    #[must_use]
    pub fn layer(&self, layer: u8) -> Member {
        Member { picture: self.clone(), layer, told: None, foreign: false }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A layer's track, towards the others.
#[derive(Clone, Debug)]
pub struct Member {
    picture: Picture,
    layer: u8,
    /// The layer that the SFU says it sends.
    told: Option<u8>,
    /// What comes is another layer's.
    foreign: bool,
}

impl Member {
    /// A new stream begins.
    pub fn attached(&mut self) {
        self.told = None;
        self.foreign = false;
        self.picture.lock().grid.forget(self.layer);
    }

    /// The SFU says which layer it sends now.
    pub fn told(&mut self, layer: Option<u8>) {
        self.told = layer;
    }

    /// Another layer comes, and asking for key frames would only make more of them.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.foreign && self.told.is_some_and(|told| told != self.layer)
    }

    /// Puts a frame on the tick that the other layers give its capture. `false` when it is not of this layer.
    pub fn admit(&mut self, frame: &mut Placed) -> bool {
        let mut shared = self.picture.lock();
        if let Some(config) = &frame.config {
            let size = (config.width, config.height);
            self.foreign = is_foreign(&shared.sizes, self.layer, size, self.told);
            if !self.foreign {
                shared.sizes.insert(self.layer, size);
            }
        }
        if !self.foreign {
            frame.at = shared.grid.place(self.layer, frame.at);
        }
        !self.foreign
    }

    /// A segment of this layer ended here, and the next one begins.
    pub fn cut(&self, at: Ticks) {
        let mut shared = self.picture.lock();
        if !shared.cuts.contains(&at) {
            shared.cuts.push_back(at);
        }
        if shared.cuts.len() > CUTS {
            shared.cuts.pop_front();
        }
    }

    /// Another layer begins a segment here. So should this one, if it can.
    #[must_use]
    pub fn is_cut(&self, at: Ticks) -> bool {
        self.picture.lock().cuts.contains(&at)
    }
}

fn is_foreign(sizes: &BTreeMap<u8, (u32, u32)>, layer: u8, size: (u32, u32), told: Option<u8>) -> bool {
    if sizes.get(&layer) == Some(&size) {
        return false;
    }
    let others = sizes.iter().any(|(other, known)| *other != layer && *known == size);
    others || told.is_some_and(|told| told != layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: (u32, u32) = (160, 90);
    const MIDDLE: (u32, u32) = (320, 180);
    const LARGE: (u32, u32) = (640, 360);

    #[test]
    fn a_picture_of_another_layers_size_is_that_layers() {
        let sizes = BTreeMap::from([(0, SMALL), (1, MIDDLE), (2, LARGE)]);
        for told in [None, Some(0), Some(1), Some(2)] {
            assert!(is_foreign(&sizes, 2, MIDDLE, told), "whatever was told: {told:?}");
            assert!(!is_foreign(&sizes, 2, LARGE, told), "its own is back before the SFU says so: {told:?}");
        }
    }

    #[test]
    fn what_no_size_decides_the_sfu_does() {
        let sizes = BTreeMap::from([(0, SMALL)]);
        assert!(is_foreign(&sizes, 2, MIDDLE, Some(1)));
        assert!(!is_foreign(&sizes, 2, MIDDLE, Some(2)));
        assert!(!is_foreign(&sizes, 2, MIDDLE, None));
    }

    #[test]
    fn a_sender_that_makes_all_layers_smaller_is_followed() {
        let mut sizes = BTreeMap::from([(1, MIDDLE), (2, LARGE)]);
        assert!(is_foreign(&sizes, 2, MIDDLE, Some(2)), "as long as the layer below has this size");
        sizes.insert(1, SMALL);
        assert!(!is_foreign(&sizes, 2, MIDDLE, Some(2)));
    }
}
