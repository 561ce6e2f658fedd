use super::{Layout, Part};
use crate::playback::Error;
use crate::storage::{Key, Store};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are put together at once.
pub const WINDOW: u64 = 256 << 10;
/// Parts that are put together at once: many small samples would take more memory than their bytes.
pub const MOST_PARTS: usize = 4000;
/// Most bytes of one read, what lies between two wanted parts included.
const LONGEST_READ: u64 = 512 << 10;
/// Two parts of a file that are nearer than this are read at once: a second read costs more.
const NEAR: u64 = 32 << 10;

/// The bytes of a range in order, [`WINDOW`] at a time, or less where that has many parts. It ends with the first error.
pub fn stream(
    layout: Arc<dyn Layout>,
    store: Store,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    stream::try_unfold((layout, store, range), |(layout, store, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let end = range.end.min(range.start.saturating_add(WINDOW));
        let parts = layout.parts(range.start..end).await?;
        let bytes = gather(&store, &parts).await?;
        let next = range.start + bytes.len() as u64;
        if bytes.is_empty() || next > end {
            return Err(Error::Layout { at: range.start });
        }
        Ok(Some((bytes, (layout, store, next..range.end))))
    })
}

/// A stored part, and where its bytes go.
struct Wanted {
    key: Key,
    range: Range<u64>,
    to: usize,
}

async fn gather(store: &Store, parts: &[Part]) -> Result<Bytes, Error> {
    if let [Part::Held(bytes)] = parts {
        return Ok(bytes.clone());
    }
    let mut out = BytesMut::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    for part in parts {
        let to = out.len();
        let length = part.len();
        // A layout that gives more than was asked for is wrong, and gets no memory for it.
        if to as u64 + length > WINDOW {
            return Err(Error::Layout { at: length });
        }
        match part {
            Part::Held(bytes) => out.extend_from_slice(bytes),
            Part::Stored(key, range) => {
                out.resize(to + usize::try_from(length).unwrap_or(0), 0);
                wanted.push(Wanted { key: *key, range: range.clone(), to });
            }
        }
    }
    while let Some(first) = wanted.first() {
        let key = first.key;
        let mut span = first.range.clone();
        let mut together = Vec::new();
        wanted.retain_mut(|part| {
            let joined = part.key == key && joins(&span, &part.range);
            if joined {
                span.end = span.end.max(part.range.end);
                together.push((part.range.clone(), part.to));
            }
            !joined
        });
        let read = store.read(&key, span.clone()).await?;
        for (range, to) in together {
            put(&mut out, to, &read, &(range.start - span.start..range.end - span.start));
        }
    }
    Ok(out.freeze())
}

/// A part that begins in what is read anyway, or little behind it.
fn joins(span: &Range<u64>, part: &Range<u64>) -> bool {
    let near = part.start >= span.start && part.start <= span.end.saturating_add(NEAR);
    near && part.end.max(span.end) - span.start <= LONGEST_READ
}

fn put(out: &mut BytesMut, to: usize, read: &Bytes, range: &Range<u64>) {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let from = read.get(place(range.start)..place(range.end)).unwrap_or_default();
    if let Some(gap) = out.get_mut(to..to.saturating_add(from.len())) {
        gap.copy_from_slice(from);
    }
}
