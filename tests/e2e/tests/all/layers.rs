//! Spatial layers: the highest one by protoo, each as a track by the bridge.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};
use tureen::media::Codec;
use tureen::media::fmp4::index::{Flags, Index};
use tureen::media::fmp4::read;
use tureen_e2e::browser::Browser;
use tureen_e2e::readers;
use tureen_e2e::stage::{ROOM, Stage, track, tracks_of};
use tureen_e2e::stored::Stored;
use tureen_e2e::wait;
use tureen_sfu::relay::{Network, Path, Rate, Relay};
use tureen_sfu::{Dialect, Fixture, Options, Publish, Publisher, SentFrame};

/// Smallest first.
const LAYERS: [(&str, u64); 3] =
    [("h264-layer-90.h264", 160), ("h264-baseline.h264", 320), ("h264-layer-360.h264", 640)];

async fn simulcast(stage: &Stage) -> Publisher {
    let publish = Publish {
        peer_id: "ada".to_owned(),
        display_name: "Ada".to_owned(),
        simulcast: LAYERS.iter().map(|(name, _)| Fixture::named(name).unwrap()).collect(),
        audio: Some(Fixture::named("opus.ogg").unwrap()),
        ..Publish::default()
    };
    stage.room.publish(publish).await.unwrap()
}

async fn start(stage: &Stage, mode: &str, url: &str, layers: &str) -> (StatusCode, Value) {
    let body = json!({
        "room_id": ROOM, "title": "Layers", "layers": layers, "source": { "mode": mode, "url": url },
    });
    stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await
}

async fn record_layers(stage: &Stage) -> String {
    let (status, answer) = start(stage, "bridge", &stage.sfu.bridge_url(ROOM), "all").await;
    assert!(status.is_success(), "{status} {answer}");
    answer["recording_id"].as_str().unwrap().to_owned()
}

/// The manifest's track of a layer.
fn of_layer(manifest: &Value, layer: usize) -> &Value {
    let tracks = tracks_of(&manifest["participants"][0]);
    let found = tracks.into_iter().find(|track| track["layer"] == layer);
    found.unwrap_or_else(|| panic!("layer {layer} in {manifest}"))
}

/// Waits until every layer has so much media.
async fn layers_recorded(stage: &Stage, id: &str, micros: i64) {
    let limit = Duration::from_micros(micros.unsigned_abs()) + Duration::from_secs(25);
    let long = |manifest: &Value, layer: u64| {
        let tracks = tracks_of(&manifest["participants"][0]);
        let found = tracks.into_iter().find(|track| track["layer"] == layer);
        found.is_some_and(|track| track["duration_us"].as_i64().unwrap_or(0) >= micros)
    };
    let all = |manifest: &Value| (0..3).all(|layer| long(manifest, layer));
    stage.recorder.manifest_until("media of every layer", id, limit, all).await;
}

/// The tick of each stored picture by the instant when it was due at the sender. Pictures must be the layer's own,
/// in order, bit for bit.
fn captures(stage: &Stage, id: &str, track: &Value, sent: &[SentFrame]) -> BTreeMap<u64, i64> {
    let track_id = track["id"].as_str().unwrap();
    let file = stage.recorder.media().join("recordings").join(id).join(format!("{track_id}.mp4"));
    let mut ticks = Vec::new();
    for fragment in read::scan(&std::fs::read(file).unwrap()).fragments {
        let mut at = fragment.start.0;
        for sample in fragment.samples {
            ticks.push(at);
            at += i64::from(sample.duration);
        }
    }
    let stored = Stored::read(&stage.recorder.media(), id, track_id).hashes(Codec::H264);
    assert_eq!(stored.len(), ticks.len());
    let mut sent = sent.iter();
    let mut found = BTreeMap::new();
    for (units, tick) in stored.iter().zip(ticks) {
        let frame = sent.find(|frame| frame.units == *units);
        let frame = frame.unwrap_or_else(|| panic!("a picture of another layer, at tick {tick} of {track}"));
        found.insert(frame.due_at, tick);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_18_the_top_layer_is_reached_and_kept() {
    let stage = Stage::new(Dialect::Old).await;
    let ada = simulcast(&stage).await;
    let id = stage.record().await;
    stage.recorded(&id, &["ada"], 12_000_000).await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    let video = track(&manifest, "ada", "video");
    assert_eq!((&video["width"], &video["layer"]), (&json!(640), &Value::Null), "{video}");
    // Every picture, from when the top layer came first, is one of it.
    let stored = Stored::read(&stage.recorder.media(), &id, video["id"].as_str().unwrap());
    let stored = stored.hashes(Codec::H264);
    let top = ada.layer(2).await;
    let is_top = |units: &Vec<_>| top.iter().any(|frame| frame.units == *units);
    let first = stored.iter().position(is_top).expect("the top layer is reached");
    println!("the top layer is reached with picture {first} of {}", stored.len());
    assert!(first <= 100, "within 4 s");
    assert!(stored[first..].iter().all(is_top), "and kept");
}

/// The spatial layer that mediasoup sends to the recorder now.
async fn layer_sent(stage: &Stage) -> Option<u64> {
    let stats = stage.room.stats().await;
    let peers = stats.as_object().unwrap().values();
    let consumers = peers.flat_map(|peer| peer["consumers"].as_array().unwrap().clone());
    let layers = consumers.filter_map(|consumer| consumer["currentLayers"]["spatialLayer"].as_u64());
    layers.max()
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_18_the_layer_falls_and_climbs_with_the_network() {
    let relay = Relay::new(18);
    let stage = Stage::with(Options { relay: Some(relay.clone()), ..Options::default() }).await;
    let ada = simulcast(&stage).await;
    let id = stage.record().await;
    let reached = async |what: &str, seconds: u64, good: fn(Option<u64>) -> bool| {
        let begun = Instant::now();
        wait::until(what, Duration::from_secs(seconds), async || {
            good(layer_sent(&stage).await).then_some(())
        })
        .await;
        println!("{what}: {:.1} s", begun.elapsed().as_secs_f64());
    };
    reached("the top layer", 15, |layer| layer == Some(2)).await;
    stage.recorded(&id, &["ada"], 5_000_000).await;
    // The top layer alone has 210 kb/s, the middle one 115, the lowest 35.
    let narrow = Rate { bits_per_second: 200_000, queue: Duration::from_millis(300) };
    relay.set(Network { down: Path { rate: Some(narrow), ..Path::default() }, ..Network::default() });
    reached("a lower layer", 40, |layer| layer < Some(2)).await;
    relay.set(Network::default());
    reached("the top layer again", 60, |layer| layer == Some(2)).await;
    let before = stage.recorder.manifest(&id).await;
    let before = track(&before, "ada", "video")["duration_us"].as_i64().unwrap();
    stage.recorded(&id, &["ada"], before + 5_000_000).await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    let video = track(&manifest, "ada", "video")["id"].as_str().unwrap().to_owned();
    let stored = Stored::read(&stage.recorder.media(), &id, &video).hashes(Codec::H264);
    let mut layers = Vec::new();
    for layer in 0..3 {
        layers.push(ada.layer(layer).await);
    }
    let layer_of =
        |units: &Vec<_>| layers.iter().position(|sent| sent.iter().any(|frame| frame.units == *units));
    let mut came: Vec<usize> =
        stored.iter().map(|units| layer_of(units).expect("a picture that was sent")).collect();
    came.dedup();
    println!("layers that were stored, in order: {came:?}");
    assert_eq!(came.last(), Some(&2), "it climbs back");
    assert!(came.iter().skip_while(|layer| **layer < 2).any(|layer| *layer < 2), "it fell: {came:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_tracks_whose_captures_have_equal_ticks() {
    let stage = Stage::new(Dialect::Old).await;
    let ada = simulcast(&stage).await;
    let id = record_layers(&stage).await;
    layers_recorded(&stage, &id, 8_000_000).await;
    assert_eq!(stage.room.peer_ids(), ["ada"], "the recorder is no peer of the room");
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    assert_eq!(tracks_of(&manifest["participants"][0]).len(), 4, "three layers and the sound: {manifest}");
    let mut layers = Vec::new();
    for (layer, (_, width)) in LAYERS.iter().enumerate() {
        let listed = of_layer(&manifest, layer);
        assert_eq!(listed["width"], *width, "{listed}");
        assert_eq!(listed["picture_id"], of_layer(&manifest, 0)["picture_id"], "{listed}");
        assert!(listed["picture_id"].is_string() && listed["error"].is_null(), "{listed}");
        layers.push(captures(&stage, &id, listed, &ada.layer(layer as u8).await));
    }
    equal_ticks(&layers, 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_15_the_top_layer_off_for_ten_seconds_is_filled_by_moving_pictures() {
    let stage = Stage::new(Dialect::Old).await;
    let ada = simulcast(&stage).await;
    let id = record_layers(&stage).await;
    layers_recorded(&stage, &id, 6_000_000).await;
    ada.layer_off(2).await.unwrap();
    let off = ada.layer(2).await.last().unwrap().due_at;
    wait::until("ten seconds of the middle layer", Duration::from_secs(20), || async {
        ada.layer(1).await.last().filter(|frame| frame.due_at >= off + 10_000_000).map(drop)
    })
    .await;
    ada.layer_on(2).await.unwrap();
    let sent = ada.layer(2).await.len();
    wait::until("six seconds of the top layer", Duration::from_secs(20), || async {
        (ada.layer(2).await.len() >= sent + 150).then_some(())
    })
    .await;
    stage.recorder.stop(&id).await;
    let manifest = stage.recorder.manifest(&id).await;
    let mut layers = Vec::new();
    for layer in 0..3 {
        layers.push(captures(&stage, &id, of_layer(&manifest, layer), &ada.layer(layer as u8).await));
    }
    equal_ticks(&layers, 200);
    assert!(layers[2].keys().all(|due| *due <= off || *due >= off + 10_000_000), "the top layer was off");
    playlists_agree(&stage, &id, &manifest).await;
    let shown = pinned_to_the_top(&stage, &id, 250).await;
    assert!(shown[&640] > 100 && shown[&320] > 100, "both layers were shown: {shown:?}");
}

/// A browser makes key frames when it is asked, in each layer by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_layers_are_cut_together_and_play() {
    let stage = Stage::new(Dialect::Old).await;
    let query = format!("room={ROOM}&peer=cam&codec=h264&source=canvas&simulcast=1&width=960&height=540");
    let browser = Browser::publish(&stage.sfu.http_url(), &query).await;
    let id = record_layers(&stage).await;
    let two_layers = |manifest: &Value| {
        let tracks = tracks_of(&manifest["participants"][0]);
        let long = |track: &&&Value| {
            track["kind"] == "video" && track["duration_us"].as_i64().unwrap_or(0) >= 14_000_000
        };
        tracks.iter().filter(long).count() >= 2
    };
    stage.recorder.manifest_until("two layers", &id, Duration::from_secs(60), two_layers).await;
    stage.recorder.stop(&id).await;
    browser.close().await;
    let manifest = stage.recorder.manifest(&id).await;
    let mut starts: Vec<Vec<i64>> = Vec::new();
    let mut ticks: Vec<HashSet<i64>> = Vec::new();
    for track in tracks_of(&manifest["participants"][0]) {
        if track["kind"] != "video" || track["samples"].as_u64().unwrap_or(0) == 0 {
            continue;
        }
        let file = format!("recordings/{id}/{}", track["id"].as_str().unwrap());
        let media = std::fs::read(stage.recorder.media().join(format!("{file}.mp4"))).unwrap();
        let index = std::fs::read(stage.recorder.media().join(format!("{file}.idx"))).unwrap();
        let mut entries = Index::parse(&index).entries.into_iter();
        let (mut cuts, mut all) = (Vec::new(), HashSet::new());
        for fragment in read::scan(&media).fragments {
            let mut at = fragment.start.0;
            for sample in fragment.samples {
                if entries.next().is_some_and(|entry| entry.flags.has(Flags::SEGMENT)) {
                    cuts.push(at);
                }
                all.insert(at);
                at += i64::from(sample.duration);
            }
        }
        println!("{}x{}: {} pictures, {} segments", track["width"], track["height"], all.len(), cuts.len());
        starts.push(cuts);
        ticks.push(all);
    }
    assert!(starts.len() >= 2, "{manifest}");
    for upper in 1..starts.len() {
        let common = ticks[upper].intersection(&ticks[0]).count();
        assert!(
            common * 100 >= ticks[upper].len() * 95,
            "{common} of {} captures in common",
            ticks[upper].len()
        );
        // From when both are there and have been cut together once.
        let from = starts[upper].iter().copied().find(|at| starts[0].contains(at));
        let from = from.unwrap_or_else(|| panic!("never cut together: {starts:?}"));
        let apart = starts[upper].iter().filter(|at| **at > from && !starts[0].contains(at)).count();
        println!("cut together from {from} on, {apart} of {} times apart", starts[upper].len());
        assert!(apart <= 1, "{starts:?}");
    }
    pinned_to_the_top(&stage, &id, 65_536).await;
}

/// All spatial layers in one stream.
#[tokio::test(flavor = "multi_thread")]
async fn failure_18_the_top_layer_of_an_svc_is_reached_and_kept() {
    let stage = Stage::new(Dialect::Old).await;
    let query = format!("room={ROOM}&peer=cam&codec=vp9&source=canvas&svc=L2T1&width=640&height=360");
    let browser = Browser::publish(&stage.sfu.http_url(), &query).await;
    let id = stage.record().await;
    stage.recorded(&id, &["cam"], 10_000_000).await;
    let sent = layer_sent(&stage).await;
    stage.recorder.stop(&id).await;
    browser.close().await;
    let manifest = stage.recorder.manifest(&id).await;
    let video = track(&manifest, "cam", "video");
    assert_eq!((&video["width"], &video["height"]), (&json!(640), &json!(360)), "{video}");
    assert_eq!(sent, Some(1), "the SFU sends both layers");
    pinned_to_the_top(&stage, &id, 65_536).await;
}

/// Every layer's playlist and the sound's have as many discontinuities, and the pictures have them at the same times.
async fn playlists_agree(stage: &Stage, id: &str, manifest: &Value) {
    let mut found = Vec::new();
    for track in tracks_of(&manifest["participants"][0]) {
        let text = stage.recorder.get(track["playlist"].as_str().unwrap()).await;
        let text = String::from_utf8(text.to_vec()).unwrap();
        let mut at = 0.0;
        let mut breaks = Vec::new();
        for line in text.lines() {
            if line == "#EXT-X-DISCONTINUITY" {
                breaks.push((at * 100.0_f64).round() / 100.0);
            }
            if let Some(length) = line.strip_prefix("#EXTINF:") {
                at += length.trim_end_matches(',').parse::<f64>().unwrap();
            }
        }
        println!("{} {}: breaks at {breaks:?} of {at:.2} s", track["kind"], track["layer"]);
        if track["layer"] == 2 {
            assert!(text.contains("../"), "what is missing is another layer's: {text}");
            assert!(!text.contains("fill-"), "and no still: {text}");
        }
        found.push((track["kind"] == "video", breaks));
    }
    let pictures: Vec<_> = found.iter().filter(|(video, _)| *video).map(|(_, breaks)| breaks).collect();
    assert!(pictures[0].len() >= 2, "off and on again: {found:?}");
    assert!(pictures.iter().all(|breaks| *breaks == pictures[0]), "{found:?}");
    assert!(found.iter().all(|(_, breaks)| breaks.len() == pictures[0].len()), "{found:?}");
    let master = stage.recorder.get(&format!("/api/v1/recordings/{id}/stream/playlist.m3u8")).await;
    let master = String::from_utf8(master.to_vec()).unwrap();
    for size in ["640x360", "320x180", "160x90"] {
        assert!(master.contains(&format!("RESOLUTION={size}")), "{master}");
    }
}

/// Plays the top variant in Chromium, to the end. Numbers move as fast as time does, and begin again at `modulus`.
/// Gives how many pictures of each width were shown.
async fn pinned_to_the_top(stage: &Stage, id: &str, modulus: i64) -> BTreeMap<i64, usize> {
    let playlist = format!("{}/api/v1/recordings/{id}/stream/playlist.m3u8", stage.recorder.url);
    let arguments =
        ["--playlist", &playlist, "--token", &stage.recorder.token, "--level", "top", "--read-all"];
    let played = readers::script("play.mjs", &[&arguments[..], &["--patience", "20"]].concat()).await;
    let mut summary = played.clone();
    summary["frames"] = json!(played["frames"].as_array().map(Vec::len));
    assert_eq!(played["ended"], true, "{summary}");
    let fatal = played["errors"].as_array().unwrap().iter().filter(|error| error["fatal"] == true).count();
    assert_eq!(fatal, 0, "{summary}");
    let stalls = played["stalls"].as_array().unwrap();
    assert!(stalls.iter().all(|stall| stall["len"].as_f64().unwrap() <= 0.3), "{summary}");
    let frames: Vec<(f64, Option<i64>, i64)> = played["frames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|frame| (frame[0].as_f64().unwrap(), frame[1].as_i64(), frame[3].as_i64().unwrap()))
        .collect();
    // A browser that publishes on a busy machine leaves pictures out by itself.
    let (slack, longest) = if modulus == 250 { (1.5, 0.3) } else { (4.0, 1.0) };
    let (mut still, mut wrong) = (0.0_f64, 0);
    for pair in frames.windows(2) {
        let [(before, Some(old), _), (now, Some(new), _)] = *pair else {
            wrong += 1;
            continue;
        };
        let expected = (now - before) * 25.0;
        let moved = (new - old).rem_euclid(modulus) as f64;
        if moved == 0.0 {
            still = still.max(now - before);
        }
        wrong += usize::from((moved - expected).abs() > slack);
    }
    let mut widths = BTreeMap::new();
    for (.., width) in &frames {
        *widths.entry(*width).or_insert(0) += 1;
    }
    println!(
        "{} pictures read, by width {widths:?}; longest still {still:.2} s, {wrong} steps wrong",
        frames.len()
    );
    assert!(frames.len() > 150, "{summary}");
    assert!(still <= longest, "numbers keep moving: {still}");
    assert!(wrong <= frames.len() / 25, "{wrong} steps of {} are not those of time", frames.len());
    widths
}

/// Of captures that more than one layer has, at least `least` have equal ticks, and none has others.
fn equal_ticks(layers: &[BTreeMap<u64, i64>], least: usize) {
    for (layer, upper) in layers.iter().enumerate().skip(1) {
        let common: Vec<(i64, i64)> =
            layers[0].iter().filter_map(|(due, tick)| Some((*tick, *upper.get(due)?))).collect();
        let apart = common.iter().filter(|(lower, upper)| lower != upper).count();
        println!("layer {layer}: {} captures in common with layer 0, {apart} of other ticks", common.len());
        assert!(common.len() >= least, "{} captures in common", common.len());
        assert_eq!(apart, 0, "{common:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_without_a_consumer_for_each_are_refused() {
    let stage = Stage::new(Dialect::Old).await;
    let (status, answer) = start(&stage, "protoo", &stage.sfu.url(ROOM), "all").await;
    assert_eq!((status, &answer["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("layers_unsupported")));
    // A protoo server is no bridge, and says so in its way.
    let (status, answer) = start(&stage, "bridge", &stage.sfu.url(ROOM), "all").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    let (_, list) = stage.recorder.call(Method::GET, "/api/v1/recordings", None).await;
    assert_eq!(list["total"], 0, "nothing is left: {list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_tells_of_pauses_and_of_who_comes_and_goes() {
    let stage = Stage::new(Dialect::Old).await;
    let (status, answer) = start(&stage, "bridge", &stage.sfu.bridge_url(ROOM), "max").await;
    assert!(status.is_success(), "{answer}");
    let id = answer["recording_id"].as_str().unwrap().to_owned();
    let ada = simulcast(&stage).await;
    stage.recorded(&id, &["ada"], 2_000_000).await;
    ada.close_video().await.unwrap();
    ada.leave().await;
    stage.left(&id, "ada").await;
    let manifest = stage.recorder.manifest(&id).await;
    assert_eq!(tracks_of(&manifest["participants"][0]).len(), 2, "one picture, one sound: {manifest}");
    assert_eq!(manifest["participants"][0]["display_name"], "Ada");
    stage.recorder.stop(&id).await;
    wait::until("the recorder is gone", Duration::from_secs(5), || async {
        (stage.room.stats().await.as_object().unwrap().is_empty()).then_some(())
    })
    .await;
}
