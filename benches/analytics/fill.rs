//! Making the history.

use super::sink::{Bulk, Sink};
use super::{Bench, DAY, DAYS, FIRST, Random, USERS, Zipf, recording};
use sqlx::{AnyConnection, Connection};
use std::path::Path;
use std::time::Instant;
use tureen::analytics::event::{Beacon, Event, Kind};
use tureen::analytics::ranges::Ranges;
use tureen::analytics::session::{Source, Summary, fold};
use tureen::catalog::{
    Catalog, EndedBy, Finish, NewParticipant, NewRecording, NewSegment, NewTrack, Status, Whole,
};
use tureen::id::{ParticipantId, TrackId};
use tureen::media::{Codec, Kind as MediaKind};
use tureen::time::{Ticks, WallTime};

/// Sessions of one bulk.
const BULK: u64 = 1000;
/// Bytes of an event and of a session with their indices, about.
const EVENT_BYTES: [u64; 2] = [190, 260];
const SESSION_BYTES: [u64; 2] = [1400, 1900];

/// Length of a recording in milliseconds: half an hour to an hour and a half.
fn length_ms(rank: u64) -> i64 {
    1_800_000 + (rank * 7919 % 3600) as i64 * 1000
}

impl Bench {
    pub(crate) async fn fill(&self, place: &Path) {
        let mark = self.folder.join("filled");
        let wanted = format!("1 {:?}", self.size);
        if std::fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
            println!("{}: the history is there: {:?}", self.name, self.size);
            return;
        }
        self.has_room(place);
        let began = Instant::now();
        let catalog = Catalog::open(&self.url).await.unwrap();
        for rank in 0..self.size.recordings {
            self.record(&catalog, rank).await;
        }
        catalog.close().await;
        self.rows().await;
        println!("{}: rows written after {:.0} s", self.name, began.elapsed().as_secs_f64());
        let catalog = Catalog::open(&self.url).await.unwrap();
        for day in catalog.view_days(0, 1000).await.unwrap() {
            catalog.rebuild_view_day(day).await.unwrap();
        }
        println!("{}: sums by day made after {:.0} s", self.name, began.elapsed().as_secs_f64());
        for rank in 0..self.size.recordings {
            let media = Ranges::one(0, length_ms(rank));
            let whole = Whole { media: &media, length_ms: length_ms(rank) };
            catalog.rebuild_views(recording(rank), Some(whole)).await.unwrap();
        }
        catalog.close().await;
        if !self.is_sqlite() {
            // What autovacuum would have done.
            let mut connection = AnyConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await.unwrap();
            sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        std::fs::write(&mark, wanted).unwrap();
        println!("{}: {:?} made in {:.0} s", self.name, self.size, began.elapsed().as_secs_f64());
    }

    /// Whether the disk has the room, before anything is written.
    fn has_room(&self, place: &Path) {
        let kind = usize::from(!self.is_sqlite());
        let (sessions, events) = (self.size.sessions, self.size.sessions * self.size.events);
        let needed = sessions * SESSION_BYTES[kind] + events * EVENT_BYTES[kind];
        let disk = rustix::fs::statvfs(place).unwrap();
        let free = disk.f_bavail * disk.f_frsize;
        println!(
            "{}: the history takes about {:.1} GB, {:.1} GB are free",
            self.name,
            needed as f64 / 1e9,
            free as f64 / 1e9
        );
        assert!(free > needed + needed / 4 + 2_000_000_000, "not enough room in {}", place.display());
    }

    /// A recording of an hour with one picture, which has ended.
    async fn record(&self, catalog: &Catalog, rank: u64) {
        let (id, at) = (recording(rank), WallTime(FIRST - DAY));
        if catalog.recording(id).await.unwrap().is_some() {
            return;
        }
        let new = NewRecording {
            id,
            room_id: format!("room-{}", rank % 200),
            title: format!("Lesson {rank}"),
            started_by: format!("teacher-{}", rank % 100),
            started_at: at,
            parallel: true,
            source: serde_json::json!({}),
            metadata: serde_json::json!({}),
            format: "mp4".to_owned(),
            ..NewRecording::default()
        };
        catalog.create_recording(&new).await.unwrap();
        let (participant, track) = (ParticipantId::new(), TrackId::new());
        let joined = NewParticipant {
            id: participant,
            recording: id,
            peer_id: "peer".to_owned(),
            display_name: "Teacher".to_owned(),
            user_id: None,
            joined_at: at,
        };
        catalog.add_participant(&joined).await.unwrap();
        let new = NewTrack {
            id: track,
            recording: id,
            participant,
            kind: MediaKind::Audio,
            source: "microphone".to_owned(),
            codec: Codec::Opus,
            producer_id: "producer".to_owned(),
            layer: None,
            picture: None,
        };
        catalog.add_track(&new).await.unwrap();
        catalog.start_track(track, at, Ticks(0)).await.unwrap();
        let scale = Codec::Opus.timescale();
        let run = tureen::catalog::NewRun {
            track,
            number: 0,
            init: 0..100,
            first: Ticks(0),
            wall: at,
            codecs: "opus".to_owned(),
            width: 0,
            height: 0,
            rotation: tureen::media::Rotation::None,
            channels: 2,
            timescale: scale,
            listed_micros: 0,
        };
        catalog.add_run(&run).await.unwrap();
        let segment = NewSegment {
            track,
            run: 0,
            number: 0,
            start: Ticks(0),
            duration: Ticks::from_micros(length_ms(rank) * 1000, scale),
            range: 100..200,
            samples: 1,
            sync: true,
            wall: at,
        };
        catalog.add_segments(&[segment]).await.unwrap();
        let finish = Finish {
            status: Status::Completed,
            stopped_at: at.plus(length_ms(rank) * 1000),
            duration_micros: length_ms(rank) * 1000,
            bytes: 200,
            ended_by: EndedBy::Stop,
            error: None,
        };
        catalog.finish_recording(id, &finish).await.unwrap();
    }

    async fn rows(&self) {
        let zipf = Zipf::new(self.size.recordings);
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut sink = Sink::open(self).await;
        for first in (0..self.size.sessions).step_by(BULK as usize) {
            let mut bulk = Bulk::default();
            for n in first..(first + BULK).min(self.size.sessions) {
                self.session(n, &zipf, &mut random, &mut bulk);
            }
            sink.write(&bulk).await;
        }
        sink.close(self.size.sessions).await;
    }

    fn session(&self, n: u64, zipf: &Zipf, random: &mut Random, bulk: &mut Bulk) {
        let rank = zipf.pick(random);
        let step = DAYS * DAY / self.size.sessions.max(1) as i64;
        let at_ms = (FIRST + n as i64 * step + random.below(3_600_000_000) as i64) / 1000;
        let at_ms = at_ms.min((FIRST + DAYS * DAY) / 1000 - 7_200_000);
        let events = events(self.size.events, at_ms, length_ms(rank), random);
        let media = Ranges::one(0, length_ms(rank));
        let summary = fold(&events, &media).unwrap();
        let viewer = match random.below(50) {
            0 => "n".to_owned(),
            1..6 => format!("g:{:064x}", u128::from(random.next())),
            // Some watch much more than others.
            _ => format!("u:user-{}", random.below(USERS).min(random.below(USERS))),
        };
        let device = ["computer", "phone", "tablet", "tv"][random.below(4) as usize];
        let sqlite = self.is_sqlite();
        bulk.sessions.push(session_line(sqlite, n + 1, rank, &viewer, device, &summary, events.len()));
        for (number, event) in events.iter().enumerate() {
            let body = serde_json::to_string(event).unwrap();
            let key = event.key().unwrap();
            let id = n + 1;
            bulk.events.push(if sqlite {
                format!("({id}, {number}, '{key}', '{body}')")
            } else {
                format!("{id}\t{number}\t{key}\t{body}\n")
            });
        }
    }
}

/// A viewer who begins somewhere in the first half, plays, and at times pauses, seeks or waits.
fn events(count: u64, at_ms: i64, length_ms: i64, random: &mut Random) -> Vec<Event> {
    let (mut t, mut position) = (0_i64, random.below(length_ms as u64 / 2) as i64);
    let mut events = Vec::with_capacity(count as usize);
    let mut tell = |event, t: i64, position: i64, from_ms| {
        let seq = events.len() as u64;
        events.push(Event::Beacon(Beacon {
            at_ms: at_ms + t,
            seq: Some(seq),
            event,
            t_ms: Some(t),
            position_ms: Some(position.min(length_ms)),
            from_ms,
            ..Beacon::default()
        }));
        seq + 1
    };
    tell(Kind::Play, t, position, None);
    t += 200 + random.below(2000) as i64;
    let mut told = tell(Kind::Playing, t, position, None);
    while told + 1 < count {
        let played = 10_000.min((length_ms - position).max(0));
        (t, position) = (t + 10_000, position + played);
        told = match random.below(20) {
            0 if told + 2 < count => {
                tell(Kind::Waiting, t, position, None);
                t += 300 + random.below(3000) as i64;
                tell(Kind::Playing, t, position, None)
            }
            1 if told + 2 < count => {
                let from = position;
                position = random.below(length_ms as u64) as i64;
                tell(Kind::Seeking, t, position, Some(from));
                t += 300;
                tell(Kind::Playing, t, position, None)
            }
            _ => tell(Kind::Progress, t, position, None),
        };
    }
    tell(Kind::Quit, t + 1000, position + 1000, None);
    events
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Beacon => "beacon",
        Source::Reports => "reports",
        Source::Progress => "progress",
        Source::Requests => "requests",
    }
}

fn session_line(
    sqlite: bool,
    id: u64,
    rank: u64,
    viewer: &str,
    device: &str,
    summary: &Summary,
    events: usize,
) -> String {
    let text = |text: &str| if sqlite { format!("'{text}'") } else { text.to_owned() };
    let none = if sqlite { "NULL" } else { "\\N" };
    let truth = |truth: bool| match (sqlite, truth) {
        (true, truth) => u8::from(truth).to_string(),
        (false, true) => "t".to_owned(),
        (false, false) => "f".to_owned(),
    };
    let option = |value: Option<i64>| value.map_or(none.to_owned(), |value| value.to_string());
    let seen = hex::encode(summary.seen.encode());
    let fields = [
        id.to_string(),
        text(&recording(rank).to_string()),
        text(viewer),
        text(&format!("s{id}")),
        text(device),
        events.to_string(),
        truth(true),
        (summary.started_ms * 1000).to_string(),
        (summary.ended_ms * 1000).to_string(),
        text(source(summary.source)),
        if sqlite { format!("x'{seen}'") } else { format!("\\\\x{seen}") },
        summary.seen.total().to_string(),
        summary.played_ms.to_string(),
        summary.playing_ms.to_string(),
        option(summary.startup_ms),
        summary.stalls.to_string(),
        summary.stalled_ms.to_string(),
        summary.seeks.to_string(),
        summary.pauses.to_string(),
        summary.errors.to_string(),
        option(summary.position_ms),
        truth(summary.ended),
    ];
    if sqlite { format!("({})", fields.join(", ")) } else { fields.join("\t") + "\n" }
}
