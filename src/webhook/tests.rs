//! A real receiver behind a real socket.

use super::target;
use super::{Config, Office, Stats};
use crate::catalog::{
    Catalog, DeadFilter, EndedBy, EventKind, Finish, NewEvent, NewRecording, NewTarget, Replay, Status,
};
use crate::clock::{Clock, SystemClock};
use crate::id::{EventId, RecordingId};
use crate::reach::Reach;
use crate::time::{Moment, WallTime};
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const LIMIT: Duration = Duration::from_secs(20);

/// The host's clock, and what a test adds to it.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Moment {
        SystemClock.now()
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall().plus(self.0.load(Relaxed))
    }
}

struct Got {
    /// Where it came from: one address for each connection.
    from: SocketAddr,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A status, and a header or, without its name, a body.
type Answer = (u16, &'static str, &'static str);

/// Answers what it is told to, then 204.
#[derive(Clone)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    got: Arc<watch::Sender<Vec<Arc<Got>>>>,
    url: String,
}

impl Receiver {
    async fn new(answers: &[Answer]) -> Self {
        Self::at("127.0.0.1:0", answers).await
    }

    async fn at(address: &str, answers: &[Answer]) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let receiver = Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            got: Arc::new(watch::Sender::new(Vec::new())),
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
        };
        let router = axum::Router::new().route("/{*path}", post(Self::take)).with_state(receiver.clone());
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    async fn take(
        State(receiver): State<Self>,
        ConnectInfo(from): ConnectInfo<SocketAddr>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        receiver.got.send_modify(|got| got.push(Arc::new(Got { from, headers, body })));
        let answer = receiver.answers.lock().unwrap().pop_front();
        let Some((status, name, value)) = answer else { return StatusCode::NO_CONTENT.into_response() };
        let status = StatusCode::from_u16(status).unwrap();
        if name.is_empty() {
            (status, value).into_response()
        } else {
            (status, [(name, value)]).into_response()
        }
    }

    async fn until(&self, count: usize) -> Vec<Arc<Got>> {
        let mut got = self.got.subscribe();
        let waited = tokio::time::timeout(LIMIT, got.wait_for(|got| got.len() >= count)).await;
        waited.expect("they come in time").unwrap().clone()
    }

    fn target(&self) -> NewTarget {
        NewTarget { url: self.url.clone(), secret: Some(SECRET.to_owned()), kinds: Vec::new() }
    }
}

struct Stage {
    _folder: tempfile::TempDir,
    catalog: Catalog,
    clock: Arc<Ahead>,
    stats: Arc<Stats>,
    stop: CancellationToken,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog =
            Catalog::open(&format!("sqlite:{}", folder.path().join("c.db").display())).await.unwrap();
        let (clock, stats) = (Arc::default(), Arc::default());
        Self { _folder: folder, catalog, clock, stats, stop: CancellationToken::new() }
    }

    fn deliver(&self) -> tokio::task::JoinHandle<()> {
        self.deliver_to(Reach::anywhere())
    }

    fn deliver_to(&self, reach: Reach) -> tokio::task::JoinHandle<()> {
        let config = Config { secret: None, retry_for: Duration::from_secs(86_400), reach };
        let clock: Arc<dyn Clock> = Arc::<Ahead>::clone(&self.clock);
        let office = Office::new(self.catalog.clone(), clock, config, Arc::clone(&self.stats));
        tokio::spawn(office.run(self.stop.clone()))
    }

    async fn begin(&self, room: &str, webhooks: Vec<NewTarget>) -> RecordingId {
        let id = RecordingId::new();
        let new = NewRecording { id, room_id: room.to_owned(), webhooks, ..NewRecording::default() };
        self.catalog.create_recording(&new).await.unwrap();
        id
    }

    async fn happen(&self, recording: RecordingId, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let event =
                NewEvent { recording, kind: EventKind::TrackStarted, data: json!({"number": number}) };
            self.catalog.add_event(&event).await.unwrap();
        }
    }

    async fn counts(&self, wanted: (u64, u64)) {
        let reached = async {
            while self.catalog.delivery_counts().await.unwrap() != wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, reached).await.expect("deliveries come to that");
    }

    /// The clock goes on by so much, and what is due then is seen.
    async fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Relaxed);
        let nothing = Replay { events: vec![EventId::new()], ..Replay::default() };
        self.catalog.replay(&nothing, 1).await.unwrap();
    }
}

#[tokio::test]
async fn what_fails_for_a_while_arrives_in_order_and_signed() {
    let stage = Stage::new().await;
    let receiver =
        Receiver::new(&[(500, "", "not now"), (500, "", "not now"), (302, "location", "/elsewhere")]).await;
    let recording = stage.begin("room", vec![receiver.target()]).await;
    stage.happen(recording, 0..5).await;
    let delivering = stage.deliver();
    for attempt in 1..4 {
        receiver.until(attempt).await;
        let failed = async {
            while stage.stats.counts()[1] < attempt as u64 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, failed).await.unwrap();
        stage.later(10).await;
    }
    let got = receiver.until(9).await;
    let sequences: Vec<u64> = got.iter().map(|got| got.json()["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 1, 1, 1, 2, 3, 4, 5, 6]);
    let id = |index: usize| got[index].headers["webhook-id"].clone();
    assert!((0..4).all(|index| id(index) == id(0)) && id(4) != id(0));
    for got in got.iter() {
        assert_eq!(got.json()["id"], got.headers["webhook-id"].to_str().unwrap());
        assert_eq!(got.headers["content-type"], "application/json");
        assert!(got.json()["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(got.headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
        target::signer(SECRET).unwrap().verify(&got.body, &got.headers).unwrap();
        let mut changed = got.body.to_vec();
        changed[5] ^= 1;
        assert!(target::signer(SECRET).unwrap().verify(&changed, &got.headers).is_err());
    }
    stage.counts((0, 0)).await;
    assert_eq!(stage.stats.counts(), [6, 3, 0]);
    stage.stop.cancel();
    delivering.await.unwrap();
}

#[tokio::test]
async fn failure_31_an_end_reaches_a_receiver_that_answered_500_and_one_that_never_does_is_kept_as_dead() {
    let stage = Stage::new().await;
    let (good, bad) = (Receiver::new(&[(500, "", "")]).await, Receiver::new(&[(503, "", "never"); 64]).await);
    let recording = stage.begin("room", vec![good.target(), bad.target()]).await;
    let finish = Finish {
        status: Status::Failed,
        stopped_at: WallTime(1),
        duration_micros: 0,
        bytes: 0,
        ended_by: EndedBy::Storage,
        error: Some("the disk is full".to_owned()),
    };
    stage.catalog.finish_recording(recording, &finish).await.unwrap();
    let _delivering = stage.deliver();
    let dead = async {
        while stage.catalog.delivery_counts().await.unwrap() != (0, 2) {
            stage.later(3600).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, dead).await.expect("they are given up");
    let got = good.until(3).await;
    assert_eq!(got.last().unwrap().json()["type"], "recording.failed");
    assert_eq!(got.last().unwrap().json()["data"]["error"], "the disk is full");
    let dead = stage.catalog.dead_deliveries(&DeadFilter::default(), 10).await.unwrap();
    assert_eq!(dead.iter().map(|dead| dead.event.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((dead[1].status, dead[1].url.as_str()), (Some(503), bad.url.as_str()));
    assert!(
        dead[0].error.as_ref().unwrap().contains("never") && dead[0].attempts >= 5,
        "{:?}",
        dead[0].error
    );
    // It is there again, and both are told.
    bad.answers.lock().unwrap().clear();
    let so_far = bad.got.borrow().len();
    assert_eq!(stage.catalog.redeliver(&DeadFilter::default()).await.unwrap(), 2);
    let got = bad.until(so_far + 2).await;
    assert_eq!(got.last().unwrap().json()["type"], "recording.failed");
}

#[tokio::test]
async fn a_target_that_is_gone_or_hangs_up_or_sends_us_on_harms_no_other() {
    let stage = Stage::new().await;
    let (gone, well) = (Receiver::new(&[(410, "", "")]).await, Receiver::new(&[]).await);
    // Takes connections and never answers; and a port where nobody listens.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let at = |address| NewTarget { url: format!("http://{address}/"), secret: None, kinds: Vec::new() };
    let targets = vec![gone.target(), at(silent.local_addr().unwrap()), at(closed), well.target()];
    let recording = stage.begin("room", targets).await;
    stage.happen(recording, 0..20).await;
    let _delivering = stage.deliver();
    let got = well.until(21).await;
    assert!(
        got.windows(2).all(|pair| pair[0].json()["sequence"].as_u64() < pair[1].json()["sequence"].as_u64())
    );
    stage.counts((42, 21)).await;
    assert_eq!(gone.got.borrow().len(), 1, "it said that it wants no more");
}

#[tokio::test]
async fn a_target_that_hangs_hides_no_other_however_much_waits_for_it() {
    let stage = Stage::new().await;
    // Takes connections and never answers, and is told of more recordings than are looked at in one step.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    stage.catalog.configure_webhook(Some(&url)).await.unwrap();
    for number in 0..540 {
        stage.begin(&number.to_string(), Vec::new()).await;
    }
    let well = Receiver::new(&[]).await;
    stage.begin("another", vec![well.target()]).await;
    let _delivering = stage.deliver();
    well.until(1).await;
    stage.counts((541, 0)).await;
}

#[tokio::test]
async fn a_target_may_ask_for_time() {
    let stage = Stage::new().await;
    let receiver = Receiver::new(&[(429, "retry-after", "600")]).await;
    stage.begin("room", vec![receiver.target()]).await;
    let _delivering = stage.deliver();
    let asked = async {
        loop {
            let next = stage.catalog.next_deliveries(1, 1).await.unwrap().remove(0);
            if next.attempts == 1 {
                return next.due_at.since(stage.clock.wall());
            }
            tokio::task::yield_now().await;
        }
    };
    let rest = tokio::time::timeout(LIMIT, asked).await.unwrap();
    assert!((590_000_000..=600_000_000).contains(&rest), "{rest}");
    stage.later(601).await;
    receiver.until(2).await;
}

#[tokio::test]
async fn what_users_name_is_guarded_and_what_the_operator_configured_is_not() {
    let stage = Stage::new().await;
    let (named, configured) = (Receiver::new(&[]).await, Receiver::new(&[]).await);
    stage.catalog.configure_webhook(Some(&configured.url)).await.unwrap();
    stage.begin("room", vec![named.target()]).await;
    let _delivering = stage.deliver_to(Reach::public_and("SFU_ALLOW", []));
    configured.until(1).await;
    let refused = async {
        loop {
            let next = stage.catalog.next_deliveries(1, 1).await.unwrap();
            if let Some(error) = next.first().and_then(|next| next.error.clone()) {
                return error;
            }
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::time::timeout(LIMIT, refused).await.unwrap();
    assert!(error.contains("SFU_ALLOW"), "{error}");
    assert!(named.got.borrow().is_empty(), "nobody came");
}

#[tokio::test]
async fn one_connection_takes_events_one_after_another() {
    let stage = Stage::new().await;
    // What a target answers, taken or not, does not end it.
    let answers = [(200, "", "thank you"), (500, "", "not now"), (204, "", ""), (200, "", "")];
    let receiver = Receiver::new(&answers).await;
    let recording = stage.begin("room", vec![receiver.target()]).await;
    stage.happen(recording, 0..20).await;
    let _delivering = stage.deliver();
    receiver.until(2).await;
    stage.later(2).await;
    let got = receiver.until(22).await;
    let connections: HashSet<SocketAddr> = got.iter().map(|got| got.from).collect();
    assert_eq!(connections.len(), 1, "{connections:?}");
}

#[tokio::test]
async fn a_target_whose_name_moves_is_checked_again_and_found_where_it_is() {
    let stage = Stage::new().await;
    let first = Receiver::new(&[]).await;
    let port: u16 = first.url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    let second = Receiver::at(&format!("127.0.0.2:{port}"), &[]).await;
    let listed = ["127.0.0.1", "127.0.0.2"].map(|ip| ip.parse().unwrap());
    let reach = Reach::public_and("SFU_ALLOW", listed);
    reach.name_is_at("hooks.test", [127, 0, 0, 1]);
    let target = NewTarget { url: format!("http://hooks.test:{port}/hook"), secret: None, kinds: Vec::new() };
    let recording = stage.begin("room", vec![target]).await;
    let _delivering = stage.deliver_to(reach.clone());
    first.until(1).await;
    // The connection to where it was is open still.
    reach.name_is_at("hooks.test", [127, 0, 0, 2]);
    stage.happen(recording, 0..1).await;
    second.until(1).await;
    // Where it is now, nothing may go.
    reach.name_is_at("hooks.test", [127, 0, 0, 3]);
    stage.happen(recording, 1..2).await;
    let refused = async {
        loop {
            let next = stage.catalog.next_deliveries(1, 1).await.unwrap();
            if let Some(error) = next.first().and_then(|next| next.error.clone()) {
                return error;
            }
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::time::timeout(LIMIT, refused).await.unwrap();
    assert!(error.contains("SFU_ALLOW"), "{error}");
    assert_eq!((first.got.borrow().len(), second.got.borrow().len()), (1, 1), "nobody was told");
    reach.name_is_at("hooks.test", [127, 0, 0, 1]);
    stage.later(10).await;
    first.until(2).await;
    assert_eq!(second.got.borrow().len(), 1);
}
