//! Against a small service that a test steers.

use super::*;
use crate::media::Kind;
use crate::reach::Reach;
use crate::session::DtlsRole;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpListener;

/// What the service is like, and what it was asked.
struct Fake {
    /// Of `GET /rooms/{room}`.
    room: (u16, Value),
    /// Transports and consumers lie under the participant.
    nested: bool,
    /// What it calls receiving.
    direction: &'static str,
    resumes: bool,
    consumes: u16,
    /// Of everything, if it is broken.
    broken: Option<(u16, String)>,
    asked: Vec<(String, Value)>,
}

type Shared = Arc<Mutex<Fake>>;

struct Served {
    fake: Shared,
    source: Source,
    server: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve() -> Served {
    let fake = Arc::new(Mutex::new(Fake {
        room: (200, json!({"peers": []})),
        nested: false,
        direction: "recv",
        resumes: true,
        consumes: 200,
        broken: None,
        asked: Vec::new(),
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}/sfu/", listener.local_addr().unwrap()).parse().unwrap();
    let routes = axum::Router::new().fallback(answer).with_state(fake.clone());
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let source = Source {
        site: Reach::anywhere().resolve(&url).await.unwrap(),
        url,
        origin: None,
        room_id: "r/1 ü".into(),
        peer_id: "rec".into(),
        display_name: "Recorder".into(),
        join: serde_json::Map::new(),
    };
    Served { fake, source, server }
}

async fn answer(State(fake): State<Shared>, request: Request) -> (StatusCode, String) {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let body: Bytes = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut fake = fake.lock().unwrap();
    fake.asked.push((format!("{method} {path}"), body.clone()));
    if let Some((status, text)) = &fake.broken {
        return (StatusCode::from_u16(*status).unwrap(), text.clone());
    }
    let rest = path.strip_prefix("/sfu/rooms/r%2F1%20%C3%BC").expect("the base and the room are in the path");
    let nested = rest.strip_prefix("/peers/rec-").and_then(|rest| rest.split_once('/'));
    let (rest, is_nested) = match nested {
        Some((_, "leave")) => ("/leave", fake.nested),
        Some((_, rest)) => (rest, true),
        None => (rest.trim_start_matches('/'), false),
    };
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    let (status, answer) = match (method.as_str(), parts.as_slice()) {
        ("GET", [""]) => fake.room.clone(),
        ("POST", ["peers"]) => (200, json!({"peerId": body["peerId"], "rtpCapabilities": router()})),
        ("POST", ["leave"]) => (200, json!({})),
        _ if is_nested != fake.nested => (404, json!({"error": "no such route"})),
        ("POST", ["transports"]) if body["direction"] != fake.direction => {
            (400, json!({"error": "direction"}))
        }
        ("POST", ["transports"]) => (201, json!({"success": true, "data": transport()})),
        ("POST", ["consumers"]) => (fake.consumes, consumer(&body)),
        ("POST", ["consumers", _, "resume"]) if !fake.resumes => (404, json!({"error": "no such route"})),
        ("POST", [_, _, "connect" | "resume" | "close"]) => (200, Value::Null),
        other => (500, json!({"error": format!("{other:?}")})),
    };
    let text = if answer.is_null() { String::new() } else { answer.to_string() };
    (StatusCode::from_u16(status).unwrap(), text)
}

fn router() -> Value {
    json!({"codecs": [{"kind":"audio","mimeType":"audio/opus","preferredPayloadType":100,"clockRate":48000,
        "channels":2,"parameters":{},"rtcpFeedback":[]}], "headerExtensions": []})
}

fn transport() -> Value {
    json!({"transportId": "t1", "iceParameters": {"usernameFragment":"u","password":"p","iceLite":true},
        "iceCandidates": [{"foundation":"x","priority":1,"ip":"127.0.0.1","protocol":"udp","port":4000}],
        "dtlsParameters": {"role":"auto","fingerprints":[{"algorithm":"sha-256","value":"AA"}]}})
}

fn consumer(asked: &Value) -> Value {
    let producer = asked["producerId"].as_str().unwrap();
    json!({"id": format!("c-{producer}"), "producerId": producer, "kind": "audio",
        "rtpParameters": {"mid":"0","codecs":[],"encodings":[{"ssrc":7}]}})
}

fn ann(producers: &Value) -> (u16, Value) {
    (200, json!({"peers": [{"peerId": "ann", "fullName": "Ann", "producers": producers}]}))
}

impl Served {
    fn room(&self) -> Http {
        let mut room = connect(&self.source).unwrap();
        room.pace = Pace {
            pause: Duration::from_millis(10),
            longest: Duration::from_millis(20),
            lost: Duration::from_millis(200),
        };
        room
    }

    async fn joined(&self) -> Http {
        let mut room = self.room();
        let capabilities = room.enter().await.unwrap();
        room.create_transport().await.unwrap();
        room.join(&capabilities).await.unwrap();
        room
    }

    fn set(&self, room: (u16, Value)) {
        self.fake.lock().unwrap().room = room;
    }

    fn asked(&self, what: &str) -> Vec<Value> {
        let fake = self.fake.lock().unwrap();
        fake.asked.iter().filter(|(path, _)| path.ends_with(what)).map(|(_, body)| body.clone()).collect()
    }

    async fn until_asked(&self, what: &str) {
        let looking = async {
            while self.asked(what).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let looked = tokio::time::timeout(Duration::from_secs(10), looking).await;
        assert!(looked.is_ok(), "{what}: {:?}", self.fake.lock().unwrap().asked);
    }
}

async fn next(room: &mut Http) -> Event {
    tokio::time::timeout(Duration::from_secs(10), room.next()).await.expect("an event")
}

#[tokio::test]
async fn attends_a_room_by_its_routes() {
    let served = serve().await;
    served.set(ann(&json!([{"id": "p1", "kind": "audio"}])));
    let mut room = served.room();
    let capabilities = room.enter().await.unwrap();
    assert_eq!(room.create_transport().await.unwrap().id, "t1");
    let peers = room.join(&capabilities).await.unwrap();
    assert_eq!((peers[0].id.as_str(), peers[0].display_name.as_str(), peers.len()), ("ann", "Ann", 1));
    let fingerprints = Vec::new();
    room.connect_transport("t1", &DtlsParameters { role: Some(DtlsRole::Client), fingerprints })
        .await
        .unwrap();
    let Event::ConsumerOffered { token, consumer } = next(&mut room).await else { panic!() };
    assert_eq!((consumer.id.as_str(), consumer.peer_id.as_str()), ("c-p1", "ann"));
    assert_eq!((consumer.kind, consumer.producer_id.as_str()), (Kind::Audio, "p1"));
    assert!(served.asked("/resume").is_empty(), "not before it is accepted");
    room.accept(token).await.unwrap();
    served.until_asked("/consumers/c-p1/resume").await;

    // A late producer, a pause, an end, a rename, a departure.
    served.set(ann(&json!([{"id": "p1", "paused": true}, {"id": "p2"}])));
    assert_eq!(next(&mut room).await, Event::ConsumerPaused("c-p1".into()));
    let Event::ConsumerOffered { token, consumer } = next(&mut room).await else { panic!() };
    assert_eq!(consumer.id, "c-p2");
    room.reject(token, "not wanted").await;
    served.until_asked("/consumers/c-p2/close").await;
    served.set(ann(&json!([{"id": "p1"}, {"id": "p2"}])));
    assert_eq!(next(&mut room).await, Event::ConsumerResumed("c-p1".into()));
    served.set((200, json!({"peers": [{"peerId": "ann", "fullName": "Anna", "producers": ["p2"]}]})));
    assert_eq!(next(&mut room).await, Event::ConsumerClosed("c-p1".into()));
    assert!(matches!(next(&mut room).await, Event::PeerRenamed(peer) if peer.display_name == "Anna"));
    served.set((200, json!({"peers": [{"peerId": "ben"}]})));
    assert_eq!(next(&mut room).await, Event::ConsumerClosed("c-p2".into()));
    assert_eq!(next(&mut room).await, Event::PeerLeft("ann".into()));
    assert!(matches!(next(&mut room).await, Event::PeerJoined(peer) if peer.id == "ben"));

    room.leave().await;
    assert_eq!(next(&mut room).await, Event::Closed(Reason::Left));
    assert_eq!(next(&mut room).await, Event::Closed(Reason::Left));
    let asked = |what: &str| served.asked(what).len();
    assert_eq!((asked("/transports/t1/close"), asked("/leave"), asked("/consumers")), (1, 1, 2));
    let joined = &served.asked("POST /sfu/rooms/r%2F1%20%C3%BC/peers")[0];
    assert_eq!((&joined["fullName"], &joined["isProducer"]), (&json!("Recorder"), &json!(false)));
    assert_eq!(served.asked("/transports/t1/connect")[0]["dtlsParameters"]["role"], "client");
    assert_eq!(served.asked("/consumers")[0]["rtpCapabilities"], router());
}

#[tokio::test]
async fn what_services_differ_in_is_found_out() {
    let served = serve().await;
    {
        let mut fake = served.fake.lock().unwrap();
        (fake.nested, fake.direction, fake.resumes) = (true, "consumer", false);
        fake.room = ann(&json!(["p1", "p2"]));
    }
    let mut room = served.joined().await;
    for _ in 0..2 {
        let Event::ConsumerOffered { token, .. } = next(&mut room).await else { panic!() };
        room.accept(token).await.unwrap();
        served.until_asked("/resume").await;
    }
    assert_eq!(served.asked("/resume").len(), 1, "there is no such route, and once is enough to know");
    assert!(served.asked("/consumers")[0]["paused"].as_bool().unwrap());
}

#[tokio::test]
async fn a_room_that_is_not_joined_to_the_end_is_left() {
    let served = serve().await;
    let mut room = served.room();
    room.enter().await.unwrap();
    room.create_transport().await.unwrap();
    drop(room);
    served.until_asked("/transports/t1/close").await;
    served.until_asked("/leave").await;
    drop(served.joined().await);
    let left = async {
        while served.asked("/leave").len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), left).await.expect("dropping leaves");
    let names: Vec<Value> = served.asked("/peers").iter().map(|body| body["peerId"].clone()).collect();
    assert_ne!(names[0], names[1], "each visit has a name of its own");
    // A visit of ours that nobody has ended.
    served.set((200, json!({"peers": [{"peerId": "rec-of-old"}, {"peerId": "recluse"}]})));
    let mut room = served.room();
    let capabilities = room.enter().await.unwrap();
    room.create_transport().await.unwrap();
    let there = room.join(&capabilities).await.unwrap();
    assert_eq!(there.iter().map(|peer| peer.id.as_str()).collect::<Vec<_>>(), ["recluse"]);
    assert_eq!(served.asked("/peers/rec-of-old/leave").len(), 1);
}

#[tokio::test]
async fn a_closed_room_a_forgetful_and_a_dead_service_are_told_apart() {
    let served = serve().await;
    let mut room = served.joined().await;
    served.set((404, json!({"error": "Room not found"})));
    let ended = Event::Closed(Reason::Ended { code: 404, reason: "Room not found".into() });
    assert_eq!(next(&mut room).await, ended);

    served.set(ann(&json!([])));
    let mut room = served.joined().await;
    let us = served.asked("/peers").last().unwrap()["peerId"].clone();
    served.set((200, json!({"peers": [{"peerId": us}]})));
    assert_eq!(next(&mut room).await, Event::PeerLeft("ann".into()));
    served.set((200, json!({"peers": []})));
    assert!(matches!(next(&mut room).await, Event::Closed(Reason::Lost(_))));

    // A service that is down for a while and comes back is none.
    let mut room = served.joined().await;
    served.fake.lock().unwrap().broken = Some((502, "bad gateway".into()));
    served.fake.lock().unwrap().asked.clear();
    served.until_asked("%BC").await;
    served.fake.lock().unwrap().broken = None;
    served.set(ann(&json!([])));
    assert!(matches!(next(&mut room).await, Event::PeerJoined(_)));
    // One that comes back without its rooms has restarted: that is no end.
    served.fake.lock().unwrap().broken = Some((502, "bad gateway".into()));
    served.fake.lock().unwrap().asked.clear();
    served.until_asked("%BC").await;
    served.fake.lock().unwrap().broken = Some((404, "no room".into()));
    assert!(matches!(next(&mut room).await, Event::Closed(Reason::Lost(why)) if why.contains("restarted")));

    served.fake.lock().unwrap().broken = None;
    served.set(ann(&json!([])));
    let mut room = served.joined().await;
    served.server.abort();
    assert!(matches!(next(&mut room).await, Event::Closed(Reason::Lost(_))));
}

#[tokio::test]
async fn a_producer_that_cannot_be_consumed_yet_is_tried_again() {
    let served = serve().await;
    served.fake.lock().unwrap().consumes = 500;
    served.set(ann(&json!(["p1"])));
    let mut room = served.joined().await;
    served.until_asked("/consumers").await;
    served.fake.lock().unwrap().consumes = 200;
    assert!(matches!(next(&mut room).await, Event::ConsumerOffered { .. }));
    let tries = served.asked("/consumers").len();
    assert!(tries >= 2, "{tries}");
}

#[tokio::test]
async fn failure_34_nonsense_and_too_much_are_errors() {
    let served = serve().await;
    let break_it = |status: u16, text: &str| {
        served.fake.lock().unwrap().broken = Some((status, text.to_owned()));
    };
    for text in ["", "null", "[]", "{", "{\"rtpCapabilities\": 7}", &"[".repeat(10_000)] {
        break_it(200, text);
        let mut room = served.room();
        assert!(matches!(room.enter().await, Err(Error::Protocol { .. })), "{text:.30}");
        assert!(matches!(room.create_transport().await, Err(Error::Protocol { .. })), "{text:.30}");
    }
    break_it(200, &format!("\"{}\"", "x".repeat(2 << 20)));
    let Err(Error::Protocol { source, .. }) = served.room().enter().await else { panic!() };
    assert!(source.to_string().contains("too long"), "{source}");
    break_it(503, "{\"error\": \"full\"}");
    let Err(Error::Refused { code, reason }) = served.room().enter().await else { panic!() };
    assert_eq!((code, reason.as_str()), (503, "full"));
    break_it(302, "elsewhere");
    assert!(matches!(served.room().enter().await, Err(Error::Refused { code: 302, .. })));
    let socket = Source { url: "ws://127.0.0.1/".parse().unwrap(), ..served.source.clone() };
    assert!(matches!(connect(&socket), Err(Error::Url(_))));
    let nameless = Source { room_id: String::new(), ..served.source.clone() };
    assert!(matches!(connect(&nameless), Err(Error::Url(_))));
}
