//! The whole recording stands still for a while, and its timeline with it.

use super::{Action, Recording};
use crate::catalog::{Cause, Pause};
use crate::recorder::writer::Write;
use crate::time::{Moment, WallTime};

impl Recording {
    /// The moment up to which the timeline has come: it stands still in a pause.
    pub(super) fn reached(&self, now: Moment) -> Moment {
        self.paused.map_or(now, |since| since.min(now))
    }

    /// The whole recording is paused: nothing is stored until [`resume`](Self::resume), and in every track ticks go
    /// on then where they stop here. `None` when it is paused already.
    pub(in crate::recorder) fn pause(&mut self, now: Moment, out: &mut Vec<Action>) -> Option<Pause> {
        if self.paused.is_some() {
            return None;
        }
        self.speaks(None, now, out);
        for index in 0..self.sources.len() {
            self.with_track(index, out, |track, outputs| track.part(Cause::Pause, now, outputs));
        }
        let pause = Pause {
            recording: self.id,
            number: self.pauses,
            at_micros: now.since(self.start).max(0),
            began_at: self.wall(now),
            ended_at: None,
        };
        self.paused = Some(now);
        self.stood_at = Some(pause.at_micros);
        self.pauses += 1;
        out.push(Action::Write(Write::Pause(pause.clone())));
        Some(pause)
    }

    /// The recording goes on; returns since when and for how long it stood still. `None` when it does not stand
    /// still.
    pub(in crate::recorder) fn resume(
        &mut self,
        now: Moment,
        out: &mut Vec<Action>,
    ) -> Option<(WallTime, i64)> {
        let since = self.paused?;
        let by = now.since(since).max(0);
        let at = self.end_pause(now, out)?;
        self.shift(by);
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(index) else { continue };
            let (delivers, muted) = (source.consumer.is_some(), source.muted);
            let cause = match (delivers && !muted, source.lost && !muted) {
                (true, _) => Cause::Pause,
                (false, true) => Cause::Loss,
                (false, false) => Cause::Off,
            };
            source.asked = None;
            self.with_track(index, out, |track, outputs| {
                track.resume(by, cause, outputs);
                if delivers {
                    track.attach();
                }
                if muted {
                    track.mute(now);
                }
                Ok(())
            });
        }
        self.poll(now, out);
        Some((at, by))
    }

    /// The timeline stood still for so long.
    pub(super) fn shift(&mut self, by: i64) {
        self.start = self.start.plus(by);
        self.start_wall = self.start_wall.plus(by);
    }

    pub(super) fn end_pause(&mut self, now: Moment, out: &mut Vec<Action>) -> Option<WallTime> {
        let since = self.paused.take()?;
        let at = self.wall(now);
        self.paused_micros += now.since(since).max(0);
        out.push(Action::Write(Write::Resume(self.id, self.pauses.saturating_sub(1), at)));
        Some(at)
    }
}
