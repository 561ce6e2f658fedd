//! What a track stores: runs, and in them fragments and segments.

use super::{Begin, Error, Open, Output, Run, Track};
use crate::media::fmp4::init;
use crate::media::segment::{self, Segmenter};
use crate::media::{Sample, codec};
use crate::recorder::stream::Placed;
use crate::time::Ticks;

impl Track {
    pub(super) fn store(&mut self, frame: Placed, duration: u32, out: &mut Vec<Output>) -> Result<(), Error> {
        let (turned, changed) = self.differs(&frame);
        if turned || changed {
            self.flush(out)?;
            self.open = None;
        }
        if turned {
            self.rotation = frame.rotation;
        }
        if changed {
            self.parameters = frame.config;
        }
        if self.open.is_none() {
            let Some(parameters) = self.parameters.clone() else {
                // Parameters are never guessed.
                out.push(Output::NeedKeyframe);
                return Ok(());
            };
            self.begin_run(*parameters, frame.at, out)?;
        }
        let aligned = self.config.member.as_ref().is_some_and(|member| frame.sync && member.is_cut(frame.at));
        if aligned || self.is_due(frame.at) {
            self.flush(out)?;
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        let size = frame.data.len() as u64;
        let sample = Sample { at: frame.at, duration, sync: frame.sync, data: frame.data };
        open.segmenter.push(sample, &mut self.from_segmenter)?;
        self.counts.samples += 1;
        self.watch.sample(self.micros(frame.at), frame.sync);
        self.counts.bytes += size;
        self.counts.duration_micros += Ticks(i64::from(duration)).to_micros(self.timescale);
        self.end = Some(frame.at + Ticks(i64::from(duration)));
        self.drain_segmenter(out);
        Ok(())
    }

    /// Up to where everything is given out, in microseconds of the timeline: what a playlist may list. `None` before there
    /// is anything.
    #[must_use]
    pub(in crate::recorder) fn given_micros(&self) -> Option<i64> {
        let pending = self.open.as_ref().and_then(|open| open.segmenter.pending());
        Some(self.micros(pending.or(self.gaps.reached()).or(self.end)?))
    }

    /// Begins a segment at the first sample that lies at or behind a place, in microseconds of the timeline, and that is not
    /// given out yet.
    pub(in crate::recorder) fn cut(&mut self, micros: i64, out: &mut Vec<Output>) -> Result<(), Error> {
        let at = Ticks::at_or_behind(micros, self.timescale);
        self.gaps.count_from(at);
        let held = self.open.as_ref().is_some_and(|open| open.segmenter.holds(at));
        match self.open.as_mut().filter(|_| held) {
            Some(open) => open.segmenter.cut(at, &mut self.from_segmenter)?,
            None => self.cuts.push_back(at),
        }
        self.drain_segmenter(out);
        Ok(())
    }

    /// A segment is to begin at this sample.
    fn is_due(&mut self, at: Ticks) -> bool {
        let due = self.cuts.front().is_some_and(|cut| *cut <= at);
        while self.cuts.pop_front_if(|cut| *cut <= at).is_some() {}
        due
    }

    /// Tells of a run that begins with a frame.
    pub(super) fn begins(&self, frame: &Placed, out: &mut Vec<Output>) {
        let (turned, changed) = self.differs(frame);
        if self.open.is_some() && !turned && !changed {
            return;
        }
        let Some(config) = frame.config.as_ref().or(self.parameters.as_ref()) else { return };
        let config = config.as_ref().clone();
        let rotation = if turned { frame.rotation } else { self.rotation };
        out.push(Output::Begins(Box::new(Begin {
            number: self.next_run,
            first: frame.at,
            config,
            rotation,
        })));
    }

    /// Whether a frame is turned otherwise, or has other parameters, than those before it.
    fn differs(&self, frame: &Placed) -> (bool, bool) {
        let turned = frame.sync && frame.rotation != self.rotation;
        (turned, frame.config.is_some() && frame.config != self.parameters)
    }

    fn begin_run(&mut self, config: codec::Config, first: Ticks, out: &mut Vec<Output>) -> Result<(), Error> {
        let number = self.next_run;
        let wall = self.wall(first);
        let origin = init::Origin {
            recording: self.config.recording,
            track: self.config.track,
            run: number,
            first,
            wall,
            participant: self.config.peer_id.clone(),
        };
        let rotation = self.rotation;
        let bytes = init::write_turned(&config, rotation, &origin)?;
        let range = self.position..self.position + bytes.len() as u64;
        self.position = range.end;
        self.next_run += 1;
        let kind = self.config.codec.kind();
        let segmenter = Segmenter::new(self.config.policy, self.timescale, kind, range.end);
        self.open = Some(Open { run: number, segmenter: segmenter.numbered(self.next_segment) });
        out.push(Output::Run(Box::new(Run {
            number,
            init: bytes,
            range,
            config,
            rotation,
            first,
            wall,
            listed_micros: 0,
        })));
        Ok(())
    }

    pub(super) fn flush(&mut self, out: &mut Vec<Output>) -> Result<(), Error> {
        if let Some(open) = self.open.as_mut() {
            open.segmenter.flush(&mut self.from_segmenter)?;
        }
        self.drain_segmenter(out);
        Ok(())
    }

    fn drain_segmenter(&mut self, out: &mut Vec<Output>) {
        let run = self.open.as_ref().map_or(0, |open| open.run);
        for item in self.from_segmenter.drain(..) {
            match item {
                segment::Output::Fragment(fragment) => {
                    self.position += fragment.bytes.len() as u64;
                    out.push(Output::Fragment { run, segment: self.next_segment, fragment });
                }
                segment::Output::Segment(segment) => {
                    self.next_segment = segment.number + 1;
                    if let Some(member) = &self.config.member {
                        member.cut(segment.start + segment.duration);
                    }
                    let micros = segment.start.to_micros(self.timescale);
                    out.push(Output::Segment { run, wall: self.config.start_wall.plus(micros), segment });
                }
            }
        }
    }
}
