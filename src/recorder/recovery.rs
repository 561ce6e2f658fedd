//! After a crash: what a killed process had flushed becomes part of its recordings. They are closed, or taken up again
//! ([`adopt`](super::adopt)).
//!
//! The catalogue knows every closed segment. What lies behind the last of them in a track's file is scanned; whole
//! fragments become a segment, a torn tail is cut off, and the sample index is made to agree.

use super::tell::Teller;
use crate::catalog::{
    self, Catalog, Change, EndedBy, Finish, NewSegment, Recording, Run, Segment, Status, Track,
};
use crate::id::RecordingId;
use crate::media::fmp4::index::{ENTRY, Flags, Index, encode};
use crate::media::fmp4::read::{self, Scan};
use crate::media::segment::{self, Policy};
use crate::storage::{self, Key, Store};
use crate::time::Ticks;
use bytes::{Bytes, BytesMut};

/// More than an open segment can hold; what is beyond it in one step is read in the next.
const STEP_BYTES: u64 = 32 << 20;

/// Why a recording could not be brought back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder.
    #[error("cannot read or mend media")]
    Storage(#[from] storage::Error),
    /// The catalogue.
    #[error("cannot read or mend rows")]
    Catalog(#[from] catalog::Error),
}

/// Closes one recording that was cut off.
///
/// # Errors
/// When its files or rows cannot be mended.
pub(super) async fn close(catalog: &Catalog, store: &Store, recording: &Recording) -> Result<(), Error> {
    let mut duration_micros = 0;
    let mut bytes = 0;
    for track in catalog.tracks(recording.id).await? {
        if let Some(mended) = mend(catalog, store, recording, &track).await? {
            duration_micros = duration_micros.max(mended.end.to_micros(track.codec.timescale()));
            bytes += mended.media.len();
        }
    }
    let pauses = catalog.pauses(recording.id).await?;
    let paused = pauses.iter().filter_map(|pause| Some(pause.ended_at?.since(pause.began_at)));
    let stopped_at = recording.started_at.plus(duration_micros + paused.sum::<i64>());
    let mut teller = Teller::new(recording.id, catalog).await?;
    for track in catalog.tracks(recording.id).await? {
        let event = teller.stopped(track.id, stopped_at, track.error.as_deref());
        let ended = Change::TrackEnded(track.id, stopped_at, track.error.as_deref());
        catalog.write(&[ended], event.as_slice()).await?;
    }
    let finish = Finish {
        status: if duration_micros > 0 { Status::Completed } else { Status::Failed },
        stopped_at,
        duration_micros,
        bytes,
        ended_by: EndedBy::Interruption,
        error: Some("interrupted, and recovered when the recorder started again".to_owned()),
    };
    catalog.finish_recording(recording.id, &finish).await?;
    tracing::warn!(recording.id = %recording.id, duration_micros, "an interrupted recording was closed");
    Ok(())
}

/// Removes files of no track: a file is made before the row of its track (invariant S2), which then never came. They hold
/// no media.
///
/// # Errors
/// When files or rows cannot be read.
pub(super) async fn clear_strays(catalog: &Catalog, store: &Store, id: RecordingId) -> Result<(), Error> {
    let known = catalog.tracks(id).await?;
    for stray in store.tracks(id).await? {
        if !known.iter().any(|track| track.id == stray) {
            store.remove_track(id, stray).await?;
        }
    }
    Ok(())
}

/// A track whose files and rows agree again, open to go on.
pub(super) struct Mended {
    pub(super) media: storage::Writer,
    pub(super) index: storage::Writer,
    /// Where its last segment ends.
    pub(super) end: Ticks,
    /// Of the next run.
    pub(super) next_run: u32,
    /// Of the next segment.
    pub(super) next_segment: u32,
}

/// Makes a track's files and rows agree. `None` if nothing of it was ever stored.
///
/// # Errors
/// When they cannot be read or written.
pub(super) async fn mend(
    catalog: &Catalog,
    store: &Store,
    recording: &Recording,
    track: &Track,
) -> Result<Option<Mended>, Error> {
    let timescale = track.codec.timescale();
    let segments = catalog.segments(track.id).await?;
    let runs = catalog.runs(track.id).await?;
    let known = segments.last().map(|segment| segment.range.end);
    let init = runs.last().map(|run| run.init.end);
    let Some(from) = known.max(init) else { return Ok(None) };
    let run = runs.last().map_or(0, |run: &Run| run.number);

    let tail = read_tail(store, recording.id, track, from).await?;
    let mut scan = read::scan(&tail);
    if scan.init.is_some() {
        // An init segment without a row: no fragment can follow it (invariant of the writer's order).
        scan = Scan::default();
    }
    let (valid, fragments) = (scan.valid, scan.fragments.as_slice());
    let first = segments.last().map_or(0, |segment| segment.number + 1);
    let found: Vec<NewSegment> =
        segment::from_fragments(fragments, Policy::default(), timescale, track.codec.kind(), first)
            .into_iter()
            .map(|segment| NewSegment {
                track: track.id,
                run,
                number: segment.number,
                start: segment.start,
                duration: segment.duration,
                range: from + segment.range.start..from + segment.range.end,
                samples: segment.samples,
                sync: segment.sync,
                // Pauses of the recording lie between runs, so the run knows the wall clock.
                wall: runs.last().map_or(recording.started_at, |run| {
                    run.wall.plus((segment.start - run.first).to_micros(timescale))
                }),
            })
            .collect();
    let mut media = store.reopen(&Key::media(recording.id, track.id), from + valid).await?;
    media.sync().await?;
    let index = rebuild_index(store, recording.id, track, &segments, &found, &scan, from).await?;
    catalog.add_segments(&found).await?;
    let last = found.last().or(segments.last());
    Ok(Some(Mended {
        media,
        index,
        end: last.map(|segment| segment.start + segment.duration).unwrap_or_default(),
        next_run: runs.last().map_or(0, |run| run.number + 1),
        next_segment: last.map_or(0, |segment| segment.number + 1),
    }))
}

async fn read_tail(store: &Store, recording: RecordingId, track: &Track, from: u64) -> Result<Bytes, Error> {
    let key = Key::media(recording, track.id);
    let len = store.len(&key).await?;
    let mut tail = BytesMut::new();
    let mut at = from.min(len);
    while at < len {
        let until = len.min(at + STEP_BYTES);
        tail.extend_from_slice(&store.read(&key, at..until).await?);
        at = until;
    }
    Ok(tail.freeze())
}

/// The index holds what closed segments hold, then what the scan found.
async fn rebuild_index(
    store: &Store,
    recording: RecordingId,
    track: &Track,
    segments: &[Segment],
    found: &[NewSegment],
    scan: &Scan,
    base: u64,
) -> Result<storage::Writer, Error> {
    let known: u64 = segments.iter().map(|segment| u64::from(segment.samples)).sum();
    let mut index = store.reopen(&Key::index(recording, track.id), known * ENTRY as u64).await?;
    let mut entries = Index::rebuild(scan).entries;
    for entry in &mut entries {
        entry.offset += base;
    }
    for segment in found {
        // Its first sample is the first one behind the segment's first byte.
        if let Some(entry) = entries.iter_mut().find(|entry| entry.offset > segment.range.start) {
            let cut = if segment.sync { Flags::default() } else { Flags::CUT };
            entry.flags = entry.flags.with(Flags::SEGMENT).with(cut);
        }
    }
    index.append(encode(&entries).into()).await?;
    index.sync().await?;
    Ok(index)
}
