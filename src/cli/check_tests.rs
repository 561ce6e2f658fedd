use super::*;
use crate::media::Codec;
use crate::playback::fixture::Fixture;
use bytes::Bytes;

async fn finished() -> (Fixture, TrackId) {
    let it = Fixture::new().await;
    let ada = it.participant("Ada", 0).await;
    let track = it.track(ada, Codec::H264, "camera", &[(0, 0, 2000), (0, 2000, 2000), (1, 4000, 1000)]).await;
    it.track(ada, Codec::Opus, "microphone", &[(0, 100, 2000)]).await;
    it.finish(5000).await;
    (it, track)
}

async fn report(it: &Fixture) -> Report {
    let mut report = Report::default();
    for recording in recordings(&it.catalog).await.unwrap() {
        check(&it.catalog, &it.store, &recording, &mut report).await.unwrap();
    }
    report
}

/// The only invariant that is broken, and where.
async fn broken(it: &Fixture) -> (&'static str, String) {
    let report = report(it).await;
    assert_eq!(report.broken.len(), 1, "{:?}", report.broken);
    (report.broken[0].invariant, report.broken[0].to_string())
}

#[tokio::test]
async fn a_sound_recording_has_nothing_broken() {
    let (it, _) = finished().await;
    let report = report(&it).await;
    assert_eq!(report.to_string(), "checked 1 recordings, 2 tracks, 4 segments: all invariants hold");
    let place =
        Place { recordings_dir: it.folder.path().to_owned(), database_url: None, database_connections: 2 };
    assert!(run(Options { place }).await.unwrap() == ExitCode::SUCCESS);
}

#[tokio::test]
async fn a_file_that_no_row_names_breaks_s14() {
    let (it, track) = finished().await;
    it.catalog.erase(it.recording, "peer-Ada").await.unwrap();
    assert!(report(&it).await.broken.is_empty(), "it is being removed");
    crate::recorder::removal::sweep(&it.catalog, &it.store).await.unwrap();
    assert!(report(&it).await.broken.is_empty());
    drop(it.store.create(&Key::media(it.recording, track)).await.unwrap());
    let (name, text) = broken(&it).await;
    assert_eq!(name, "S14");
    assert!(text.contains(&track.0.to_string()), "{text}");
}

#[tokio::test]
async fn a_file_cut_short_breaks_s6() {
    let (it, track) = finished().await;
    let key = Key::media(it.recording, track);
    let len = it.store.len(&key).await.unwrap();
    it.store.reopen(&key, len - 1).await.unwrap();
    let (name, text) = broken(&it).await;
    assert_eq!(name, "S6");
    assert!(text.contains(&track.to_string()) && text.contains("segment 2"), "{text}");
}

#[tokio::test]
async fn a_damaged_fragment_breaks_s6() {
    let (it, track) = finished().await;
    let path = it.folder.path().join(Key::media(it.recording, track).to_string());
    let mut bytes = std::fs::read(&path).unwrap();
    let segment = it.catalog.segment(track, 1).await.unwrap().unwrap();
    let at = usize::try_from(segment.range.start).unwrap();
    bytes[at + 4..at + 8].copy_from_slice(b"free");
    std::fs::write(&path, bytes).unwrap();
    let (name, text) = broken(&it).await;
    assert!(name == "S6" && text.contains("segment 1"), "{text}");
}

#[tokio::test]
async fn bytes_behind_the_last_row_break_s8_unless_it_is_running() {
    let (it, track) = finished().await;
    let key = Key::media(it.recording, track);
    let len = it.store.len(&key).await.unwrap();
    it.store.reopen(&key, len).await.unwrap().append(Bytes::from_static(b"torn")).await.unwrap();
    assert_eq!(broken(&it).await.0, "S8");

    let running = Fixture::new().await;
    let ada = running.participant("Ada", 0).await;
    let track = running.track(ada, Codec::Vp9, "camera", &[(0, 0, 2000)]).await;
    let key = Key::media(running.recording, track);
    let len = running.store.len(&key).await.unwrap();
    running.store.reopen(&key, len).await.unwrap().append(Bytes::from_static(b"open")).await.unwrap();
    assert!(report(&running).await.broken.is_empty());
}

#[tokio::test]
async fn a_missing_file_a_short_index_and_a_lost_row_are_named() {
    let (it, track) = finished().await;
    let index = Key::index(it.recording, track);
    it.store.reopen(&index, 16).await.unwrap();
    assert_eq!(broken(&it).await.0, "S9");
    std::fs::remove_file(it.folder.path().join(Key::media(it.recording, track).to_string())).unwrap();
    assert_eq!(broken(&it).await.0, "S2");
    it.catalog.purge_recording(it.recording).await.unwrap();
    let place =
        Place { recordings_dir: it.folder.path().to_owned(), database_url: None, database_connections: 2 };
    assert!(run(Options { place }).await.unwrap() == ExitCode::FAILURE);
}

#[tokio::test]
async fn nothing_is_made_where_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place =
        Place { recordings_dir: folder.path().to_owned(), database_url: None, database_connections: 2 };
    assert!(run(Options { place }).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_segment_inside_a_gap_breaks_s12() {
    let (it, track) = finished().await;
    let gap = Gap {
        track,
        number: 0,
        after: 2,
        cause: crate::catalog::Cause::Off,
        shown: crate::catalog::Shown::Black,
        start: crate::time::Ticks(5 * 90_000),
        duration: crate::time::Ticks(90_000),
        open: false,
        listed_micros: 0,
    };
    it.catalog.add_media(&[], std::slice::from_ref(&gap)).await.unwrap();
    assert!(report(&it).await.broken.is_empty());
    let inside = Gap { number: 1, start: crate::time::Ticks(4 * 90_000), ..gap };
    it.catalog.add_media(&[], &[inside]).await.unwrap();
    let (name, text) = broken(&it).await;
    assert!(name == "S12" && text.contains("segment 2 lies in it"), "{text}");
}
