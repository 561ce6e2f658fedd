//! A whole track: packets in any order and at any time in, and what comes out holds the rules of the file.

use super::input::{Event, Input, Step};
use super::packets;
use crate::catalog::Cause;
use crate::id::{RecordingId, TrackId};
use crate::media::fmp4::index::{Entry, Index, encode};
use crate::media::fmp4::{describe, init, read};
use crate::media::rtp::packet::SenderReport;
use crate::media::segment::{Policy, Segment, from_index};
use crate::media::timeline::sync::Delays;
use crate::media::{Codec, Rotation};
use crate::recorder::track::{Config, Output, Run, Track};
use crate::time::{Moment, Ticks, WallTime};

const CODECS: [Codec; 5] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus];

/// What was stored so far.
#[derive(Default)]
struct Stored {
    file: Vec<u8>,
    runs: Vec<Run>,
    entries: Vec<Entry>,
    segments: Vec<(u32, Segment)>,
    /// Where the last fragment ended.
    end: Option<Ticks>,
}

impl Stored {
    fn carry_out(&mut self, outputs: &mut Vec<Output>) {
        for output in outputs.drain(..) {
            match output {
                Output::Run(run) => self.run(*run),
                Output::Fragment { fragment, .. } => {
                    assert!(self.end.is_none_or(|end| fragment.start >= end), "decode time rewinds");
                    assert!(!self.entries.is_empty() || fragment.sync, "the file begins with no key frame");
                    self.end = Some(fragment.start + fragment.duration);
                    self.file.extend_from_slice(&fragment.bytes);
                    self.entries.extend(fragment.entries);
                    assert_eq!(self.entries.last().map(Entry::end), Some(self.file.len() as u64));
                }
                Output::Segment { run, segment, .. } => {
                    assert_eq!(segment.number as usize, self.segments.len());
                    assert_eq!(segment.range.end, self.file.len() as u64);
                    assert_eq!(run as usize + 1, self.runs.len());
                    if let Some((_, before)) = self.segments.last() {
                        assert!(segment.start >= before.start + before.duration, "segments overlap");
                        assert!(segment.range.start >= before.range.end);
                    }
                    self.segments.push((run, segment));
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, run: Run) {
        assert_eq!(run.range.start, self.file.len() as u64);
        assert_eq!(run.number as usize, self.runs.len());
        self.file.extend_from_slice(&run.init);
        assert_eq!(run.range.end, self.file.len() as u64);
        let origin = init::origin(&run.init).expect("our own box").expect("it is there");
        assert_eq!((origin.run, origin.first), (run.number, run.first));
        let shown = describe::text(&run.init);
        let turned = format!(" rotation={}\n", run.rotation.degrees());
        assert_eq!(shown.contains(&turned), run.rotation != Rotation::None, "{shown}");
        self.runs.push(run);
    }

    /// The finished file, read back.
    fn check(&self) {
        let scan = read::scan(&self.file);
        assert_eq!(scan.valid, self.file.len() as u64);
        assert_eq!(scan.inits.len(), self.runs.len());
        let found: Vec<_> = Index::rebuild(&scan).entries;
        let plain = |entry: &Entry| (entry.offset, entry.size, entry.duration, entry.sync());
        assert!(found.iter().map(plain).eq(self.entries.iter().map(plain)), "mux then read is identity");
        assert_eq!(Index::parse(&encode(&self.entries)).entries, self.entries);
        for run in &self.runs {
            let inside = |offset: u64| {
                offset >= run.range.end
                    && self.runs.get(run.number as usize + 1).is_none_or(|next| offset < next.range.start)
            };
            let entries: Vec<_> = self.entries.iter().filter(|entry| inside(entry.offset)).copied().collect();
            assert!(entries.first().is_some_and(Entry::sync), "a run begins with a key frame");
            let own: Vec<_> = self
                .segments
                .iter()
                .filter(|(of, _)| *of == run.number)
                .map(|(_, own)| own.clone())
                .collect();
            let first = own.first().expect("a run has a segment").number;
            assert_eq!(from_index(&entries, run.first, first), own, "segments tile their run");
            let length = |segment: &Segment| segment.duration.0;
            let sum: i64 = entries.iter().map(|entry| i64::from(entry.duration)).sum();
            assert_eq!(own.iter().map(length).sum::<i64>(), sum);
        }
    }
}

pub fn run(data: &[u8]) {
    if let Some(stored) = record(data) {
        stored.check();
    }
}

/// The file that a seed makes, and its index.
pub fn files(seed: &[u8]) -> Vec<Vec<u8>> {
    record(seed).map(|stored| vec![stored.file, encode(&stored.entries)]).unwrap_or_default()
}

fn record(data: &[u8]) -> Option<Stored> {
    let (codec, data) = data.split_first()?;
    let mut track = Track::new(Config {
        recording: RecordingId(uuid::Uuid::from_u128(1)),
        track: TrackId(uuid::Uuid::from_u128(2)),
        peer_id: "ann".to_owned(),
        codec: CODECS[usize::from(*codec) % CODECS.len()],
        member: None,
        policy: Policy::default(),
        start: Moment(5_000_000),
        start_wall: WallTime(1_792_000_000_000_000),
    });
    track.attach();
    let mut stored = Stored::default();
    let mut out = Vec::new();
    for step in Input::new(data) {
        let done = match step {
            Step::Packet(packet) => track.push(packet, &mut out),
            Step::Event(Event::Poll, now) => track.poll(now, &mut out),
            Step::Event(Event::Overflow, _) => track.overflowed(&mut out),
            Step::Event(Event::Again, _) => {
                let done = track.detach(&mut out);
                track.attach();
                done
            }
            Step::Event(Event::Report(ntp, rtp), arrival) => {
                track.report(&SenderReport { ntp, rtp, arrival }, &mut out)
            }
            Step::Event(Event::Share(micros), _) => {
                track.share(Delays { reports: Some(micros), captures: Some(micros) });
                let _ = track.delays();
                Ok(())
            }
            Step::Event(Event::Mute(true), now) => {
                track.mute(now);
                Ok(())
            }
            Step::Event(Event::Mute(false), now) => {
                track.unmute(now);
                Ok(())
            }
            Step::Event(Event::Pause(micros), now) => {
                let done = track.part(Cause::Pause, now, &mut out);
                track.resume(micros, Cause::Pause, &mut out);
                track.attach();
                done
            }
            Step::Event(Event::Leave(_), now) => {
                let done = track.part(Cause::Off, now, &mut out);
                track.resume(0, Cause::Off, &mut out);
                track.attach();
                done
            }
            Step::Event(Event::Extensions, _) => Ok(()),
        };
        done.expect("whatever comes, a track goes on");
        stored.carry_out(&mut out);
    }
    track.detach(&mut out).expect("a track ends");
    stored.carry_out(&mut out);
    Some(stored)
}

/// The packets of each codec.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |(number, codec): (usize, &Codec)| {
        packets::seeds(*codec).into_iter().map(move |seed| [&[number as u8][..], &seed].concat())
    };
    CODECS.iter().enumerate().flat_map(of).collect()
}
