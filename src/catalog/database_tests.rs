use super::row::boolean;
use super::statement::sql;
use super::*;
use sqlx::Row as _;

async fn catalog(name: &str) -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join(name).display());
    let catalog = Catalog::open(&url).await.unwrap();
    (folder, catalog)
}

/// The value of a pragma on one connection.
async fn pragma(statement: &'static str, on: &mut row::Connection) -> String {
    let row = sql(statement).fetch_one(on).await.unwrap();
    row.try_get::<String, _>(0)
        .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
        .unwrap()
}

#[tokio::test]
async fn every_connection_to_sqlite_has_its_pragmas() {
    let (_folder, catalog) = catalog("tureen.db").await;
    let mut connections = vec![catalog.writer.acquire().await.unwrap()];
    for _ in 0..4 {
        connections.push(catalog.reader.acquire().await.unwrap());
    }
    for connection in &mut connections {
        for (statement, value) in [
            ("PRAGMA journal_mode", "wal"),
            ("PRAGMA synchronous", "2"),
            ("PRAGMA busy_timeout", "10000"),
            ("PRAGMA foreign_keys", "1"),
            ("PRAGMA cache_size", "-256"),
        ] {
            assert_eq!(pragma(statement, connection).await, value, "{statement}");
        }
    }
}

#[tokio::test]
async fn the_file_is_where_the_url_says() {
    for name in ["tureen.db", "a folder/100% #1.db", "Größe.db"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let escaped = path.display().to_string().replace('%', "%25").replace('#', "%23");
        Catalog::open(&format!("sqlite:{escaped}")).await.unwrap().close().await;
        assert!(path.exists(), "{name}");
        // Nothing else was made by a misread name.
        let made = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten();
        let own = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(made.into_iter().all(|file| file.file_name().to_str().unwrap().starts_with(&own)));
    }
    let relative = tempfile::tempdir_in(".").unwrap();
    let path = relative.path().file_name().unwrap().to_str().unwrap();
    Catalog::open(&format!("sqlite:{path}/../{path}/x.db")).await.unwrap().close().await;
    assert!(relative.path().join("x.db").exists());
    let memory = Catalog::open("sqlite::memory:").await.unwrap();
    assert!(memory.unfinished().await.unwrap().is_empty());
    let read_only = format!("sqlite:{}?mode=ro", relative.path().join("none.db").display());
    assert!(matches!(Catalog::open(&read_only).await, Err(Error::Open { .. })));
}

#[tokio::test]
async fn no_column_of_sqlite_has_a_type_that_the_driver_refuses() {
    let (_folder, catalog) = catalog("tureen.db").await;
    let rows = sql(
        "SELECT m.name AS owner, c.name AS name, UPPER(c.type) AS declared
         FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    .fetch_all(&catalog.reader)
    .await
    .unwrap();
    assert!(rows.len() > 50);
    for row in rows {
        let [owner, name, declared] =
            ["owner", "name", "declared"].map(|column| row.get::<String, _>(column));
        let known = ["TEXT", "BIGINT", "INTEGER", "BLOB"].contains(&declared.as_str());
        assert!(known, "{owner}.{name} is {declared}");
    }
}

#[tokio::test]
async fn arguments_come_back_as_they_were() {
    let (_folder, catalog) = catalog("tureen.db").await;
    let mut statement = sql("SELECT CAST(");
    statement.push_bind("a\0b").push(" AS TEXT) AS text, CAST(").push_bind(i64::MAX);
    statement.push(" AS BIGINT) AS number, CAST(").push_bind(Option::<i64>::None);
    statement.push(" AS BIGINT) AS empty, ").push_bind(true).push(" AS truth, 7");
    statement.push_in([6_i64, 7]).push(" AS among");
    let row = statement.fetch_one(&catalog.reader).await.unwrap();
    assert_eq!(row.get::<String, _>("text"), "a\u{fffd}b", "PostgreSQL has no U+0000");
    assert_eq!(row.get::<i64, _>("number"), i64::MAX);
    assert_eq!(row.get::<Option<i64>, _>("empty"), None);
    assert!(boolean(&row, "truth").unwrap());
    assert!(boolean(&row, "among").unwrap());
    assert!(boolean(&row, "text").is_err());
}
