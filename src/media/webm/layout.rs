//! A whole file without its samples: where each of its clusters and blocks lies, so that any range of it can be put
//! together later. Of a sample 16 bytes are held; heads of clusters and blocks are made when they are asked for.

use super::cluster;
use std::ops::Range;

/// Pictures begin a new cluster at a key frame from this length on, in milliseconds.
const WANTED: u64 = 1000;
/// No cluster is longer: relative times have 16 bits, and the guidelines want at most five seconds.
const LONGEST: u64 = 5000;

/// A sample of a file, in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    from: u64,
    size: u32,
    /// Milliseconds behind the time of its cluster.
    relative: u16,
    track: u8,
    sync: bool,
}

impl Block {
    fn head(&self) -> usize {
        cluster::simple_block_len(self.size.into())
    }

    fn len(&self) -> u64 {
        self.head() as u64 + u64::from(self.size)
    }
}

/// A cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cluster {
    /// Its time in milliseconds.
    at: u64,
    /// Its first byte, counted from the first cluster's.
    offset: u64,
    /// Its first block.
    first: usize,
}

/// A place that a player can jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When, in milliseconds.
    pub at: u64,
    /// Of which track.
    pub track: u8,
    /// Where its cluster begins, in bytes from the first one.
    pub cluster: u64,
}

/// Some bytes of the clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These.
    Head(Vec<u8>),
    /// A part of a sample.
    Data {
        /// Where the sample is, as [`Clusters::push`] was told.
        from: u64,
        /// Which of its bytes.
        range: Range<u32>,
    },
}

/// What is told of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Number of its track.
    pub track: u8,
    /// When it begins, in milliseconds.
    pub at: u64,
    /// It can be begun with. Of sound every sample can.
    pub sync: bool,
    /// Of a track by which players jump: pictures, or sound where there are none.
    pub leading: bool,
    /// Its bytes.
    pub size: u32,
    /// Where they are.
    pub from: u64,
}

/// The clusters of a file.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    blocks: Vec<Block>,
    clusters: Vec<Cluster>,
    cues: Vec<Cue>,
    len: u64,
}

impl Clusters {
    /// The next sample; samples come in the order of their times. One that comes too early is put where it fits.
    pub fn push(&mut self, sample: &Sample) {
        let passed = self.clusters.last().map(|open| sample.at.saturating_sub(open.at));
        let key = sample.leading && sample.sync;
        let begins = passed.is_none_or(|passed| passed >= LONGEST || (key && passed >= WANTED));
        if begins {
            let cluster = Cluster { at: sample.at, offset: self.len, first: self.blocks.len() };
            self.clusters.push(cluster);
            self.len += cluster::HEAD as u64;
        }
        // Also where sound came before the picture: Firefox goes to the first cue when there is none before.
        let cluster = self.clusters.last().map_or(0, |open| open.offset);
        if key && self.cues.last().is_none_or(|cue| cue.cluster != cluster) {
            self.cues.push(Cue { at: sample.at, track: sample.track, cluster });
        }
        let relative = if begins { 0 } else { passed.unwrap_or(0) };
        let block = Block {
            from: sample.from,
            size: sample.size,
            relative: u16::try_from(relative).unwrap_or(u16::MAX),
            track: sample.track,
            sync: sample.sync,
        };
        self.len += block.len();
        self.blocks.push(block);
    }

    /// Bytes of all clusters.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Where players can jump to.
    #[must_use]
    pub fn cues(&self) -> &[Cue] {
        &self.cues
    }

    /// Gives back what it has too much of, and the cues, once they are written.
    pub fn settle(&mut self) {
        self.cues = Vec::new();
        self.blocks.shrink_to_fit();
        self.clusters.shrink_to_fit();
    }

    /// Memory that it holds, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        std::mem::size_of_val(&*self.blocks) + std::mem::size_of_val(&*self.clusters)
    }

    /// The bytes of a range, counted from the first cluster; only the first of them if these are more than `most` pieces,
    /// which is at least two.
    #[must_use]
    pub fn pieces(&self, range: &Range<u64>, most: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let behind = self.clusters.partition_point(|cluster| cluster.offset <= range.start);
        for number in behind.saturating_sub(1)..self.clusters.len() {
            let Some(cluster) = self.clusters.get(number).filter(|own| own.offset < range.end) else { break };
            if pieces.len() >= most {
                break;
            }
            let next = self.clusters.get(number + 1);
            let end = next.map_or(self.len, |next| next.offset);
            let blocks = cluster.first..next.map_or(self.blocks.len(), |next| next.first);
            let head = cluster::head(cluster.at, end - cluster.offset - cluster::HEAD as u64);
            let mut at = cluster.offset;
            put_head(&mut pieces, range, at, head);
            at += cluster::HEAD as u64;
            for block in self.blocks.get(blocks).unwrap_or_default() {
                // A block is two pieces.
                if at >= range.end || pieces.len() + 2 > most {
                    return pieces;
                }
                self::pieces(&mut pieces, range, at, block);
                at += block.len();
            }
        }
        pieces
    }
}

/// The part of `at..at + len` that lies in a range, counted from `at`.
fn inside(range: &Range<u64>, at: u64, len: u64) -> Option<Range<u64>> {
    let (start, end) = (range.start.max(at), range.end.min(at.saturating_add(len)));
    (start < end).then(|| start - at..end - at)
}

fn put_head(pieces: &mut Vec<Piece>, range: &Range<u64>, at: u64, mut head: Vec<u8>) {
    let Some(part) = inside(range, at, head.len() as u64) else { return };
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    head.truncate(place(part.end));
    pieces.push(Piece::Head(head.split_off(place(part.start).min(head.len()))));
}

fn pieces(pieces: &mut Vec<Piece>, range: &Range<u64>, at: u64, block: &Block) {
    if at + block.len() <= range.start {
        return;
    }
    let mut head = Vec::with_capacity(16);
    cluster::simple_block(&mut head, block.track, block.relative.into(), block.sync, block.size.into());
    let data = at + head.len() as u64;
    put_head(pieces, range, at, head);
    if let Some(part) = inside(range, data, block.size.into()) {
        let place = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        pieces.push(Piece::Data { from: block.from, range: place(part.start)..place(part.end) });
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
