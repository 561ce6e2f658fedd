//! `make bench-download`: how soon the MP4 of a long recording begins, beside nginx with the same bytes in a file.
//!
//! The recording is made up: rows in a catalogue, and fragments with their index in a store, as the recorder leaves them.
//! It has 30 pictures and 50 packets of sound a second. They are small, because what comes first are the tables, whose size
//! goes by samples. `tureen serve` gives the file to one client at a time, each over a new connection, token checked; what
//! is timed is from the request to the first byte of the body. *Cold*: a file that nobody has asked for (a `duration` of its
//! own, beyond the end), whose tables are made. *Warm*: the whole file, whose tables are kept. nginx sends that file from
//! disk. All turns alternate.
//!
//! `TUREEN` is the program, `BENCH_CACHE` where the recording is for as long as it takes; arguments: hours (4), turns (50).

#[path = "../bench_serve/nginx.rs"]
#[allow(dead_code)]
mod nginx;
#[path = "../bench_side/server.rs"]
#[allow(dead_code)]
mod server;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use nginx::Nginx;
use server::Server;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tureen::catalog::{
    Catalog, EndedBy, Finish, NewParticipant, NewRecording, NewRun, NewSegment, NewTrack, Status,
};
use tureen::id::{ParticipantId, RecordingId, TrackId};
use tureen::media::codec::{Config, Inspector};
use tureen::media::fmp4::{fragment, index, init};
use tureen::media::{Codec, Frame, Kind, Rotation, Sample};
use tureen::playback::black;
use tureen::storage::{Key, Store};
use tureen::time::{Ticks, WallTime};
use tureen_e2e::recorder::program;

/// When it was recorded.
const START: WallTime = WallTime(1_790_000_000_000_000);
/// Seconds in a segment.
const SEGMENT: i64 = 2;
/// Fragments in a segment.
const PARTS: usize = 4;
/// Rows that are written at once.
const ROWS: usize = 1000;
/// Longer than any recording, in seconds: files that differ in this hold the same.
const BEYOND: usize = 1_000_000;
/// What is asked for, warm.
const WANTED_MS: f64 = 200.0;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<usize>().ok());
    let (hours, turns) = (arguments.next().unwrap_or(4), arguments.next().unwrap_or(50).max(1));
    let cache = std::env::var_os("BENCH_CACHE").map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&cache)?;
    let folder = tempfile::Builder::new().prefix("download-").tempdir_in(&cache)?;
    let tureen = std::env::var_os("TUREEN").map_or_else(program, PathBuf::from);
    let media = folder.path().join("media");
    std::fs::create_dir_all(&media)?;
    println!("making a recording of {hours} h");
    let (id, samples) = made_up(&media, i64::try_from(hours)? * 3600).await?;

    let server = Server::start(&tureen, &media, 0).await?;
    let ours = server.url.trim_start_matches("http://").parse::<SocketAddr>()?;
    let path = format!("/api/v1/recordings/{id}/download?format=mp4&token={}", server.token);
    let (files, own) = (folder.path().join("files"), folder.path().join("nginx"));
    std::fs::create_dir_all(&files)?;
    std::fs::create_dir_all(&own)?;
    let after_start = first_byte(ours, &path).await?;
    let length = save(&format!("{}{path}", server.url), &files.join("whole.mp4")).await?;
    println!(
        "{samples} samples, a file of {length} bytes; the first byte after the server's start: {after_start:.1} ms"
    );
    let nginx = Nginx::start(&files, &own, &server.token).await?;
    let theirs = format!("/whole.mp4?token={}", server.token);

    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for turn in 0..turns {
        let cold = format!("{path}&duration={}", BEYOND + turn);
        // Whoever was cold may have taken the place of what is kept.
        let before = first_byte(ours, &cold).await?;
        first_byte(ours, &path).await?;
        let turn = [before, first_byte(ours, &path).await?, first_byte(nginx.address, &theirs).await?];
        for (times, time) in times.iter_mut().zip(turn) {
            times.push(time);
        }
    }
    nginx.end().await?;
    server.end().await?;
    println!("\n| first byte | median | 95 % | most |\n|---|---|---|---|");
    let [cold, warm, file] = times.map(Times::of);
    for (name, times) in
        [("tables made (cold)", &cold), ("tables kept (warm)", &warm), ("nginx, a file", &file)]
    {
        println!("| {name} | {:.1} ms | {:.1} ms | {:.1} ms |", times.median, times.most_95, times.most);
    }
    println!("\nwarm, 95 %: {:.1} ms (asked: below {WANTED_MS} ms)", warm.most_95);
    Ok(())
}

/// Of some times, in milliseconds.
struct Times {
    median: f64,
    /// 95 % are not longer.
    most_95: f64,
    most: f64,
}

impl Times {
    fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |percent: usize| all[((all.len() * percent).div_ceil(100)).max(1) - 1];
        Self { median: at(50), most_95: at(95), most: at(100) }
    }
}

/// Milliseconds from a request over a new connection to the first byte of the answer's body. The rest is not taken.
async fn first_byte(server: SocketAddr, path: &str) -> Result<f64> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
    let begun = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(64 << 10);
    let took: Duration = loop {
        ensure!(stream.read_buf(&mut answer).await? > 0, "the server closed the connection");
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if head.is_some_and(|head| answer.len() > head + 4) {
            break begun.elapsed();
        }
    };
    let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    ensure!(line.starts_with("HTTP/1.1 200"), "{line}");
    Ok(took.as_secs_f64() * 1e3)
}

/// How many bytes a file has that is saved.
async fn save(url: &str, to: &Path) -> Result<u64> {
    let answer = reqwest::get(url).await?.error_for_status()?;
    let bytes = answer.bytes().await?;
    std::fs::write(to, &bytes)?;
    Ok(bytes.len() as u64)
}

/// A recording of one participant that has ended, in the folder of a server; and how many samples it has.
async fn made_up(folder: &Path, seconds: i64) -> Result<(RecordingId, usize)> {
    let store = Store::open(folder.to_owned()).await?;
    let catalog = Catalog::open(&format!("sqlite:{}", folder.join("tureen.db").display())).await?;
    let recording = NewRecording {
        room_id: "bench".to_owned(),
        title: "Bench".to_owned(),
        // Whom the server's tokens are of.
        started_by: "demo".to_owned(),
        started_at: START,
        format: "mp4".to_owned(),
        ..NewRecording::default()
    };
    catalog.create_recording(&recording).await?;
    let participant = NewParticipant {
        id: ParticipantId::new(),
        recording: recording.id,
        peer_id: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        user_id: None,
        joined_at: START,
    };
    catalog.add_participant(&participant).await?;
    let mut samples = 0;
    for (codec, source) in [(Codec::H264, "camera"), (Codec::Opus, "microphone")] {
        let track = NewTrack {
            id: TrackId::new(),
            recording: recording.id,
            participant: participant.id,
            kind: codec.kind(),
            source: source.to_owned(),
            codec,
            producer_id: "producer".to_owned(),
            layer: None,
            picture: None,
        };
        samples += fill(&catalog, &store, &track, seconds).await?;
    }
    let finish = Finish {
        status: Status::Completed,
        stopped_at: START.plus(seconds * 1_000_000),
        duration_micros: seconds * 1_000_000,
        bytes: store.usage().await?,
        ended_by: EndedBy::Stop,
        error: None,
    };
    catalog.finish_recording(recording.id, &finish).await?;
    catalog.close().await;
    Ok((recording.id, samples))
}

/// Stores a track of so many seconds; how many samples that are.
async fn fill(catalog: &Catalog, store: &Store, track: &NewTrack, seconds: i64) -> Result<usize> {
    let codec = track.codec;
    let (mut media, mut file) = (
        store.create(&Key::media(track.recording, track.id)).await?,
        store.create(&Key::index(track.recording, track.id)).await?,
    );
    let config = config(codec)?;
    let head = init::unnamed(&config)?;
    let length = head.len() as u64;
    let at = media.append(head).await?;
    catalog.add_track(track).await?;
    catalog.start_track(track.id, START, Ticks(0)).await?;
    let run = NewRun {
        track: track.id,
        number: 0,
        init: at..at + length,
        first: Ticks(0),
        wall: START,
        codecs: config.string,
        width: config.width,
        height: config.height,
        channels: config.channels,
        rotation: Rotation::None,
        timescale: codec.timescale(),
        listed_micros: 0,
    };
    catalog.add_run(&run).await?;
    let noise: Bytes = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut rows, mut total) = (Vec::new(), 0);
    for number in 0..u32::try_from(seconds / SEGMENT)? {
        let start = Ticks(i64::from(number) * SEGMENT * i64::from(codec.timescale().0));
        let samples = samples(codec, start, &noise);
        let (offset, mut entries) = (media.len(), Vec::new());
        for (sequence, part) in
            (number * PARTS as u32 + 1..).zip(samples.chunks(samples.len().div_ceil(PARTS)))
        {
            let fragment = fragment::write(sequence, part)?;
            let at = media.append(fragment.bytes).await?;
            let placed = |entry: index::Entry| index::Entry { offset: entry.offset + at, ..entry };
            entries.extend(fragment.entries.into_iter().map(placed));
        }
        file.append(index::encode(&entries).into()).await?;
        rows.push(NewSegment {
            track: track.id,
            run: 0,
            number,
            start,
            duration: Ticks(SEGMENT * i64::from(codec.timescale().0)),
            range: offset..media.len(),
            samples: u32::try_from(samples.len())?,
            sync: true,
            wall: START.plus(i64::from(number) * SEGMENT * 1_000_000),
        });
        total += samples.len();
    }
    for rows in rows.chunks(ROWS) {
        catalog.add_segments(rows).await?;
    }
    Ok(total)
}

/// What a decoder must know of a codec.
fn config(codec: Codec) -> Result<Config> {
    // Coded silence of 20 ms.
    let data = black::picture(codec).unwrap_or(Bytes::from_static(&[0xf8, 0xff, 0xfe]));
    let found = Inspector::new(codec).inspect(&Frame { data, ..Frame::default() })?;
    found.config.context("a key frame tells its parameters")
}

/// The samples of a segment, of sizes and lengths that differ as those of a call do.
fn samples(codec: Codec, start: Ticks, noise: &Bytes) -> Vec<Sample> {
    let mut at = start;
    let sample = |n: usize| {
        let (duration, sync, size) = match codec.kind() {
            Kind::Audio => (960, true, 30 + n * 7 % 40),
            Kind::Video => (
                if n.is_multiple_of(2) { 2970 } else { 3030 },
                n == 0,
                if n == 0 { 2000 } else { 100 + n * 13 % 200 },
            ),
        };
        let sample = Sample { at, duration, sync, data: noise.slice(..size) };
        at = at + Ticks(duration.into());
        sample
    };
    let a_second = if codec.kind() == Kind::Audio { 50 } else { 30 };
    (0..a_second * SEGMENT as usize).map(sample).collect()
}
