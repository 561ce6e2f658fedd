//! What happens in a recording is told: by webhooks, by Server-Sent Events, and in the log, the same and in one order.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::time::Duration;
use tureen_e2e::readers;
use tureen_e2e::receiver::{Listener, Receiver};
use tureen_e2e::recorder::Recorder;
use tureen_e2e::stage::{ROOM, Stage};
use tureen_e2e::wait;
use tureen_sfu::{Dialect, Options};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LIMIT: Duration = Duration::from_secs(30);

async fn start(stage: &Stage, webhooks: Value) -> String {
    let body = json!({
        "room_id": ROOM,
        "title": "Told",
        "metadata": {"course": 7},
        "source": {"mode": "protoo", "url": stage.sfu.url(ROOM)},
        "webhooks": webhooks,
    });
    let (status, answer) = stage.recorder.call(Method::POST, "/api/v1/recordings/start", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer["recording_id"].as_str().unwrap().to_owned()
}

async fn log(recorder: &Recorder, id: &str) -> Vec<Value> {
    let log = recorder.json(&format!("/api/v1/recordings/{id}/events?limit=1000")).await;
    let events = log["events"].as_array().unwrap().clone();
    assert!(log["next"].is_null(), "{log}");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence"], index + 1, "no holes: {log}");
        assert_eq!(event["recording_id"], id);
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Every webhook that came, failed ones too, is genuine to the public library and forged when it is changed.
async fn verify(stage: &Stage, receiver: &Receiver) -> usize {
    let all = receiver.all();
    let lines: Vec<String> =
        all.iter().map(|got| json!({"headers": got.headers, "body": got.body}).to_string()).collect();
    let file = stage.folder.path().join("webhooks");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let told = readers::script("verify.mjs", &[SECRET, file.to_str().unwrap()]).await;
    assert_eq!(told, json!({"genuine": all.len(), "forged": 0}));
    all.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_31_a_receiver_that_fails_for_a_while_gets_every_event_in_order() {
    let stage = Stage::new(Dialect::Old).await;
    let receiver = Receiver::new(500).await;
    let listener = Listener::new(&stage.recorder, "0").await;
    let ada = stage.publish("ada", Some("vp9.ivf"), Some("opus.ogg")).await;
    let id = start(&stage, json!([{"url": receiver.url(), "secret": SECRET}])).await;
    stage.recorded(&id, &["ada"], 2_000_000).await;
    let bob = stage.publish("bob", None, Some("opus.ogg")).await;
    stage.recorded(&id, &["bob"], 1_000_000).await;
    drop(bob);
    stage.left(&id, "bob").await;
    receiver.until("three attempts", LIMIT, |receiver| receiver.all().len() >= 3).await;
    assert!(
        receiver.all().iter().all(|got| got.event()["type"] == "recording.started"),
        "what fails holds up what is behind it"
    );
    stage.recorder.stop(&id).await;
    drop(ada);
    receiver.answer(204);
    let log = log(&stage.recorder, &id).await;
    receiver.until("all events", LIMIT, |receiver| receiver.taken().len() >= log.len()).await;
    assert_eq!(receiver.taken(), log);
    wait::until("the listener's", LIMIT, || async { (listener.heard().len() >= log.len()).then_some(()) })
        .await;
    assert_eq!(listener.heard(), log);

    let told = kinds(&log);
    assert_eq!((told[0], told[told.len() - 1]), ("recording.started", "recording.completed"), "{told:?}");
    let count = |kind: &str| told.iter().filter(|told| **told == kind).count();
    assert_eq!((count("participant.joined"), count("participant.left")), (2, 1), "{told:?}");
    assert_eq!((count("track.started"), count("track.stopped")), (3, 3), "{told:?}");
    let left = told.iter().position(|kind| *kind == "participant.left").unwrap();
    assert_eq!((told[left - 1], &log[left]["data"]["peer_id"]), ("track.stopped", &json!("bob")), "{told:?}");
    assert_eq!(log[0]["data"]["metadata"], json!({"course": 7}));
    assert!(log.last().unwrap()["data"]["duration_us"].as_i64().unwrap() > 3_000_000, "{log:?}");
    let camera = log.iter().find(|event| event["data"]["source"] == "camera").unwrap();
    assert_eq!(
        (&camera["type"], &camera["data"]["width"].is_u64()),
        (&json!("track.started"), &true),
        "{camera}"
    );

    // Who comes back hears the rest.
    let resumed = Listener::new(&stage.recorder, log[2]["id"].as_str().unwrap()).await;
    wait::until("the rest", LIMIT, || async { (resumed.heard().len() >= log.len() - 3).then_some(()) }).await;
    assert_eq!(resumed.heard(), log[3..]);
    let verified = verify(&stage, &receiver).await;
    println!(
        "{} events; {verified} webhooks verified, {} of them refused by the receiver",
        log.len(),
        verified - log.len()
    );
    assert!(!stage.recorder.log().contains(SECRET), "the log holds no secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_31_nothing_is_lost_when_the_receiver_is_away_while_the_recorder_is_killed() {
    let mut receiver = Receiver::new(204).await;
    let url = receiver.url();
    let environment: [(&str, &OsStr); 2] =
        [("WEBHOOK_URL", OsStr::new(&url)), ("WEBHOOK_SECRET", OsStr::new(SECRET))];
    let stage =
        Stage::in_environment(Options { dialect: Dialect::Old, ..Options::default() }, &environment).await;
    let ada = stage.publish("ada", Some("vp9.ivf"), Some("opus.ogg")).await;
    let id = start(&stage, json!([])).await;
    stage.recorded(&id, &["ada"], 1_000_000).await;
    receiver.until("the first events", LIMIT, |receiver| receiver.taken().len() >= 2).await;
    receiver.go().await;
    let bob = stage.publish("bob", None, Some("opus.ogg")).await;
    stage.recorded(&id, &["bob"], 1_000_000).await;
    let heard = Listener::new(&stage.recorder, "0").await;
    let before = log(&stage.recorder, &id).await;
    wait::until("the log", LIMIT, || async { (heard.heard().len() >= before.len()).then_some(()) }).await;
    let taken = receiver.taken().len();
    assert!(taken < before.len(), "something waits: {taken} of {}", before.len());

    let Stage { sfu, room, recorder, folder } = stage;
    recorder.kill().await;
    let recorder = Recorder::start_in(folder.path(), &environment).await;
    let stage = Stage { sfu, room, recorder, folder };
    let resumed = Listener::new(&stage.recorder, heard.heard().last().unwrap()["id"].as_str().unwrap()).await;
    // It goes on, and the restart is no end.
    stage.recorded(&id, &["ada", "bob"], 6_000_000).await;
    stage.recorder.stop(&id).await;
    drop((ada, bob));
    let log = log(&stage.recorder, &id).await;
    assert_eq!(log[..before.len()], before, "what was told stays told");
    assert_eq!(receiver.taken().len(), taken, "the receiver is still away");
    receiver.come_back().await;
    receiver.until("the end", LIMIT, |receiver| receiver.taken().len() >= log.len()).await;
    let mut delivered = receiver.taken();
    // One that was taken just as the recorder was killed may come twice: at least once is what is promised.
    delivered.dedup();
    assert_eq!(delivered, log, "nothing is lost and nothing out of order");
    let told = kinds(&log);
    let count = |kind: &str| told.iter().filter(|told| **told == kind).count();
    assert_eq!((count("recording.started"), count("recording.completed")), (1, 1), "{told:?}");
    assert_eq!((count("track.started"), count("track.stopped")), (3, 3), "{told:?}");
    assert_eq!(count("track.stalled"), count("track.resumed"), "{told:?}");
    assert_eq!(count("participant.joined"), 2, "they were there all the time: {told:?}");
    assert_eq!(told.last(), Some(&"recording.completed"));
    wait::until("the rest", LIMIT, || async {
        (resumed.heard().last().map(|event| &event["id"]) == log.last().map(|event| &event["id"]))
            .then_some(())
    })
    .await;
    let mut all = heard.heard();
    all.extend(resumed.heard());
    assert_eq!(all, log);
    verify(&stage, &receiver).await;
    let metrics = String::from_utf8(stage.recorder.get("/metrics").await.to_vec()).unwrap();
    assert!(metrics.contains("\ntureen_webhooks_pending 0\n"), "{metrics}");
    println!("{} events, {taken} of them told before the receiver went: {told:?}", log.len());
}
