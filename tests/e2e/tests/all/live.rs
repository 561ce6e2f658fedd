//! Low-latency HLS of a running recording.

use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tureen_e2e::stage::{Stage, track};
use tureen_e2e::{latency, wait};
use tureen_sfu::{Dialect, Fixture};

/// The value of an attribute in quotes.
fn quoted<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!("{name}=\""))?.1.split('"').next()
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_29_parts_are_the_bytes_of_their_segments_and_no_longer_than_promised() {
    let stage = Stage::new(Dialect::Old).await;
    let _ada = stage.publish("ada", Some("h264-baseline.h264"), Some("opus.ogg")).await;
    let id = stage.record().await;
    let manifest = stage.recorded(&id, &["ada"], 4_000_000).await;
    for kind in ["video", "audio"] {
        let path = track(&manifest, "ada", kind)["playlist"].as_str().unwrap();
        let folder = path.rsplit_once('/').unwrap().0;
        let mut parts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut segments: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut next = (0, 0);
        // Waits for each part in turn: more than two segments, each whole.
        while segments.len() < 3 {
            let query = if next == (0, 0) {
                String::new()
            } else {
                format!("?_HLS_msn={}&_HLS_part={}", next.0, next.1)
            };
            let text =
                String::from_utf8(stage.recorder.get(&format!("{path}{query}")).await.to_vec()).unwrap();
            assert!(text.contains("#EXT-X-PART-INF:PART-TARGET=0.500000\n"), "{text}");
            let whole = text.lines().filter(|line| line.starts_with("#EXTINF")).count();
            let mut open = 0;
            for line in text.lines() {
                if let Some(uri) = line.starts_with("#EXT-X-PART:").then(|| quoted(line, "URI")).flatten() {
                    let length = line.split_once("DURATION=").unwrap().1.split(',').next().unwrap();
                    assert!(length.parse::<f64>().unwrap() <= 0.5, "{line}");
                    open += 1;
                    let number = uri.split('.').next().unwrap().to_owned();
                    if next.0 > 0 && !segments.contains_key(&number) && !parts.contains_key(uri) {
                        parts.insert(
                            uri.to_owned(),
                            stage.recorder.get(&format!("{folder}/{uri}")).await.to_vec(),
                        );
                    }
                } else if !line.starts_with('#') {
                    open = 0;
                    let number = line.trim_end_matches(".m4s").to_owned();
                    if parts.contains_key(&format!("{number}.0.m4s")) && !segments.contains_key(&number) {
                        segments
                            .insert(number, stage.recorder.get(&format!("{folder}/{line}")).await.to_vec());
                    }
                }
            }
            if next != (0, 0) {
                assert!(
                    whole > next.0 || (whole == next.0 && open > next.1),
                    "{next:?} was waited for: {text}"
                );
            }
            next = (whole, open);
        }
        for (number, bytes) in &segments {
            let own: Vec<u8> = (0..20)
                .filter_map(|part| parts.get(&format!("{number}.{part}.m4s")))
                .flatten()
                .copied()
                .collect();
            assert!(own == *bytes, "{kind}: the parts of segment {number} are its bytes");
        }
    }
    stage.recorder.stop(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_edge_plays_without_a_stall() {
    let seen = latency::watch(500, "{}", 10).await;
    println!("median {:.2} s behind, at most {:.2} s", seen.quantile(0.5), seen.quantile(1.0));
    assert!(seen.behind.len() > 200 && seen.unread == 0, "{}", seen.report);
    assert!(seen.stalls.iter().all(|stall| *stall < 0.3), "{}", seen.report);
    assert_eq!(seen.report["errors"].as_array().map(Vec::len), Some(0), "{}", seen.report["errors"]);
}

/// While it is off it is black, and what comes behind it is as near to the edge as what was before.
#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_goes_off_and_on_is_watched_without_a_stall() {
    let seen = latency::watch_while(500, "{}", 24, async |stage, ada, id| {
        stage.recorded(id, &["ada"], 18_000_000).await;
        ada.close_video().await.unwrap();
        let far = |manifest: &Value| {
            track(manifest, "ada", "video")["gaps"][0]["duration_us"].as_i64() > Some(5_000_000)
        };
        stage.recorder.manifest_until("it is off", id, Duration::from_secs(20), far).await;
        ada.open_video(Fixture::named("h264-baseline.h264").unwrap()).await.unwrap();
    })
    .await;
    println!(
        "median {:.2} s behind, at most {:.2} s, {} black pictures, stalls {:?}",
        seen.quantile(0.5),
        seen.quantile(1.0),
        seen.unread,
        seen.stalls
    );
    assert!(seen.behind.len() > 200 && seen.unread > 4, "{}", seen.report);
    assert!(seen.stalls.iter().all(|stall| *stall < 0.3), "{}", seen.report);
    // The last key frame stands for a moment, and is as old as it is.
    assert!(seen.quantile(0.98) < 4.5, "{}", seen.report);
    assert_eq!(seen.report["errors"].as_array().map(Vec::len), Some(0), "{}", seen.report["errors"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_at_the_end_is_told_of_it() {
    let stage = Stage::new(Dialect::Old).await;
    let _ada = stage.publish("ada", None, Some("opus.ogg")).await;
    let id = stage.record().await;
    let manifest = stage.recorded(&id, &["ada"], 2_500_000).await;
    let path = track(&manifest, "ada", "audio")["playlist"].as_str().unwrap().to_owned();
    let text = String::from_utf8(stage.recorder.get(&path).await.to_vec()).unwrap();
    let whole = text.lines().filter(|line| line.starts_with("#EXTINF")).count();
    let ahead = format!("{path}?_HLS_msn={}", whole + 1);
    let waiting = stage.recorder.get(&ahead);
    let (text, _) = tokio::join!(waiting, stage.recorder.stop(&id));
    assert!(String::from_utf8_lossy(&text).ends_with("#EXT-X-ENDLIST\n"));
    // And nothing of the edge is left.
    wait::until("the edge is gone", Duration::from_secs(5), || async {
        let text = stage.recorder.get(&path).await;
        (!String::from_utf8_lossy(&text).contains("PART")).then_some(())
    })
    .await;
}
