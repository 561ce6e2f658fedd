//! What is to be gone for good: a recording, or one person in it. First rows say so, then the files go, then the last rows
//! (invariants S11 and S14 of `docs/design/storage.md`); what is cut off in between is finished by the next process.

use super::recovery::Error;
use crate::catalog::{Catalog, Erased, Garbage};
use crate::id::RecordingId;
use crate::storage::Store;
use crate::time::WallTime;

/// Removes a recording, its files and all its rows.
///
/// # Errors
/// Those of [`Catalog::condemn_recording`], and what the disk says.
pub async fn purge(catalog: &Catalog, store: &Store, id: RecordingId, at: WallTime) -> Result<(), Error> {
    catalog.condemn_recording(id, at).await?;
    remove(catalog, store, Garbage { recording: id, track: None }).await
}

/// Erases a person from a recording, with the files of their tracks.
///
/// # Errors
/// Those of [`Catalog::erase`], and what the disk says.
pub async fn erase(
    catalog: &Catalog,
    store: &Store,
    recording: RecordingId,
    who: &str,
) -> Result<Erased, Error> {
    let erased = catalog.erase(recording, who).await?;
    for track in &erased.tracks {
        remove(catalog, store, Garbage { recording, track: Some(*track) }).await?;
    }
    Ok(erased)
}

/// Goes on with removals that were cut off. How many files or recordings these were.
///
/// # Errors
/// When the catalogue or the disk fails.
pub async fn sweep(catalog: &Catalog, store: &Store) -> Result<usize, Error> {
    let garbage = catalog.garbage().await?;
    for one in &garbage {
        remove(catalog, store, *one).await?;
        tracing::warn!(recording.id = %one.recording, "a removal that was cut off is finished");
    }
    Ok(garbage.len())
}

async fn remove(catalog: &Catalog, store: &Store, garbage: Garbage) -> Result<(), Error> {
    match garbage.track {
        Some(track) => {
            store.remove_track(garbage.recording, track).await?;
            catalog.removed_track(garbage.recording, track).await?;
        }
        None => {
            store.remove_recording(garbage.recording).await?;
            catalog.purge_recording(garbage.recording).await?;
        }
    }
    Ok(())
}
