//! `tureen analytics`: the numbers of viewing sessions, made again of what players told.

use super::{audit, say};
use crate::catalog::{Basis, Catalog, Whole};
use crate::config::Place;
use crate::id::RecordingId;
use crate::playback;
use crate::playback::room::Room;
use crate::playback::watchable::Media;
use clap::{Args, Subcommand};
use std::fmt;

/// Rows that are read at one time.
const PAGE: u32 = 500;

#[derive(Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the numbers of all viewing sessions again, and say how many changed
    Rebuild {
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let Command::Rebuild { place } = options.command;
    let rebuilt = rebuild(&audit::open(&place).await?).await?;
    say(&rebuilt.to_string());
    Ok(())
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rebuilt {
    pub(crate) sessions: u64,
    pub(crate) changed: u64,
    /// Rows of what is kept of sessions together.
    pub(crate) sums: u64,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions, {} changed; {} sums changed", self.sessions, self.changed, self.sums)
    }
}

/// Folds each session anew from its raw events, then makes what is kept of them together again: by day, and with that by
/// recording.
pub(crate) async fn rebuild(catalog: &Catalog) -> anyhow::Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    let recordings = recordings(catalog).await?;
    for id in &recordings {
        sessions(catalog, *id, &mut rebuilt).await?;
    }
    let mut from = 0;
    loop {
        let days = catalog.view_days(from, PAGE).await?;
        for day in &days {
            rebuilt.sums += catalog.rebuild_view_day(*day).await?;
        }
        match days.last() {
            Some(last) => from = last.saturating_add(1),
            None => break,
        }
    }
    for id in recordings {
        rebuilt.sums += viewers(catalog, id).await?;
    }
    Ok(rebuilt)
}

/// Those that somebody watched.
async fn recordings(catalog: &Catalog) -> anyhow::Result<Vec<RecordingId>> {
    let mut all: Vec<RecordingId> = Vec::new();
    loop {
        let page = catalog.viewed_recordings(all.last().copied(), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn sessions(catalog: &Catalog, id: RecordingId, rebuilt: &mut Rebuilt) -> anyhow::Result<()> {
    let media = match Media::load(catalog, id).await {
        Ok(media) => media,
        // It was removed meanwhile.
        Err(playback::Error::NoRecording) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let basis = Basis { media: &media.counted, settled: media.ended };
    let mut after = 0;
    loop {
        let sessions = catalog.viewing_ids(id, after, PAGE).await?;
        for session in &sessions {
            rebuilt.sessions += 1;
            rebuilt.changed += u64::from(catalog.refold_viewing(*session, basis).await?);
        }
        match sessions.last() {
            Some(last) => after = *last,
            None => break,
        }
    }
    rebuilt.sums += catalog.rebuild_viewing_shares(id).await?;
    Ok(())
}

async fn viewers(catalog: &Catalog, id: RecordingId) -> anyhow::Result<u64> {
    match Room::load(catalog, id).await {
        Ok(room) => {
            let media = Media::of(&room.recording, &room.tracks, &room.totals, &room.gaps);
            let whole = Whole { media: &media.stored, length_ms: room.duration_micros() / 1000 };
            Ok(catalog.rebuild_views(id, media.ended.then_some(whole)).await?)
        }
        // Of a hidden recording nothing is told: what is kept of it is made when it comes back.
        Err(playback::Error::NoRecording) => Ok(catalog.rebuild_views(id, None).await?),
        Err(error) => Err(error.into()),
    }
}
