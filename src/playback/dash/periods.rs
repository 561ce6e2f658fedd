//! Views cut into periods.

use super::View;
use crate::catalog::{Run, Track};
use crate::media::dash::mpd::{AdaptationSet, Period, Representation, Span};
use crate::media::{Codec, Container, Kind};
use crate::playback::bandwidth::Bandwidth;
use crate::playback::black;
use crate::playback::ladder::Step;
use crate::playback::pieces::{Break, Map};
use crate::playback::room::{Room, scale};
use crate::time::Ticks;

/// Bounds of layers that are this near are one; a shorter hole is left to the player.
pub(super) const NEAR_MICROS: i64 = 200_000;
/// Less sound than this of a segment is not worth loading it again: one packet.
const LEAST_MICROS: i64 = 20_000;

/// What is told of a track in each of its periods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    bandwidth: u64,
    frame_rate: Option<f64>,
}

impl Facts {
    #[expect(clippy::cast_precision_loss, reason = "printed, not calculated with")]
    pub(super) fn of(room: &Room, track: &Track, measured: &Bandwidth) -> Self {
        let frame_rate = room.totals_of(track.id).filter(|_| track.kind == Kind::Video).and_then(|totals| {
            let micros = totals.media.to_micros(scale(track));
            (micros > 0).then(|| totals.samples as f64 * 1e6 / micros as f64)
        });
        Self { bandwidth: measured.peak.max(measured.average), frame_rate }
    }
}

/// All periods, each with what lies in it. `begin` is where the presentation begins, in microseconds of the timeline.
pub(super) fn periods(
    room: &Room,
    pictures: &[View<'_>],
    sound: Option<&View<'_>>,
    begin: i64,
    name: &str,
    query: &str,
) -> Vec<Period> {
    let leading: Vec<&View<'_>> =
        if pictures.is_empty() { sound.iter().copied().collect() } else { pictures.iter().collect() };
    let bounds: Vec<i64> = [begin].into_iter().chain(changes(&leading)).collect();
    let ends = bounds.iter().skip(1).copied().chain([i64::MAX]);
    // What has one view has no bounds but its own.
    let near = if pictures.len() > 1 { NEAR_MICROS } else { 0 };
    let cuts = bounds.iter().copied().zip(ends).map(|(from, to)| Cut {
        room,
        from,
        to,
        begins: from == begin,
        near,
        query,
    });
    let told = cuts.map(|cut| {
        let seen = cut.pictures(pictures);
        let heard = sound.and_then(|view| cut.representation(view, &cut.sound(view)));
        let sets = [(Kind::Video, seen), (Kind::Audio, heard.into_iter().collect())];
        let sets = sets.into_iter().filter(|(_, list)| !list.is_empty()).map(|(kind, list)| {
            let views = pictures.iter().chain(sound).filter(|view| view.track.kind == kind);
            AdaptationSet {
                kind,
                container: container(views.clone().next().map(|view| view.track.codec)),
                label: name.to_owned(),
                independent: views.flat_map(|view| &view.steps).all(|step| step.piece.item.independent()),
                representations: list,
            }
        });
        Period { start_micros: cut.from - begin, sets: sets.collect() }
    });
    let kind = if pictures.is_empty() { Kind::Audio } else { Kind::Video };
    told.filter(|period| period.sets.iter().any(|set| set.kind == kind)).collect()
}

/// Where a view has another init segment than before, or the recording was paused. Views change together, though not at
/// the very same tick.
fn changes(views: &[&View<'_>]) -> Vec<i64> {
    let init = |step: &Step<'_>| (step.track.id, step.piece.map);
    let changed = |before: &Step<'_>, step: &Step<'_>| {
        init(before) != init(step) || step.piece.broken == Some(Break::Pause)
    };
    let of_view = |(number, view): (usize, &&View<'_>)| {
        let pairs = view.steps.iter().zip(view.steps.iter().skip(1));
        let found = pairs.filter(|(before, step)| changed(before, step)).map(|(_, step)| step.piece.start);
        found.map(|start| (start, number)).collect::<Vec<_>>()
    };
    let mut found: Vec<(i64, usize)> = views.iter().enumerate().flat_map(of_view).collect();
    found.sort_unstable();
    found.dedup_by(|late, early| late.1 != early.1 && late.0 - early.0 <= NEAR_MICROS);
    found.into_iter().map(|(start, _)| start).collect()
}

/// Browsers play VP8 from WebM only.
fn container(codec: Option<Codec>) -> Container {
    if codec == Some(Codec::Vp8) { Container::WebM } else { Container::Mp4 }
}

/// One period: a stretch of the timeline in microseconds.
struct Cut<'a> {
    room: &'a Room,
    from: i64,
    to: i64,
    /// Nothing is before it.
    begins: bool,
    /// How far from the bounds its pictures may begin.
    near: i64,
    query: &'a str,
}

impl Cut<'_> {
    /// The layers, each with what begins here. What another layer stands in for is there already, and a layer that is
    /// cut elsewhere would show nothing up to its next key frame.
    fn pictures(&self, views: &[View<'_>]) -> Vec<Representation> {
        let mut list: Vec<(Representation, i64)> = Vec::new();
        for view in views {
            let begins = |step: &&Step<'_>| {
                // A tick of the picture's clock may lie a little before the beginning.
                let after = self.begins || step.piece.start >= self.from - self.near;
                after && step.piece.start < self.to.saturating_sub(self.near)
            };
            let steps: Vec<&Step<'_>> = view.steps.iter().filter(begins).collect();
            let Some(first) = steps.first() else { continue };
            let late = first.piece.start - self.from;
            let Some(found) = self.representation(view, &steps) else { continue };
            if list.iter().all(|(known, _)| known.init != found.init || known.media != found.media) {
                list.push((found, late));
            }
        }
        let least = list.iter().map(|(_, late)| *late).min().unwrap_or(0).max(NEAR_MICROS);
        list.into_iter().filter(|(_, late)| *late <= least).map(|(found, _)| found).collect()
    }

    /// The sound, with what reaches in from either side. What is too short to reach into either period from the other is in
    /// the one that has more of it.
    fn sound<'a, 'b>(&self, view: &'a View<'b>) -> Vec<&'a Step<'b>> {
        let least = if self.begins { 0 } else { LEAST_MICROS };
        let inside = |step: &&Step<'_>| {
            let (start, end) = (step.piece.start, step.piece.end);
            let reaches =
                end > self.from.saturating_add(least) && start < self.to.saturating_sub(LEAST_MICROS);
            reaches || (self.from..self.to).contains(&i64::midpoint(start, end))
        };
        view.steps.iter().filter(inside).collect()
    }

    /// A view's steps here as one representation: they have one init segment.
    fn representation(&self, view: &View<'_>, steps: &[&Step<'_>]) -> Option<Representation> {
        let Step { track, piece } = steps.first()?;
        let scale = scale(track);
        let zero = self.room.zero(track);
        let (init, extension) = match container(Some(track.codec)) {
            Container::Mp4 => ("mp4", "m4s"),
            Container::WebM => ("webm", "webm"),
        };
        let (folder, query) = (track.id, self.query);
        let run = match piece.map {
            Map::Run(number) => self.room.runs_of(track.id).find(|run| run.number == number),
            Map::Black => None,
        };
        let init = match piece.map {
            Map::Run(run) => format!("{folder}/init-{run}.{init}{query}"),
            Map::Black => format!("{folder}/black.{init}{query}"),
        };
        let (width, height) = run.map_or(black::SIZE, Run::displayed);
        let offset = (Ticks::from_micros(self.from, scale) - zero).0;
        let near = Ticks::from_micros(NEAR_MICROS, scale).0;
        Some(Representation {
            id: view.track.id.to_string(),
            codecs: codecs(track.codec, run),
            width,
            height,
            frame_rate: view.facts.frame_rate.filter(|_| run.is_some()),
            channels: run.map_or(0, |run| run.channels),
            bandwidth: view.facts.bandwidth,
            timescale: scale.0,
            offset,
            init,
            media: format!("{folder}/at-$Time$.{extension}{query}"),
            segments: from_the_start(spans(steps, zero), offset, near),
        })
    }
}

/// The RFC 6381 string of a run, or of a black picture.
fn codecs(codec: Codec, run: Option<&Run>) -> String {
    match (codec, run) {
        // As browsers know it in WebM.
        (Codec::Vp8, _) => "vp8".to_owned(),
        (_, Some(run)) => run.codecs.clone(),
        (_, None) => black::codecs(codec),
    }
}

/// Each segment reaches to the next one: over the short gaps that are not filled there would be holes else.
fn spans(steps: &[&Step<'_>], zero: Ticks) -> Vec<Span> {
    let starts = steps.iter().map(|step| step.piece.item.start());
    let nexts = starts.clone().skip(1).map(Some).chain([None]);
    let spans = steps.iter().zip(starts).zip(nexts).map(|((step, start), next)| {
        let end = next.unwrap_or_else(|| step.piece.item.end());
        Span { time: (start - zero).0, duration: (end - start).0.max(1) }
    });
    spans.collect()
}

/// What begins a little after its period is told from where that begins. dash.js, which loads a period before it is there,
/// takes the ticks between for a gap, and goes to their end although a viewer has just gone elsewhere.
/// [`at`](super::at) finds it under that time.
fn from_the_start(mut spans: Vec<Span>, offset: i64, near: i64) -> Vec<Span> {
    let from = offset.max(0);
    if let Some(first) = spans.first_mut() {
        let late = first.time - from;
        if (1..=near).contains(&late) {
            *first = Span { time: from, duration: first.duration + late };
        }
    }
    spans
}
