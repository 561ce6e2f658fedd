//! The recordings of the matrix: rooms of one mediasoup, all recorded at the same time.

use super::expected::{Picture, pictures};
use crate::descriptions;
use crate::recorder::Recorder;
use crate::stage::{participant, tracks_of};
use crate::wait;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tureen_sfu::{Fixture, Options, Publish, Publisher, Room, Sfu};

/// Microseconds of media in a plain row.
const LENGTH: i64 = 10_000_000;
const LIMIT: Duration = Duration::from_secs(60);

/// One recording as the players are asked to play it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What it shows.
    pub name: String,
    /// Its recording.
    pub recording: String,
    /// Whose media.
    pub participant: String,
    /// All pictures, of the largest layer.
    pub pictures: Vec<Picture>,
    /// The player is made to switch between layers.
    pub switches: bool,
    /// The track of the shared screen, if its own presentation is played and not the participant's.
    #[serde(default)]
    pub screen: Option<String>,
}

/// The names of all rows, in the order of the table.
pub const NAMES: [&str; 12] = [
    "H264",
    "VP9",
    "AV1",
    "VP8",
    "camera off",
    "muted",
    "paused",
    "resolution",
    "late camera",
    "late participant",
    "screen",
    "simulcast",
];

fn fixture(name: &str) -> Fixture {
    Fixture::named(name).expect("a fixture")
}

fn publish(peer: &str, video: Option<&str>, audio: &str) -> Publish {
    Publish {
        peer_id: peer.to_owned(),
        display_name: peer.to_owned(),
        video: video.map(fixture),
        audio: Some(fixture(audio)),
        ..Publish::default()
    }
}

fn simulcast() -> Publish {
    let layers = ["h264-layer-90.h264", "h264-baseline.h264", "h264-layer-360.h264"];
    Publish { simulcast: layers.into_iter().map(fixture).collect(), ..publish("ada", None, "opus.ogg") }
}

/// A room while it is recorded.
struct Take<'a> {
    sfu: &'a Sfu,
    recorder: &'a Recorder,
    name: &'static str,
    room: Arc<Room>,
    id: String,
    /// Which picture its row shows.
    source: &'static str,
}

impl<'a> Take<'a> {
    async fn new(sfu: &'a Sfu, recorder: &'a Recorder, name: &'static str) -> Self {
        let room = sfu.room(&slug(name)).await.expect("a room");
        Self { sfu, recorder, name, room, id: String::new(), source: "camera" }
    }

    async fn publish(&self, publish: Publish) -> Publisher {
        self.room.publish(publish).await.expect("it publishes")
    }

    /// By the bridge, each layer as a track; else by protoo.
    async fn record(&mut self, layers: bool) {
        let slug = slug(self.name);
        let (mode, url, which) = if layers {
            ("bridge", self.sfu.bridge_url(&slug), "all")
        } else {
            ("protoo", self.sfu.url(&slug), "max")
        };
        let body = json!({
            "room_id": slug, "title": self.name, "layers": which, "source": { "mode": mode, "url": url },
        });
        let (status, answer) = self.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
        assert!(status.is_success(), "{}: {status} {answer}", self.name);
        self.id = answer["recording_id"].as_str().unwrap().to_owned();
    }

    async fn until(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        self.recorder.manifest_until(&format!("{}: {what}", self.name), &self.id, LIMIT, good).await
    }

    /// Waits for so much media in every track of somebody, beyond what there is.
    async fn more(&self, peer: &str, kind: &str, micros: i64) {
        let of = |manifest: &Value| {
            let tracks = participant(manifest, peer).map(tracks_of).unwrap_or_default();
            let tracks = tracks.into_iter().filter(|track| kind.is_empty() || track["kind"] == kind);
            tracks.map(media).min()
        };
        let goal = of(&self.recorder.manifest(&self.id).await).unwrap_or(0) + micros;
        self.until("more media", |manifest| of(manifest).unwrap_or(0) >= goal).await;
    }

    async fn post(&self, what: &str) {
        let path = format!("/api/v1/recordings/{}/{what}", self.id);
        let (status, answer) = self.recorder.call(Method::POST, &path, None).await;
        assert!(status.is_success(), "{}: {status} {answer}", self.name);
    }

    /// Waits until the open gap of the picture has been told that far.
    async fn gap(&self, micros: i64) {
        self.until("a gap", |manifest| {
            let tracks = manifest["participants"][0]["tracks"].as_array();
            let gaps = tracks.into_iter().flatten().filter_map(|track| track["gaps"].as_array()).flatten();
            gaps.filter(|gap| gap["duration_us"].as_i64().unwrap_or(0) >= micros).count() > 0
        })
        .await;
    }

    /// Everybody leaves, the recording ends.
    async fn end(self, people: &[&Publisher], whose: &str, fixtures: &[&str]) -> Row {
        descriptions::keep(self.recorder, &self.id, &format!("{}-live", slug(self.name))).await;
        for publisher in people {
            publisher.leave().await;
            self.until("it left", |manifest| {
                participant(manifest, publisher.peer_id()).is_some_and(|found| found["left_at"].is_string())
            })
            .await;
        }
        self.recorder.stop(&self.id).await;
        descriptions::keep(self.recorder, &self.id, &slug(self.name)).await;
        let manifest = self.recorder.manifest(&self.id).await;
        let found = participant(&manifest, whose).expect("it was there");
        let shown = picture(found, self.source).expect("a picture");
        let fixtures: Vec<Fixture> = fixtures.iter().map(|name| fixture(name)).collect();
        let pictures = pictures(self.recorder, shown, &fixtures).await;
        let screen = (self.source == "screen").then(|| shown["id"].as_str().unwrap().to_owned());
        Row {
            name: self.name.to_owned(),
            recording: self.id,
            participant: found["id"].as_str().unwrap().to_owned(),
            pictures,
            switches: self.name == "simulcast",
            screen,
        }
    }
}

/// The picture of a participant from that source; of layers the largest.
fn picture<'a>(participant: &'a Value, source: &str) -> Option<&'a Value> {
    let tracks = tracks_of(participant).into_iter();
    let pictures = tracks.filter(|track| track["kind"] == "video" && track["source"] == source);
    pictures.max_by_key(|track| track["layer"].as_u64())
}

/// Microseconds of media in a track.
fn media(track: &Value) -> i64 {
    track["media_us"].as_i64().or(track["duration_us"].as_i64()).unwrap_or(0)
}

fn slug(name: &str) -> String {
    name.replace(' ', "-").to_lowercase()
}

async fn plain(mut take: Take<'_>, video: &str) -> Row {
    let ada = take.publish(publish("ada", Some(video), "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "", LENGTH).await;
    take.end(&[&ada], "ada", &[video]).await
}

async fn camera_off(mut take: Take<'_>) -> Row {
    let video = "h264-baseline.h264";
    let ada = take.publish(publish("ada", Some(video), "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "video", 4_000_000).await;
    ada.close_video().await.unwrap();
    take.gap(4_000_000).await;
    ada.open_video(fixture(video)).await.unwrap();
    take.more("ada", "audio", 6_000_000).await;
    take.end(&[&ada], "ada", &[video]).await
}

/// Both producers are paused and resumed.
async fn muted(mut take: Take<'_>) -> Row {
    let video = "vp9.ivf";
    let ada = take.publish(publish("ada", Some(video), "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "", 3_000_000).await;
    ada.pause().await.unwrap();
    take.gap(4_000_000).await;
    ada.resume().await.unwrap();
    take.more("ada", "video", 3_000_000).await;
    take.end(&[&ada], "ada", &[video]).await
}

async fn paused(mut take: Take<'_>) -> Row {
    let video = "av1.ivf";
    let ada = take.publish(publish("ada", Some(video), "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "", 5_000_000).await;
    take.post("pause").await;
    let sent = ada.ledger(tureen_sfu::MediaKind::Video).await.len();
    wait::until("three seconds are sent", LIMIT, || async {
        (ada.ledger(tureen_sfu::MediaKind::Video).await.len() > sent + 75).then_some(())
    })
    .await;
    take.post("resume").await;
    take.more("ada", "video", 4_000_000).await;
    take.end(&[&ada], "ada", &[video]).await
}

/// mediasoup falls to a lower layer where the top one stops, and climbs back: another size in one track.
async fn resolution(mut take: Take<'_>) -> Row {
    let ada = take.publish(simulcast()).await;
    take.record(false).await;
    take.more("ada", "video", 5_000_000).await;
    ada.layer_off(2).await.unwrap();
    take.more("ada", "video", 4_000_000).await;
    ada.layer_on(2).await.unwrap();
    take.more("ada", "video", 5_000_000).await;
    take.end(&[&ada], "ada", &["h264-layer-90.h264", "h264-baseline.h264", "h264-layer-360.h264"]).await
}

async fn late_camera(mut take: Take<'_>) -> Row {
    let video = "h264-high.h264";
    let ada = take.publish(publish("ada", None, "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "audio", 5_000_000).await;
    ada.open_video(fixture(video)).await.unwrap();
    take.more("ada", "audio", 6_000_000).await;
    take.end(&[&ada], "ada", &[video]).await
}

/// The second of two, who came later and sounds otherwise.
async fn late_participant(mut take: Take<'_>) -> Row {
    let ada = take.publish(publish("ada", Some("h264-baseline.h264"), "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "", 4_000_000).await;
    let grace = take.publish(publish("grace", Some("h264-b.h264"), "opus-b.ogg")).await;
    take.more("grace", "", 8_000_000).await;
    take.end(&[&grace, &ada], "grace", &["h264-b.h264"]).await
}

/// A screen that is shared beside a camera from some seconds on, in another codec.
async fn screen(mut take: Take<'_>) -> Row {
    let shared = "vp9.ivf";
    let ada = take.publish(publish("ada", Some("h264-baseline.h264"), "opus.ogg")).await;
    take.record(false).await;
    take.more("ada", "", 4_000_000).await;
    ada.share_screen(fixture(shared)).await.unwrap();
    take.until("a shared screen", |manifest| {
        let found = participant(manifest, "ada").and_then(|ada| picture(ada, "screen"));
        found.is_some_and(|track| media(track) >= 8_000_000)
    })
    .await;
    take.source = "screen";
    take.end(&[&ada], "ada", &[shared]).await
}

async fn ladder(mut take: Take<'_>) -> Row {
    let ada = take.publish(simulcast()).await;
    take.record(true).await;
    take.more("ada", "", 12_000_000).await;
    take.end(&[&ada], "ada", &["h264-layer-90.h264", "h264-baseline.h264", "h264-layer-360.h264"]).await
}

async fn row(sfu: &Sfu, recorder: &Recorder, name: &'static str) -> Row {
    let take = Take::new(sfu, recorder, name).await;
    match name {
        "H264" => plain(take, "h264-baseline.h264").await,
        "VP9" => plain(take, "vp9.ivf").await,
        "AV1" => plain(take, "av1.ivf").await,
        "VP8" => plain(take, "vp8.ivf").await,
        "camera off" => camera_off(take).await,
        "muted" => muted(take).await,
        "paused" => paused(take).await,
        "resolution" => resolution(take).await,
        "late camera" => late_camera(take).await,
        "late participant" => late_participant(take).await,
        "screen" => screen(take).await,
        _ => ladder(take).await,
    }
}

/// Records all rows but those that were recorded into `folder` before. In the order of [`NAMES`].
///
/// # Panics
/// If a recording does not come about.
pub async fn record(recorder: &Recorder, folder: &Path) -> Vec<Row> {
    let kept = folder.join("rows.json");
    let mut rows: Vec<Row> = std::fs::read(&kept)
        .map(|text| serde_json::from_slice(&text).expect("rows as they were written"))
        .unwrap_or_default();
    let new: Vec<&'static str> =
        NAMES.into_iter().filter(|name| rows.iter().all(|row| row.name != *name)).collect();
    if new.is_empty() {
        return rows;
    }
    let sfu = Sfu::start(Options::default()).await.expect("the SFU starts");
    // A few at once: it is the machine's time that is short.
    for names in new.chunks(4) {
        let takes = names.iter().map(|name| row(&sfu, recorder, name));
        rows.extend(futures_of(takes).await);
    }
    sfu.stop().await;
    rows.sort_by_key(|row| NAMES.iter().position(|name| *name == row.name));
    std::fs::write(kept, serde_json::to_vec(&rows).unwrap()).unwrap();
    rows
}

/// All of them at once, in one task.
async fn futures_of<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}
