//! The media path, lost while the signalling is not: the recording goes on over another one, or the room is joined anew.

use crate::attach::{gaps, is_one_timeline, reaches};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tureen_e2e::stage::{ROOM, Stage, publish, track};
use tureen_sfu::relay::{Relay, Rule};
use tureen_sfu::{Dialect, Ledger, Options, Publisher};

/// What it took.
struct Survived {
    stage: Stage,
    id: String,
    manifest: Value,
    ledgers: Vec<Ledger>,
    /// The consumers are those from before.
    same: bool,
    /// ICE restarts and rejoins.
    repairs: [u64; 2],
}

/// A room behind a relay that is recorded by one way in.
struct Call {
    stage: Stage,
    relay: Relay,
    ada: Publisher,
    id: String,
}

impl Call {
    async fn new(dialect: Dialect, source: impl FnOnce(&Stage) -> Value) -> Self {
        let relay = Relay::new(4);
        let options = Options { dialect, relay: Some(relay.clone()), ..Options::default() };
        let stage = Stage::with(options).await;
        let ada = stage.room.publish(publish("ada")).await.unwrap();
        let body = json!({"room_id": ROOM, "title": "A path", "source": source(&stage)});
        let (status, answer) =
            stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        let id = answer["recording_id"].as_str().unwrap().to_owned();
        reaches(&stage.recorder, &id, "ada", 4_000_000).await;
        Self { stage, relay, ada, id }
    }

    /// The SSRCs that are sent to the recorder: each consumer has others.
    fn consumed(&self) -> BTreeSet<u32> {
        self.stage.room.consumed().iter().map(|consumed| consumed.ssrc).collect()
    }

    /// Lets something happen to the path, records on for so long and ends.
    async fn survives(self, what: impl FnOnce(&Relay), micros: i64) -> Survived {
        let before = self.consumed();
        assert_eq!(before.len(), 2);
        let Self { stage, relay, id, .. } = &self;
        // This mediasoup gives back the last 4 s of pictures, others 2 s: so none of it comes again.
        for consumed in stage.room.consumed() {
            if let Some(rtx) = consumed.rtx_ssrc {
                relay.rule(rtx, Rule { drop: u64::MAX, ..Rule::default() });
            }
        }
        let so_far = stage.recorder.manifest(id).await["recording"]["duration_us"].as_i64().unwrap();
        what(relay);
        reaches(&stage.recorder, id, "ada", so_far + micros).await;
        let same = self.consumed() == before;
        let metrics = String::from_utf8(stage.recorder.get("/metrics").await.to_vec()).unwrap();
        let count = |name: &str| -> u64 {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            line.unwrap_or_else(|| panic!("{name} in {metrics}"))
        };
        let repairs = [count("tureen_ice_restarts_total"), count("tureen_rejoins_total")];
        let Self { stage, ada, id, .. } = self;
        let ledgers = ada.leave().await;
        stage.left(&id, "ada").await;
        stage.recorder.stop(&id).await;
        let manifest = stage.recorder.manifest(&id).await;
        let lengths = ["audio", "video"].map(|kind| lengths(&manifest, kind));
        println!("gaps {lengths:?} us; {} ICE restarts, {} rejoins", repairs[0], repairs[1]);
        assert!(!stage.recorder.log().contains("panicked"), "{}", stage.recorder.log());
        Survived { stage, id, manifest, ledgers, same, repairs }
    }
}

impl Survived {
    /// One gap of sound and one of picture, shorter than these: what was sent between is missing, and nothing else.
    fn is_one_timeline(&self, most: [i64; 2]) {
        for ledger in &self.ledgers {
            let most = if ledger.kind == "audio" { most[0] } else { most[1] };
            is_one_timeline(&self.stage.recorder.media(), &self.id, &self.manifest, ledger, &[most]);
        }
    }
}

fn lengths(manifest: &Value, kind: &str) -> Vec<i64> {
    gaps(track(manifest, "ada", kind)).into_iter().map(|(_, length)| length).collect()
}

fn protoo(stage: &Stage) -> Value {
    json!({"mode": "protoo", "url": stage.sfu.url(ROOM)})
}

fn bridge(stage: &Stage) -> Value {
    json!({"mode": "bridge", "url": stage.sfu.bridge_url(ROOM)})
}

fn http(stage: &Stage) -> Value {
    json!({"mode": "http", "url": stage.sfu.http_url()})
}

/// mediasoup answers our checks at the other address and sends media to the one before, until ICE is restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_nat_that_forgets_us_is_noticed_by_the_silence() {
    let call = Call::new(Dialect::Ts, protoo).await;
    let survived = call.survives(Relay::rebind, 18_000_000).await;
    assert!(survived.same && survived.repairs == [1, 0], "{:?}", survived.repairs);
    survived.is_one_timeline([8_000_000, 10_000_000]);
}

/// The same where nobody can be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_silence_in_a_service_without_ice_restart_is_ended_by_joining_anew() {
    let call = Call::new(Dialect::Old, http).await;
    let survived = call.survives(Relay::rebind, 20_000_000).await;
    assert!(!survived.same && survived.repairs == [0, 1], "{:?}", survived.repairs);
    survived.is_one_timeline([9_000_000, 11_000_000]);
}

/// The peer tells after 5 s that the path is dark; then it takes a round trip of the signalling and one of ICE. Joining
/// anew begins 5 s later.
async fn another_address_is_found(dialect: Dialect, source: impl FnOnce(&Stage) -> Value) {
    let call = Call::new(dialect, source).await;
    let survived = call.survives(Relay::abandon_addresses, 18_000_000).await;
    assert!(survived.same && survived.repairs[1] == 0, "nothing was consumed anew");
    assert!((1..=2).contains(&survived.repairs[0]), "{:?}", survived.repairs);
    survived.is_one_timeline([8_000_000, 10_000_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_ours_that_is_gone_is_replaced_in_the_older_dialect() {
    another_address_is_found(Dialect::Old, protoo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_ours_that_is_gone_is_replaced_in_the_newer_dialect() {
    another_address_is_found(Dialect::Ts, protoo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_ours_that_is_gone_is_replaced_over_the_bridge() {
    another_address_is_found(Dialect::Old, bridge).await;
}

/// A service without that route: the room is joined anew, with people in it too.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_stays_dark_is_left_for_a_room_that_is_joined_anew() {
    let call = Call::new(Dialect::Old, http).await;
    let survived = call.survives(Relay::abandon_addresses, 24_000_000).await;
    assert!(!survived.same && survived.repairs == [0, 1], "{:?}", survived.repairs);
    survived.is_one_timeline([15_000_000, 17_000_000]);
}
