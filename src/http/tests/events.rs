use super::*;
use crate::catalog::{EndedBy, EventKind, Failure, Finish, NewEvent, NewTarget, Status};
use crate::id::RecordingId;
use crate::time::WallTime;
use axum::body::BodyDataStream;
use futures_util::StreamExt;
use serde_json::json;
use std::time::Duration;

const EVENTS: &str = "/api/v1/events";
const DEAD: &str = "/api/v1/webhooks/dead";
const LIMIT: Duration = Duration::from_secs(10);

impl TestApp {
    async fn happen(&self, kind: EventKind, number: u64) {
        let recording = self.fixture.recording;
        let event = NewEvent { recording, kind, data: json!({"number": number}) };
        self.fixture.catalog.add_event(&event).await.unwrap();
    }

    async fn listen(&self, query: &str, last: &str) -> Listener {
        let mut request = Request::get(format!("{EVENTS}{query}"))
            .header("authorization", format!("Bearer {}", token(Role::Student)))
            .header("accept-encoding", "gzip");
        if !last.is_empty() {
            request = request.header("last-event-id", last);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers().clone();
        Listener { headers, body: response.into_body().into_data_stream(), text: String::new() }
    }
}

struct Listener {
    headers: HeaderMap,
    body: BodyDataStream,
    text: String,
}

impl Listener {
    /// The next event: its id, type and JSON. `None` at the end.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|line| line.trim_start().to_owned())
                };
                if let Some(data) = field("data:") {
                    return Some((field("id:")?, field("event:")?, serde_json::from_str(&data).unwrap()));
                }
            }
            let piece =
                tokio::time::timeout(LIMIT, self.body.next()).await.expect("something comes")?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut found = Vec::new();
        while found.len() < count {
            let (_, _, event) = self.next().await.expect("it goes on");
            found.push(event["sequence"].as_u64().unwrap());
        }
        found
    }
}

#[tokio::test]
async fn a_recordings_log_is_listed_in_order_and_by_pages() {
    let app = TestApp::new().await;
    for number in 0..4 {
        app.happen(if number % 2 == 0 { EventKind::TrackStalled } else { EventKind::TrackResumed }, number)
            .await;
    }
    app.fixture.finish(1000).await;
    let all = app.get(&app.at("/events"), Role::Student).await.json();
    let events = all["events"].as_array().unwrap();
    assert_eq!(events.len(), 6);
    assert!(all["next"].is_null());
    assert_eq!(
        (&events[0]["type"], &events[5]["type"]),
        (&json!("recording.started"), &json!("recording.completed"))
    );
    assert!(events.iter().enumerate().all(|(index, event)| event["sequence"] == index + 1));
    assert_eq!(events[2]["data"], json!({"number": 1}));
    assert_eq!(events[2]["recording_id"], app.fixture.recording.to_string());
    let page = app.get(&app.at("/events?after=1&limit=2"), Role::Student).await.json();
    assert_eq!((&page["events"][0]["sequence"], &page["next"]), (&json!(2), &json!(3)));
    let stalls =
        app.get(&app.at("/events?types=track.stalled,recording.completed"), Role::Student).await.json();
    assert_eq!(stalls["events"].as_array().unwrap().len(), 3);
    for (query, field) in [("after=x", "after"), ("limit=-1", "limit"), ("types=track.lost", "types")] {
        let body =
            app.get(&app.at(&format!("/events?{query}")), Role::Student).await.problem(400, "bad-request");
        assert_eq!(body["field"], field);
    }
    let unknown = format!("{BASE}/{}/events", RecordingId::new());
    app.get(&unknown, Role::Student).await.problem(404, "not-found");
    app.get(&app.at("/events"), Role::Unknown).await.problem(404, "not-found");
}

#[tokio::test]
async fn listeners_hear_the_log_in_its_order_and_resume() {
    let app = TestApp::new().await;
    let mut live = app.listen("", "").await;
    assert_eq!(live.headers["content-type"], "text/event-stream");
    assert!(!live.headers.contains_key("content-encoding"), "compression would hold events back");
    assert_eq!(live.headers["cache-control"], "no-store");
    // Heard while it is told: who takes nothing for a while is cut off, and a busy machine may take as long to tell it all.
    let told = async {
        for number in 0..150 {
            app.happen(EventKind::TrackStalled, number).await;
        }
    };
    let heard = async { (live.next().await.unwrap(), live.numbers(149).await) };
    let ((), ((first, kind, event), numbers)) = tokio::join!(told, heard);
    assert_eq!(
        (kind.as_str(), &event["id"], &event["sequence"]),
        ("track.stalled", &json!(first), &json!(2))
    );
    assert_eq!(numbers, (3..152).collect::<Vec<_>>());
    drop(live);
    let mut resumed = app.listen("", &first).await;
    app.happen(EventKind::TrackResumed, 150).await;
    assert_eq!(resumed.numbers(150).await, (3..153).collect::<Vec<_>>());
    let mut filtered =
        app.listen(&format!("?types=track.resumed&recording={}", app.fixture.recording), "0").await;
    assert_eq!(filtered.numbers(1).await, [152]);
    // The service ends: what is in the log is told, and nothing is waited for.
    app.fixture.finish(1000).await;
    app.closing.cancel();
    assert_eq!(resumed.next().await.unwrap().1, "recording.completed");
    assert_eq!(resumed.next().await, None);
    assert_eq!(filtered.next().await, None);
    for (query, field) in
        [("?recording=x", "recording"), ("?types=x", "types"), ("?last_event_id=x", "last_event_id")]
    {
        let answer = app.get(&format!("{EVENTS}{query}"), Role::Student).await;
        assert_eq!(answer.problem(400, "bad-request")["field"], field);
    }
    app.get(EVENTS, Role::Unknown).await.problem(403, "forbidden");
    app.send(Request::get(EVENTS).body(Body::empty()).unwrap()).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_listener_who_takes_nothing_is_cut_off_and_may_come_back() {
    let app = TestApp::new().await;
    for number in 0..200 {
        app.happen(EventKind::TrackStalled, number).await;
    }
    let mut slow = app.listen("", "0").await;
    let _other = app.listen("", "").await;
    let full = app.get(EVENTS, Role::Student).await;
    full.problem(503, "too-many-listeners");
    assert_eq!(full.header("retry-after"), "10");
    let cut_off = async {
        while app.listeners.places.available_permits() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, cut_off).await.expect("it is cut off");
    let mut last = String::new();
    let mut heard = 0;
    while let Some((id, _, event)) = slow.next().await {
        (last, heard) = (id, event["sequence"].as_u64().unwrap());
    }
    assert!((10..201).contains(&heard), "what was held was bounded: {heard}");
    let mut back = app.listen("", &last).await;
    let rest = usize::try_from(201 - heard).unwrap();
    assert_eq!(back.numbers(rest).await, (heard + 1..202).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_listener_hears_as_long_as_its_token_is_good() {
    let app = TestApp::new().await;
    let claims = Claims::new("user-1", "user@example.org", Role::Student, SystemClock.wall(), 1);
    let token = mint(SECRET, &claims).unwrap();
    let request =
        Request::get(format!("{EVENTS}?last_event_id=0&token={token}")).body(Body::empty()).unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let (headers, body) = (response.headers().clone(), response.into_body().into_data_stream());
    let mut listener = Listener { headers, body, text: String::new() };
    assert_eq!(listener.next().await.unwrap().1, "recording.started");
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn dead_webhooks_are_shown_and_repeated() {
    let app = TestApp::new().await;
    let catalog = &app.fixture.catalog;
    catalog.configure_webhook(Some("https://app.example.org/hook?key=hidden")).await.unwrap();
    for number in 0..3 {
        app.happen(EventKind::TrackStalled, number).await;
    }
    let failure = Failure { status: Some(500), error: "the target answered 500".to_owned() };
    for _ in 0..2 {
        let next = catalog.next_deliveries(1, 1).await.unwrap().remove(0);
        catalog.not_delivered(next.id, &failure, WallTime(7_000_000), None).await.unwrap();
    }
    let body = app.get(DEAD, Role::Admin).await.json();
    let dead = body["dead"].as_array().unwrap();
    assert_eq!((dead.len(), &dead[0]["status"], &dead[0]["attempts"]), (2, &json!(500), &json!(1)));
    assert_eq!(
        (&dead[0]["url"], &dead[0]["died_at"]),
        (&json!("https://app.example.org/hook"), &json!("1970-01-01T00:00:07.000Z"))
    );
    assert_eq!(dead[1]["event"]["sequence"], 3);
    let page = app.get(&format!("{DEAD}?limit=1"), Role::Admin).await.json();
    let rest = app.get(&format!("{DEAD}?after={}", page["next"]), Role::Admin).await.json();
    assert_eq!((&rest["dead"][0], &rest["next"]), (&dead[1], &Value::Null));
    let other = app.get(&format!("{DEAD}?recording={}", RecordingId::new()), Role::Admin).await.json();
    assert_eq!(other["dead"], json!([]));
    let metrics = app.send(Request::get("/metrics").body(Body::empty()).unwrap()).await.text();
    for line in ["tureen_events_total 4", "tureen_webhooks_pending 1", "tureen_webhooks_dead 2"] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line}: {metrics}");
    }
    assert!(metrics.contains("tureen_webhook_deliveries_total{outcome=\"delivered\"} 0\n"), "{metrics}");
    let redeliver = format!("{DEAD}/redeliver");
    let one = json!({"ids": [dead[0]["id"]]}).to_string();
    let answer = app.call(Method::POST, &redeliver, Role::Admin, &one).await;
    assert_eq!((answer.status, &answer.json()["queued"]), (StatusCode::ACCEPTED, &json!(1)));
    let answer = app.call(Method::POST, &redeliver, Role::Admin, r#"{"all": true}"#).await;
    assert_eq!(answer.json()["queued"], 1);
    assert_eq!(catalog.delivery_counts().await.unwrap(), (3, 0));
    app.call(Method::POST, &redeliver, Role::Admin, "{}").await.problem(400, "bad-request");
    app.call(Method::POST, &redeliver, Role::Student, r#"{"all": true}"#).await.problem(403, "forbidden");
    app.get(DEAD, Role::Student).await.problem(403, "forbidden");
}

#[tokio::test]
async fn events_are_replayed_by_id_by_recording_and_by_range() {
    let app = TestApp::new().await;
    let catalog = &app.fixture.catalog;
    let replay = format!("{EVENTS}/replay");
    let recording = app.fixture.recording;
    for number in 0..3 {
        app.happen(EventKind::TrackStalled, number).await;
    }
    catalog.configure_webhook(Some("https://app.example.org/hook")).await.unwrap();
    let events = catalog.events(recording, 0, &[], 10).await.unwrap();
    let from = events[0].at.to_string();
    for (body, queued) in [
        (json!({"event_ids": [events[1].id, events[2].id]}), 2),
        (json!({"recording_id": recording}), 4),
        (json!({"recording_id": recording, "from_sequence": 2, "to_sequence": 3}), 2),
        (json!({"from": "2020-01-01"}), 4),
        (json!({"from": "2020-01-01", "to": "2020-01-02"}), 0),
        (json!({"from": from}), 4),
        (json!({"recording_id": RecordingId::new()}), 0),
    ] {
        let answer = app.call(Method::POST, &replay, Role::Admin, &body.to_string()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["queued"]), (202, &json!(queued)), "{body}");
    }
    for body in
        ["{}", "nonsense", r#"{"event_ids": ["x"]}"#, r#"{"from": "yesterday"}"#, r#"{"everything": true}"#]
    {
        app.call(Method::POST, &replay, Role::Admin, body).await.problem(400, "bad-request");
    }
    app.call(Method::POST, &replay, Role::Student, "{}").await.problem(403, "forbidden");
}

#[tokio::test]
async fn a_start_names_its_targets_well_or_is_refused() {
    let app = TestApp::new().await;
    let start = format!("{BASE}/start");
    let good = json!({"url": "https://app.example.org/hook"});
    for (webhooks, field) in [
        (json!([{"url": "ftp://app.example.org"}]), "webhooks[0].url"),
        (json!([good, {"url": "https://user:pw@app.example.org"}]), "webhooks[1].url"),
        (json!([{"url": "https://app.example.org", "secret": "short"}]), "webhooks[0].secret"),
        (json!([{"url": "https://app.example.org", "events": ["recording.lost"]}]), "webhooks[0].events"),
        (json!(vec![good.clone(); 9]), "webhooks"),
    ] {
        let body = json!({
            "room_id": "r", "title": "t", "webhooks": webhooks,
            "source": {"mode": "protoo", "url": "ws://127.0.0.1:9/"},
        });
        let answer = app.call(Method::POST, &start, Role::Teacher, &body.to_string()).await;
        let told = answer.problem(400, "bad-request");
        assert_eq!(told["field"], field, "{told}");
        assert!(!told.to_string().contains("user:pw"), "{told}");
    }
    let unknown = json!({"room_id": "r", "title": "t", "webhooks": [{"url": "https://a.org", "secrets": 1}]});
    app.call(Method::POST, &start, Role::Teacher, &unknown.to_string()).await.problem(400, "bad-request");
    let target = NewTarget { url: String::new(), secret: Some("whsec_x".to_owned()), kinds: Vec::new() };
    assert!(!format!("{target:?}").contains("whsec_x"));
    let finish = Finish {
        status: Status::Failed,
        stopped_at: WallTime(1),
        duration_micros: 0,
        bytes: 0,
        ended_by: EndedBy::Room,
        error: Some("gone".to_owned()),
    };
    app.fixture.catalog.finish_recording(app.fixture.recording, &finish).await.unwrap();
    let log = app.get(&app.at("/events?types=recording.failed"), Role::Student).await.json();
    assert_eq!(log["events"][0]["data"]["error"], "gone");
}
