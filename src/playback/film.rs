//! Recordings made up for tests that read every sample: real init segments, and bytes that tell samples apart.

use super::fixture::{Fixture, START};
use crate::catalog::{Cause, Gap, NewRun, NewSegment, NewTrack, Shown};
use crate::id::{ParticipantId, TrackId};
use crate::media::fmp4::{fragment, index, init, testing};
use crate::media::{Codec, Kind, Rotation, Sample, codec};
use crate::storage::Key;
use crate::time::Ticks;
use bytes::Bytes;

/// A segment to be made: its run, its first tick, and for each sample its length, whether it is a key frame, and its
/// size.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    pub(crate) run: u32,
    pub(crate) start: i64,
    pub(crate) samples: Vec<(u32, bool, usize)>,
}

impl Shot {
    pub(crate) fn end(&self) -> i64 {
        self.start + self.samples.iter().map(|(duration, ..)| i64::from(*duration)).sum::<i64>()
    }
}

/// Segments of two seconds one after another, as a call has them: 30 pictures a second with jitter, or 50 packets.
pub(crate) fn steady(codec: Codec, run: u32, start: i64, seconds: u32) -> Vec<Shot> {
    let mut at = start;
    let mut shots = Vec::new();
    for number in 0..seconds / 2 {
        let samples: Vec<_> = match codec.kind() {
            Kind::Audio => (0..100).map(|n| (960, true, 30 + (n * 7 + number as usize) % 40)).collect(),
            Kind::Video => (0..60)
                .map(|n: usize| {
                    let jitter = if n.is_multiple_of(2) { 2970 } else { 3030 };
                    (jitter, n == 0, if n == 0 { 2000 } else { 100 + (n * 13 + number as usize) % 200 })
                })
                .collect(),
        };
        let shot = Shot { run, start: at, samples };
        at = shot.end();
        shots.push(shot);
    }
    shots
}

/// Two pictures a second up to `end`, with key frames at these seconds.
pub(crate) fn keyed(keys: &[i64], end: i64) -> Vec<Shot> {
    let ends = keys.iter().skip(1).copied().chain([end]);
    let shot = |(from, to): (&i64, i64)| Shot {
        run: 0,
        start: from * 90_000,
        samples: (0..2 * (to - from)).map(|n| (45_000, n == 0, 200)).collect(),
    };
    keys.iter().zip(ends).map(shot).collect()
}

/// The parameters of a run: odd ones have half the size, and the sixth is turned.
pub(crate) fn parameters(codec: Codec, run: u32) -> (codec::Config, Rotation) {
    let config = if run % 2 == 1 { testing::halved(codec) } else { testing::config(codec) };
    let rotation = if run == 6 && codec.kind() == Kind::Video { Rotation::Right } else { Rotation::None };
    (config, rotation)
}

impl Fixture {
    /// A track of these segments; what was stored of it.
    pub(crate) async fn film(
        &self,
        participant: ParticipantId,
        codec: Codec,
        source: &str,
        shots: &[Shot],
    ) -> (TrackId, Vec<Sample>) {
        self.film_layer(participant, codec, source, shots, None).await
    }

    /// The same as a layer: its number, and the picture that it is of, or else begins.
    pub(crate) async fn film_layer(
        &self,
        participant: ParticipantId,
        codec: Codec,
        source: &str,
        shots: &[Shot],
        layer: Option<(u8, Option<TrackId>)>,
    ) -> (TrackId, Vec<Sample>) {
        let id = TrackId::new();
        let new = NewTrack {
            id,
            recording: self.recording,
            participant,
            kind: codec.kind(),
            source: source.to_owned(),
            codec,
            producer_id: "producer".to_owned(),
            layer: layer.map(|(number, _)| number),
            picture: layer.map(|(_, picture)| picture.unwrap_or(id)),
        };
        let mut media = self.store.create(&Key::media(self.recording, new.id)).await.unwrap();
        let mut file = self.store.create(&Key::index(self.recording, new.id)).await.unwrap();
        self.catalog.add_track(&new).await.unwrap();
        let (mut all, mut rows, mut entries, mut open) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (number, shot) in shots.iter().enumerate() {
            let start = Ticks(shot.start);
            let wall = START.plus(start.to_micros(codec.timescale()));
            if open != Some(shot.run) {
                let (config, rotation) = parameters(codec, shot.run);
                let bytes = init::write_turned(&config, rotation, &testing::origin()).unwrap();
                let length = bytes.len() as u64;
                let at = media.append(bytes).await.unwrap();
                if open.is_none() {
                    self.catalog.start_track(new.id, wall, start).await.unwrap();
                }
                let row = NewRun {
                    track: new.id,
                    number: shot.run,
                    init: at..at + length,
                    first: start,
                    wall,
                    codecs: config.string.to_string(),
                    width: config.width,
                    height: config.height,
                    channels: config.channels,
                    rotation,
                    timescale: codec.timescale(),
                    listed_micros: 0,
                };
                self.catalog.add_run(&row).await.unwrap();
                open = Some(shot.run);
            }
            let samples = samples(new.id, all.len(), shot);
            let offset = media.len();
            for (place, half) in samples.chunks(samples.len().div_ceil(4)).enumerate() {
                let fragment = fragment::write((number * 4 + place) as u32 + 1, half).unwrap();
                let at = media.append(fragment.bytes).await.unwrap();
                entries.extend(
                    fragment.entries.into_iter().map(|e| index::Entry { offset: e.offset + at, ..e }),
                );
            }
            rows.push(NewSegment {
                track: new.id,
                run: shot.run,
                number: number as u32,
                start,
                duration: Ticks(shot.end() - shot.start),
                range: offset..media.len(),
                samples: samples.len() as u32,
                sync: shot.samples[0].1,
                wall,
            });
            all.extend(samples);
        }
        file.append(index::encode(&entries).into()).await.unwrap();
        self.catalog.add_segments(&rows).await.unwrap();
        (new.id, all)
    }

    /// Nothing came of a track behind segment `after`.
    pub(crate) async fn gap(&self, track: TrackId, after: u32, shown: Shown, start: i64, duration: i64) {
        let gap = Gap {
            track,
            number: after,
            after,
            cause: Cause::Loss,
            shown,
            start: Ticks(start),
            duration: Ticks(duration),
            open: false,
            listed_micros: 0,
        };
        self.catalog.add_media(&[], &[gap]).await.unwrap();
    }
}

fn samples(track: TrackId, first: usize, shot: &Shot) -> Vec<Sample> {
    let seed = track.0.as_u128() as usize;
    let mut at = Ticks(shot.start);
    let sample = |(place, (duration, sync, size)): (usize, &(u32, bool, usize))| {
        let number = seed.wrapping_add(first + place);
        let data: Bytes =
            (0..*size).map(|n| (number.wrapping_mul(31).wrapping_add(n * 7) >> 1) as u8).collect();
        let sample = Sample { at, duration: *duration, sync: *sync, data };
        at = at + Ticks((*duration).into());
        sample
    };
    shot.samples.iter().enumerate().map(sample).collect()
}
