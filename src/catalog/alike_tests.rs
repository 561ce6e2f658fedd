//! Both databases give the same answers on random rows, and no answer to what a text says as SQL.

use super::testing::Database;
use super::tests::new;
use super::*;
use crate::id::{ParticipantId, RecordingId};
use crate::time::WallTime;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

/// Texts that mean something to SQL, to LIKE, to JSON, or to one database only.
const TEXTS: [&str; 16] = [
    "algebra",
    "Algebra II",
    "ÄRGER mit Straßen",
    "İstanbul",
    "100%_done",
    "a\\b",
    "' OR '1'='1",
    "'; DROP TABLE recordings; --",
    "\") UNION SELECT * FROM recordings --",
    "$1",
    "?",
    "a\0b",
    "\u{fffd}",
    "",
    "🎓 lesson",
    "line\nline",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ]
}

#[derive(Clone, Debug)]
struct One {
    room: String,
    title: String,
    description: Option<String>,
    starter: String,
    user: Option<String>,
    name: String,
    /// Microseconds, also of the same second and before 1970.
    started_at: i64,
    ended: bool,
    deleted: bool,
}

fn one() -> impl Strategy<Value = One> {
    let times = prop_oneof![-3_000_000_i64..3_000_000, 1_700_000_000_000_000_i64..1_700_000_002_000_000];
    let texts = (text(), text(), proptest::option::of(text()), text(), proptest::option::of(text()), text());
    (texts, times, any::<bool>(), any::<bool>()).prop_map(|(texts, started_at, ended, deleted)| {
        let (room, title, description, starter, user, name) = texts;
        One { room, title, description, starter, user, name, started_at, ended, deleted }
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let status = proptest::option::of(proptest::sample::select(
        &[Status::Recording, Status::Completed, Status::Deleted, Status::Archived][..],
    ));
    let time = || proptest::option::weighted(0.3, -3_000_000_i64..1_700_000_002_000_000);
    let few = || proptest::option::weighted(0.3, text());
    (few(), few(), few(), status, time(), time(), 1_u32..6, 0_u32..3).prop_map(
        |(room_id, user_id, q, status, from, to, limit, offset)| Filter {
            room_id,
            user_id,
            q,
            status,
            from: from.map(WallTime),
            to: to.map(WallTime),
            limit,
            offset,
            cursor: None,
            viewer: Viewer::All,
        },
    )
}

/// The same rows, with the same ids, in a catalogue that had none.
async fn write(catalog: &Catalog, rows: &[(RecordingId, ParticipantId, One)]) {
    for (id, participant, one) in rows {
        let made = NewRecording {
            id: *id,
            room_id: one.room.clone(),
            title: one.title.clone(),
            description: one.description.clone(),
            started_by: one.starter.clone(),
            started_at: WallTime(one.started_at),
            parallel: true,
            metadata: json!({ "name": one.name }),
            ..new("", 0)
        };
        catalog.create_recording(&made).await.unwrap();
        let who = NewParticipant {
            id: *participant,
            recording: *id,
            peer_id: one.name.clone(),
            display_name: one.name.clone(),
            user_id: one.user.clone(),
            joined_at: WallTime(one.started_at + 1),
        };
        catalog.add_participant(&who).await.unwrap();
        if one.ended || one.deleted {
            let finish = Finish {
                ended_by: EndedBy::Stop,
                status: Status::Completed,
                stopped_at: WallTime(one.started_at + 7),
                duration_micros: 7,
                bytes: 7,
                error: one.description.clone(),
            };
            catalog.finish_recording(*id, &finish).await.unwrap();
        }
        if one.deleted {
            catalog.delete_recording(*id, WallTime(one.started_at + 9)).await.unwrap();
        }
    }
}

/// When a row was written is its own business.
fn plain(mut row: Recording) -> Recording {
    (row.created_at, row.updated_at) = (WallTime(0), WallTime(0));
    row
}

/// All pages by cursor, and the one at the offset.
async fn answer(catalog: &Catalog, filter: &Filter) -> (Total, Vec<Recording>, Vec<RecordingId>) {
    let mut rows = Vec::new();
    let mut next = Filter { offset: 0, ..filter.clone() };
    loop {
        let page = catalog.list(&next).await.unwrap();
        rows.extend(page.rows.into_iter().map(plain));
        next.cursor = page.next;
        if next.cursor.is_none() {
            let offset = catalog.list(filter).await.unwrap();
            return (page.total, rows, offset.rows.iter().map(|row| row.id).collect());
        }
    }
}

#[test]
fn both_databases_answer_alike() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let databases = runtime.block_on(async { [Database::sqlite(), Database::postgres().await] });
    let catalogs = runtime.block_on(async { [databases[0].open().await, databases[1].open().await] });
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let cases = (vec(one(), 0..14), vec(filter(), 1..8));
    let outcome = runner.run(&cases, |(rows, filters)| {
        let ids = || (RecordingId::new(), ParticipantId::new());
        let rows: Vec<_> = rows.into_iter().map(|one| (ids().0, ids().1, one)).collect();
        runtime.block_on(async {
            for catalog in &catalogs {
                super::statement::sql("DELETE FROM recordings").execute(&catalog.writer).await.unwrap();
                write(catalog, &rows).await;
            }
            for filter in &filters {
                let (sqlite, postgres) =
                    (answer(&catalogs[0], filter).await, answer(&catalogs[1], filter).await);
                prop_assert_eq!(&sqlite, &postgres, "{:?}", filter);
                let Total::Exactly(total) = sqlite.0 else { panic!("{sqlite:?}") };
                prop_assert_eq!(total, sqlite.1.len() as u64);
                // No text is more than a text: what is found is what a program finds that looks at every row.
                let expected = rows.iter().filter(|(_, _, one)| matches(filter, one)).count();
                prop_assert_eq!(expected as u64, total, "{:?}", filter);
            }
            for (id, _, _) in &rows {
                let [sqlite, postgres] = [&catalogs[0], &catalogs[1]];
                prop_assert_eq!(
                    sqlite.participants(*id).await.unwrap(),
                    postgres.participants(*id).await.unwrap()
                );
                let told = |events: Vec<Event>| {
                    events.into_iter().map(|e| (e.kind, e.sequence, e.data)).collect::<Vec<_>>()
                };
                prop_assert_eq!(
                    told(sqlite.events(*id, 0, &[], 9).await.unwrap()),
                    told(postgres.events(*id, 0, &[], 9).await.unwrap())
                );
            }
            Ok(())
        })
    });
    outcome.unwrap();
}

/// What a filter means.
fn matches(filter: &Filter, one: &One) -> bool {
    let stored = |text: &str| text.replace('\0', "\u{fffd}");
    let same = |wanted: &Option<String>, is: &[Option<&str>]| {
        wanted.as_ref().is_none_or(|wanted| is.iter().flatten().any(|is| stored(is) == stored(wanted)))
    };
    let status = match (one.deleted, one.ended) {
        (true, _) => Status::Deleted,
        (_, true) => Status::Completed,
        _ => Status::Recording,
    };
    let description = one.description.clone().unwrap_or_default();
    let searched = stored(&format!("{}\n{description}\n{}", one.title, one.room)).to_lowercase();
    filter.status.map_or(status != Status::Deleted, |wanted| wanted == status)
        && same(&filter.room_id, &[Some(&one.room)])
        && same(&filter.user_id, &[Some(&one.starter), one.user.as_deref()])
        && filter.from.is_none_or(|from| one.started_at >= from.0)
        && filter.to.is_none_or(|to| one.started_at < to.0)
        && filter.q.as_ref().is_none_or(|q| searched.contains(&stored(q).to_lowercase()))
}
