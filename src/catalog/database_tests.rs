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
    assert!(memory.orphans().await.unwrap().is_empty());
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

/// All that an error says, to its last cause.
fn told(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_url_is_refused_without_its_password() {
    for url in [
        "postgres://user:secret@127.0.0.1:1/db",
        "postgresql://user:secret@127.0.0.1:1/db?sslmode=require",
        "postgres://127.0.0.1:1/db?user=u&password=secret&passwort=secret",
        "postgres://user:secret@127.0.0.1:port/db",
        "postgres://user:secret@127.0.0.1:1/db?sslmode=secret-ly",
        "mysql://user:secret@host/db",
        "secret",
    ] {
        let error = Catalog::open(url).await.unwrap_err();
        let text = told(&error).replace("secret-ly", "");
        assert!(!text.contains("secret") || url == "secret", "{text}");
        assert!(!url.contains("passwort") || text.contains("'passwort'"), "{text}");
    }
}

#[tokio::test]
async fn the_network_is_encrypted_and_checked_as_the_url_says() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (socket, _server) = super::testing::start(Some(port));
    let folder = socket.split_once("host=").unwrap().1.split('&').next().unwrap();
    let ca = format!("{folder}/ca.pem");
    let at = |host: &str, password: &str, rest: &str| {
        format!("postgres://postgres:{password}@{host}:{port}/postgres?{rest}")
    };
    let password = "a%20secret%3Aword%40";
    let checked = format!("sslmode=verify-full&sslrootcert={ca}");
    let catalog = Catalog::open_with(&at("localhost", password, &checked), 3).await.unwrap();
    catalog.ping().await.unwrap();
    let row = sql(
        "SELECT CAST(COUNT(*) AS BIGINT) AS clear FROM pg_stat_ssl s JOIN pg_stat_activity a ON a.pid = s.pid
                   WHERE a.application_name = 'tureen' AND NOT s.ssl",
    );
    assert_eq!(row.fetch_one(&catalog.reader).await.unwrap().get::<i64, _>("clear"), 0);
    for (setting, value) in
        [("statement_timeout", "1min"), ("lock_timeout", "20s"), ("synchronous_commit", "on")]
    {
        let row = sql("SELECT current_setting($1) AS value")
            .bind(setting)
            .fetch_one(&catalog.reader)
            .await
            .unwrap();
        assert_eq!(row.get::<String, _>("value"), value, "{setting}");
    }
    assert_eq!(catalog.writer.options().get_max_connections(), 3);
    catalog.close().await;
    for (url, why) in [
        (at("localhost", password, "sslmode=verify-full"), "an authority that nobody knows"),
        (at("127.0.0.1", password, &checked), "another name"),
        (at("localhost", password, "sslmode=disable"), "the server wants TLS"),
        (at("localhost", "wrong-secret", &checked), "another password"),
    ] {
        let error = Catalog::open(&url).await.expect_err(why);
        assert!(matches!(error, Error::Open { .. }), "{why}: {error:?}");
        assert!(!told(&error).contains("secret"), "{why}: {error:?}");
    }
}
