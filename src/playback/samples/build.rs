//! The stretches of a view, from the pieces that playlists list.

use super::{Parameters, Place, Stretch, View, What};
use crate::catalog::{Segment, Shown, Track};
use crate::playback::ladder::{self, Layer, Step};
use crate::playback::pieces::{self, Map};
use crate::playback::room::Room;
use crate::playback::timeline::{Fill, Item};
use crate::time::Ticks;

impl View {
    pub(super) fn of(room: &Room, track: &Track, stored: &[(&Track, Vec<Segment>)]) -> Self {
        let layers: Vec<Layer<'_>> = stored
            .iter()
            .map(|(layer, segments)| Layer {
                track: layer,
                pieces: if segments.is_empty() { Vec::new() } else { pieces::pieces(room, layer, segments) },
                known: i64::MAX,
            })
            .collect();
        let own = layers.iter().position(|layer| layer.track.id == track.id).unwrap_or(0);
        let steps = if layers.len() > 1 {
            // Of a snapshot nothing more can come.
            let mut views = ladder::views(&layers, true);
            if own < views.len() { views.swap_remove(own) } else { Vec::new() }
        } else {
            let pieces = layers.into_iter().flat_map(|layer| layer.pieces);
            pieces.map(|piece| Step { track, piece }).collect()
        };
        let mut builder = Builder { room, stored, view: Self::empty(room, track), zero: room.zero(track) };
        for step in &steps {
            builder.push(step);
        }
        builder.finish()
    }

    fn empty(room: &Room, track: &Track) -> Self {
        Self {
            recording: room.recording.id,
            track: track.id,
            codec: track.codec,
            files: Vec::new(),
            parameters: Vec::new(),
            stretches: Vec::new(),
            first: Ticks(0),
            start: Ticks(0),
            end: Ticks(0),
        }
    }
}

struct Builder<'a> {
    room: &'a Room,
    stored: &'a [(&'a Track, Vec<Segment>)],
    view: View,
    zero: Ticks,
}

impl Builder<'_> {
    fn push(&mut self, step: &Step<'_>) {
        let Some(what) = self.what(step) else { return };
        let parameters = match step.piece.map {
            Map::Black => Some(Parameters::Black),
            Map::Run(number) => {
                let mut runs = self.room.runs_of(step.track.id);
                runs.find(|run| run.number == number).cloned().map(|run| Parameters::Run(Box::new(run)))
            }
        };
        let Some(parameters) = parameters else { return };
        // A recording has far fewer of either than there are numbers.
        let parameters = number(&mut self.view.parameters, parameters);
        let file = number(&mut self.view.files, step.track.id);
        let at = (step.piece.item.start() - self.zero).max(Ticks(0));
        let at = at.max(self.view.stretches.last().map_or(at, |before| before.at));
        if let Some(before) = self.view.stretches.last_mut() {
            before.end = at;
        }
        let end = (step.piece.item.end() - self.zero).max(at);
        self.view.stretches.push(Stretch { at, end, parameters, file, what });
    }

    fn what(&self, step: &Step<'_>) -> Option<What> {
        Some(match &step.piece.item {
            Item::Segment(segment) => What::Segment(Place::of(segment)),
            Item::Fill(fill) => match fill.shown {
                Shown::Silence => What::Silence,
                Shown::Black => What::Black,
                Shown::Still => {
                    let (_, segments) = self.stored.iter().find(|(layer, _)| layer.id == step.track.id)?;
                    What::Still { of: Place::of(still(segments, fill)?), last: fill.after.is_some() }
                }
            },
        })
    }

    fn finish(mut self) -> View {
        if let (Some(first), Some(last)) = (self.view.stretches.first(), self.view.stretches.last()) {
            (self.view.first, self.view.start, self.view.end) = (first.at, first.at, last.end);
        }
        self.view
    }
}

/// The segment whose key frame a fill shows: of the same run, before the gap; the first one for a lead.
pub(in crate::playback) fn still<'a>(segments: &'a [Segment], fill: &Fill) -> Option<&'a Segment> {
    let Some(after) = fill.after else { return segments.first() };
    let run = segments.iter().find(|segment| segment.number == after)?.run;
    let mut before = segments.iter().rev().skip_while(|segment| segment.number > after);
    before.find(|segment| segment.run == run && segment.sync)
}

/// The place of something in a list, at its end if it is new.
fn number<T: PartialEq>(list: &mut Vec<T>, wanted: T) -> u16 {
    let found = list.iter().rposition(|known| *known == wanted);
    let place = found.unwrap_or_else(|| {
        list.push(wanted);
        list.len() - 1
    });
    u16::try_from(place).unwrap_or(u16::MAX)
}
