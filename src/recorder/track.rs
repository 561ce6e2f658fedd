//! One track: placed frames to stored bytes. Pure: what must be done is returned, not done.
//!
//! A track is one source of one participant (a camera, a microphone, a screen). Its file is append-only:
//!
//! ```text
//! [init of run 0][fragment][fragment]...[init of run 1][fragment]...
//! ```
//!
//! A run is a stretch with one set of codec parameters and no break. The track knows every file offset beforehand, because nobody
//! else writes to its file.

// By path, because the fuzz targets compile this file by path too.
#[path = "track/storing.rs"]
mod storing;

use super::gap::Gaps;
use super::integrity::{Integrity, Watch};
use super::layers::Member;
pub use super::output::{Begin, Counts, Output, Past, Run};
use super::stream::{self, Placed, Stream};
use crate::catalog::Cause;
use crate::id::{RecordingId, TrackId};
use crate::media::codec;
use crate::media::fmp4;
use crate::media::rtp::packet::{Packet, SenderReport};
use crate::media::segment::{self, Policy, Segmenter};
use crate::media::timeline::sync::Delays;
use crate::media::{Codec, Kind, Rotation};
use crate::time::{Moment, Ticks, Timescale, WallTime};
use std::collections::VecDeque;
use std::ops::Range;

/// A step between two frames that is longer than this is a gap, not a long frame.
const LONGEST_PICTURE_MICROS: i64 = 3_000_000;
const LONGEST_SOUND_MICROS: i64 = 500_000;
/// And one that is longer than this when pictures were lost in it.
const LONGEST_DAMAGED_MICROS: i64 = 500_000;
/// When nothing comes any more, holes before the last packet have been given up after this time.
const LATEST_PICTURE_MICROS: i64 = 2_200_000;
const LATEST_SOUND_MICROS: i64 = 1_200_000;
/// After its producer was paused and nothing is missing, packets are on their way for so long.
const QUIET_MICROS: i64 = 800_000;
/// After its producer was paused a stream goes on in a new run, unless it went on as if nothing had been.
const LEAST_PART_MICROS: i64 = 200_000;
/// A pause of the producer longer ago than this has nothing to do with a gap.
const PARTED_MICROS: i64 = 10_000_000;
/// Length of a picture whose successor never came and that had no predecessor.
const DEFAULT_PICTURE_MICROS: i64 = 33_333;
/// Length of an Opus packet unless its table of contents says otherwise.
const DEFAULT_SOUND_MICROS: i64 = 20_000;
/// Steps between timestamps that are credible as the usual length of a picture.
const USUAL_PICTURE_MICROS: Range<i64> = 5_000..1_000_000;

/// What never changes in the life of a track.
#[derive(Clone, Debug)]
pub struct Config {
    /// The recording it is part of.
    pub recording: RecordingId,
    /// The track.
    pub track: TrackId,
    /// mediasoup's id of the participant.
    pub peer_id: String,
    /// The codec.
    pub codec: Codec,
    /// What it has in common with the other layers of its picture, when layers are tracks.
    pub member: Option<Member>,
    /// Lengths of fragments and segments.
    pub policy: Policy,
    /// Tick zero of the recording.
    pub start: Moment,
    /// Tick zero of the recording on the wall clock.
    pub start_wall: WallTime,
}

/// Errors of the pure path: always a defect or an absurd input, never the network's usual troubles.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The init segment or a fragment could not be written.
    #[error("cannot write fragmented MP4")]
    Fmp4(#[from] fmp4::Error),
    /// The segmenter refused a sample.
    #[error("cannot segment")]
    Segment(#[from] segment::Error),
}

struct Open {
    run: u32,
    segmenter: Segmenter,
}

/// Placed frames in, actions out.
pub struct Track {
    config: Config,
    timescale: Timescale,
    stream: Option<Stream>,
    held: Option<Placed>,
    usual_length: u32,
    open: Option<Open>,
    /// Where segments must begin that are not begun yet, in order.
    cuts: VecDeque<Ticks>,
    parameters: Option<Box<codec::Config>>,
    /// How the pictures of the open run must be turned.
    rotation: Rotation,
    next_run: u32,
    next_segment: u32,
    position: u64,
    end: Option<Ticks>,
    refused: bool,
    /// Frames come that have no key frame before them in their run.
    keyless: bool,
    gaps: Gaps,
    /// The producer is paused since then.
    muted: Option<Moment>,
    /// The producer was paused until then.
    parted: Option<Moment>,
    counts: Counts,
    watch: Watch,
    from_stream: Vec<stream::Output>,
    from_segmenter: Vec<segment::Output>,
}

impl Track {
    /// A track without a stream yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let timescale = config.codec.timescale();
        let usual =
            if config.codec.kind() == Kind::Video { DEFAULT_PICTURE_MICROS } else { DEFAULT_SOUND_MICROS };
        Self {
            timescale,
            stream: None,
            held: None,
            usual_length: ticks_to_u32(Ticks::from_micros(usual, timescale)),
            open: None,
            cuts: VecDeque::new(),
            parameters: None,
            rotation: Rotation::None,
            next_run: 0,
            next_segment: 0,
            position: 0,
            end: None,
            refused: false,
            keyless: false,
            gaps: Gaps::new(config.track, config.codec.kind(), timescale, config.policy.fragment_micros),
            muted: None,
            parted: None,
            counts: Counts::default(),
            watch: Watch::new(config.codec.kind()),
            from_stream: Vec::new(),
            from_segmenter: Vec::new(),
            config,
        }
    }

    /// A track that an earlier process began.
    #[must_use]
    pub fn restored(config: Config, past: &Past) -> Self {
        let (kind, scale) = (config.codec.kind(), config.codec.timescale());
        let end = past.end.filter(|_| past.next_segment > 0);
        Self {
            gaps: Gaps::restored(config.track, kind, scale, config.policy.fragment_micros, &past.gaps),
            watch: Watch::restored(kind, past.integrity, end.map(|end| end.to_micros(scale))),
            next_run: past.next_run,
            next_segment: past.next_segment,
            position: past.position,
            end: end.into_iter().chain(past.gaps.last().map(|gap| gap.start + gap.duration)).max(),
            counts: past.counts,
            ..Self::new(config)
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How true the track is to what was sent so far.
    #[must_use]
    pub fn integrity(&self) -> Integrity {
        self.watch.verdict(&self.counts)
    }

    fn micros(&self, ticks: Ticks) -> i64 {
        ticks.to_micros(self.timescale)
    }

    /// Nothing can be stored before a key frame comes, or the open segment has waited long enough for one.
    #[must_use]
    pub fn wants_keyframe(&self) -> bool {
        self.takes_keyframe()
            && (self.keyless
                || self.stream.as_ref().is_some_and(Stream::waits_for_key)
                || self.overdue()
                || self.turned())
    }

    /// A key frame would be of use, if not needed.
    #[must_use]
    pub fn takes_keyframe(&self) -> bool {
        !self.refused
            && self.config.codec.kind() == Kind::Video
            && !self.config.member.as_ref().is_some_and(Member::idle)
    }

    /// Pictures come that are turned otherwise than their run says: only a key frame can begin the next one.
    fn turned(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.sync && held.rotation != self.rotation)
    }

    /// The open segment waits for a key frame, and the frame that is held is none.
    fn overdue(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.segmenter.wants_keyframe())
            && self.held.as_ref().is_none_or(|held| !held.sync)
    }

    /// A consumer begins to deliver; the stream before it, if any, must have been detached.
    pub fn attach(&mut self) {
        if let Some(member) = &mut self.config.member {
            member.attached();
        }
        self.stream = Some(Stream::new(self.config.codec, self.config.start));
        (self.muted, self.parted) = (None, None);
    }

    /// The SFU says which spatial layer it sends now.
    pub fn layer_told(&mut self, layer: Option<u8>) {
        if let Some(member) = &mut self.config.member {
            member.told(layer);
        }
    }

    /// The consumer is gone. What it delivered is stored; the track may go on with another stream.
    pub fn detach(&mut self, out: &mut Vec<Output>) -> Result<(), Error> {
        self.end_stream(Cause::Off, out)
    }

    /// The same, for another cause.
    pub fn end_stream(&mut self, cause: Cause, out: &mut Vec<Output>) -> Result<(), Error> {
        if let Some(stream) = self.stream.take() {
            let mut items = std::mem::take(&mut self.from_stream);
            stream.finish(&mut items);
            self.take(items, out)?;
        }
        self.keyless = false;
        (self.muted, self.parted) = (None, None);
        self.end_run(cause, out)
    }

    /// The producer is paused. What is still on its way is taken; then the run ends.
    pub fn mute(&mut self, now: Moment) {
        self.muted = Some(now);
    }

    /// The producer goes on, with a key frame.
    pub fn unmute(&mut self, now: Moment) {
        if self.muted.take().is_some() && self.stream.is_some() {
            self.parted = Some(now);
            self.keyless = self.config.codec.kind() == Kind::Video;
        }
    }

    /// The open gap lasts as far as this at least, and shows from `from` on what it is told to show.
    pub(super) fn stays(&mut self, from: Ticks, reached: Ticks) {
        self.gaps.stays(from, reached);
    }

    /// Nothing more comes until [`attach`](Self::attach): whoever sent it left, or the recording ends or stands
    /// still here. A gap that is open ends.
    pub fn part(&mut self, cause: Cause, now: Moment, out: &mut Vec<Output>) -> Result<(), Error> {
        self.end_stream(cause, out)?;
        if cause != Cause::Pause {
            self.gaps.forget_untold();
        }
        if let (Some(end), Some(_)) = (self.end, self.gaps.reached()) {
            let end = end.max(self.tick(now));
            self.gaps.end(end, out);
            self.end = Some(end);
        }
        Ok(())
    }

    /// The track goes on where it parted: `by` microseconds later, if the whole recording was paused. A gap begins
    /// until something comes.
    pub fn resume(&mut self, by: i64, cause: Cause, out: &mut Vec<Output>) {
        self.config.start = self.config.start.plus(by);
        self.config.start_wall = self.config.start_wall.plus(by);
        if let (Some(end), Some(after)) = (self.end, self.next_segment.checked_sub(1)) {
            self.gaps.begin(end, after, cause, out);
        }
    }

    /// A packet of the attached stream, in any order.
    pub fn push(&mut self, packet: Packet, out: &mut Vec<Output>) -> Result<(), Error> {
        self.counts.packets += 1;
        self.counts.recovered += u64::from(packet.recovered);
        self.with_stream(out, |stream, items| stream.push(packet, items))
    }

    /// A sender report of the attached stream.
    pub fn report(&mut self, report: &SenderReport, out: &mut Vec<Output>) -> Result<(), Error> {
        self.with_stream(out, |stream, items| stream.report(report, items))
    }

    /// The least delays of the sender's clocks, as the attached stream saw them.
    #[must_use]
    pub fn delays(&self) -> Delays {
        self.stream.as_ref().map(Stream::delays).unwrap_or_default()
    }

    /// Takes what the participant's other tracks saw of the same clocks.
    pub fn share(&mut self, delays: Delays) {
        if let Some(stream) = self.stream.as_mut() {
            stream.share(delays);
        }
    }

    /// Time passes.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Error> {
        self.with_stream(out, |stream, items| stream.poll(now, items))?;
        if self.is_over(now) {
            self.end_run(self.cause(now), out)?;
        }
        self.gaps.poll(self.tick(now), out);
        Ok(())
    }

    /// Nothing will make the held frame longer any more.
    fn is_over(&self, now: Moment) -> bool {
        let Some(held) = &self.held else { return false };
        let video = self.config.codec.kind() == Kind::Video;
        let latest = if video { LATEST_PICTURE_MICROS } else { LATEST_SOUND_MICROS };
        // Where no packet is missing nothing is waited for but the way here.
        let waits = self.stream.as_ref().is_some_and(Stream::waits);
        let quiet = now.since(held.arrival) > QUIET_MICROS && !waits;
        let muted = self.muted.map(|at| now.since(at));
        let muted = muted.is_some_and(|since| since > latest || (quiet && since > QUIET_MICROS));
        muted || now.since(held.arrival) > self.longest_micros() + latest
    }

    /// Why nothing came up to now.
    fn cause(&self, now: Moment) -> Cause {
        let muted = self.muted.is_some() || self.parted.is_some_and(|at| now.since(at) < PARTED_MICROS);
        if muted { Cause::Off } else { Cause::Loss }
    }

    fn tick(&self, now: Moment) -> Ticks {
        Ticks::from_micros(now.since(self.config.start), self.timescale)
    }

    /// Our own queue was full: packets are missing.
    pub fn overflowed(&mut self, out: &mut Vec<Output>) -> Result<(), Error> {
        self.with_stream(out, Stream::overflowed)
    }

    fn with_stream(
        &mut self,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut Stream, &mut Vec<stream::Output>),
    ) -> Result<(), Error> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.refused) else { return Ok(()) };
        let mut items = std::mem::take(&mut self.from_stream);
        act(stream, &mut items);
        self.take(items, out)
    }

    fn take(&mut self, mut items: Vec<stream::Output>, out: &mut Vec<Output>) -> Result<(), Error> {
        for item in items.drain(..) {
            match item {
                stream::Output::Frame(frame) => self.frame(frame, out)?,
                stream::Output::Lost { packets } => {
                    self.counts.lost += packets;
                    self.watch.damage();
                }
                stream::Output::NeedKeyframe => {
                    self.watch.damage();
                    out.push(Output::NeedKeyframe);
                }
                stream::Output::Clock(anomaly) => {
                    self.watch.clock(anomaly);
                    out.push(Output::Clock(anomaly));
                }
                stream::Output::Refused(reason) => self.refuse(reason, out)?,
            }
        }
        self.from_stream = items;
        Ok(())
    }

    fn refuse(&mut self, reason: String, out: &mut Vec<Output>) -> Result<(), Error> {
        if !self.refused {
            self.refused = true;
            self.end_run(Cause::Off, out)?;
            out.push(Output::Refused(reason));
        }
        Ok(())
    }

    /// A frame's length is known when its successor comes, so one frame is always held.
    fn frame(&mut self, mut frame: Placed, out: &mut Vec<Output>) -> Result<(), Error> {
        if self.refused {
            return Ok(());
        }
        if self.config.member.as_mut().is_some_and(|member| !member.admit(&mut frame)) {
            self.keyless = false;
            return self.end_run(Cause::Off, out);
        }
        if let Some(held) = &self.held {
            let step = (frame.at - held.at).to_micros(self.timescale);
            let resumed = self.parted.is_some_and(|at| (0..PARTED_MICROS).contains(&frame.arrival.since(at)));
            let longest = match resumed {
                true => LEAST_PART_MICROS,
                false if self.watch.is_damaged() => self.longest_micros().min(LONGEST_DAMAGED_MICROS),
                false => self.longest_micros(),
            };
            if step > longest {
                self.end_run(self.cause(frame.arrival), out)?;
            }
        }
        let earliest = self.held.as_ref().map(|held| held.at + Ticks(1)).or(self.gaps.reached()).or(self.end);
        if let Some(earliest) = earliest
            && frame.at < earliest
        {
            // A clock that stepped back. The timeline never does.
            frame.at = earliest;
        }
        match self.held.take() {
            Some(held) => {
                let length = frame.at - held.at;
                let usual = held.length.unwrap_or(self.usual_length);
                self.watch.step(self.micros(length), self.micros(Ticks(i64::from(usual))));
                self.store(held, ticks_to_u32(length), out)?;
                if USUAL_PICTURE_MICROS.contains(&length.to_micros(self.timescale)) {
                    self.usual_length = ticks_to_u32(length);
                }
            }
            None if !frame.sync => {
                // A run begins with a key frame: a decoder that starts with its init segment has no other picture.
                self.keyless = true;
                out.push(Output::NeedKeyframe);
                return Ok(());
            }
            None => {
                self.watch.resume(self.micros(frame.at));
                self.gaps.end(frame.at, out);
                self.parted = None;
            }
        }
        self.keyless = false;
        self.begins(&frame, out);
        self.held = Some(frame);
        Ok(())
    }

    /// A step between frames that is longer is a gap.
    fn longest_micros(&self) -> i64 {
        let video = self.config.codec.kind() == Kind::Video;
        if video { LONGEST_PICTURE_MICROS } else { LONGEST_SOUND_MICROS }
    }

    /// Stores the held frame with its own or the usual length and closes what is open. There are no gaps inside a
    /// run, so what comes next begins another. Here a gap begins.
    fn end_run(&mut self, cause: Cause, out: &mut Vec<Output>) -> Result<(), Error> {
        if let Some(frame) = self.held.take() {
            let length = frame.length.unwrap_or(self.usual_length);
            self.store(frame, length, out)?;
            self.watch.stop(self.micros(self.end.unwrap_or_default()), cause != Cause::Loss);
        }
        self.flush(out)?;
        self.open = None;
        if let (Some(end), Some(after)) = (self.end, self.next_segment.checked_sub(1)) {
            self.gaps.begin(end, after, cause, out);
        }
        Ok(())
    }

    fn wall(&self, at: Ticks) -> WallTime {
        self.config.start_wall.plus(at.to_micros(self.timescale))
    }
}

fn ticks_to_u32(ticks: Ticks) -> u32 {
    u32::try_from(ticks.0.max(1)).unwrap_or(u32::MAX)
}
