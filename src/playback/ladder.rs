//! The layers of one picture as variants of one stream.
//!
//! The view of a layer has the layer's own segments, and where it has none those of the next lower layer that has: never
//! a still while any layer below lives. Segments are taken whole, so views change layers where both have a bound; the
//! recorder cuts layers at the same captures. A segment that ends where no other begins, because its sender stopped, is
//! left out in favour of a lower layer's.
//!
//! While a recording runs, nothing is listed whose choice could still turn out differently: each step looks one segment
//! ahead, and waits until every layer up to the view's own is known that far. So playlists only ever grow (RFC 8216
//! 6.2.1). All views and the sound end together then, and have their discontinuities at the same points.

use super::pieces::{Break, Map, Piece};
use super::timeline::Item;
use crate::catalog::Track;

/// Bounds that are this near are one: half a tick is lost in microseconds.
const NEAR_MICROS: i64 = 1_000;
/// A shorter hole is left to the player.
const HOLE_MICROS: i64 = 200_000;

/// A layer with its own view.
#[derive(Clone, Debug)]
pub(super) struct Layer<'a> {
    pub(super) track: &'a Track,
    pub(super) pieces: Vec<Piece<'a>>,
    /// Nothing will be added to it before this, in microseconds of the timeline.
    pub(super) known: i64,
}

/// A piece of a view and the track that it is of.
#[derive(Clone, Debug)]
pub(super) struct Step<'a> {
    pub(super) track: &'a Track,
    pub(super) piece: Piece<'a>,
}

/// The view of each layer, smallest first, as `layers` are.
pub(super) fn views<'a>(layers: &[Layer<'a>], ended: bool) -> Vec<Vec<Step<'a>>> {
    let mut views: Vec<Vec<Step<'a>>> = (1..=layers.len())
        .map(|count| {
            let chosen = choose(layers.get(..count).unwrap_or_default(), ended);
            let step = |(layer, index): (usize, usize)| {
                let layer = layers.get(layer)?;
                Some(Step { track: layer.track, piece: layer.pieces.get(index)?.clone() })
            };
            chosen.into_iter().filter_map(step).collect()
        })
        .collect();
    if !ended {
        let end = |view: &Vec<Step<'_>>| view.last().map_or(i64::MIN, |step| step.piece.end);
        let reached = views.iter().map(end).min().unwrap_or(i64::MIN);
        for view in &mut views {
            view.retain(|step| step.piece.end <= reached + NEAR_MICROS);
        }
    }
    let changes = changes(&views);
    for view in &mut views {
        mark(view.iter_mut().map(|step| &mut step.piece), &changes);
    }
    views
}

/// The sound beside the layers, with the same discontinuities and while the recording runs no further than they are.
pub(super) fn sound<'a>(
    track: &'a Track,
    mut pieces: Vec<Piece<'a>>,
    views: &[Vec<Step<'_>>],
    ended: bool,
) -> Vec<Step<'a>> {
    if !ended {
        let reached = views.iter().filter_map(|view| view.last()).map(|step| step.piece.end).max();
        pieces.retain(|piece| reached.is_some_and(|reached| piece.end <= reached));
    }
    mark(pieces.iter_mut(), &changes(views));
    pieces.into_iter().map(|piece| Step { track, piece }).collect()
}

/// Where any of the views changes its encoding, in order.
fn changes(views: &[Vec<Step<'_>>]) -> Vec<i64> {
    let init = |step: &Step<'_>| (step.track.id, step.piece.map);
    // The black picture is the same one in every track.
    let black = |step: &Step<'_>| step.piece.map == Map::Black;
    let mut found: Vec<i64> = views
        .iter()
        .flat_map(|view| view.iter().zip(view.iter().skip(1)))
        .filter(|(before, step)| init(before) != init(step) && !(black(before) && black(step)))
        .map(|(_, step)| step.piece.start)
        .collect();
    found.sort_unstable();
    found.dedup_by(|late, early| *late - *early <= HOLE_MICROS);
    found
}

/// Marks the changes, each at the next bound that is free. Pauses stay.
fn mark<'a, 'b: 'a>(pieces: impl Iterator<Item = &'a mut Piece<'b>>, changes: &[i64]) {
    let mut changes = changes.iter().copied().peekable();
    for (index, piece) in pieces.enumerate() {
        piece.broken = piece.broken.filter(|broken| *broken == Break::Pause);
        let middle = i64::midpoint(piece.start, piece.end);
        if index > 0 && piece.broken.is_none() && changes.next_if(|at| *at < middle).is_some() {
            piece.broken = Some(Break::Picture);
        }
    }
}

/// The walk of a view whose own layer is the last one: `(layer, piece)`.
fn choose(layers: &[Layer<'_>], ended: bool) -> Vec<(usize, usize)> {
    let starts = layers.iter().filter_map(|layer| layer.pieces.first()).map(|piece| piece.start);
    let Some(at) = starts.min() else { return Vec::new() };
    let known = if ended { i64::MAX } else { layers.iter().map(|layer| layer.known).min().unwrap_or(at) };
    let mut walk = Walk { layers, next: vec![0; layers.len()], at, known, last: None, list: Vec::new() };
    while walk.step() {}
    walk.list
}

struct Walk<'a, 'b> {
    layers: &'a [Layer<'b>],
    /// The first piece of each layer that is not behind us.
    next: Vec<usize>,
    at: i64,
    known: i64,
    last: Option<usize>,
    list: Vec<(usize, usize)>,
}

impl Walk<'_, '_> {
    fn step(&mut self) -> bool {
        self.advance();
        let here: Vec<(usize, usize)> = (0..self.layers.len())
            .filter_map(|layer| Some((layer, self.segment(layer, self.at + HOLE_MICROS)?)))
            .collect();
        let end_of =
            |(layer, index): (usize, usize)| self.piece(layer, index).map_or(self.at, |piece| piece.end);
        if here.is_empty() {
            return self.hole();
        }
        let furthest = here.iter().map(|candidate| end_of(*candidate)).max().unwrap_or(self.at);
        if furthest + HOLE_MICROS > self.known {
            return false;
        }
        let goes_on = |candidate: &&(usize, usize)| self.goes_on(end_of(**candidate));
        let Some(chosen) = here.iter().rev().find(goes_on).or(here.first()).copied() else { return false };
        self.take(chosen)
    }

    fn take(&mut self, (layer, index): (usize, usize)) -> bool {
        let Some(end) = self.piece(layer, index).map(|piece| piece.end) else { return false };
        self.list.push((layer, index));
        (self.at, self.last) = (self.at.max(end), Some(layer));
        true
    }

    /// Nothing is stored here. What fills it is of the layer that came last; at the beginning, of the one that comes
    /// first.
    fn hole(&mut self) -> bool {
        let starts = (0..self.layers.len()).filter_map(|layer| {
            let index = self.segment(layer, i64::MAX)?;
            Some((self.piece(layer, index)?.start, layer))
        });
        let next = starts.min();
        let from = self.last.or(next.map(|(_, layer)| layer)).unwrap_or(0);
        let fill = self.layers.get(from).zip(self.next.get(from)).and_then(|(layer, first)| {
            let fill = layer.pieces.get(*first)?;
            let fits = next.is_none_or(|(start, _)| fill.end <= start + NEAR_MICROS);
            let sure = fill.end <= self.known;
            (matches!(fill.item, Item::Fill(_)) && fits && sure).then_some((from, *first))
        });
        match (fill, next) {
            (Some(fill), _) => self.take(fill),
            (None, Some((start, _))) if start + HOLE_MICROS <= self.known => {
                self.at = start;
                true
            }
            _ => false,
        }
    }

    /// Passes over what begins before where we are.
    fn advance(&mut self) {
        for (layer, next) in self.layers.iter().zip(&mut self.next) {
            let behind = |piece: &Piece<'_>| piece.start < self.at - NEAR_MICROS;
            while layer.pieces.get(*next).is_some_and(behind) {
                *next += 1;
            }
        }
    }

    /// A layer's next segment that a decoder can begin with, or that goes on with what came last; of those that begin
    /// before `limit`.
    fn segment(&self, layer: usize, limit: i64) -> Option<usize> {
        let first = *self.next.get(layer)?;
        let ahead = self.layers.get(layer)?.pieces.iter().enumerate().skip(first);
        let mut near = ahead.take_while(|(_, piece)| piece.start < limit);
        let goes_on =
            |index: usize| index.checked_sub(1).is_some_and(|i| self.list.last() == Some(&(layer, i)));
        let fits = |index: usize, piece: &Piece<'_>| match piece.item {
            Item::Segment(segment) => segment.sync || goes_on(index),
            Item::Fill(_) => false,
        };
        near.find(|(index, piece)| fits(*index, piece)).map(|(index, _)| index)
    }

    /// Something begins at `end`, or nothing is there that would have been cut off.
    fn goes_on(&self, end: i64) -> bool {
        let mut spans = false;
        for (layer, next) in self.layers.iter().zip(&self.next) {
            let near = layer.pieces.iter().skip(*next).take_while(|piece| piece.start < end + HOLE_MICROS);
            for piece in near.filter(|piece| matches!(piece.item, Item::Segment(_))) {
                if piece.start >= end - NEAR_MICROS {
                    return true;
                }
                spans |= piece.end > end + HOLE_MICROS;
            }
        }
        !spans
    }

    fn piece(&self, layer: usize, index: usize) -> Option<&Piece<'_>> {
        self.layers.get(layer)?.pieces.get(index)
    }
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
