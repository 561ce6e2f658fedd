//! `tureen record`

use super::{asked_to_end, say, tell};
use crate::config;
use crate::reach::Reach;
use crate::recorder::progress::Progress;
use crate::recorder::{SourceSpec, record};
use crate::session::Layers;
use crate::sfu::protoo;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
pub(super) struct Options {
    /// The room: a protoo URL such as `wss://host:4443/?roomId=room&peerId=recorder`, a bridge's, or that
    /// of an SFU service, such as `http://sfu:3000` with --room
    url: String,
    /// Which signalling answers there
    #[arg(long, value_enum, default_value_t = Mode::Protoo)]
    mode: Mode,
    /// Which spatial layers of a simulcast to keep: the highest, or each as a track (bridge only)
    #[arg(long, value_name = "max|all", default_value = "max", value_parser = layers)]
    layers: Layers,
    /// Folder for the recording and its catalogue
    #[arg(long)]
    out: PathBuf,
    /// Stop after so many seconds [default: at Ctrl-C or when the room ends]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// The room, when the URL does not name it
    #[arg(long)]
    room: Option<String>,
    /// File of certificates in PEM that are trusted besides the system's
    #[arg(long, env = "SFU_CA")]
    ca: Option<OsString>,
    /// The HTTP Origin to send
    #[arg(long)]
    origin: Option<String>,
    /// What else to tell the server when joining (protoo only), such as '{"hidden": true}'
    #[arg(long, value_name = "JSON", value_parser = join)]
    join: Option<Map<String, Value>>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Mode {
    Protoo,
    Bridge,
    Http,
}

fn layers(text: &str) -> Result<Layers, String> {
    Layers::from_name(text).ok_or_else(|| "neither max nor all".to_owned())
}

fn join(text: &str) -> Result<Map<String, Value>, String> {
    let more = serde_json::from_str(text).map_err(|error| error.to_string())?;
    protoo::check_join(&more)?;
    Ok(more)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let value: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if value <= 0.0 {
        return Err("must be above 0".to_owned());
    }
    Duration::try_from_secs_f64(value).map_err(|error| error.to_string())
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let waiting = tokio::spawn(async move {
        asked_to_end().await;
        asked.cancel();
    });
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_message("joining");
    let out = options.out.clone();
    let source = match options.mode {
        Mode::Protoo => SourceSpec::Protoo {
            url: options.url,
            origin: options.origin,
            display_name: None,
            join: options.join.unwrap_or_default(),
        },
        Mode::Bridge => SourceSpec::Bridge { url: Some(options.url) },
        Mode::Http => SourceSpec::Http { url: options.url, display_name: None },
    };
    // The operator himself says where to.
    let reach = config::trusting(Reach::anywhere(), options.ca.as_ref())?;
    let recorded = record::run(
        record::Options {
            source,
            reach,
            layers: options.layers,
            room_id: options.room,
            out: options.out,
            duration: options.duration,
        },
        stop,
        |progress| bar.set_message(line(progress)),
    )
    .await;
    bar.finish_and_clear();
    waiting.abort();
    let recorded = recorded?;
    say(&format!("{} in {}", recorded.recording_id, out.display()));
    say(&line(&recorded.progress));
    if let Some(error) = &recorded.error {
        tell(&format!("the recording ended early: {error}"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn line(progress: &Progress) -> String {
    let seconds = progress.elapsed_micros.max(0) / 1_000_000;
    let total = progress.total();
    let live = progress.tracks.iter().filter(|track| track.live).count();
    format!(
        "{:02}:{:02}:{:02}  {}  {} participants  {live}/{} tracks  {} packets, {} lost, {} recovered",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        HumanBytes(total.bytes),
        progress.participants,
        progress.tracks.len(),
        total.packets,
        total.lost,
        total.recovered,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_says_how_far_it_is() {
        let progress = Progress {
            elapsed_micros: 3_723_900_000,
            participants: 2,
            tracks: Vec::new(),
            ..Progress::default()
        };
        assert_eq!(
            line(&progress),
            "01:02:03  0 B  2 participants  0/0 tracks  0 packets, 0 lost, 0 recovered"
        );
    }

    #[test]
    fn what_join_says_besides_is_an_object_without_what_is_ours() {
        assert_eq!(join("{\"hidden\": true}").map(|more| more["hidden"].clone()), Ok(Value::Bool(true)));
        for text in ["", "true", "[]", "{\"device\": {}}"] {
            assert!(join(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_positive_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["0", "-1", "x", "NaN", "inf", "1e300"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
