//! Both dialects as a client sees them.

mod common;

use common::{Client, refusal};
use serde_json::{Value, json};
use std::time::Duration;
use tureen_sfu::{Codec, Dialect, Fixture, Options, Publish, Publisher, Sfu};

async fn sfu(dialect: Dialect) -> Sfu {
    Sfu::start(Options { dialect, ..Options::default() }).await.unwrap()
}

async fn ada(sfu: &Sfu) -> Publisher {
    let publish = Publish {
        peer_id: "ada".into(),
        display_name: "Ada".into(),
        video: Some(Fixture::of(Codec::H264).unwrap()),
        audio: Some(Fixture::of(Codec::Opus).unwrap()),
        ..Publish::default()
    };
    sfu.room("r").await.unwrap().publish(publish).await.unwrap()
}

fn has(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "{field} is missing from {value}");
    }
}

#[tokio::test]
async fn older_dialect_offers_a_consumer_of_each_producer() {
    let sfu = sfu(Dialect::Old).await;
    let _ada = ada(&sfu).await;
    let (mut bob, transport, joined) = Client::enter(&sfu.url("r"), "bob").await;
    has(&bob.notified("mediasoup-version").await, &["version"]);
    has(&transport, &["id", "iceParameters", "iceCandidates", "dtlsParameters", "sctpParameters"]);
    assert_eq!(transport["iceParameters"]["iceLite"], true);
    let device = json!({"flag": "fixture", "name": "Fixture", "version": "0.1.0"});
    assert_eq!(joined, json!({"peers": [{"id": "ada", "displayName": "Ada", "device": device}]}));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let consumer = bob.asked("newConsumer").await;
        has(&consumer, &["producerId", "id", "type", "producerPaused", "rtpParameters"]);
        assert_eq!(consumer["peerId"], "ada");
        assert_eq!(consumer["appData"]["source"], consumer["kind"]);
        assert_eq!(consumer["rtpParameters"]["rtcp"]["cname"], "ada");
        // mediasoup retransmits sound on its own SSRC (nack), video on another (rtx).
        let parameters = &consumer["rtpParameters"];
        let nack = parameters["codecs"][0]["rtcpFeedback"]
            .as_array()
            .unwrap()
            .contains(&json!({"type": "nack", "parameter": ""}));
        let rtx = parameters["encodings"][0]["rtx"]["ssrc"].is_u64();
        assert_eq!((nack, rtx), (true, consumer["kind"] == "video"), "{parameters}");
        let score = bob.notified("consumerScore").await;
        assert_eq!(score["consumerId"], consumer["id"]);
        kinds.push(consumer["kind"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    assert_eq!(kinds, ["audio", "video"]);
}

#[tokio::test]
async fn typescript_dialect_says_the_same_in_its_own_shapes() {
    let sfu = sfu(Dialect::Ts).await;
    let _ada = ada(&sfu).await;
    let (mut bob, transport, joined) = Client::enter(&sfu.url("r"), "bob").await;
    has(&bob.notified("mediasoupVersion").await, &["version"]);
    has(&transport, &["transportId", "iceParameters", "iceCandidates", "dtlsParameters"]);
    let peer = &joined["peers"][0];
    assert_eq!((&peer["peerId"], &peer["remoteAddress"]), (&json!("ada"), &json!("127.0.0.1")));
    let consumer = bob.asked("newConsumer").await;
    has(&consumer, &["consumerId", "producerId", "rtpParameters", "type", "producerPaused", "consumerScore"]);
    assert_eq!(consumer["transportId"], transport["transportId"]);
    assert_eq!(consumer["appData"], json!({"peerId": "ada", "source": consumer["kind"]}));
    let ice = bob.request("restartIce", json!({"transportId": transport["transportId"]})).await.unwrap();
    has(&ice["iceParameters"], &["usernameFragment", "password"]);
    // What steers a consumer is a notification here and no request.
    let of = json!({"consumerId": consumer["consumerId"]});
    assert!(bob.request("pauseConsumer", of.clone()).await.unwrap_err().contains("unknown"));
    bob.notify("pauseConsumer", of.clone()).await;
    let paused = async || {
        let stats = sfu.room("r").await.unwrap().stats().await;
        let all = stats["bob"]["consumers"].as_array().unwrap().clone();
        all.iter().find(|c| c["id"] == of["consumerId"]).unwrap()["paused"] == true
    };
    while !paused().await {}
}

#[tokio::test]
async fn older_dialect_grants_requests_and_refuses_with_a_reason() {
    let sfu = sfu(Dialect::Old).await;
    let _ada = ada(&sfu).await;
    let (mut bob, transport, _) = Client::enter(&sfu.url("r"), "bob").await;
    let consumer = bob.asked("newConsumer").await;
    let of = json!({"consumerId": consumer["id"]});
    for method in ["pauseConsumer", "resumeConsumer", "requestConsumerKeyFrame", "getConsumerStats"] {
        bob.request(method, of.clone()).await.unwrap();
    }
    let ice = bob.request("restartIce", json!({"transportId": transport["id"]})).await.unwrap();
    has(&ice, &["usernameFragment", "password"]);
    let nobody = json!({"consumerId": "00000000-0000-0000-0000-000000000000"});
    assert!(bob.request("pauseConsumer", nobody).await.unwrap_err().contains("not found"));
    assert!(bob.request("dance", json!({})).await.unwrap_err().contains("unknown request.method"));
    assert!(bob.request("join", json!({})).await.unwrap_err().contains("already joined"));
}

#[tokio::test]
async fn what_a_participant_does_is_told_to_the_others() {
    let sfu = sfu(Dialect::Old).await;
    let (mut bob, _, joined) = Client::enter(&sfu.url("r"), "bob").await;
    assert_eq!(joined, json!({"peers": []}));
    let ada = ada(&sfu).await;
    assert_eq!(bob.notified("newPeer").await["id"], "ada");
    let (first, second) = (bob.asked("newConsumer").await, bob.asked("newConsumer").await);
    let video = if first["kind"] == "video" { &first } else { &second };
    let of_video = json!({"consumerId": video["id"]});
    ada.pause_video().await.unwrap();
    assert_eq!(bob.notified("consumerPaused").await, of_video);
    ada.resume().await.unwrap();
    assert_eq!(bob.notified("consumerResumed").await, of_video);
    ada.close_video().await.unwrap();
    assert_eq!(bob.notified("consumerClosed").await, of_video);
    ada.open_video(Fixture::of(Codec::Vp8).unwrap()).await.unwrap();
    let again = bob.asked("newConsumer").await;
    assert_eq!((&again["peerId"], &again["kind"]), (&json!("ada"), &json!("video")));
    let kinds: Vec<&str> = ada.leave().await.iter().map(|ledger| ledger.kind).collect();
    assert_eq!(kinds, ["video", "audio", "video"]);
    assert_eq!(bob.notified("peerClosed").await, json!({"peerId": "ada"}));
}

#[tokio::test]
async fn who_joins_hidden_sees_and_is_not_seen() {
    for dialect in [Dialect::Old, Dialect::Ts] {
        let sfu = sfu(dialect).await;
        let room = sfu.room("r").await.unwrap();
        let others = |joined: &Value| joined["peers"].as_array().unwrap().len();
        let (mut bob, ..) = Client::enter(&sfu.url("r"), "bob").await;
        let mut eve = Client::connect(&sfu.url("r"), "eve").await;
        let joined = eve.request("join", json!({"displayName": "Eve", "hidden": true})).await.unwrap();
        assert_eq!(others(&joined), 1, "{joined}");
        let (_cat, _, joined) = Client::enter(&sfu.url("r"), "cat").await;
        assert_eq!(others(&joined), 1, "{joined}");
        assert_eq!(room.peer_ids(), ["bob", "cat"]);
        // Cat is the first who is told to have come, and to have gone.
        let came = bob.notified("newPeer").await;
        let came = came.get("peer").unwrap_or(&came);
        assert!(came["id"] == "cat" || came["peerId"] == "cat", "{came}");
        assert!(room.kick("eve") && room.kick("cat"));
        assert_eq!(bob.notified("peerClosed").await, json!({"peerId": "cat"}));
    }
}

#[tokio::test]
async fn who_beeps_is_the_active_speaker() {
    for dialect in [Dialect::Old, Dialect::Ts] {
        let sfu = sfu(dialect).await;
        let (mut bob, ..) = Client::enter(&sfu.url("r"), "bob").await;
        let _ada = ada(&sfu).await;
        while bob.notified("activeSpeaker").await["peerId"] != "ada" {}
        if dialect == Dialect::Ts {
            while bob.notified("speakingPeers").await["peerVolumes"][0]["peerId"] != "ada" {}
        }
    }
}

#[tokio::test]
async fn wrong_addresses_are_refused_before_the_socket_opens() {
    let options = Options { strict_rooms: true, ..Options::default() };
    let sfu = Sfu::start(options).await.unwrap();
    sfu.room("known").await.unwrap();
    let protoo = ("sec-websocket-protocol", "protoo");
    let url = |room| format!("{}&peerId=x", sfu.url(room));
    assert_eq!(refusal(&url("known"), &[]).await, 403);
    assert_eq!(refusal(&sfu.url("known"), &[protoo]).await, 400);
    assert_eq!(refusal(&url("unknown"), &[protoo]).await, 404);
}

#[tokio::test]
async fn typescript_dialect_checks_the_origin() {
    let sfu = sfu(Dialect::Ts).await;
    let url = format!("{}&peerId=x", sfu.url("r"));
    let protoo = ("sec-websocket-protocol", "protoo");
    assert_eq!(refusal(&url, &[protoo]).await, 403);
    assert_eq!(refusal(&url, &[protoo, ("origin", "http://elsewhere.example")]).await, 403);
}

#[tokio::test]
async fn sessions_end_with_code_4000() {
    let options =
        Options { dialect: Dialect::Ts, join_limit: Duration::from_millis(200), ..Options::default() };
    let sfu = Sfu::start(options).await.unwrap();
    // Not joined in time.
    assert_eq!(Client::connect(&sfu.url("r"), "late").await.ended().await, 4000);
    // Put out by the application.
    let (mut bob, ..) = Client::enter(&sfu.url("r"), "bob").await;
    assert!(sfu.room("r").await.unwrap().kick("bob"));
    assert_eq!(bob.ended().await, 4000);
    // Replaced by another session of the same peer.
    let (mut first, ..) = Client::enter(&sfu.url("r"), "bob").await;
    let (mut second, ..) = Client::enter(&sfu.url("r"), "bob").await;
    assert_eq!(first.ended().await, 4000);
    assert_eq!(sfu.room("r").await.unwrap().peer_ids(), ["bob"]);
    // The server is shut down in order.
    sfu.stop().await;
    assert_eq!(second.ended().await, 4000);
}
