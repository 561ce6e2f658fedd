//! A recording made up for tests: real fragments in real files, with their rows.

use super::fetch::Source;
use super::filled::Fills;
use super::popular::Popular;
use super::rows::Rows;
use crate::catalog::{
    Catalog, EndedBy, Finish, NewParticipant, NewRecording, NewRun, NewSegment, NewTrack, Status,
};
use crate::id::{ParticipantId, RecordingId, TrackId};
use crate::live::Hub;
use crate::media::fmp4::{fragment, index};
use crate::media::{Codec, Kind, Rotation, Sample};
use crate::storage::{Key, Store};
use crate::time::{Ticks, WallTime};
use bytes::Bytes;

/// When the recording starts, in wall time.
pub(crate) const START: WallTime = WallTime(1_800_000_000_000_000);
/// An init segment as small as one can be: `ftyp` and an empty `moov`.
pub(crate) const INIT: &[u8] = b"\0\0\0\x10ftypcmf2\0\0\0\0\0\0\0\x08moov";

/// Folder, rows and one recording.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) store: Store,
    pub(crate) recording: RecordingId,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).await.unwrap();
        let url = format!("sqlite:{}", folder.path().join("tureen.db").display());
        let catalog = Catalog::open(&url).await.unwrap();
        let made = NewRecording {
            room_id: "room one".to_owned(),
            title: "Lesson".to_owned(),
            started_by: "teacher".to_owned(),
            started_at: START,
            format: "mp4".to_owned(),
            metadata: serde_json::json!({}),
            source: serde_json::json!({}),
            ..NewRecording::default()
        };
        catalog.create_recording(&made).await.unwrap();
        Self { folder, catalog, store, recording: made.id }
    }

    /// Where views of it come from.
    pub(crate) fn source(&self) -> Source {
        let (catalog, store) = (self.catalog.clone(), self.store.clone());
        Source {
            rows: Rows::new(catalog.clone()),
            catalog,
            store,
            edges: Hub::default(),
            fills: Fills::default(),
            popular: Popular::new(1 << 20),
        }
    }

    pub(crate) async fn participant(&self, name: &str, joined_ms: i64) -> ParticipantId {
        let new = NewParticipant {
            id: ParticipantId::new(),
            recording: self.recording,
            peer_id: format!("peer-{name}"),
            display_name: name.to_owned(),
            user_id: None,
            joined_at: START.plus(joined_ms * 1000),
        };
        self.catalog.add_participant(&new).await.unwrap();
        new.id
    }

    /// A track with segments of `(run, start, length)` in milliseconds; a run of its own codec string each.
    pub(crate) async fn track(
        &self,
        participant: ParticipantId,
        codec: Codec,
        source: &str,
        segments: &[(u32, i64, i64)],
    ) -> TrackId {
        let new = NewTrack {
            id: TrackId::new(),
            recording: self.recording,
            participant,
            kind: codec.kind(),
            source: source.to_owned(),
            codec,
            producer_id: "producer".to_owned(),
            layer: None,
            picture: None,
        };
        self.stored(new, 0, segments).await
    }

    /// The sound of a microphone, so many microseconds later than its segments say.
    pub(crate) async fn sound_at(
        &self,
        participant: ParticipantId,
        micros: i64,
        segments: &[(u32, i64, i64)],
    ) -> TrackId {
        let new = NewTrack {
            id: TrackId::new(),
            recording: self.recording,
            participant,
            kind: Kind::Audio,
            source: "microphone".to_owned(),
            codec: Codec::Opus,
            producer_id: "producer".to_owned(),
            layer: None,
            picture: None,
        };
        self.stored(new, micros, segments).await
    }

    /// A layer of a camera's picture, the first of which gives it its name.
    pub(crate) async fn layer(
        &self,
        participant: ParticipantId,
        layer: u8,
        picture: Option<TrackId>,
        segments: &[(u32, i64, i64)],
    ) -> TrackId {
        self.layer_of(participant, "camera", layer, picture, segments).await
    }

    /// The same of another source.
    pub(crate) async fn layer_of(
        &self,
        participant: ParticipantId,
        source: &str,
        layer: u8,
        picture: Option<TrackId>,
        segments: &[(u32, i64, i64)],
    ) -> TrackId {
        let id = TrackId::new();
        let new = NewTrack {
            id,
            recording: self.recording,
            participant,
            kind: Kind::Video,
            source: source.to_owned(),
            codec: Codec::H264,
            producer_id: "producer".to_owned(),
            layer: Some(layer),
            picture: picture.or(Some(id)),
        };
        self.stored(new, 0, segments).await
    }

    async fn stored(&self, new: NewTrack, later: i64, segments: &[(u32, i64, i64)]) -> TrackId {
        let codec = new.codec;
        let (media, index) = (Key::media(self.recording, new.id), Key::index(self.recording, new.id));
        let mut media = self.store.create(&media).await.unwrap();
        let mut entries = Vec::new();
        self.catalog.add_track(&new).await.unwrap();
        let mut open = None;
        for (number, (run, start_ms, millis)) in segments.iter().enumerate() {
            let scale = codec.timescale();
            let start = Ticks::from_micros(start_ms * 1000 + later, scale);
            let wall = START.plus(start_ms * 1000);
            if open != Some(*run) {
                let init = media.append(Bytes::from_static(INIT)).await.unwrap();
                if open.is_none() {
                    self.catalog.start_track(new.id, wall, start).await.unwrap();
                }
                self.catalog.add_run(&run_row(new.id, codec, *run, init, start, wall)).await.unwrap();
                open = Some(*run);
            }
            let duration = Ticks::from_micros(millis * 1000, scale);
            let samples = samples(codec, number, start, duration);
            let offset = media.len();
            for (place, half) in samples.chunks(samples.len().div_ceil(2)).enumerate() {
                let fragment = fragment::write((number * 2 + place) as u32 + 1, half).unwrap();
                let at = media.append(fragment.bytes).await.unwrap();
                let placed = |entry: index::Entry| index::Entry { offset: entry.offset + at, ..entry };
                entries.extend(fragment.entries.into_iter().map(placed));
            }
            let row = NewSegment {
                track: new.id,
                run: *run,
                number: number as u32,
                start,
                duration,
                range: offset..media.len(),
                samples: samples.len() as u32,
                sync: true,
                wall,
            };
            self.catalog.add_segments(&[row]).await.unwrap();
        }
        let mut file = self.store.create(&index).await.unwrap();
        file.append(index::encode(&entries).into()).await.unwrap();
        new.id
    }

    pub(crate) async fn finish(&self, millis: i64) {
        let finish = Finish {
            status: Status::Completed,
            stopped_at: START.plus(millis * 1000),
            duration_micros: millis * 1000,
            bytes: self.store.usage().await.unwrap(),
            ended_by: EndedBy::Stop,
            error: None,
        };
        self.catalog.finish_recording(self.recording, &finish).await.unwrap();
    }
}

fn run_row(track: TrackId, codec: Codec, number: u32, init: u64, first: Ticks, wall: WallTime) -> NewRun {
    let video = codec.kind() == Kind::Video;
    let codecs = match codec {
        Codec::H264 => "avc3.42e01f",
        Codec::Vp8 => "vp08.00.31.08",
        Codec::Vp9 => "vp09.00.31.08",
        Codec::Av1 => "av01.0.04M.08",
        Codec::Opus => "opus",
    };
    NewRun {
        track,
        number,
        init: init..init + INIT.len() as u64,
        first,
        wall,
        codecs: codecs.to_owned(),
        // Odd runs have half the size; runs 0 and 2 are alike, and 6 is turned besides.
        width: if video { 640 / (1 + number % 2) } else { 0 },
        height: if video { 480 / (1 + number % 2) } else { 0 },
        rotation: if video && number == 6 { Rotation::Right } else { Rotation::None },
        channels: if video { 0 } else { 2 },
        timescale: codec.timescale(),
        listed_micros: 0,
    }
}

/// Samples of 100 ms, the first a key frame.
fn samples(codec: Codec, segment: usize, start: Ticks, duration: Ticks) -> Vec<Sample> {
    let step = i64::from(codec.timescale().0) / 10;
    let mut samples = Vec::new();
    let mut at = 0;
    while at < duration.0 {
        let length = step.min(duration.0 - at);
        samples.push(Sample {
            at: start + Ticks(at),
            duration: length as u32,
            sync: at == 0 || codec.kind() == Kind::Audio,
            data: format!("{}-{segment}-{}", codec.name(), samples.len()).into(),
        });
        at += length;
    }
    samples
}
