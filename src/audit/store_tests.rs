//! The audit on both databases: what is written, what is done to it behind its back, and what is seen of that.

use super::head::{CUT, ENDED, RUNNING};
use super::*;
use crate::catalog::testing::{Database, on_both};
use crate::catalog::{AuditFilter, AuditGrouping, AuditHead, AuditRow, Catalog, Total};
use crate::clock::{Clock, SystemClock};
use crate::time::WallTime;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;

on_both![
    a_hundred_writers_lose_no_row_and_fork_no_chain,
    rows_cannot_be_changed_in_the_database,
    what_is_done_behind_the_back_of_the_triggers_is_named,
    a_tail_that_was_cut_off_is_found_by_a_head_that_was_kept,
    what_a_process_left_open_ends_with_the_next_one,
    a_person_is_erased_and_all_chains_stay_valid,
    old_rows_go_and_leave_a_signed_cut,
    a_chain_that_somebody_else_wrote_to_is_left,
    sums_are_those_of_the_rows,
    pages_follow_each_other,
];

struct Service {
    database: Database,
    folder: TempDir,
    catalog: Catalog,
    audit: Audit,
}

fn config(folder: &TempDir) -> Config {
    Config {
        folder: folder.path().to_owned(),
        key: None,
        heads_every: Duration::from_secs(3600),
        session_idle: Duration::from_secs(60),
        retention: None,
        proxies: Trusted::default(),
    }
}

impl Service {
    async fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = database.open().await;
        let audit = Audit::begin(catalog.clone(), Arc::new(SystemClock), config(&folder)).await.unwrap();
        Self { database, folder, catalog, audit }
    }

    /// Another process in the same folder, after this one was killed or has ended.
    async fn restarted(self) -> Self {
        let catalog = self.database.open().await;
        let audit = Audit::begin(catalog.clone(), Arc::new(SystemClock), config(&self.folder)).await.unwrap();
        Self { catalog, audit, ..self }
    }

    async fn write(&self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            self.audit.appender.append(entry).await.unwrap();
        }
    }

    async fn verify_with(&self, heads: &[AuditHead]) -> Result<Report, Fault> {
        let key: PublicKey =
            std::fs::read_to_string(self.folder.path().join("key.pub")).unwrap().parse().unwrap();
        let mut verifier = Verifier::new(&[key], heads)?;
        let mut all = records(&self.catalog).await.unwrap();
        while let Some(record) = all.next().await.unwrap() {
            // As it would be read from an export.
            verifier.push(&read_record(&record.line()).unwrap())?;
        }
        verifier.finish()
    }

    async fn verify(&self) -> Result<Report, Fault> {
        self.verify_with(&[]).await
    }

    /// What somebody does who owns the database.
    async fn tamper(&self, statements: &[&str]) {
        let mut connection = AnyConnection::connect(&self.database.url).await.unwrap();
        let locked: &[&str] = if self.database.url.starts_with("sqlite") {
            &[
                "DROP TRIGGER IF EXISTS audit_rows_stay",
                "DROP TRIGGER IF EXISTS audit_rows_are_not_removed",
                "DROP TRIGGER IF EXISTS audit_heads_are_not_removed",
                "PRAGMA foreign_keys = OFF",
            ]
        } else {
            &["SET session_replication_role = replica"]
        };
        for statement in locked.iter().chain(statements) {
            sqlx::raw_sql(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await.unwrap();
        }
    }

    fn kept_heads(&self) -> Vec<AuditHead> {
        let text = std::fs::read_to_string(self.folder.path().join("heads.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn rows(&self) -> Vec<AuditRow> {
        let mut rows = Vec::new();
        for (number, _) in self.catalog.audit_chains().await.unwrap() {
            rows.extend(self.catalog.audit_rows_behind(number, 0, 100_000).await.unwrap());
        }
        rows
    }
}

fn view(who: &str, at: WallTime) -> Entry {
    let mut entry = Entry::new(at, Action::View);
    entry.who = Some(who.to_owned());
    entry.role = "student".to_owned();
    entry.address = Some("192.0.2.1".to_owned());
    entry.user_agent = Some("Player/1".to_owned());
    entry.room = Some("room".to_owned());
    entry.bytes = Some(10);
    entry
}

fn views(n: usize) -> impl Iterator<Item = Entry> {
    (0..n).map(|index| view(&format!("user-{}", index % 3), WallTime(1_000_000 * index as i64)))
}

async fn a_hundred_writers_lose_no_row_and_fork_no_chain(database: Database) {
    const WRITERS: usize = 100;
    const EACH: usize = 20;
    let service = Service::new(database).await;
    let writers = (0..WRITERS).map(|writer| {
        let appender = service.audit.appender.clone();
        tokio::spawn(async move {
            for index in 0..EACH {
                let mut entry = view(&format!("user-{writer}"), SystemClock.wall());
                entry.request_id = Some(format!("{writer}-{index}"));
                appender.append(entry).await.unwrap();
            }
        })
    });
    futures_util::future::try_join_all(writers).await.unwrap();
    let rows = service.rows().await;
    let mut ids: Vec<_> = rows.iter().filter_map(|row| row.request_id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((rows.len(), ids.len()), (WRITERS * EACH + 1, WRITERS * EACH));
    let report = service.verify().await.unwrap();
    assert_eq!((report.chains, report.rows), (1, (WRITERS * EACH + 1) as u64));
    // Those who came together shared a commit.
    let stats = service.audit.appender.stats();
    let commits = stats.commits.load(Ordering::Relaxed);
    assert!(commits * 2 < (WRITERS * EACH) as u64, "{commits} commits");
    service.audit.end().await;
    assert_eq!(service.verify().await.unwrap().unheld, 0);
}

async fn rows_cannot_be_changed_in_the_database(database: Database) {
    let service = Service::new(database).await;
    service.write(views(5)).await;
    service.audit.end().await;
    let mut connection = AnyConnection::connect(&service.database.url).await.unwrap();
    let before = service.rows().await;
    for statement in [
        "UPDATE audit_rows SET result = 'failed' WHERE seq = 2",
        "UPDATE audit_rows SET who = NULL WHERE seq = 2",
        "DELETE FROM audit_rows WHERE seq = 2",
        "DELETE FROM audit_rows",
        "UPDATE audit_heads SET seq = 1",
        "DELETE FROM audit_heads",
        "DELETE FROM audit_chains",
        // Erasing erases, and does nothing else.
        "INSERT INTO audit_unlocked (way) VALUES ('erase'); UPDATE audit_rows SET who = 'eve' WHERE seq = 2",
        "INSERT INTO audit_unlocked (way) VALUES ('erase'); UPDATE audit_rows SET result = 'failed' WHERE seq = 2",
    ] {
        let mut change = connection.begin().await.unwrap();
        let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *change).await;
        let refused = done.unwrap_err().to_string();
        assert!(refused.contains("only added"), "{statement}: {refused}");
        change.rollback().await.unwrap();
    }
    let again = "INSERT INTO audit_rows (chain, seq, prev_hash, hash, at, action, phase, result, role, detail)
                 SELECT chain, seq, prev_hash, hash, at, action, phase, result, role, detail FROM audit_rows WHERE seq = 2";
    assert!(sqlx::raw_sql(again).execute(&mut connection).await.is_err(), "there is one row of a number");
    assert_eq!(service.rows().await, before);
}

async fn what_is_done_behind_the_back_of_the_triggers_is_named(database: Database) {
    let mut service = Service::new(database).await;
    service.write(views(8)).await;
    service.audit.end().await;
    service = service.restarted().await;
    service.write(views(3)).await;
    let good = service.verify().await.unwrap();
    assert_eq!((good.chains, good.rows), (2, 14));
    // Rows 1 to 10 are of the first chain: its beginning, eight, its end.
    let put_back = ["DELETE FROM audit_rows WHERE chain = 1", "INSERT INTO audit_rows SELECT * FROM kept"];
    service.tamper(&["CREATE TABLE kept AS SELECT * FROM audit_rows WHERE chain = 1"]).await;
    for (statement, seq, why) in [
        ("UPDATE audit_rows SET result = 'failed' WHERE chain = 1 AND seq = 4", 4, Why::Changed),
        ("UPDATE audit_rows SET at = at + 1 WHERE chain = 1 AND seq = 1", 1, Why::Changed),
        ("UPDATE audit_rows SET bytes = NULL WHERE chain = 1 AND seq = 9", 9, Why::Changed),
        ("UPDATE audit_rows SET who = 'eve' WHERE chain = 1 AND seq = 5", 5, Why::Changed),
        ("UPDATE audit_rows SET address = '203.0.113.1' WHERE chain = 1 AND seq = 5", 5, Why::Changed),
        ("UPDATE audit_rows SET who = NULL WHERE chain = 1 AND seq = 5", 5, Why::Seal),
        ("UPDATE audit_rows SET hash = prev_hash WHERE chain = 1 AND seq = 6", 6, Why::Changed),
        ("DELETE FROM audit_rows WHERE chain = 1 AND seq = 3", 3, Why::Missing(3)),
        ("DELETE FROM audit_rows WHERE chain = 1 AND seq < 3", 1, Why::Missing(2)),
        ("DELETE FROM audit_rows WHERE chain = 1 AND seq IN (5, 6, 7)", 5, Why::Missing(7)),
        // The second chain says where the first stood.
        ("DELETE FROM audit_rows WHERE chain = 1 AND seq > 8", 9, Why::Truncated(10)),
        ("DELETE FROM audit_rows WHERE chain = 1", 1, Why::Truncated(10)),
        // Two rows change places.
        (
            "UPDATE audit_rows SET seq = 1000 WHERE chain = 1 AND seq = 4;
             UPDATE audit_rows SET seq = 4 WHERE chain = 1 AND seq = 6;
             UPDATE audit_rows SET seq = 6 WHERE chain = 1 AND seq = 1000",
            4,
            Why::Changed,
        ),
        // One is put in, and those behind it move on.
        (
            "UPDATE audit_rows SET seq = seq + 1000 WHERE chain = 1 AND seq > 4;
             UPDATE audit_rows SET seq = seq - 999 WHERE chain = 1 AND seq > 1000;
             INSERT INTO audit_rows (chain, seq, prev_hash, hash, at, action, phase, result, role, detail)
             SELECT chain, 5, prev_hash, hash, at, action, phase, result, role, detail FROM audit_rows
             WHERE chain = 1 AND seq = 4",
            5,
            Why::Changed,
        ),
    ] {
        service.tamper(&[statement]).await;
        let Fault { chain, seq: found, why: reason } = service.verify().await.unwrap_err();
        assert_eq!(chain, service.catalog.audit_chains().await.unwrap()[0].1.id);
        assert_eq!((found, reason), (seq, why), "{statement}");
        service.tamper(&put_back).await;
        assert_eq!(service.verify().await, Ok(good.clone()), "after {statement}");
    }
    // A chain that never began.
    service.tamper(&["UPDATE audit_chains SET previous = '{}' WHERE number = 2"]).await;
    assert_eq!(service.verify().await.unwrap_err().why, Why::Beginning);
}

async fn a_tail_that_was_cut_off_is_found_by_a_head_that_was_kept(database: Database) {
    let service = Service::new(database).await;
    service.write(views(8)).await;
    service.audit.end().await;
    let heads = service.kept_heads();
    let kinds: Vec<_> = heads.iter().map(|head| head.kind.as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&RUNNING), Some(&ENDED)));
    assert!(service.verify_with(&heads).await.unwrap().limits().is_empty());
    service.tamper(&["DELETE FROM audit_rows WHERE seq > 6"]).await;
    assert_eq!(service.verify().await.unwrap_err().why, Why::Truncated(10));
    // Whoever removes the heads as well is not seen, and that is said; a head that was kept shows it.
    service.tamper(&["DELETE FROM audit_heads WHERE seq > 6"]).await;
    let limits = service.verify().await.unwrap().limits();
    assert!(limits[0].contains("--head"), "{limits:?}");
    let fault = service.verify_with(&heads).await.unwrap_err();
    assert_eq!((fault.seq, fault.why), (7, Why::Truncated(10)));
    let other = AuditHead { seq: 9, ..heads.last().unwrap().clone() };
    assert_eq!(service.verify_with(&[other]).await.unwrap_err().why, Why::Head);
}

async fn what_a_process_left_open_ends_with_the_next_one(database: Database) {
    let service = Service::new(database).await;
    let mut watched = view("anna", WallTime(5));
    (watched.action, watched.phase) = (Action::Stream, Phase::Start);
    watched.session = Some(uuid::Uuid::now_v7());
    let mut loaded = watched.clone();
    (loaded.action, loaded.session) = (Action::Download, Some(uuid::Uuid::now_v7()));
    let mut ended = watched.clone();
    ended.session = Some(uuid::Uuid::now_v7());
    let end = Entry { phase: Phase::End, ..ended.clone() };
    service.write([watched.clone(), loaded.clone(), ended, end]).await;
    // It does not end in order: as if it had been killed.
    let again = service.restarted().await;
    let rows = again.rows().await;
    let orphans: Vec<_> = rows.iter().filter(|row| row.result == "partial").collect();
    assert_eq!(orphans.len(), 2);
    for (row, start) in orphans.iter().zip([watched, loaded]) {
        assert_eq!((row.phase.as_str(), row.action.as_str()), ("end", start.action.name()));
        assert_eq!(row.session_id, start.session.map(|id| id.to_string()));
        assert_eq!((row.who.as_deref(), row.bytes), (Some("anna"), None));
        assert!(row.detail.contains("orphan"));
    }
    assert_eq!(again.verify().await.unwrap().rows, 8);
    let third = again.restarted().await;
    assert_eq!(third.rows().await.len(), 9, "they end once");
}

async fn a_person_is_erased_and_all_chains_stay_valid(database: Database) {
    let mut service = Service::new(database).await;
    service.write(views(30)).await;
    service = service.restarted().await;
    service.write(views(30)).await;
    let mut shared = view("user-1", WallTime(7));
    shared.target = Some("user-0".to_owned());
    service.write([shared]).await;
    let before = service.rows().await;
    assert_eq!(service.audit.erase("user-0").await.unwrap(), 21);
    assert_eq!(service.audit.erase("user-0").await.unwrap(), 0);
    let after = service.rows().await;
    let text = serde_json::to_string(&after).unwrap();
    assert!(!text.contains("user-0") && text.contains("user-1"));
    let salt = before.iter().find(|row| row.who.as_deref() == Some("user-0")).unwrap();
    assert!(!text.contains(&hex::encode(salt.who_seal.as_ref().unwrap())));
    assert!(before.iter().zip(&after).all(|(old, new)| old.hash == new.hash));
    let report = service.verify().await.unwrap();
    // Who and from where, twenty times, and one target.
    assert_eq!((report.rows, report.erased), (63, 41));
    let actors =
        service.catalog.audit_groups(&AuditFilter::default(), AuditGrouping::Actor, 10).await.unwrap();
    let names: Vec<_> = actors.iter().map(|group| group.value.as_deref().unwrap()).collect();
    assert_eq!(names, ["user-1", "user-2"]);
}

async fn old_rows_go_and_leave_a_signed_cut(database: Database) {
    let mut service = Service::new(database).await;
    service.write(views(700)).await;
    service.audit.end().await;
    service = service.restarted().await;
    service.write(views(10)).await;
    // The first row of each chain, its beginning, is of a moment ago.
    let now = SystemClock.wall();
    assert_eq!(service.audit.remove_before(WallTime(600_000_000)).await.unwrap(), 0);
    assert_eq!(service.audit.remove_before(now).await.unwrap(), 713);
    let rows = service.rows().await;
    let removed: Vec<_> = rows.iter().filter(|row| row.action == "audit_retention").collect();
    assert_eq!((rows.len(), removed.len()), (2, 2));
    assert!(removed[0].detail.contains("\"rows\":702"), "{}", removed[0].detail);
    let chains = service.catalog.audit_chains().await.unwrap();
    let heads = service.catalog.audit_heads(chains[0].0).await.unwrap();
    assert_eq!(heads.iter().filter(|head| head.kind == CUT).count(), 1, "the last one is enough");
    service.write(views(3)).await;
    let report = service.verify().await.unwrap();
    assert_eq!(report.rows, 5);
    let sums =
        service.catalog.audit_groups(&AuditFilter::default(), AuditGrouping::Action, 10).await.unwrap();
    let sums: Vec<_> = sums.iter().map(|group| (group.value.as_deref().unwrap(), group.entries)).collect();
    assert_eq!(sums, [("view", 3), ("audit_retention", 2)]);
    // Without its cut, nobody says who removed them.
    service.tamper(&["DELETE FROM audit_heads WHERE kind = 'cut' AND chain = 2"]).await;
    assert!(matches!(service.verify().await.unwrap_err().why, Why::Missing(_)));
}

async fn a_chain_that_somebody_else_wrote_to_is_left(database: Database) {
    let service = Service::new(database).await;
    service.write(views(2)).await;
    service
        .tamper(&[
            "INSERT INTO audit_rows (chain, seq, prev_hash, hash, at, action, phase, result, role, detail)
                   SELECT chain, seq + 1, hash, hash, at, action, phase, result, role, detail FROM audit_rows
                   WHERE seq = 3",
        ])
        .await;
    // The number is taken: it is told, and the next one goes into another chain.
    assert!(service.audit.appender.append(view("anna", WallTime(1))).await.is_err());
    service.write(views(2)).await;
    assert_eq!(service.catalog.audit_chains().await.unwrap().len(), 2);
    assert_eq!(service.verify().await.unwrap_err().seq, 4);
}

async fn sums_are_those_of_the_rows(database: Database) {
    let service = Service::new(database).await;
    let hour = 3_600_000_000;
    let entries = (0..120).map(|index| {
        let mut entry = view(&format!("user-{}", index % 7), WallTime(index * hour));
        entry.action = [Action::View, Action::Download, Action::Stream][index as usize % 3];
        entry.outcome = [Outcome::Success, Outcome::Failed][index as usize % 2];
        entry
    });
    let all: Vec<_> = entries.collect();
    service.write(all.clone()).await;
    for (from, to) in
        [(0, 120), (1, 119), (24, 48), (25, 47), (30, 100), (23, 49), (5, 6), (24, 24), (47, 49)]
    {
        for by in [AuditGrouping::Action, AuditGrouping::Actor, AuditGrouping::Result, AuditGrouping::Day] {
            for action in [None, Some("view")] {
                let filter = AuditFilter {
                    from: Some(WallTime(from * hour)),
                    to: Some(WallTime(to * hour)),
                    action,
                    ..AuditFilter::default()
                };
                let groups = service.catalog.audit_groups(&filter, by, 100).await.unwrap();
                let mut expected = std::collections::BTreeMap::new();
                for entry in &all {
                    let hours = entry.at.0 / hour;
                    if (from..to).contains(&hours) && action.is_none_or(|name| name == entry.action.name()) {
                        let value = match by {
                            AuditGrouping::Action => entry.action.name().to_owned(),
                            AuditGrouping::Actor => entry.who.clone().unwrap(),
                            AuditGrouping::Result => entry.outcome.name().to_owned(),
                            _ => (hours / 24).to_string(),
                        };
                        *expected.entry(value).or_insert(0) += 1;
                    }
                }
                let found: std::collections::BTreeMap<_, _> = groups
                    .iter()
                    .map(|group| (group.value.clone().unwrap(), i32::try_from(group.entries).unwrap()))
                    .collect();
                assert_eq!(found, expected, "{from} to {to} by {by:?} of {action:?}");
                assert!(groups.iter().all(|group| group.bytes == group.entries * 10));
            }
        }
    }
    // Over all days, and what no sums are kept of.
    let whole =
        service.catalog.audit_groups(&AuditFilter::default(), AuditGrouping::Action, 10).await.unwrap();
    assert_eq!(whole.iter().map(|group| group.entries).collect::<Vec<_>>(), [40, 40, 40, 1]);
    let narrow = AuditFilter { actor: Some("user-1".to_owned()), ..AuditFilter::default() };
    let by_room = service.catalog.audit_groups(&narrow, AuditGrouping::Room, 10).await.unwrap();
    assert_eq!((by_room.len(), by_room[0].entries), (1, 17));
}

async fn pages_follow_each_other(database: Database) {
    let service = Service::new(database).await;
    // Many at one moment: their order must be one all the same.
    let entries = (0..57).map(|index| {
        let mut entry = view(&format!("user-{}", index % 2), WallTime(index / 10));
        entry.request_id = Some(index.to_string());
        entry.room = Some(format!("room-{}", index % 3));
        entry
    });
    service.write(entries).await;
    let filters = [
        AuditFilter { actor: Some("user-1".to_owned()), ..AuditFilter::default() },
        AuditFilter { room: Some("room-1".to_owned()), to: Some(WallTime(5)), ..AuditFilter::default() },
        AuditFilter {
            address: Some("192.0.2.1".to_owned()),
            result: Some("success"),
            ..AuditFilter::default()
        },
        AuditFilter {
            action: Some("view"),
            result: Some("success"),
            from: Some(WallTime(2)),
            ..AuditFilter::default()
        },
        AuditFilter {
            actor: Some("user-0".to_owned()),
            room: Some("room-2".to_owned()),
            action: Some("view"),
            phase: Some("once"),
            ..AuditFilter::default()
        },
        AuditFilter { to: Some(WallTime(1000)), ..AuditFilter::default() },
    ];
    for filter in filters {
        let whole = service.catalog.audit_page(&filter, None, 1000).await.unwrap();
        assert!(whole.next.is_none() && whole.rows.len() > 5);
        assert!(whole.rows.is_sorted_by(|one, next| one.at >= next.at));
        let (mut cursor, mut rows) = (None, Vec::new());
        loop {
            let page = service.catalog.audit_page(&filter, cursor, 4).await.unwrap();
            rows.extend(page.rows);
            // What is added meanwhile changes nothing behind it.
            service.write([view("user-1", SystemClock.wall())]).await;
            match page.next {
                Some(next) => cursor = Some(next.to_string().parse().unwrap()),
                None => break,
            }
        }
        assert_eq!(rows, whole.rows, "{filter:?}");
    }
    let total = service.catalog.audit_total(&AuditFilter::default()).await.unwrap();
    assert!(matches!(total, Total::Exactly(58..)), "{total:?}");
}
