use super::statement::sql;
use super::testing::{Database, on_both};
use super::tests::{done, new, with_track};
use super::*;
use crate::id::RecordingId;
use crate::time::WallTime;

on_both![
    every_move_of_the_table_is_made_and_every_other_one_is_refused,
    a_hidden_recording_comes_back_as_what_it_was,
    what_is_being_removed_does_not_come_back,
    nothing_is_deleted_under_a_hold,
    an_end_is_told_once,
];

const STATES: [&str; 7] =
    ["pending", "recording", "processing", "completed", "failed", "archived", "deleted"];

/// As docs/design/catalog.md has it.
const MOVES: [(&str, &str); 17] = [
    ("pending", "recording"),
    ("pending", "failed"),
    ("recording", "processing"),
    ("recording", "completed"),
    ("recording", "failed"),
    ("processing", "completed"),
    ("processing", "failed"),
    ("completed", "archived"),
    ("completed", "deleted"),
    ("failed", "archived"),
    ("failed", "deleted"),
    ("archived", "completed"),
    ("archived", "failed"),
    ("archived", "deleted"),
    ("deleted", "completed"),
    ("deleted", "failed"),
    ("deleted", "archived"),
];

/// The shortest way from the beginning to each state.
fn way(to: &str) -> &'static [&'static str] {
    match to {
        "pending" => &["pending"],
        "recording" => &["recording"],
        "processing" => &["recording", "processing"],
        "completed" => &["recording", "completed"],
        "failed" => &["recording", "failed"],
        "archived" => &["recording", "completed", "archived"],
        _ => &["recording", "completed", "deleted"],
    }
}

async fn insert(catalog: &Catalog, status: &'static str) -> Result<RecordingId, sqlx::Error> {
    let id = RecordingId::new();
    sql("INSERT INTO recordings (id, room_id, title, started_by, started_at, status, format, created_at, updated_at)
         VALUES ($1, $1, 't', 'u', 1, $2, 'cmaf', 1, 1)")
    .bind(id.to_string())
    .bind(status)
    .execute(&catalog.writer)
    .await?;
    Ok(id)
}

/// As a colleague's statement might do it, with all that a deletion needs.
async fn go(catalog: &Catalog, id: RecordingId, to: &'static str) -> Result<u64, sqlx::Error> {
    sql("UPDATE recordings SET status = $2,
            deleted_at = CASE WHEN $2 = 'deleted' THEN 5 ELSE CAST(NULL AS BIGINT) END,
            deleted_from = CASE WHEN $2 = 'deleted' AND status <> 'deleted' THEN status ELSE deleted_from END
         WHERE id = $1")
    .bind(id.to_string())
    .bind(to)
    .execute(&catalog.writer)
    .await
}

async fn every_move_of_the_table_is_made_and_every_other_one_is_refused(database: Database) {
    let catalog = database.open().await;
    for status in STATES {
        let made = insert(&catalog, status).await;
        assert_eq!(made.is_ok(), ["pending", "recording"].contains(&status), "begin as {status}");
    }
    for from in STATES {
        for to in STATES {
            let steps = way(from);
            let id = insert(&catalog, steps[0]).await.unwrap();
            for step in &steps[1..] {
                go(&catalog, id, step).await.unwrap();
            }
            // Of the ways out of 'deleted' only the one back.
            let back = from != "deleted" || to == "completed";
            let allowed = from == to || (MOVES.contains(&(from, to)) && back);
            let moved = go(&catalog, id, to).await;
            assert_eq!(moved.is_ok(), allowed, "{from} to {to}: {moved:?}");
            let now = catalog.recording(id).await.unwrap().unwrap().status.name();
            assert_eq!(now, if allowed { to } else { from });
            sql("DELETE FROM recordings WHERE id = $1")
                .bind(id.to_string())
                .execute(&catalog.writer)
                .await
                .unwrap();
        }
    }
    // A deletion that does not say when and from what is refused.
    let id = insert(&catalog, "recording").await.unwrap();
    go(&catalog, id, "completed").await.unwrap();
    let bare = sql("UPDATE recordings SET status = 'deleted' WHERE id = $1").bind(id.to_string());
    assert!(bare.execute(&catalog.writer).await.is_err());
}

async fn a_hidden_recording_comes_back_as_what_it_was(database: Database) {
    let catalog = database.open().await;
    for status in [Status::Completed, Status::Failed] {
        let made = new("room", 100);
        catalog.create_recording(&made).await.unwrap();
        let early = catalog.delete_recording(made.id, WallTime(5)).await;
        assert!(matches!(early, Err(Error::StillRunning)), "{early:?}");
        assert!(matches!(catalog.restore_recording(made.id).await, Err(Error::NotDeleted)));
        catalog.finish_recording(made.id, &Finish { status, ..done(106) }).await.unwrap();
        catalog.delete_recording(made.id, WallTime(107)).await.unwrap();
        catalog.delete_recording(made.id, WallTime(200)).await.unwrap();
        let hidden = catalog.recording(made.id).await.unwrap().unwrap();
        assert_eq!((hidden.status, hidden.deleted_at), (Status::Deleted, Some(WallTime(107))));
        assert_eq!(catalog.restore_recording(made.id).await.unwrap(), status);
        let back = catalog.recording(made.id).await.unwrap().unwrap();
        assert_eq!((back.status, back.deleted_at), (status, None));
        assert!(matches!(catalog.restore_recording(made.id).await, Err(Error::NotDeleted)));
    }
    let nobody = RecordingId::new();
    assert!(matches!(catalog.restore_recording(nobody).await, Err(Error::Missing { what: "recording" })));
    assert!(matches!(catalog.delete_recording(nobody, WallTime(1)).await, Err(Error::Missing { .. })));
}

async fn what_is_being_removed_does_not_come_back(database: Database) {
    let catalog = database.open().await;
    let (id, _, _) = with_track(&catalog).await;
    assert!(matches!(catalog.condemn_recording(id, WallTime(1)).await, Err(Error::StillRunning)));
    catalog.finish_recording(id, &done(106)).await.unwrap();
    for _ in 0..2 {
        catalog.condemn_recording(id, WallTime(107)).await.unwrap();
    }
    assert!(matches!(catalog.restore_recording(id).await, Err(Error::Condemned)));
    assert!(matches!(catalog.hold_recording(id, true).await, Err(Error::Condemned)));
    // Not even by another statement.
    assert!(go(&catalog, id, "completed").await.is_err());
    assert_eq!(catalog.garbage().await.unwrap(), [Garbage { recording: id, track: None }]);
    assert_eq!(catalog.garbage_of(id).await.unwrap(), [Garbage { recording: id, track: None }]);
    catalog.purge_recording(id).await.unwrap();
    assert!(catalog.garbage().await.unwrap().is_empty());
    assert!(catalog.garbage_of(id).await.unwrap().is_empty());
}

async fn nothing_is_deleted_under_a_hold(database: Database) {
    let catalog = database.open().await;
    let (id, participant, _) = with_track(&catalog).await;
    catalog.finish_recording(id, &done(106)).await.unwrap();
    catalog.hold_recording(id, true).await.unwrap();
    assert!(catalog.recording(id).await.unwrap().unwrap().held);
    assert!(matches!(catalog.delete_recording(id, WallTime(1)).await, Err(Error::Held)));
    assert!(matches!(catalog.condemn_recording(id, WallTime(1)).await, Err(Error::Held)));
    assert!(matches!(catalog.erase(id, &participant.to_string()).await, Err(Error::Held)));
    // Nor by statements that ask for nothing.
    assert!(go(&catalog, id, "deleted").await.is_err());
    let gone =
        sql("DELETE FROM recordings WHERE id = $1").bind(id.to_string()).execute(&catalog.writer).await;
    assert!(gone.is_err());
    assert_eq!(catalog.tracks(id).await.unwrap().len(), 1);
    catalog.hold_recording(id, false).await.unwrap();
    catalog.delete_recording(id, WallTime(1)).await.unwrap();
    // What is hidden may be held, and then be restored, but not removed.
    catalog.hold_recording(id, true).await.unwrap();
    assert!(matches!(catalog.condemn_recording(id, WallTime(1)).await, Err(Error::Held)));
    assert_eq!(catalog.restore_recording(id).await.unwrap(), Status::Completed);
    assert!(matches!(catalog.hold_recording(RecordingId::new(), true).await, Err(Error::Missing { .. })));
}

async fn an_end_is_told_once(database: Database) {
    let catalog = database.open().await;
    let (id, _, _) = with_track(&catalog).await;
    catalog.finish_recording(id, &done(106)).await.unwrap();
    let row = catalog.recording(id).await.unwrap().unwrap();
    catalog.finish_recording(id, &Finish { status: Status::Failed, ..done(300) }).await.unwrap();
    assert_eq!(catalog.recording(id).await.unwrap().unwrap(), row);
    let ends = [EventKind::RecordingCompleted, EventKind::RecordingFailed];
    assert_eq!(catalog.events(id, 0, &ends, 10).await.unwrap().len(), 1);
    let nobody = catalog.finish_recording(RecordingId::new(), &done(1)).await;
    assert!(matches!(nobody, Err(Error::Missing { .. })));
}
