use super::cache::Cache;
use super::*;
use crate::id::{RecordingId, TrackId};
use crate::storage::Store;
use futures_util::StreamExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Stored bytes with a mark of one byte in front of each of `pieces`.
#[derive(Debug)]
struct Marked {
    key: Key,
    pieces: Vec<Range<u64>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Layout for Marked {
    fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.end - piece.start + 1).sum()
    }

    fn held(&self) -> usize {
        self.pieces.len() * 16
    }

    async fn parts(&self, range: Range<u64>) -> Result<Vec<Part>, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (mut at, mut parts) = (0, Vec::new());
        for piece in &self.pieces {
            if range.contains(&at) {
                parts.push(Part::Held(Bytes::from_static(b"|")));
            }
            at += 1;
            let end = at + piece.end - piece.start;
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                parts.push(Part::Stored(self.key, piece.start + from - at..piece.start + to - at));
            }
            at = end;
        }
        Ok(parts)
    }
}

/// A stored file, and a view of it with near, far, overlapping and backward pieces.
async fn marked(folder: &tempfile::TempDir) -> (Store, Arc<Marked>, Vec<u8>) {
    let store = Store::open(folder.path().to_owned()).await.unwrap();
    let key = Key::media(RecordingId::new(), TrackId::new());
    let stored: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    store.create(&key).await.unwrap().append(stored.clone().into()).await.unwrap();
    let pieces = vec![
        10..20,
        30..400_000,
        400_100..400_200,
        2_000_000..2_900_000,
        15..35,
        0..1,
        5..5,
        450_000..450_300,
    ];
    let whole = pieces
        .iter()
        .flat_map(|piece| {
            let piece: Range<u64> = piece.clone();
            [b"|".to_vec(), stored[piece.start as usize..piece.end as usize].to_vec()].concat()
        })
        .collect();
    (store, Arc::new(Marked { key, pieces, asked: AtomicUsize::new(0) }), whole)
}

async fn read(store: &Store, layout: &Arc<Marked>, range: Range<u64>) -> Vec<u8> {
    let layout: Arc<dyn Layout> = Arc::<Marked>::clone(layout);
    let read: Vec<_> = stream(layout, store.clone(), range).collect().await;
    read.into_iter().flat_map(|bytes| bytes.unwrap().to_vec()).collect()
}

#[tokio::test]
async fn any_range_is_the_same_bytes_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (store, layout, whole) = marked(&folder).await;
    assert_eq!(layout.len(), whole.len() as u64);
    assert!(read(&store, &layout, 0..layout.len()).await == whole);
    for (from, length) in
        [(0, 0), (0, 1), (1, 1), (10, 2), (11, 300_000), (400_000, 600_000), (1_000_000, 300_000)]
    {
        let range = from..(from + length).min(whole.len());
        let found = read(&store, &layout, range.start as u64..range.end as u64).await;
        assert!(found == whole[range.clone()], "{range:?}");
    }
}

#[tokio::test]
async fn nothing_is_read_that_nobody_takes() {
    let folder = tempfile::tempdir().unwrap();
    let (store, layout, _) = marked(&folder).await;
    let all = layout.len();
    let shared: Arc<dyn Layout> = Arc::<Marked>::clone(&layout);
    let mut taken = Box::pin(stream(shared, store.clone(), 0..all));
    assert_eq!(layout.asked.load(Ordering::SeqCst), 0);
    assert_eq!(taken.next().await.unwrap().unwrap().len() as u64, WINDOW);
    assert_eq!(layout.asked.load(Ordering::SeqCst), 1);
    drop(taken);
    assert_eq!((layout.asked.load(Ordering::SeqCst), Arc::strong_count(&layout)), (1, 1));
}

#[tokio::test]
async fn a_file_that_is_gone_breaks_the_stream_once() {
    let folder = tempfile::tempdir().unwrap();
    let (store, layout, _) = marked(&folder).await;
    let all = layout.len();
    let shared: Arc<dyn Layout> = Arc::<Marked>::clone(&layout);
    let mut taken = Box::pin(stream(shared, store, 0..all));
    assert!(taken.next().await.unwrap().is_ok());
    std::fs::remove_dir_all(folder.path().join("recordings")).unwrap();
    assert!(matches!(taken.next().await, Some(Err(Error::Storage(_)))));
    assert!(taken.next().await.is_none());
}

fn file(tag: &str, bytes: usize) -> File {
    #[derive(Debug)]
    struct Blank(usize);
    #[async_trait]
    impl Layout for Blank {
        fn len(&self) -> u64 {
            1
        }
        fn held(&self) -> usize {
            self.0
        }
        async fn parts(&self, _: Range<u64>) -> Result<Vec<Part>, Error> {
            Ok(vec![Part::Held(Bytes::from_static(b"x"))])
        }
    }
    File {
        layout: Arc::new(Blank(bytes)),
        tag: tag.to_owned(),
        modified: None,
        settled: true,
        media_type: "video/mp4",
    }
}

#[tokio::test]
async fn a_file_is_made_once_for_all_who_ask_at_once() {
    let cache = Cache::new(1000);
    let (made, go) = (AtomicUsize::new(0), Notify::new());
    let ask = || {
        cache.get("a", || async {
            made.fetch_add(1, Ordering::SeqCst);
            go.notified().await;
            Ok(file("a", 100))
        })
    };
    let (one, two, three, ()) = tokio::join!(ask(), ask(), ask(), async {
        tokio::task::yield_now().await;
        go.notify_one()
    });
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()) && three.is_ok());
    assert_eq!((made.load(Ordering::SeqCst), cache.bytes()), (1, 101));
}

#[tokio::test]
async fn the_oldest_goes_when_there_are_too_many_bytes() {
    let cache = Cache::new(250);
    let made = AtomicUsize::new(0);
    let ask = async |tag: &'static str, bytes| {
        let make = || async {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(file(tag, bytes))
        };
        cache.get(tag, make).await.unwrap();
        made.load(Ordering::SeqCst)
    };
    assert_eq!((ask("a", 99).await, ask("b", 99).await, ask("a", 99).await), (1, 2, 2));
    assert_eq!(ask("c", 99).await, 3);
    assert_eq!((ask("a", 99).await, cache.bytes()), (3, 200));
    assert_eq!(ask("b", 99).await, 4, "it had to go");
    // One that is larger than all is served and not kept.
    assert_eq!((ask("d", 9999).await, cache.bytes()), (5, 0));
}

#[tokio::test]
async fn what_could_not_be_made_is_tried_again() {
    let cache = Cache::new(1000);
    let failed = cache.get("a", || async { Err(Error::Changed) }).await;
    assert!(matches!(failed, Err(Error::Changed)));
    assert!(cache.get("a", || async { Ok(file("a", 1)) }).await.is_ok());
    // Whoever asked and went away leaves nothing behind.
    let mut gone = Box::pin(cache.get("b", std::future::pending));
    assert!(futures_util::poll!(&mut gone).is_pending());
    drop(gone);
    assert!(cache.get("b", || async { Ok(file("b", 1)) }).await.is_ok());
}
