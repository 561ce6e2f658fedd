use super::*;
use crate::id::{RecordingId, TrackId};
use bytes::Bytes;

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("deep/er")).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn appends_say_where_they_wrote_and_reads_are_exact() {
    let (_folder, store) = store().await;
    let key = Key::media(RecordingId::new(), TrackId::new());
    let mut writer = store.create(&key).await.unwrap();
    assert!(writer.is_empty());
    assert_eq!(writer.append(Bytes::from_static(b"init")).await.unwrap(), 0);
    assert_eq!(writer.append(Bytes::from_static(b"fragment")).await.unwrap(), 4);
    writer.sync().await.unwrap();
    assert_eq!(writer.len(), 12);
    assert_eq!(store.len(&key).await.unwrap(), 12);
    assert_eq!(&store.read(&key, 4..12).await.unwrap()[..], b"fragment");
    assert_eq!(&store.read(&key, 12..12).await.unwrap()[..], b"");
    assert_eq!(store.usage().await.unwrap(), 12);
    assert!(store.free_bytes().await.unwrap() > 0);
}

#[tokio::test]
async fn a_file_is_never_overwritten() {
    let (_folder, store) = store().await;
    let key = Key::index(RecordingId::new(), TrackId::new());
    store.create(&key).await.unwrap().append(Bytes::from_static(b"kept")).await.unwrap();
    assert!(matches!(store.create(&key).await, Err(Error::Exists { .. })));
    assert_eq!(&store.read(&key, 0..4).await.unwrap()[..], b"kept");
}

#[tokio::test]
async fn a_read_past_the_end_says_so_and_allocates_nothing() {
    let (_folder, store) = store().await;
    let key = Key::media(RecordingId::new(), TrackId::new());
    store.create(&key).await.unwrap().append(Bytes::from_static(b"abc")).await.unwrap();
    assert!(matches!(store.read(&key, 1..4).await, Err(Error::Short { len: 3, wanted: 4, .. })));
    assert!(matches!(store.read(&key, 0..u64::MAX).await, Err(Error::TooLarge { .. })));
    let other = Key::media(RecordingId::new(), TrackId::new());
    assert!(matches!(store.read(&other, 0..1).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn reopening_cuts_the_tail_and_goes_on() {
    let (_folder, store) = store().await;
    let key = Key::media(RecordingId::new(), TrackId::new());
    store.create(&key).await.unwrap().append(Bytes::from_static(b"whole+torn")).await.unwrap();
    assert!(matches!(store.reopen(&key, 11).await, Err(Error::Short { .. })));
    let mut writer = store.reopen(&key, 5).await.unwrap();
    assert_eq!(writer.append(Bytes::from_static(b"!")).await.unwrap(), 5);
    assert_eq!(&store.read(&key, 0..6).await.unwrap()[..], b"whole!");
    assert_eq!(store.len(&key).await.unwrap(), 6);
}

#[tokio::test]
async fn a_recording_is_removed_with_all_its_files_and_no_other() {
    let (_folder, store) = store().await;
    let (one, other) = (RecordingId::new(), RecordingId::new());
    let kept = Key::media(other, TrackId::new());
    store.create(&Key::media(one, TrackId::new())).await.unwrap();
    store.create(&kept).await.unwrap();
    store.remove_recording(one).await.unwrap();
    store.remove_recording(one).await.unwrap();
    assert!(store.len(&kept).await.is_ok());
    assert_eq!(store.usage().await.unwrap(), 0);
}

#[test]
fn keys_print_as_relative_paths() {
    let (recording, track) = (RecordingId::new(), TrackId::new());
    assert_eq!(Key::media(recording, track).to_string(), format!("recordings/{recording}/{track}.mp4"));
    assert_eq!(Key::index(recording, track).to_string(), format!("recordings/{recording}/{track}.idx"));
}
