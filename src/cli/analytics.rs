//! `tureen analytics`: the numbers of viewing sessions, made again of what players told.

use super::{audit, say};
use crate::catalog::{Basis, Catalog};
use crate::config::Place;
use crate::id::RecordingId;
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
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sessions, {} changed", self.sessions, self.changed)
    }
}

/// Folds each session anew from its raw events.
pub(crate) async fn rebuild(catalog: &Catalog) -> anyhow::Result<Rebuilt> {
    let (mut rebuilt, mut after) = (Rebuilt::default(), None);
    loop {
        let recordings = catalog.viewed_recordings(after, PAGE).await?;
        for id in &recordings {
            of_recording(catalog, *id, &mut rebuilt).await?;
        }
        after = recordings.last().copied();
        if after.is_none() {
            return Ok(rebuilt);
        }
    }
}

async fn of_recording(catalog: &Catalog, id: RecordingId, rebuilt: &mut Rebuilt) -> anyhow::Result<()> {
    let media = Media::load(catalog, id).await?;
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
    catalog.rebuild_viewing_shares(id).await?;
    Ok(())
}
