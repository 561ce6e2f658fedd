//! What starts by itself is waited for until it can, and no longer than it is wanted.

use super::*;
use crate::catalog::{Catalog, Finish, Status};
use crate::clock::SystemClock;
use crate::media::segment::Policy;
use crate::peer;
use crate::recorder::Means;
use crate::recorder::supervisor::Ends;
use crate::session::Layers;
use crate::sfu::bridge::Lobby;
use crate::sfu::bridge::testing::Application;
use crate::storage::Store;
use crate::time::WallTime;
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(5);

struct Stage {
    supervisor: Supervisor,
    catalog: Catalog,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new(most: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).await.unwrap();
        let url = format!("sqlite:{}", folder.path().join("tureen.db").display());
        let catalog = Catalog::open(&url).await.unwrap();
        let supervisor = Supervisor::new(Means {
            catalog: catalog.clone(),
            store,
            clock: Arc::new(SystemClock),
            policy: Policy::default(),
            peer: peer::Config::default(),
            lobby: Lobby::default(),
            most,
            audit: None,
        });
        Self { supervisor, catalog, _folder: folder }
    }

    /// An application attaches the room `r`, and its recording is to start by itself.
    async fn attach(&self, hello: Value) -> (Application, JoinHandle<()>) {
        let mut arrivals = self.supervisor.lobby().arrivals();
        let (application, _) = Application::hello(self.supervisor.lobby(), "u", hello).await;
        let arrival = arrivals.recv().await.unwrap();
        (application, tokio::spawn(start(self.supervisor.clone(), arrival, Cause::Pattern)))
    }

    /// The row and the place of a recording that runs.
    async fn running(&self, room_id: &str) -> (RecordingId, Ends) {
        let (id, asked) = (RecordingId::new(), request(arrival(room_id)));
        let row = asked.row(id, WallTime(1), Policy::default());
        self.catalog.create_recording(&row).await.unwrap();
        (id, self.supervisor.reserve(id, &asked).unwrap())
    }

    async fn end(&self, (id, ends): (RecordingId, Ends), ended_by: EndedBy) {
        let stopped_at = WallTime(2);
        let status = Status::Completed;
        let finish = Finish { status, stopped_at, duration_micros: 1, bytes: 0, ended_by, error: None };
        self.catalog.finish_recording(id, &finish).await.unwrap();
        self.supervisor.running().remove(&id);
        drop(ends);
    }
}

fn arrival(room_id: &str) -> Arrival {
    Arrival {
        room_id: room_id.to_owned(),
        user_id: "u".to_owned(),
        record: false,
        recorded: None,
        title: None,
        metadata: Map::new(),
        layers: Layers::Max,
        gone: CancellationToken::new(),
    }
}

/// Waits until a recording wants to take part.
async fn attached(application: &mut Application) -> Value {
    loop {
        let said = application.hear().await;
        if said["method"] == "attach" {
            return said;
        }
    }
}

#[tokio::test]
async fn a_room_that_is_attached_anew_is_recorded_when_its_recording_of_before_has_ended() {
    for by in [EndedBy::Room, EndedBy::ReconnectTimeout] {
        let stage = Stage::new(8).await;
        let before = stage.running("r").await;
        let (mut application, starting) = stage.attach(json!({})).await;
        stage.end(before, by).await;
        attached(&mut application).await;
        starting.abort();
    }
}

#[tokio::test]
async fn what_somebody_has_stopped_meanwhile_is_not_started_again() {
    for by in [EndedBy::Stop, EndedBy::MaxDuration] {
        let stage = Stage::new(8).await;
        let before = stage.running("r").await;
        let (_application, starting) = stage.attach(json!({})).await;
        stage.end(before, by).await;
        timeout(SOON, starting).await.expect("it is given up").unwrap();
        assert_eq!(stage.supervisor.running_ids(), []);
    }
}

#[tokio::test]
async fn a_room_that_was_recorded_is_recorded_again_unless_somebody_stopped_that() {
    let recorded = |id: RecordingId| json!({"recorded": format!("tureen-{id}"), "record": true});
    let stage = Stage::new(8).await;
    let before = stage.running("r").await;
    let id = before.0;
    stage.end(before, EndedBy::Stop).await;
    for id in [id, RecordingId::new()] {
        let (_application, starting) = stage.attach(recorded(id)).await;
        timeout(SOON, starting).await.expect("it is not wanted").unwrap();
        assert_eq!(stage.supervisor.running_ids(), [], "stopped, or stopped and erased");
    }
    let before = stage.running("r").await;
    let id = before.0;
    stage.end(before, EndedBy::Interruption).await;
    let (mut application, starting) = stage.attach(recorded(id)).await;
    attached(&mut application).await;
    starting.abort();
}

#[tokio::test]
async fn a_place_is_waited_for_and_an_application_that_refuses_is_asked_again() {
    let stage = Stage::new(1).await;
    let other = stage.running("another room").await;
    let (mut application, starting) = stage.attach(json!({})).await;
    stage.end(other, EndedBy::Stop).await;
    let first = attached(&mut application).await;
    let refusal =
        json!({"response": true, "id": first["id"], "ok": false, "errorCode": 500, "errorReason": "no"});
    application.say(refusal).await;
    let second = attached(&mut application).await;
    assert!(second["id"].as_u64() > first["id"].as_u64(), "{second}");
    starting.abort();
}

#[tokio::test]
async fn nothing_is_waited_for_when_the_application_has_gone() {
    let stage = Stage::new(1).await;
    let _other = stage.running("another room").await;
    let (application, starting) = stage.attach(json!({})).await;
    application.close(4000, "lesson over").await;
    timeout(SOON, starting).await.expect("it is given up").unwrap();
}
