//! The program as a user runs it.

#![allow(clippy::unwrap_used, reason = "a test")]

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(folder: &std::path::Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// With these in its environment.
    fn start_with(folder: &std::path::Path, environment: &[(&str, &str)]) -> Self {
        let mut child = std::process::Command::new(cargo_bin("tureen"))
            .args(["serve", "--port", "0", "--dir"])
            .arg(folder)
            .env_remove("JWT_SECRET")
            .env_remove("DATABASE_URL")
            .env_remove("BIND")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, url }
    }

    fn end(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

fn tureen(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("tureen"));
    command.args(arguments).env_remove("JWT_SECRET").env_remove("DATABASE_URL").env_remove("RECORDINGS_DIR");
    command
}

fn printed(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_service_without_configuration_takes_the_tokens_that_are_minted_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let service = Service::start(folder.path());
    let token = printed(&mut tureen(&["token", "--role", "student", "--dir", dir]));
    let list = format!("{}/api/v1/recordings", service.url);
    let client = reqwest::Client::new();
    let answer = client.get(&list).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let page: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(page["total"], 0);
    assert_eq!(client.get(&list).send().await.unwrap().status(), 401);
    assert!(service.end(), "SIGTERM ends it cleanly");
    assert!(printed(&mut tureen(&["check", "--dir", dir])).ends_with("all invariants hold"));
    assert_eq!(
        printed(&mut tureen(&["analytics", "rebuild", "--dir", dir])),
        "0 sessions, 0 changed; 0 sums changed"
    );
}

#[tokio::test]
async fn tokens_follow_the_environment_that_the_service_has() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let environment = [
        ("JWT_ISSUER", "https://id.example.org"),
        ("JWT_AUDIENCE", "tureen"),
        ("JWT_USER_CLAIM", "sub"),
        ("JWT_ROLE_CLAIM", "realm_access"),
    ];
    let service = Service::start_with(folder.path(), &environment);
    let list = format!("{}/api/v1/recordings", service.url);
    let client = reqwest::Client::new();
    let status =
        async |token: &str| client.get(&list).bearer_auth(token).send().await.unwrap().status().as_u16();
    let other = printed(&mut tureen(&["token", "--role", "admin", "--dir", dir]));
    assert_eq!(status(&other).await, 401);
    let good = |role: &str| printed(tureen(&["token", "--role", role, "--dir", dir]).envs(environment));
    assert_eq!(status(&good("student")).await, 200);
    // A program's: it may start, and is told that a source is missing; it sees nothing.
    let program = good("service");
    assert_eq!(status(&program).await, 403);
    let start =
        client.post(format!("{list}/start")).bearer_auth(&program).body(r#"{"room_id":"r","title":"t"}"#);
    assert_eq!(start.send().await.unwrap().status(), 400);
    assert!(service.end());
}

/// Publishes a key set to everybody who asks, as long as the process lives.
fn publish(set: &serde_json::Value) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let body = set.to_string();
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 2048];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn with_published_keys_alone_their_tokens_are_taken_and_no_others() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
    let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref());
    let mut public =
        serde_json::to_value(Jwk::from_encoding_key(&private, Algorithm::EdDSA).unwrap()).unwrap();
    public["kid"] = "key-1".into();
    let url = publish(&serde_json::json!({ "keys": [public] }));
    let folder = tempfile::tempdir().unwrap();
    let environment =
        [("JWT_JWKS_URL", url.as_str()), ("ROLE_MAP", "instructor=teacher"), ("BIND", "127.0.0.1")];
    let service = Service::start_with(folder.path(), &environment);
    let list = format!("{}/api/v1/recordings", service.url);
    let claims = serde_json::json!({"user_id": "u", "role": ["instructor"], "exp": u32::MAX});
    let header = Header { kid: Some("key-1".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &claims, &private).unwrap();
    let client = reqwest::Client::new();
    let status =
        async |token: &str| client.get(&list).bearer_auth(token).send().await.unwrap().status().as_u16();
    assert_eq!(status(&token).await, 200);
    let minted = printed(&mut tureen(&["token", "--dir", folder.path().to_str().unwrap()]));
    assert_eq!(status(&minted).await, 401);
    // Signed addresses have a secret of their own.
    assert!(folder.path().join(".url-secret").exists());
    assert!(service.end());
}

#[test]
fn a_made_secret_does_not_leave_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let refused = tureen(&["serve", "--bind", "0.0.0.0", "--port", "0", "--dir", dir]).assert().failure();
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("JWT_SECRET") && said.contains("loopback"), "{said}");
}

#[test]
fn what_is_not_there_is_told() {
    for (arguments, word) in [
        (["inspect", "/no/such/file.mp4"], "cannot open"),
        (["check", "--dir=/no/such/folder"], "no folder"),
        (["record", "http://127.0.0.1:1/"], "--out"),
    ] {
        let failed = tureen(&arguments).assert().failure();
        let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(said.contains(word), "{said}");
    }
}
