//! CMCD on requests, and in reports.

use super::*;
use crate::analytics::cmcd::Object;
use crate::analytics::event::{Event, Requested, Segment};
use crate::analytics::ranges::Interval;
use crate::analytics::session::Source;
use crate::catalog::{Viewing, ViewingFilter, Watcher};
use crate::id::TrackId;
use crate::media::Codec;
use serde_json::json;

/// Hundred seconds of a camera, whose media begins at 1 s.
async fn running() -> (TestApp, TrackId) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let segments: Vec<_> = (0..50).map(|number| (0, 1000 + number * 2000, 2000)).collect();
    let camera = app.fixture.track(ada, Codec::H264, "camera", &segments).await;
    (app, camera)
}

async fn recorded() -> (TestApp, TrackId) {
    let (app, camera) = running().await;
    app.fixture.finish(101_000).await;
    (app, camera)
}

/// A payload as an argument.
fn argument(payload: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("CMCD", payload).finish()
}

impl TestApp {
    fn file(&self, track: TrackId, name: &str) -> String {
        self.at(&format!("/stream/{track}/{name}"))
    }

    /// All that was said with requests is kept, or dropped.
    async fn kept(&self) -> Vec<Viewing> {
        let empty = async {
            while self.inbox.waiting() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), empty).await.unwrap();
        let mut found = self.fixture.catalog.viewings(&ViewingFilter::default(), 100).await.unwrap();
        found.sort_by(|one, other| one.client.cmp(&other.client));
        found
    }

    async fn requests(&self, viewing: &Viewing) -> Vec<Requested> {
        let events = self.fixture.catalog.view_events(viewing.id).await.unwrap();
        let of_request = |event| match event {
            Event::Request(requested) => requested,
            other => panic!("no request: {other:?}"),
        };
        events.into_iter().map(of_request).collect()
    }

    async fn report(&self, kind: Option<&str>, body: &str) -> Answer {
        let path = self.at(&format!("/cmcd?token={}", token(Role::Student)));
        let mut request = Request::post(path);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn counted(&self, what: &str, outcome: &str) -> String {
        let metrics = self.bare(Method::GET, "/metrics", "").await.text();
        let start = format!("tureen_view_told_total{{what=\"{what}\",outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    }
}

#[tokio::test]
async fn requests_with_cmcd_are_kept_with_what_they_were_for() {
    let (app, track) = recorded().await;
    let plain = app.get(&app.file(track, "3.m4s"), Role::Student).await;
    let payload = r#"bl=4000,br=900,cid="x",ot=v,pr=1.5,sf=h,sid="s-1",st=v,foo=1"#;
    let said = app.get(&app.file(track, &format!("3.m4s?{}", argument(payload))), Role::Student).await;
    // The answer is the same.
    assert_eq!((said.status, &said.body), (StatusCode::OK, &plain.body));
    for name in ["etag", "cache-control", "content-type"] {
        assert_eq!(said.header(name), plain.header(name), "{name}");
    }
    let tag = plain.header("etag").to_owned();
    let in_headers = [
        ("cmcd-request", "bl=2000,su"),
        ("cmcd-object", "br=(900;v),ot=v"),
        ("cmcd-session", "sid=\"s-1\",v=2"),
        ("cmcd-status", "bs"),
        ("range", "bytes=0-9"),
    ];
    let last = app.get_with(&app.file(track, "at-8820000.m4s"), Role::Student, &in_headers).await;
    assert_eq!(last.status, StatusCode::PARTIAL_CONTENT);
    let again = [("cmcd-session", "sid=\"s-1\""), ("if-none-match", tag.as_str())];
    assert_eq!(app.get_with(&app.file(track, "3.m4s"), Role::Student, &again).await.status, 304);

    let found = app.kept().await;
    let [viewing] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((viewing.client.as_str(), &viewing.watcher), ("s-1", &Watcher::User(GUEST.to_owned())));
    let requests = app.requests(viewing).await;
    let place = |start_ms, last| Segment {
        track: track.to_string(),
        video: true,
        start_ms,
        end_ms: start_ms + 2000,
        height: Some(480),
        fill: false,
        last,
    };
    let segments: Vec<_> = requests.iter().map(|one| (one.segment.clone(), one.bytes, one.zero_ms)).collect();
    let whole = plain.body.len() as u64;
    assert_eq!(
        segments,
        [(place(7000, false), whole, 1000), (place(99_000, true), 10, 1000), (place(7000, false), 0, 1000)]
    );
    let first = &requests[0].cmcd;
    assert_eq!((first.bl[0].number, first.pr, &first.sid, &first.cid), (4000, Some(1500), &None, &None));
    assert!(requests[1].cmcd.bs && requests[1].cmcd.su && requests[1].cmcd.v == Some(2));
    assert_eq!(
        (app.counted("requests", "taken").await, app.counted("members", "unknown").await),
        ("3".into(), "1".into())
    );
    let told = app.get(&app.at("/analytics"), Role::Teacher).await.json();
    assert_eq!(
        (&told["sessions"][0]["source"], &told["sessions"][0]["estimated"]),
        (&json!("requests"), &json!(true)),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_no_viewing_makes_no_event() {
    let (app, track) = recorded().await;
    let at = |name: &str, payload: &str| app.file(track, &format!("{name}?{}", argument(payload)));
    let long = format!("sid=\"a\",cid=\"{}\"", "x".repeat(9000));
    for (path, status) in [
        (app.file(track, "0.m4s"), 200),
        (at("0.m4s", ""), 200),
        (at("0.m4s", "bl=100,ot=v"), 200),
        (at("0.m4s", "sid=\"with space\""), 200),
        (at("0.m4s", "sid=\"\""), 200),
        (at("0.m4s", &long), 200),
        (at("init-0.mp4", "ot=i,sid=\"a\""), 200),
        (at("99.m4s", "ot=v,sid=\"a\""), 404),
        (app.file(track, "0.m4s?CMCD"), 200),
        (app.file(track, "0.m4s?CMCD=%ff%00%zz"), 200),
        (app.at("/stream/playlist.m3u8?CMCD=ot%3Dm,sid%3D%22a%22"), 200),
        (app.at("/stream/manifest.mpd?CMCD=ot%3Dm,sid%3D%22a%22"), 200),
    ] {
        let answer = app.get(&path, Role::Student).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(!answer.text().contains("CMCD"), "{path}: {}", answer.text());
    }
    let head = Request::head(at("0.m4s", "ot=v,sid=\"a\""))
        .header("authorization", format!("Bearer {}", token(Role::Student)));
    app.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!(app.kept().await, []);
    assert_eq!(
        (app.counted("requests", "refused").await, app.counted("requests", "taken").await),
        ("3".into(), "0".into())
    );
    // An init segment that is asked for because the buffer had run empty tells that.
    app.get(&at("init-0.mp4", "bs,sid=\"a\""), Role::Student).await;
    let found = app.kept().await;
    let requests = app.requests(&found[0]).await;
    assert_eq!(
        (requests.len(), requests[0].cmcd.ot, requests[0].segment.start_ms),
        (1, Some(Object::Init), 1000)
    );
}

#[tokio::test]
async fn sessions_are_of_their_viewers_and_what_comes_together_is_kept_together() {
    let (app, track) = running().await;
    for number in 0..6 {
        let payload =
            argument(&format!("bl=6000,ot=v,sid=\"s\",su={}", if number == 0 { "?1" } else { "?0" }));
        let path = app.file(track, &format!("{number}.m4s?{payload}"));
        app.get(&path, Role::Student).await;
        app.get(&path, Role::Teacher).await;
        app.get_with(&path, Role::Student, &[("dnt", "1")]).await;
    }
    let found = app.kept().await;
    let mut watchers: Vec<&Watcher> = found.iter().map(|viewing| &viewing.watcher).collect();
    watchers.sort();
    let user = |id: &str| Watcher::User(id.to_owned());
    assert_eq!(watchers, [&user(OWNER), &user(GUEST), &Watcher::Untracked]);
    for viewing in &found {
        let requests = app.requests(viewing).await;
        let starts: Vec<i64> = requests.iter().map(|one| one.segment.start_ms).collect();
        assert_eq!(starts, [1000, 3000, 5000, 7000, 9000, 11_000], "{viewing:?}");
        assert!(requests.iter().all(|one| !one.segment.last));
    }
    // Nothing is lost when the service ends, and nothing is taken afterwards.
    let at = |number: u32| app.file(track, &format!("{number}.m4s?{}", argument("ot=v,sid=\"late\"")));
    app.get(&at(1), Role::Student).await;
    app.inbox.end().await;
    assert_eq!(app.kept().await.iter().filter(|viewing| viewing.client == "late").count(), 1);
    assert_eq!(app.get(&at(2), Role::Student).await.status, StatusCode::OK);
    assert_eq!(app.counted("requests", "dropped").await, "1");
}

/// Plays 20 s from the beginning, stalls for 2 s, goes to 60 s and plays 5 s.
fn records(id: &str, track: TrackId, session: &str) -> String {
    let url =
        |number: u32| format!("https://x.org/api/v1/recordings/{id}/stream/{track}/{number}.m4s?token=t");
    let told = [
        (0, "e=ps,sta=s".to_owned()),
        (50, format!("e=rr,rc=200,url=\"{}\"", url(0))),
        (400, "e=ps,sta=p".to_owned()),
        (10_400, "e=t,sta=p".to_owned()),
        (20_400, "e=ps,sta=r".to_owned()),
        (22_400, "e=ps,sta=p".to_owned()),
        (22_500, "e=ps,sta=k".to_owned()),
        (22_550, format!("e=rr,rc=200,url=\"{}\"", url(30))),
        (22_900, "e=ps,sta=p".to_owned()),
        (27_900, "e=ps,sta=q".to_owned()),
    ];
    let line = |(number, (ts, text)): (usize, &(i64, String))| {
        format!("{text},sid=\"{session}\",sn={number},ts={},v=2\n", 1_790_000_000_000 + ts)
    };
    told.iter().enumerate().map(line).collect()
}

#[tokio::test]
async fn reports_make_a_session() {
    let (app, track) = recorded().await;
    let body = records(&app.fixture.recording.to_string(), track, "r-1");
    let answer = app.report(Some("application/cmcd"), &body).await;
    assert_eq!((answer.status, &answer.json()["taken"]), (StatusCode::OK, &json!(10)), "{}", answer.text());
    let session = app.get(&app.at("/analytics"), Role::Teacher).await.json()["sessions"][0].clone();
    for (name, wanted) in [
        ("session_id", json!("r-1")),
        ("viewer", json!(GUEST)),
        ("source", json!("reports")),
        ("estimated", json!(false)),
        ("stalls", json!(1)),
        ("seeks", json!(1)),
        ("startup_ms", json!(400)),
    ] {
        assert_eq!(session[name], wanted, "{name}: {session}");
    }
    let played = session["played_seconds"].as_f64().unwrap();
    assert!((played - 25.0).abs() < 2.0, "{session}");
    let second = &session["seen"][1];
    assert!((second["start"].as_f64().unwrap() - 61.0).abs() <= 2.0, "{session}");
    // Sent again it counts once, whatever it calls itself.
    for kind in [None, Some("text/plain;charset=UTF-8"), Some("application/json")] {
        assert_eq!(app.report(kind, &body).await.status, StatusCode::OK);
    }
    assert_eq!(app.get(&app.at("/analytics"), Role::Teacher).await.json()["sessions"][0], session);
    assert_eq!(
        (app.counted("events", "taken").await, app.counted("events", "known").await),
        ("10".into(), "30".into())
    );
    let rebuilt = crate::cli::rebuild(&app.fixture.catalog).await.unwrap();
    assert_eq!(rebuilt.to_string(), "1 sessions, 0 changed; 0 sums changed");
}

#[tokio::test]
async fn reports_and_requests_of_a_session_are_one() {
    let (app, track) = running().await;
    let payload = argument("bl=0,ot=v,sid=\"one\",su,v=2");
    app.get(&app.file(track, &format!("5.m4s?{payload}")), Role::Student).await;
    assert_eq!(app.kept().await[0].numbers.source, Source::Requests);
    // A playhead of the player's counts from the first media of whom it shows.
    let body = "e=ps,pt=10000,sid=\"one\",sn=1,sta=p,ts=1000,v=2\r\n\r\ne=ps,pt=15000,sid=\"one\",sn=2,sta=a,ts=6000,v=2\n";
    assert_eq!(app.report(None, body).await.status, StatusCode::OK);
    let found = app.kept().await;
    let [viewing] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(viewing.numbers.source, Source::Reports);
    let seen: Vec<_> = viewing.numbers.seen.iter().collect();
    assert_eq!(seen, [Interval::from((11_000, 16_000))]);
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let (app, _) = recorded().await;
    for (body, field) in [
        ("", "e"),
        ("\n\n", "e"),
        ("{\"e\":\"ps\"}", "e"),
        ("sid=\"a\",ts=1", "e"),
        ("sid=\"a\",e=ps", "e"),
        ("e=ps,ts=1", "sid"),
        ("e=ps,ts=1,sid=\"with space\"", "sid"),
        ("e=ps,ts=1,sid=\"@20000\"", "sid"),
        ("e=ps,ts=1,sid=7", "sid"),
        ("\u{0}\u{1}", "e"),
    ] {
        let problem = app.report(Some("application/cmcd"), body).await.problem(400, "bad-request");
        assert_eq!(problem["field"], field, "{body:?}");
    }
    let longest = "e=ps,sid=\"a\",ts=1,cid=\"x\"\n".repeat(3000);
    app.report(None, &longest).await.problem(413, "too-large");
    assert_eq!(app.kept().await, []);
    // One that is good is taken, whatever is beside it.
    let body = "nonsense\ne=ps,sid=\"a\",sn=0,sta=s,ts=1\ne=ps,ts=2\ne=ps,sid=\"b\",sn=0,sta=s,ts=1,zz=1\n";
    assert_eq!(app.report(None, body).await.status, StatusCode::OK);
    assert_eq!(app.kept().await.iter().map(|one| one.client.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let many: String = (0..300).map(|sn| format!("e=t,sid=\"many\",sn={sn},sta=p,ts={sn}\n")).collect();
    assert_eq!(app.report(None, &many).await.status, StatusCode::OK);
    assert_eq!(app.counted("events", "taken").await, "258");
}

#[tokio::test]
async fn players_of_other_origins_may_say_it() {
    let preflight = |path: &str, method: &str, headers: &str| {
        Request::options(path)
            .header("origin", "https://app.example.org")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers)
            .body(Body::empty())
            .unwrap()
    };
    let (app, track) = recorded().await;
    let reports = app.send(preflight(&app.at("/cmcd"), "POST", "content-type")).await;
    assert_eq!((reports.status, reports.header("access-control-allow-methods")), (StatusCode::OK, "POST"));
    assert_eq!(reports.header("access-control-allow-origin"), "*");
    assert!(reports.header("access-control-allow-headers").contains("content-type"));
    let file = app.file(track, "0.m4s");
    let names = "cmcd-object,cmcd-request,cmcd-session,cmcd-status";
    let requests = app.send(preflight(&file, "GET", names)).await;
    assert!(names.split(',').all(|name| requests.header("access-control-allow-headers").contains(name)));
    for path in [app.at("/progress"), app.at("/stop"), app.at("")] {
        let others = app.send(preflight(&path, "POST", "content-type")).await;
        assert_eq!(others.header("access-control-allow-methods"), "GET", "{path}");
    }
    let app = TestApp::with(Origins::Only(vec!["https://other.example.org".to_owned()])).await;
    let refused = app.send(preflight(&app.at("/cmcd"), "POST", "content-type")).await;
    assert_eq!(refused.header("access-control-allow-origin"), "");
}
