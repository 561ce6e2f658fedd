//! `tureen-sfu`: a real mediasoup with participants that publish, for anyone to point anything at.

use anyhow::Result;
use clap::Parser;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tureen_sfu::{Codec, Dialect, Fixture, Options, Publish, Sfu};

/// Prints one line of JSON with its URLs, then serves until standard input closes or Ctrl-C.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Signalling of the older JavaScript demo (old) or of its TypeScript rewrite (ts).
    #[arg(long, default_value = "old")]
    dialect: Dialect,
    /// TCP port on 127.0.0.1; any free one if not given.
    #[arg(long)]
    port: Option<u16>,
    /// Name of the room that is made at start.
    #[arg(long, default_value = "demo")]
    room: String,
    /// Refuse other rooms with HTTP 404 instead of making them.
    #[arg(long)]
    strict_rooms: bool,
    /// How many participants publish fixtures.
    #[arg(long, default_value_t = 0)]
    participants: usize,
    /// What they publish: h264, h264-high, vp8, vp9 or av1.
    #[arg(long, default_value = "h264")]
    codec: String,
    /// How long after the first each other participant joins, in milliseconds.
    #[arg(long, default_value_t = 0)]
    late_ms: u64,
    /// Serve although standard input is closed, as under a service manager.
    #[arg(long)]
    ignore_stdin: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "warn,mediasoup=error".into()))
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let options = Options {
        dialect: args.dialect,
        port: args.port,
        strict_rooms: args.strict_rooms,
        ..Options::default()
    };
    let sfu = Sfu::start(options).await?;
    sfu.room(&args.room).await?;
    let line =
        json!({"ws_url": sfu.url(&args.room), "http_url": sfu.http_url(), "rooms": sfu.room_ids().await});
    println!("{line}");
    let serving = async {
        publish(&sfu, &args).await?;
        std::future::pending::<Result<()>>().await
    };
    tokio::select! {
        result = serving => result?,
        () = end(args.ignore_stdin) => {}
    }
    sfu.stop().await;
    Ok(())
}

async fn publish(sfu: &Sfu, args: &Args) -> Result<()> {
    for number in 0..args.participants {
        if number > 0 && args.late_ms > 0 {
            tokio::time::sleep(Duration::from_millis(args.late_ms)).await;
        }
        sfu.publish(&args.room, participant(number, &args.codec)?).await?;
    }
    Ok(())
}

/// The second participant, and every other one after it, is told from the first by colour and pitch.
fn participant(number: usize, codec: &str) -> Result<Publish> {
    let second = number % 2 == 1;
    let video = match codec {
        "h264" if second => Fixture::named("h264-b.h264")?,
        "h264-high" => Fixture::named("h264-high.h264")?,
        other => Fixture::of(serde_json::from_value::<Codec>(json!(other))?)?,
    };
    let audio = Fixture::named(if second { "opus-b.ogg" } else { "opus.ogg" })?;
    let name = ["Ada", "Ben", "Cleo", "Dag"][number % 4];
    Ok(Publish {
        peer_id: format!("{}-{}", name.to_lowercase(), number + 1),
        display_name: name.to_owned(),
        video: Some(video),
        audio: Some(audio),
        ..Publish::default()
    })
}

async fn end(ignore_stdin: bool) {
    let closed = async {
        let mut stdin = tokio::io::stdin();
        let mut buffer = [0; 256];
        while !matches!(stdin.read(&mut buffer).await, Ok(0) | Err(_)) {}
        if ignore_stdin {
            std::future::pending::<()>().await;
        }
    };
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("signals can be heard");
    tokio::select! {
        () = closed => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
