//! Who watches now.

use super::*;
use crate::catalog::AuditFilter;
use axum::body::BodyDataStream;
use futures_util::StreamExt;

const LIVE: &str = "/api/v1/analytics/live";
const LIMIT: Duration = Duration::from_secs(10);

/// One who listens.
struct Ear {
    body: BodyDataStream,
    text: String,
}

impl Ear {
    /// The data of the next event `viewers`; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data:")).map(str::to_owned);
                let named = block.lines().any(|line| line.trim_end() == "event: viewers");
                self.text = rest.to_owned();
                if let Some(data) = data {
                    assert!(named, "an event of another name");
                    return Some(serde_json::from_str(&data).unwrap());
                }
            }
            let piece =
                tokio::time::timeout(LIMIT, self.body.next()).await.expect("something comes")?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Sessions, viewers, and the most sessions.
    async fn counts(&mut self) -> (u64, u64, u64) {
        let told = self.next().await.expect("it goes on");
        let number = |name: &str| told[name].as_u64().unwrap();
        (number("sessions"), number("viewers"), number("peak_sessions_since"))
    }
}

impl TestApp {
    /// Listens with the token in the address, as browsers must.
    async fn ear(&self, path: &str, role: Role) -> Ear {
        let path = format!("{path}?token={}", token(role));
        let request = Request::get(path).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(!response.headers().contains_key("content-encoding"), "compression would hold events back");
        Ear { body: response.into_body().into_data_stream(), text: String::new() }
    }
}

#[tokio::test]
async fn who_watches_now_is_told_at_once_and_when_it_changes() {
    let app = recorded().await;
    let path = app.at("/analytics/live");
    let mut owner = app.ear(&path, Role::Teacher).await;
    let mut all = app.ear(LIVE, Role::Admin).await;
    let first = owner.next().await.unwrap();
    assert_eq!(
        (&first["recording_id"], &first["sessions"], &first["viewers"]),
        (&json!(app.fixture.recording), &json!(0), &json!(0))
    );
    assert!(first["at"].is_string() && first.get("playing").is_none());
    assert!(all.next().await.unwrap().get("recording_id").is_none());
    // As many listen as may.
    app.get(&path, Role::Teacher).await.problem(503, "too-many-listeners");
    app.told(Role::Student, &batch("one", &viewing())).await;
    assert_eq!(owner.counts().await, (1, 1, 1));
    assert_eq!(all.counts().await, (1, 1, 1));
    app.told(Role::Student, &batch("two", &viewing())).await;
    app.told(Role::Student, &batch("two", &viewing())).await;
    assert_eq!(owner.counts().await, (2, 1, 2));
    assert_eq!(all.counts().await, (2, 1, 2));
    // The service ends.
    app.closing.cancel();
    assert_eq!(owner.next().await, None);
    assert_eq!(all.next().await, None);
    let rows = app.fixture.catalog.audit_page(&AuditFilter::default(), None, 1000).await.unwrap().rows;
    let of = |route: &str| rows.iter().filter(|row| row.route.as_deref() == Some(route)).count();
    assert_eq!(of("GET /api/v1/recordings/{id}/analytics/live"), 2);
    assert_eq!(of(&format!("GET {LIVE}")), 1);
}

#[tokio::test]
async fn only_owners_and_administrators_are_told() {
    let app = recorded().await;
    let path = app.at("/analytics/live");
    app.get(&path, Role::Student).await.problem(403, "forbidden");
    app.call_as(Method::GET, &path, "stranger", Role::Teacher, "").await.problem(404, "not-found");
    for role in [Role::Student, Role::Teacher] {
        app.get(LIVE, role).await.problem(403, "forbidden");
    }
    let none = format!("{BASE}/{}/analytics/live", crate::id::RecordingId::new());
    app.get(&none, Role::Admin).await.problem(404, "not-found");
    assert!(app.ear(&path, Role::Admin).await.next().await.is_some());
}
