//! Every statement of the source is prepared by both databases, which finds what one of them does not read, and columns that
//! the driver cannot decode.

use super::testing::Database;
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};
use std::path::Path;

/// Texts that only one database reads (docs/design/catalog.md has the list).
const ONLY_POSTGRES: [&str; 1] = ["SELECT pg_advisory_xact_lock($1)"];

/// The constant statements of the source: what stands between `sql(` and the end of its text. One that more is pushed to is
/// made `let mut`, and is no statement yet.
fn statements(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices("sql(") {
        let before = source[..at].trim_end();
        let word = source[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '`');
        let rest = source[at + 4..].trim_start();
        let grows =
            before.ends_with('=') && before.rsplit('\n').next().unwrap().trim().starts_with("let mut ");
        if word || grows || !rest.starts_with('"') {
            continue;
        }
        let (mut text, mut escaped) = (String::new(), false);
        for one in rest[1..].chars() {
            match (escaped, one) {
                (false, '"') => break,
                (false, '\\') => escaped = true,
                _ => {
                    text.push(one);
                    escaped = false;
                }
            }
        }
        found.push(text);
    }
    found
}

fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog");
    let mut all = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() {
                folders.push(path);
            } else if !name.ends_with("tests.rs") && name != "testing.rs" {
                let source = std::fs::read_to_string(path).unwrap();
                let product = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
                all.extend(statements(product).into_iter().map(|text| (name.clone(), text)));
            }
        }
    }
    all
}

#[test]
fn statements_are_found() {
    let source = r#"sql("SELECT 1").bind(x); my_sql("no");
        let mut a = sql("SELECT ");
        sql(
        "SELECT \\ \"x\"
         FROM y",
    )"#;
    assert_eq!(statements(source), ["SELECT 1", "SELECT \\ \"x\"\n         FROM y"]);
    let texts = all();
    assert!(texts.len() > 60, "{}", texts.len());
    for word in ["INSERT INTO segments", "UPDATE webhook_deliveries", "DELETE FROM recordings", "FROM gaps"] {
        assert!(texts.iter().any(|(_, text)| text.contains(word)), "{word}");
    }
}

async fn prepare(database: Database, other: &[&str]) {
    let catalog = database.open().await;
    let mut connection = catalog.reader.acquire().await.unwrap();
    for (file, text) in all() {
        if other.contains(&text.as_str()) {
            continue;
        }
        let prepared = connection.prepare(AssertSqlSafe(text.clone()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{file}: {text}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn sqlite_reads_every_statement() {
    prepare(Database::sqlite(), &ONLY_POSTGRES).await;
}

#[tokio::test]
async fn postgres_reads_every_statement() {
    prepare(Database::postgres().await, &[]).await;
}
