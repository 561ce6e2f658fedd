use super::sessions::Client;
use super::*;
use crate::catalog::Catalog;
use crate::clock::{Clock, SystemClock};
use crate::id::RecordingId;
use crate::time::{Moment, WallTime};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Time that stands until it is moved.
#[derive(Default)]
struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }

    fn wall(&self) -> WallTime {
        WallTime(self.0.load(Ordering::Relaxed))
    }
}

async fn audit() -> (tempfile::TempDir, Audit) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open("sqlite::memory:").await.unwrap();
    let config = Config {
        folder: folder.path().to_owned(),
        key: None,
        heads_every: Duration::from_secs(3600),
        session_idle: Duration::from_secs(60),
        retention: None,
        proxies: Trusted::default(),
    };
    (folder, Audit::begin(catalog, Arc::new(SystemClock), config).await.unwrap())
}

fn client(who: &str, recording: RecordingId) -> Client<'_> {
    Client { who, kind: "user", share: None, recording, address: None, user_agent: Some(b"x") }
}

#[tokio::test]
async fn a_session_lasts_until_nothing_is_asked_for() {
    let (_folder, audit) = audit().await;
    let clock = Arc::new(Still::default());
    let at = |second: i64| clock.0.store(second * 1_000_000, Ordering::Relaxed);
    let sessions = Sessions::new(clock.clone(), Duration::from_secs(60));
    let recording = RecordingId::new();
    let anna = client("anna", recording);
    let start =
        || async { Entry { who: Some("anna".to_owned()), ..Entry::new(WallTime(0), Action::Stream) } };

    let first = sessions.enter(&anna).unwrap();
    assert!(!sessions.is_known(&anna));
    first.start(&audit.appender, start()).await.unwrap();
    assert!(sessions.is_known(&anna));
    first.sent(100);
    // Others are others: by who they are, what they watch, and with what.
    for other in [
        client("ben", recording),
        client("anna", RecordingId::new()),
        Client { user_agent: Some(b"y"), ..anna },
        Client { share: Some(uuid::Uuid::nil()), ..anna },
    ] {
        assert!(!sessions.is_known(&other));
    }
    // A request that is not over keeps it, however long it takes.
    at(1000);
    assert!(sessions.ended(false).is_empty());
    drop(first);
    at(1059);
    assert!(sessions.ended(false).is_empty());
    let second = sessions.enter(&anna).unwrap();
    second.start(&audit.appender, async { panic!("it has started") }).await.unwrap();
    second.sent(11);
    drop(second);
    at(1118);
    assert!(sessions.ended(false).is_empty());
    at(1119);
    let ended = sessions.ended(false);
    assert_eq!((ended.len(), sessions.count()), (1, 0));
    let end = &ended[0];
    assert_eq!((end.phase, end.outcome, end.bytes), (Phase::End, Outcome::Success, Some(111)));
    assert_eq!(end.duration_micros, Some(1_059_000_000));
    assert_eq!(end.detail, Some(serde_json::json!({ "requests": 2 })));
    // The next request begins another one.
    let third = sessions.enter(&anna).unwrap();
    assert!(!sessions.is_known(&anna));
    drop(third);
    // What never started does not end.
    assert!(sessions.ended(true).is_empty());
}

#[tokio::test]
async fn requests_that_come_together_start_one_session() {
    let (_folder, audit) = audit().await;
    let sessions = Sessions::new(Arc::new(SystemClock), Duration::from_secs(60));
    let recording = RecordingId::new();
    let rows = || audit.appender.stats().rows.load(Ordering::Relaxed);
    let before = rows();
    let all = (0..50).map(|_| async {
        let watching = sessions.enter(&client("anna", recording)).unwrap();
        watching.start(&audit.appender, async { Entry::new(WallTime(0), Action::Stream) }).await.unwrap();
    });
    futures_util::future::join_all(all).await;
    assert_eq!((rows() - before, sessions.count()), (1, 1));
}

#[tokio::test]
async fn what_is_still_sent_when_the_service_ends_is_partial() {
    let (_folder, audit) = audit().await;
    let recording = RecordingId::new();
    let watching = audit.sessions.enter(&client("anna", recording)).unwrap();
    watching.start(&audit.appender, async { Entry::new(WallTime(0), Action::Stream) }).await.unwrap();
    let ended = audit.sessions.ended(true);
    assert_eq!(ended[0].outcome, Outcome::Partial);
    drop(watching);
}
