//! Signalling over TLS, of servers whose certificates no public authority has signed.

use reqwest::StatusCode;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::copy;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tureen_e2e::recorder::Recorder;
use tureen_e2e::stage::ROOM;
use tureen_e2e::wait;
use tureen_sfu::{Fixture, Options, Publish, Sfu};

/// Certificates of a test, made by OpenSSL.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// An authority, a certificate for `localhost` by it, and one for `localhost` that has signed itself.
    fn new() -> Self {
        let own = Self { folder: tempfile::tempdir().unwrap() };
        own.make("ca", &["-subj", "/CN=An authority of ours"]);
        let leaf = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
        let end = ["-addext", "basicConstraints=critical,CA:FALSE"];
        own.make("self", &[&leaf[..], &end].concat());
        let (ca, key) = (own.path("ca.pem"), own.path("ca.key"));
        let by = ["-CA", ca.to_str().unwrap(), "-CAkey", key.to_str().unwrap()];
        own.make("leaf", &[&leaf[..], &end, &by].concat());
        own
    }

    fn make(&self, name: &str, arguments: &[&str]) {
        let output = std::process::Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args(arguments)
            .arg("-keyout")
            .arg(self.path(&format!("{name}.key")))
            .arg("-out")
            .arg(self.path(&format!("{name}.pem")))
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// TLS before a server that speaks none, for one connection at a time.
struct Terminator {
    port: u16,
    _openssl: Child,
}

impl Terminator {
    async fn before(sfu: &Sfu, certificates: &Certificates, name: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut openssl = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
            .arg(certificates.path(&format!("{name}.pem")))
            .arg("-key")
            .arg(certificates.path(&format!("{name}.key")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("openssl starts");
        let address = sfu.http_url().replace("http://", "");
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let (mut input, mut output) = (openssl.stdin.take().unwrap(), openssl.stdout.take().unwrap());
        tokio::spawn(async move { copy(&mut read, &mut input).await });
        tokio::spawn(async move { copy(&mut output, &mut write).await });
        Self { port, _openssl: openssl }
    }

    /// A start that reaches it, under a name of its host.
    async fn record(&self, recorder: &Recorder, host: &str) -> (StatusCode, Value) {
        let url = format!("wss://{host}:{}/?roomId={ROOM}", self.port);
        wait::until("TLS is listened for", Duration::from_secs(10), || async {
            let (status, answer) = recorder.try_record(ROOM, &url).await;
            (!answer.to_string().contains("refused")).then_some((status, answer))
        })
        .await
    }
}

async fn recorder(folder: &Path, trusted: Option<PathBuf>) -> Recorder {
    let trusted = trusted.unwrap_or_default();
    Recorder::start_in(folder, &[("SFU_CA", trusted.as_os_str())]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ones_own_is_taken_when_it_is_trusted_and_never_else() {
    let sfu = Sfu::start(Options::default()).await.unwrap();
    let publish = Publish {
        peer_id: "ada".to_owned(),
        audio: Some(Fixture::named("opus.ogg").unwrap()),
        ..Publish::default()
    };
    let _ada = sfu.publish(ROOM, publish).await.unwrap();
    let certificates = Certificates::new();
    for (certificate, trusted, host, taken) in [
        ("leaf", Some("ca.pem"), "localhost", true),
        ("self", Some("self.pem"), "localhost", true),
        ("leaf", None, "localhost", false),
        ("self", None, "localhost", false),
        ("self", Some("ca.pem"), "localhost", false),
        // It is for another name.
        ("leaf", Some("ca.pem"), "127.0.0.1", false),
    ] {
        let what = format!("{certificate} at {host}, {trusted:?} trusted");
        let folder = tempfile::tempdir().unwrap();
        let recorder = recorder(folder.path(), trusted.map(|name| certificates.path(name))).await;
        let terminator = Terminator::before(&sfu, &certificates, certificate).await;
        let (status, answer) = terminator.record(&recorder, host).await;
        if !taken {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{what}: {answer}");
            let detail = answer["detail"].as_str().unwrap();
            assert!(detail.contains("certificate"), "{what}: {detail}");
            continue;
        }
        assert_eq!(status, StatusCode::CREATED, "{what}: {answer}");
        let id = answer["recording_id"].as_str().unwrap();
        recorder
            .manifest_until("sound", id, Duration::from_secs(15), |manifest| {
                manifest["participants"][0]["tracks"][0]["samples"].as_i64().unwrap_or(0) > 20
            })
            .await;
        recorder.stop(id).await;
    }
}
