//! Playlists of real recordings, running and ended, keep to RFC 8216bis. The rules are in `tureen_e2e::conformance::hls`.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tureen_e2e::conformance::hls::{Options, Report, Watch, check};
use tureen_e2e::stage::{ROOM, Stage, participant, publish, tracks_of};
use tureen_sfu::{Dialect, Fixture, Publish, Publisher};

/// What is known not to hold: EVENT becomes VOD at the end, as players want of what ended, and RFC 8216 6.2.1 lets the
/// type not change.
const KNOWN: [&str; 1] = ["reload-type"];

struct Live {
    stage: Stage,
    ada: Publisher,
    id: String,
    watch: Option<Watch>,
    /// Layers have no parts.
    layers: bool,
}

impl Live {
    async fn new(publish: Publish, layers: bool) -> Self {
        let stage = Stage::new(Dialect::Old).await;
        let ada = stage.room.publish(publish).await.unwrap();
        let id = if layers {
            let body = json!({
                "room_id": ROOM, "title": "Layers", "layers": "all",
                "source": { "mode": "bridge", "url": stage.sfu.bridge_url(ROOM) },
            });
            let (status, answer) =
                stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
            assert!(status.is_success(), "{status} {answer}");
            answer["recording_id"].as_str().unwrap().to_owned()
        } else {
            stage.record().await
        };
        Self { stage, ada, id, watch: None, layers }
    }

    fn url(&self) -> String {
        let recorder = &self.stage.recorder;
        format!(
            "{}/api/v1/recordings/{}/stream/playlist.m3u8?token={}",
            recorder.url, self.id, recorder.token
        )
    }

    /// Looks at the playlists until there is so much more media of a kind in every track.
    async fn more(&mut self, kind: &str, micros: i64) {
        let of = |manifest: &Value| {
            let tracks = participant(manifest, "ada").map(tracks_of).unwrap_or_default();
            let own = tracks.into_iter().filter(|track| track["kind"] == kind);
            own.map(|track| track["duration_us"].as_i64().unwrap_or(0)).min().unwrap_or(0)
        };
        let goal = of(&self.stage.recorder.manifest(&self.id).await) + micros;
        let begun = std::time::Instant::now();
        while of(&self.stage.recorder.manifest(&self.id).await) < goal {
            assert!(begun.elapsed() < Duration::from_secs(60), "more media");
            if let Some(watch) = &mut self.watch {
                watch.look().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Checks while it runs, and begins to watch.
    async fn running(&mut self, what: &str) -> Report {
        let report =
            check(&self.url(), Options { low_latency: !self.layers, reloads: 2, ..Options::default() })
                .await
                .unwrap();
        good(what, &report);
        self.watch = Some(Watch::new(&self.url()).await.unwrap());
        report
    }

    async fn post(&self, what: &str) {
        let path = format!("/api/v1/recordings/{}/{what}", self.id);
        let (status, answer) = self.stage.recorder.call(Method::POST, &path, None).await;
        assert!(status.is_success(), "{status} {answer}");
    }

    async fn ended(mut self, what: &str) {
        self.ada.leave().await;
        self.stage.left(&self.id, "ada").await;
        self.stage.recorder.stop(&self.id).await;
        if let Some(watch) = &mut self.watch {
            watch.look().await.unwrap();
            let told: Vec<String> = watch
                .violations
                .iter()
                .filter(|found| !KNOWN.contains(&found.rule))
                .map(ToString::to_string)
                .collect();
            assert!(told.is_empty(), "{what}, as it grew:\n{}", told.join("\n"));
        }
        let report =
            check(&self.url(), Options { iframes: true, reloads: 1, ..Options::default() }).await.unwrap();
        good(what, &report);
        assert!(report.segments > 8, "{report:?}");
    }
}

fn good(what: &str, report: &Report) {
    println!(
        "{what}: {} playlists, {} segments, {} parts, {} I-frame playlists; known: {:?}",
        report.playlists,
        report.segments,
        report.parts,
        report.iframe_playlists,
        report.rules()
    );
    let told = report.besides(&KNOWN);
    assert!(told.is_empty(), "{what}:\n{}", told.join("\n"));
}

fn simulcast() -> Publish {
    let layers = ["h264-layer-90.h264", "h264-baseline.h264", "h264-layer-360.h264"];
    let simulcast = layers.into_iter().map(|name| Fixture::named(name).unwrap()).collect();
    Publish { simulcast, video: None, ..publish("ada") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_camera_goes_off_and_that_is_paused() {
    let mut live = Live::new(publish("ada"), false).await;
    live.more("video", 6_000_000).await;
    live.running("running").await;
    live.ada.close_video().await.unwrap();
    live.more("audio", 6_000_000).await;
    live.running("camera off").await;
    live.ada.open_video(Fixture::named("h264-baseline.h264").unwrap()).await.unwrap();
    live.more("audio", 5_000_000).await;
    // While it is paused nothing new comes: whoever waits is told 503 (RFC 8216bis 6.2.5.2).
    live.post("pause").await;
    live.post("resume").await;
    live.more("audio", 5_000_000).await;
    live.running("paused and resumed").await;
    // A delta update leaves out what is older than 24 s, but not that the camera went off there.
    live.more("audio", 14_000_000).await;
    let report = live.running("long").await;
    assert!(report.skipped > 0, "{report:?}");
    live.ended("camera off, then paused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_whose_size_changes() {
    let mut live = Live::new(simulcast(), false).await;
    live.more("video", 5_000_000).await;
    live.running("one size").await;
    live.ada.layer_off(2).await.unwrap();
    live.more("video", 5_000_000).await;
    live.ada.layer_on(2).await.unwrap();
    live.more("video", 5_000_000).await;
    live.running("two sizes").await;
    live.ended("a size that changed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_of_a_simulcast() {
    let mut live = Live::new(simulcast(), true).await;
    live.more("video", 8_000_000).await;
    live.running("layers").await;
    live.ada.layer_off(2).await.unwrap();
    live.more("audio", 8_000_000).await;
    live.ada.layer_on(2).await.unwrap();
    live.more("audio", 8_000_000).await;
    live.ended("layers of which one was off").await;
}
