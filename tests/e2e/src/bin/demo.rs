//! `make demo`: a real mediasoup room with two participants, recorded, verified, and ready to be watched.
//!
//! `PORT` (8080, else a free one), `TUREEN_DEMO_DIR` (else a temporary folder), `DEMO_EXIT=1` (do not serve
//! afterwards).

#[path = "../bench_side/server.rs"]
mod server;

use anyhow::{Context, Result, ensure};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::Value;
use server::Server;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::Instant;
use tureen::media::fmp4::index::Index;
use tureen_e2e::readers;
use tureen_e2e::recorder::program;
use tureen_sfu::{Fixture, MediaKind, Options, Publish, Publisher, Sfu};

const ROOM: &str = "demo";
/// How long is recorded.
const LENGTH: Duration = Duration::from_secs(15);
/// The second participant joins this long after the first.
const LATE: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    // Heard from here on: Ctrl-C must not leave a temporary folder behind.
    let mut interrupted = std::pin::pin!(interruption());
    let place = Place::new()?;
    let served = tokio::select! {
        shown = show(&place.folder) => shown,
        () = &mut interrupted => return Ok(()),
    };
    let server = served.inspect_err(|_| place.keep())?;
    if std::env::var_os("DEMO_EXIT").is_none_or(|value| value.is_empty() || value == "0") {
        println!("\nServing until Ctrl-C.");
        interrupted.await;
    }
    server.end().await
}

async fn interruption() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        },
        _ => std::future::pending().await,
    }
}

/// Where the recording goes.
struct Place {
    folder: PathBuf,
    temporary: std::cell::Cell<Option<tempfile::TempDir>>,
}

impl Place {
    fn new() -> Result<Self> {
        if let Some(folder) = std::env::var_os("TUREEN_DEMO_DIR").filter(|folder| !folder.is_empty()) {
            let folder = std::path::absolute(PathBuf::from(folder))?;
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            return Ok(Self { folder, temporary: None.into() });
        }
        let temporary = tempfile::Builder::new().prefix("tureen-demo-").tempdir()?;
        Ok(Self { folder: temporary.path().to_owned(), temporary: Some(temporary).into() })
    }

    /// Leaves the folder for whoever looks for the fault.
    fn keep(&self) {
        if let Some(temporary) = self.temporary.take() {
            eprintln!("\nThe recording and tureen.log are kept in {}", temporary.keep().display());
        }
    }
}

/// Records, verifies and tells.
async fn show(folder: &Path) -> Result<Server> {
    let sfu = Sfu::start(Options::default()).await.context("mediasoup does not start")?;
    let ada = join(&sfu, "ada", "Ada", "h264-baseline.h264", "opus.ogg").await?;
    println!("mediasoup   room {ROOM:?} at {}", sfu.url(ROOM));
    let server = Server::start(&program(), folder, port()?).await?;
    println!("tureen      {} keeps everything in {}", server.url, folder.display());
    let started = server.start_recording(ROOM, "Tureen demo", &sfu.url(ROOM)).await?;
    println!("recording   {started}\n");

    let (manifest, grace) = tokio::try_join!(watch(&server, &started), async {
        tokio::time::sleep(LATE).await;
        join(&sfu, "grace", "Grace", "h264-b.h264", "opus-b.ogg").await
    })?;
    ensure!(
        manifest["recording"]["status"] == "completed",
        "it ended as {}",
        manifest["recording"]["status"]
    );
    for (publisher, kind) in [(&ada, MediaKind::Video), (&grace, MediaKind::Video)] {
        ensure!(!publisher.ledger(kind).await.is_empty(), "{} sent nothing", publisher.peer_id());
    }
    verify(&server, folder, &started, &manifest).await?;
    sfu.stop().await;
    tell(&server, &started, &manifest);
    Ok(server)
}

async fn join(
    sfu: &Sfu,
    id: &str,
    name: &str,
    video: &str,
    audio: &str,
) -> Result<std::sync::Arc<Publisher>> {
    let publish = Publish {
        peer_id: id.to_owned(),
        display_name: name.to_owned(),
        video: Some(Fixture::named(video)?),
        audio: Some(Fixture::named(audio)?),
        ..Publish::default()
    };
    sfu.publish(ROOM, publish).await
}

/// Shows what has been stored so far, then stops; the finished manifest.
async fn watch(server: &Server, id: &str) -> Result<Value> {
    let bar = ProgressBar::new(LENGTH.as_millis() as u64)
        .with_style(ProgressStyle::with_template("{bar:32.green} {elapsed} of 15s  {msg}")?);
    let began = Instant::now();
    let mut said = 0;
    while began.elapsed() < LENGTH {
        let manifest = server.get(&format!("/{id}/manifest.json")).await?;
        let state = &manifest["recording"]["status"];
        ensure!(state == "recording" || state == "starting", "the recording became {state}");
        let all = tracks(&manifest);
        let sum = |key: &str| all.iter().filter_map(|(_, track)| track[key].as_u64()).sum::<u64>();
        let message =
            format!("{} tracks, {} samples, {}", all.len(), sum("samples"), HumanBytes(sum("bytes")));
        bar.set_position(began.elapsed().as_millis() as u64);
        // Without a terminal there is no bar.
        if bar.is_hidden() && began.elapsed().as_secs() >= said {
            println!("{:>3} s  {message}", began.elapsed().as_secs());
            said = began.elapsed().as_secs() + 3;
        }
        bar.set_message(message);
        tokio::time::sleep(STEP).await;
    }
    bar.finish_and_clear();
    let stopped = server.post(&format!("/{id}/stop"), None).await?;
    println!("stopped     {:.1} s recorded", seconds(&stopped["duration_us"]));
    server.get(&format!("/{id}/manifest.json")).await
}

/// Every track with its participant's name.
fn tracks(manifest: &Value) -> Vec<(&str, &Value)> {
    let participants = manifest["participants"].as_array().into_iter().flatten();
    participants
        .flat_map(|participant| {
            let name = participant["display_name"].as_str().unwrap_or("?");
            participant["tracks"].as_array().into_iter().flatten().map(move |track| (name, track))
        })
        .collect()
}

/// Our own check, then FFmpeg's opinion of every file and every playlist.
async fn verify(server: &Server, folder: &Path, id: &str, manifest: &Value) -> Result<()> {
    let check = Command::new(program()).args(["check", "--dir"]).arg(folder).output().await?;
    let said = String::from_utf8_lossy(&check.stdout);
    ensure!(check.status.success(), "tureen check: {said}{}", String::from_utf8_lossy(&check.stderr));
    println!("verified    {}\n", said.trim());

    let all = tracks(manifest);
    ensure!(all.len() == 4, "4 tracks were published, {} recorded", all.len());
    println!("participant  track  codec  samples  ffprobe  duration  offset   state");
    for (name, track) in &all {
        let row = Row::of(folder, id, track).await?;
        println!(
            "{name:<12} {:<6} {:<6} {:>7}  {:>7}  {:>6.2} s  {:>4.2} s   {}",
            track["kind"].as_str().unwrap_or("?"),
            track["codec"].as_str().unwrap_or("?").to_lowercase(),
            row.samples,
            row.ffprobe,
            seconds(&track["duration_us"]),
            seconds(&track["offset_us"]),
            track["state"].as_str().unwrap_or("?"),
        );
        row.agree().with_context(|| format!("{name}'s {}", track["kind"]))?;
    }
    for participant in manifest["participants"].as_array().into_iter().flatten() {
        let name = &participant["display_name"];
        let playlist = participant["playlist"].as_str().with_context(|| format!("{name} has no playlist"))?;
        let url = format!("{}{playlist}&token={}", server.url, server.token);
        let streams = probe(url, &[]).await.with_context(|| format!("{name}'s playlist"))?;
        for kind in ["video", "audio"] {
            let packets: u64 = streams.iter().filter(|(k, _)| k == kind).map(|(_, n)| n).sum();
            ensure!(packets > 0, "ffprobe finds no {kind} in {name}'s playlist");
        }
    }
    println!("\nffprobe reads all playlists, with picture and sound.");
    Ok(())
}

/// A track as three counters see it.
struct Row {
    samples: u64,
    indexed: u64,
    ffprobe: u64,
}

impl Row {
    async fn of(folder: &Path, recording: &str, track: &Value) -> Result<Self> {
        let id = track["id"].as_str().map_or_else(|| track["id"].to_string(), str::to_owned);
        let file = folder.join("recordings").join(recording).join(id);
        let index = file.with_extension("idx");
        let bytes =
            tokio::fs::read(&index).await.with_context(|| format!("cannot read {}", index.display()))?;
        let path = file.with_extension("mp4").display().to_string();
        let streams = probe(path, &[]).await?;
        ensure!(streams.len() == 1, "ffprobe finds {} streams in a track's file", streams.len());
        Ok(Self {
            samples: track["samples"].as_u64().unwrap_or(0),
            indexed: Index::parse(&bytes).entries.len() as u64,
            ffprobe: streams.iter().map(|(_, packets)| packets).sum(),
        })
    }

    fn agree(&self) -> Result<()> {
        let Self { samples, indexed, ffprobe } = *self;
        ensure!(samples > 0, "nothing was recorded");
        ensure!(
            samples == indexed && indexed == ffprobe,
            "the manifest says {samples} samples, the index {indexed}, ffprobe {ffprobe}"
        );
        Ok(())
    }
}

/// ffprobe's streams: kind and number of packets.
async fn probe(input: String, options: &'static [&'static str]) -> Result<Vec<(String, u64)>> {
    let found = tokio::task::spawn_blocking(move || readers::ffprobe(&input, options)).await;
    let found = found.context("ffprobe")?;
    let streams = found["streams"].as_array().context("ffprobe finds no streams")?;
    let count = |stream: &Value| stream["nb_read_packets"].as_str().and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok(streams
        .iter()
        .map(|stream| (stream["codec_type"].as_str().unwrap_or("?").to_owned(), count(stream)))
        .collect())
}

fn tell(server: &Server, id: &str, manifest: &Value) {
    let Server { url, token, .. } = server;
    let playlist = manifest["participants"][0]["playlist"].as_str().unwrap_or_default();
    println!("\nWatch:\n  {url}/watch/{id}#token={token}");
    println!("\nAsk the API:\n  export TOKEN={token}");
    for path in [
        "/api/v1/recordings".to_owned(),
        format!("/api/v1/recordings/{id}/info"),
        format!("/api/v1/recordings/{id}/manifest.json"),
        playlist.to_owned(),
    ] {
        println!("  curl -sS -H \"Authorization: Bearer $TOKEN\" '{url}{path}'");
    }
}

fn seconds(microseconds: &Value) -> f64 {
    microseconds.as_f64().unwrap_or(0.0) / 1e6
}

/// What `PORT` says; else 8080, or 0 (any) if that is taken.
fn port() -> Result<u16> {
    match std::env::var("PORT") {
        Ok(port) if !port.is_empty() => port.parse().with_context(|| format!("PORT is {port:?}")),
        _ => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).map_or(0, |_| 8080)),
    }
}
