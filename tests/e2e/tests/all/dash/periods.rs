//! Descriptions of several periods: black pictures, another size, layers, a pause; and one that grows until it ends.

use super::plays_through;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tureen::media::fmp4::read;
use tureen_e2e::readers;
use tureen_e2e::stage::{ROOM, Stage, participant, publish, track, tracks_of};
use tureen_sfu::{Dialect, Fixture, Publish, Publisher};

const LIMIT: Duration = Duration::from_secs(60);

/// A room with Ada, while it is recorded.
struct Call {
    stage: Stage,
    ada: Publisher,
    id: String,
}

impl Call {
    async fn new(who: Publish, layers: bool) -> Self {
        let stage = Stage::new(Dialect::Old).await;
        let ada = stage.room.publish(who).await.unwrap();
        let source = if layers {
            json!({ "mode": "bridge", "url": stage.sfu.bridge_url(ROOM) })
        } else {
            json!({ "mode": "protoo", "url": stage.sfu.url(ROOM) })
        };
        let layers = if layers { "all" } else { "max" };
        let body = json!({ "room_id": ROOM, "title": "Periods", "layers": layers, "source": source });
        let (status, answer) =
            stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
        assert!(status.is_success(), "{status} {answer}");
        let id = answer["recording_id"].as_str().unwrap().to_owned();
        Self { stage, ada, id }
    }

    async fn until(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        self.stage.recorder.manifest_until(what, &self.id, LIMIT, good).await
    }

    /// Waits for so much media of a kind beyond what there is.
    async fn more(&self, kind: &str, micros: i64) {
        let of = |manifest: &Value| {
            let tracks = participant(manifest, "ada").map(tracks_of).unwrap_or_default();
            let own = tracks.into_iter().filter(|track| track["kind"] == kind);
            own.filter_map(|track| track["duration_us"].as_i64()).max().unwrap_or(0)
        };
        let goal = of(&self.stage.recorder.manifest(&self.id).await) + micros;
        self.until("more media", |manifest| of(manifest) >= goal).await;
    }

    async fn post(&self, what: &str) {
        let path = format!("/api/v1/recordings/{}/{what}", self.id);
        let (status, answer) = self.stage.recorder.call(Method::POST, &path, None).await;
        assert!(status.is_success(), "{status} {answer}");
    }

    async fn end(&self) -> Value {
        self.ada.leave().await;
        self.stage.left(&self.id, "ada").await;
        self.stage.recorder.stop(&self.id).await;
        self.stage.recorder.manifest(&self.id).await
    }

    fn address(&self) -> String {
        format!("{}/api/v1/recordings/{}/stream/manifest.mpd", self.stage.recorder.url, self.id)
    }

    async fn description(&self) -> String {
        let path = format!("/api/v1/recordings/{}/stream/manifest.mpd", self.id);
        String::from_utf8(self.stage.recorder.get(&path).await.to_vec()).unwrap()
    }

    /// Both players play all of it: as many pictures as the view of this track has, to the end, without a stall.
    async fn plays(&self, what: &str, periods: usize, video: &Value) {
        let description = self.description().await;
        assert_eq!(description.matches("<Period ").count(), periods, "{description}");
        let expected = self.pictures(video).await;
        println!("{what}: {periods} periods");
        let what = format!("{what}\n{description}\n");
        plays_through(&self.stage.recorder, &self.address(), &what, expected, &["--level", "top"]).await;
    }

    /// Samples of all that a track's playlist lists, fills and what stands in too.
    async fn pictures(&self, video: &Value) -> u64 {
        let playlist = video["playlist"].as_str().unwrap();
        let (folder, _) = playlist.rsplit_once('/').unwrap();
        let text = String::from_utf8(self.stage.recorder.get(playlist).await.to_vec()).unwrap();
        let mut count = 0;
        for name in text.lines().filter(|line| !line.starts_with('#')) {
            let scan = read::scan(&self.stage.recorder.get(&format!("{folder}/{name}")).await);
            count += scan.fragments.iter().map(|fragment| fragment.samples.len() as u64).sum::<u64>();
        }
        count
    }
}

fn simulcast() -> Publish {
    let layers = ["h264-layer-90.h264", "h264-baseline.h264", "h264-layer-360.h264"];
    let simulcast = layers.into_iter().map(|name| Fixture::named(name).unwrap()).collect();
    Publish { simulcast, video: None, ..publish("ada") }
}

/// Whether the picture has a gap that was told so far.
fn gap(manifest: &Value, micros: i64) -> bool {
    let tracks = participant(manifest, "ada").map(tracks_of).unwrap_or_default();
    let gaps = tracks.into_iter().filter_map(|track| track["gaps"].as_array()).flatten();
    gaps.filter(|gap| gap["duration_us"].as_i64().unwrap_or(0) >= micros).count() > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_was_off_is_black_between() {
    let call = Call::new(publish("ada"), false).await;
    call.more("video", 4_000_000).await;
    call.ada.close_video().await.unwrap();
    call.until("a gap", |manifest| gap(manifest, 4_000_000)).await;
    call.ada.open_video(Fixture::named("h264-baseline.h264").unwrap()).await.unwrap();
    call.more("video", 4_000_000).await;
    let manifest = call.end().await;
    let periods = call.description().await.matches("<Period ").count();
    // One more when the sound came first.
    assert!((3..=4).contains(&periods), "{periods}");
    call.plays("camera off", periods, track(&manifest, "ada", "video")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_changed_is_another_period() {
    let call = Call::new(simulcast(), false).await;
    call.more("video", 5_000_000).await;
    call.ada.layer_off(2).await.unwrap();
    call.more("video", 4_000_000).await;
    call.ada.layer_on(2).await.unwrap();
    call.more("video", 5_000_000).await;
    let manifest = call.end().await;
    let periods = call.description().await.matches("<Period ").count();
    assert!(periods >= 2, "{periods}");
    call.plays("another size", periods, track(&manifest, "ada", "video")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_of_which_one_was_off() {
    let call = Call::new(simulcast(), true).await;
    call.more("video", 6_000_000).await;
    call.ada.layer_off(2).await.unwrap();
    call.more("audio", 8_000_000).await;
    call.ada.layer_on(2).await.unwrap();
    call.more("audio", 8_000_000).await;
    let manifest = call.end().await;
    let tracks = tracks_of(participant(&manifest, "ada").unwrap());
    let top = tracks.into_iter().filter(|track| track["kind"] == "video");
    let top = top.max_by_key(|track| track["layer"].as_u64()).unwrap();
    let periods = call.description().await.matches("<Period ").count();
    assert!(periods >= 3, "{periods}");
    call.plays("layers", periods, top).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_a_bound() {
    let call = Call::new(publish("ada"), false).await;
    call.more("video", 4_000_000).await;
    call.post("pause").await;
    call.post("resume").await;
    call.more("video", 4_000_000).await;
    let manifest = call.end().await;
    let periods = call.description().await.matches("<Period ").count();
    assert!(periods >= 2, "{periods}");
    call.plays("paused", periods, track(&manifest, "ada", "video")).await;
}

/// Who watches at the edge watches on over a pause and a camera that goes off, to the end of what ended meanwhile; and the
/// presentation's zero stays where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_recording_is_watched_to_its_end() {
    for player in ["shaka", "dash"] {
        let call = Call::new(publish("ada"), false).await;
        call.more("video", 12_000_000).await;
        let (address, token) = (call.address(), call.stage.recorder.token.clone());
        let watching = tokio::spawn(async move {
            let arguments =
                ["--player", player, "--playlist", &address, "--token", &token, "--patience", "30"];
            readers::script("play.mjs", &arguments).await
        });
        let mut zeros = BTreeSet::from([zero(&call.description().await)]);
        call.more("video", 6_000_000).await;
        call.post("pause").await;
        let sent = call.ada.ledger(tureen_sfu::MediaKind::Video).await.len();
        tureen_e2e::wait::until("three seconds are sent", LIMIT, || async {
            (call.ada.ledger(tureen_sfu::MediaKind::Video).await.len() > sent + 75).then_some(())
        })
        .await;
        call.post("resume").await;
        call.more("video", 4_000_000).await;
        zeros.insert(zero(&call.description().await));
        call.ada.close_video().await.unwrap();
        call.until("a gap", |manifest| gap(manifest, 3_000_000)).await;
        call.ada.open_video(Fixture::named("h264-baseline.h264").unwrap()).await.unwrap();
        call.more("video", 4_000_000).await;
        zeros.insert(zero(&call.description().await));
        call.end().await;
        assert!(call.description().await.contains("type=\"static\""));
        assert_eq!(zeros.len(), 1, "{zeros:?}");
        let played = tokio::time::timeout(Duration::from_secs(90), watching).await.expect("it ends").unwrap();
        let what = format!("{player}: {played}");
        assert_eq!((&played["opened"], &played["ended"]), (&true.into(), &true.into()), "{what}");
        assert_eq!(played["errors"].as_array().map(Vec::len), Some(0), "{what}");
        println!(
            "{player}: watched to {} of {}, stalls {}",
            played["currentTime"], played["duration"], played["stalls"]
        );
    }
}

fn zero(description: &str) -> String {
    let rest = description.split_once("availabilityStartTime=\"").expect("it runs").1;
    rest.split('"').next().unwrap_or_default().to_owned()
}
