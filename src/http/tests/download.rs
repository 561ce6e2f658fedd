use super::*;
use crate::http::serve::serve;
use crate::id::{RecordingId, TrackId};
use crate::media::Codec;
use crate::media::fmp4::read;
use crate::playback::film::{Shot, steady};
use axum::body::to_bytes;
use futures_util::StreamExt;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::DropGuard;

/// Ada with camera and microphone, ten seconds.
async fn with_call() -> (TestApp, TrackId, TrackId) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let camera = app.fixture.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 0, 10)).await.0;
    let sound = app.fixture.film(ada, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 10)).await.0;
    (app, camera, sound)
}

#[tokio::test]
async fn a_recording_is_one_file_of_which_any_range_is_served() {
    let (app, ..) = with_call().await;
    app.fixture.finish(10_000).await;
    let path = app.at("/download?format=mp4");
    let whole = app.get(&path, Role::Student).await;
    assert_eq!((whole.status, whole.header("content-type")), (StatusCode::OK, "video/mp4"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), whole.body.len().to_string());
    assert_eq!(whole.header("last-modified"), "Fri, 15 Jan 2027 08:00:10 GMT");
    assert_eq!(
        whole.header("content-disposition"),
        "attachment; filename=\"Lesson.mp4\"; filename*=UTF-8''Lesson.mp4"
    );
    let kinds: Vec<_> = read::walk(&whole.body).map(|found| found.kind).collect();
    assert_eq!(kinds, [*b"ftyp", *b"moov", *b"mdat"]);
    // Without a format it is the same.
    assert!(app.get(&app.at("/download"), Role::Student).await.body == whole.body);

    let len = whole.body.len();
    let tag = whole.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'));
    for (range, expected) in [
        ("bytes=10-19".to_owned(), 10..20),
        (format!("bytes={}-", len - 5), len - 5..len),
        ("bytes=-7".to_owned(), len - 7..len),
        ("bytes=100-99999999999999999999".to_owned(), 100..len),
    ] {
        let headers = [("range", range.as_str()), ("if-range", &tag), ("if-match", &tag)];
        let part = app.get_with(&path, Role::Student, &headers).await;
        assert_eq!(part.status, 206, "{range}");
        let described = format!("bytes {}-{}/{len}", expected.start, expected.end - 1);
        assert_eq!(part.header("content-range"), described);
        assert_eq!(part.header("content-length"), expected.len().to_string());
        assert!(part.body == whole.body[expected]);
    }
    for range in [format!("bytes={len}-"), "bytes=99999999999999999999-".to_owned(), "bytes=-0".to_owned()] {
        let past = app.get_with(&path, Role::Student, &[("range", &range)]).await;
        past.problem(416, "range");
        assert_eq!(past.header("content-range"), format!("bytes */{len}"));
    }
    let same = app.get_with(&path, Role::Student, &[("if-none-match", &tag)]).await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
    let old = [("range", "bytes=10-19"), ("if-range", "\"other\"")];
    assert_eq!(app.get_with(&path, Role::Student, &old).await.status, 200);
    let dated = [("range", "bytes=10-19"), ("if-range", "Fri, 15 Jan 2027 08:00:10 GMT")];
    let answer = app.get_with(&path, Role::Student, &dated).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, len), "a date does not tell files apart");
    let gone = app.get_with(&path, Role::Student, &[("if-match", "\"other\"")]).await;
    gone.problem(412, "precondition-failed");
    let head = app.call(Method::HEAD, &path, Role::Student, "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(
        (head.header("content-length"), head.header("etag")),
        (whole.header("content-length"), &tag[..])
    );
    let ranged = app.with_method(Method::HEAD, &path, Role::Student, &[("range", "bytes=0-0")]).await;
    assert_eq!((ranged.status.as_u16(), ranged.header("content-range")), (200, ""));
    assert_eq!(ranged.header("content-length"), whole.header("content-length"));
    let zip = app.get_with(&path, Role::Student, &[("accept-encoding", "gzip")]).await;
    assert_eq!((zip.header("content-encoding"), zip.body.len()), ("", len));
}

/// A strong tag and a length are of the bytes as they are.
#[tokio::test]
async fn sound_alone_is_not_compressed() {
    let (app, _, sound) = with_call().await;
    app.fixture.finish(10_000).await;
    for format in ["mp4", "webm"] {
        let path = app.at(&format!("/download?format={format}&track={sound}"));
        let plain = app.get(&path, Role::Student).await;
        let zip = app.get_with(&path, Role::Student, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(zip.header("content-encoding"), "", "{format}");
        for name in ["content-length", "accept-ranges", "etag"] {
            assert!(
                zip.header(name) == plain.header(name) && !plain.header(name).is_empty(),
                "{format}: {name}"
            );
        }
        assert!(zip.body == plain.body, "{format}");
    }
    let webm = app.get(&app.at(&format!("/download?format=webm&track={sound}")), Role::Student).await;
    assert_eq!(webm.header("content-type"), "audio/webm");
}

#[tokio::test]
async fn a_download_goes_on_while_the_recording_does() {
    let (app, ..) = with_call().await;
    let path = app.at("/download");
    let begun = app.get(&path, Role::Student).await;
    let tag = begun.header("etag").to_owned();
    assert_eq!((begun.status.as_u16(), begun.header("last-modified")), (200, ""));
    let ben = app.fixture.participant("Ben", 0).await;
    app.fixture.film(ben, Codec::Opus, "microphone", &steady(Codec::Opus, 0, 0, 20)).await;
    app.fixture.finish(20_000).await;
    let now = app.get(&path, Role::Student).await;
    assert_ne!(now.header("etag"), tag);
    for name in ["if-range", "if-match"] {
        let rest = app.get_with(&path, Role::Student, &[("range", "bytes=5000-"), (name, &tag)]).await;
        assert_eq!((rest.status.as_u16(), rest.header("etag")), (206, &tag[..]), "{name}");
        assert!(rest.body == begun.body[5000..], "{name}");
    }
}

#[tokio::test]
async fn bad_requests_are_told_by_their_field() {
    let (app, camera, sound) = with_call().await;
    app.fixture.finish(10_000).await;
    for (query, field) in [
        ("format=avi", "format"),
        ("format=MP4", "format"),
        ("track=x", "track"),
        ("participant=x", "participant"),
        ("start=-1", "start"),
        ("start=NaN", "start"),
        ("start=1e99", "start"),
        ("start=10", "start"),
        ("start=999999999", "start"),
        ("start=2027-02-15T08:00:00Z", "start"),
        ("start=5&end=5", "start"),
        ("start=5&end=4", "start"),
        ("duration=0", "duration"),
        ("duration=-1", "duration"),
        ("duration=inf", "duration"),
        ("duration=1&end=2", "end"),
        ("exact=2", "exact"),
        (&format!("track={camera}&participant={sound}"), "participant"),
    ] {
        let answer = app.get(&app.at(&format!("/download?{query}")), Role::Student).await;
        assert_eq!(answer.problem(400, "bad-request")["field"], field, "{query}");
    }
    for query in [format!("track={}", TrackId::new()), format!("participant={camera}")] {
        let answer = app.get(&app.at(&format!("/download?{query}")), Role::Student).await;
        answer.problem(404, "not-found");
    }
    let stranger = format!("{BASE}/{}/download", RecordingId::new());
    app.get(&stranger, Role::Student).await.problem(404, "not-found");
    app.get(&app.at("/download"), Role::Unknown).await.problem(404, "not-found");
    // What it does not know it leaves alone, and a part may reach over the end.
    let part =
        app.get(&app.at(&format!("/download?start=9.5&duration=1e8&x=y&track={sound}")), Role::Student).await;
    assert_eq!(part.status, 200);
    assert!(part.header("content-disposition").contains("Lesson - Ada - microphone.mp4"));
}

#[tokio::test]
async fn what_cannot_be_an_mp4_says_what_there_is() {
    let app = TestApp::new().await;
    app.get(&app.at("/download"), Role::Student).await.problem(404, "nothing-yet");
    let ada = app.fixture.participant("Ada", 0).await;
    let first = app.fixture.film(ada, Codec::Vp8, "camera", &steady(Codec::Vp8, 0, 0, 2)).await.0;
    let refused = app.get(&app.at("/download?format=mp4"), Role::Student).await;
    let body = refused.problem(422, "not-in-container");
    assert!(body["error"].as_str().unwrap().contains("webm"), "{body}");
    assert_eq!(body["tracks"], serde_json::json!([first]));
    let one = app.fixture.film(ada, Codec::H264, "camera", &steady(Codec::H264, 0, 270_000, 2)).await.0;
    let refused = app.get(&app.at("/download"), Role::Student).await;
    let body = refused.problem(409, "several-files");
    assert_eq!((body["field"].as_str(), body["tracks"].as_array().unwrap().len()), (Some("track"), 2));
    assert_eq!(app.get(&app.at(&format!("/download?track={one}")), Role::Student).await.status, 200);
}

/// A recording of 12 MB, which is more than any socket holds, behind a real one.
async fn behind_a_socket() -> (TestApp, SocketAddr, DropGuard) {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let shot = Shot { run: 0, start: 0, samples: vec![(45_000, true, 1 << 20); 12] };
    app.fixture.film(ada, Codec::H264, "camera", &[shot]).await;
    app.fixture.finish(6000).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    tokio::spawn(serve(listener, app.router.clone(), stop.clone().cancelled_owned()));
    (app, address, stop.drop_guard())
}

/// A transfer of which the head is read, and how many bytes it is to have. Little of it lies in the network.
async fn begin(app: &TestApp, address: SocketAddr) -> (TcpStream, usize) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let (path, token) = (app.at("/download"), token(Role::Student));
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    (stream, length.parse().unwrap())
}

/// Who may have it has begun to; nobody else begins.
#[tokio::test]
async fn a_recording_that_is_hidden_ends_the_transfers_that_run() {
    let (app, address, _guard) = behind_a_socket().await;
    let whole = app.get(&app.at("/download"), Role::Student).await;
    let tag = whole.header("etag").to_owned();
    let (mut transfer, length) = begin(&app, address).await;
    assert_eq!(app.call(Method::DELETE, &app.at(""), Role::Teacher, "").await.status, 200);
    app.get(&app.at("/download"), Role::Student).await.problem(404, "not-found");
    let rest = [("range", "bytes=1000-"), ("if-range", &tag)];
    app.get_with(&app.at("/download"), Role::Student, &rest).await.problem(404, "not-found");
    let mut taken = Vec::new();
    transfer.read_to_end(&mut taken).await.unwrap();
    assert!(taken.len() == length && taken == whole.body);
}

#[tokio::test]
async fn what_is_removed_for_good_breaks_off_the_transfers_that_run() {
    for path in ["?permanent=true", "/participants/peer-Ada"] {
        let (app, address, _guard) = behind_a_socket().await;
        let (mut transfer, length) = begin(&app, address).await;
        assert_eq!(app.call(Method::DELETE, &app.at(path), Role::Teacher, "").await.status, 200, "{path}");
        let mut taken = Vec::new();
        // Whether the connection is closed or reset is the system's affair.
        let _ = transfer.read_to_end(&mut taken).await;
        assert!(taken.len() < length, "{path}: {} of {length} bytes", taken.len());
        assert_eq!(app.get(&app.at("/download"), Role::Student).await.status, 404, "{path}");
    }
}

/// The answer breaks off, and the service goes on.
#[tokio::test]
async fn files_that_are_lost_break_off_a_download() {
    let app = TestApp::new().await;
    let ada = app.fixture.participant("Ada", 0).await;
    let samples = vec![(45_000, true, 1 << 20); 4];
    let shot = Shot { run: 0, start: 0, samples };
    app.fixture.film(ada, Codec::H264, "camera", &[shot]).await;
    app.fixture.finish(2000).await;
    let request = Request::get(app.at("/download"))
        .header("authorization", format!("Bearer {}", token(Role::Student)))
        .body(Body::empty())
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    assert!(body.next().await.unwrap().is_ok());
    app.fixture.store.remove_recording(app.fixture.recording).await.unwrap();
    assert!(body.next().await.unwrap().is_err());
    assert!(body.next().await.is_none());
    // A range of it is an answer that breaks off at once.
    let request = Request::get(app.at("/download"))
        .header("authorization", format!("Bearer {}", token(Role::Student)))
        .header("range", "bytes=1000000-")
        .body(Body::empty())
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert!(to_bytes(response.into_body(), 1 << 24).await.is_err());
}
