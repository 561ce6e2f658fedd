//! `tureen check`: whether rows and files agree, by the invariants of `docs/design/storage.md`.

use super::{say, tell};
use crate::catalog::{Catalog, Filter, Gap, Recording, Run, Segment, Track};
use crate::config::Place;
use crate::id::{RecordingId, TrackId};
use crate::media::fmp4::index::ENTRY;
use crate::media::fmp4::read;
use crate::storage::{self, Key, Store};
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

const PAGE: u32 = 100;

#[derive(clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let (catalog, store) = open(&options.place).await?;
    let mut report = Report::default();
    let known = recordings(&catalog).await?;
    for folder in store.recordings().await? {
        // Deleted recordings are not among the known ones.
        if !known.iter().any(|row| row.id == folder) && catalog.recording(folder).await?.is_none() {
            report.broken.push(Broken {
                invariant: "S1",
                place: folder.to_string(),
                what: "no row".to_owned(),
            });
        }
    }
    let here = store.known_name().await?;
    for recording in &known {
        if recording.folder.is_some() && recording.folder != here {
            tell(&format!("recording {} is in another folder", recording.id));
            continue;
        }
        check(&catalog, &store, recording, &mut report).await?;
    }
    for broken in &report.broken {
        say(&broken.to_string());
    }
    say(&format!("{report}"));
    Ok(if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checking makes nothing: neither a folder nor a database.
async fn open(place: &Place) -> anyhow::Result<(Catalog, Store)> {
    let folder = &place.recordings_dir;
    if !folder.is_dir() {
        bail!("there is no folder {}", folder.display());
    }
    let url = place.database();
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
        if !Path::new(path).is_file() {
            bail!("there is no database {path}");
        }
    }
    let store = Store::open(folder.clone()).await.context("cannot read the folder")?;
    Ok((Catalog::open_with(&url, place.database_connections).await?, store))
}

async fn recordings(catalog: &Catalog) -> anyhow::Result<Vec<Recording>> {
    let mut filter = Filter { limit: PAGE, ..Filter::default() };
    let mut rows = Vec::new();
    loop {
        let page = catalog.list(&filter).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => return Ok(rows),
        }
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Broken {
    invariant: &'static str,
    place: String,
    what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {}: {}", self.invariant, self.place, self.what)
    }
}

#[derive(Debug, Default)]
struct Report {
    recordings: usize,
    tracks: usize,
    segments: usize,
    broken: Vec<Broken>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recordings, tracks, segments, broken } = self;
        write!(f, "checked {recordings} recordings, {tracks} tracks, {segments} segments: ")?;
        match broken.len() {
            0 => f.write_str("all invariants hold"),
            some => write!(f, "{some} broken"),
        }
    }
}

async fn check(
    catalog: &Catalog,
    store: &Store,
    recording: &Recording,
    report: &mut Report,
) -> anyhow::Result<()> {
    report.recordings += 1;
    let finished = !recording.status.is_running();
    if !finished {
        tell(&format!("recording {} is still running: its open segments are not checked", recording.id));
    }
    let all = catalog.gaps(recording.id).await?;
    let tracks = catalog.tracks(recording.id).await?;
    let garbage = catalog.garbage_of(recording.id).await?;
    for file in store.tracks(recording.id).await? {
        // A file is made before its row (S2).
        let known = !finished
            || tracks.iter().any(|track| track.id == file)
            || garbage.iter().any(|one| one.track.is_none_or(|track| track == file));
        if !known {
            let place = format!("recording {} track {}", recording.id, file.0);
            report.broken.push(Broken { invariant: "S14", place, what: "files of no track".to_owned() });
        }
    }
    for track in tracks {
        let gaps = all.iter().filter(|gap| gap.track == track.id).cloned().collect();
        let runs = catalog.runs(track.id).await?;
        let segments = catalog.segments(track.id).await?;
        report.tracks += 1;
        report.segments += segments.len();
        let checked = Checked {
            store,
            recording: recording.id,
            track,
            runs,
            segments,
            gaps,
            finished,
            found: Vec::new(),
        };
        report.broken.extend(checked.run().await?);
    }
    Ok(())
}

/// One track with its rows.
struct Checked<'a> {
    store: &'a Store,
    recording: RecordingId,
    track: Track,
    runs: Vec<Run>,
    segments: Vec<Segment>,
    gaps: Vec<Gap>,
    finished: bool,
    found: Vec<Broken>,
}

impl Checked<'_> {
    async fn run(mut self) -> Result<Vec<Broken>, storage::Error> {
        let key = Key::media(self.recording, self.track.id);
        let len = match self.store.len(&key).await {
            Ok(len) => len,
            Err(storage::Error::Missing { .. }) => {
                self.broken("S2", "", "its file is missing");
                return Ok(self.found);
            }
            Err(error) => return Err(error),
        };
        if self.track.start.is_none() && !self.runs.is_empty() {
            self.broken("S5", "", "it has media and no start");
        }
        self.order();
        self.nothing_in_gaps();
        for run in self.runs.clone() {
            self.init(&key, len, &run).await?;
        }
        for segment in self.segments.clone() {
            self.segment(&key, len, &segment).await?;
        }
        if self.finished {
            self.ends(len).await?;
        }
        Ok(self.found)
    }

    fn broken(&mut self, invariant: &'static str, part: &str, what: impl Into<String>) {
        let TrackId(track) = self.track.id;
        let place = format!("recording {} track {track} {part}", self.recording);
        self.found.push(Broken { invariant, place: place.trim_end().to_owned(), what: what.into() });
    }

    /// Bytes of a range, unless the file is shorter.
    async fn bytes(
        &mut self,
        key: &Key,
        len: u64,
        range: &std::ops::Range<u64>,
    ) -> Result<Option<bytes::Bytes>, storage::Error> {
        if range.end > len { Ok(None) } else { self.store.read(key, range.clone()).await.map(Some) }
    }

    async fn init(&mut self, key: &Key, len: u64, run: &Run) -> Result<(), storage::Error> {
        let part = format!("run {}", run.number);
        let Some(bytes) = self.bytes(key, len, &run.init).await? else {
            self.broken("S4", &part, format!("its init segment ends at {}, the file at {len}", run.init.end));
            return Ok(());
        };
        let scan = read::scan(&bytes);
        let whole = 0..bytes.len() as u64;
        if !scan.inits.iter().eq([&whole]) || !scan.fragments.is_empty() {
            self.broken("S4", &part, "its range is not one init segment");
        }
        Ok(())
    }

    async fn segment(&mut self, key: &Key, len: u64, row: &Segment) -> Result<(), storage::Error> {
        let part = format!("segment {}", row.number);
        let Some(bytes) = self.bytes(key, len, &row.range).await? else {
            self.broken("S6", &part, format!("it ends at {}, the file at {len}", row.range.end));
            return Ok(());
        };
        if let Err(what) = agrees(row, &bytes) {
            self.broken("S6", &part, what);
        }
        Ok(())
    }

    /// Numbers without a hole, ranges and times without an overlap, init segments between the runs they part.
    fn order(&mut self) {
        let mut wrong = Vec::new();
        let runs: BTreeSet<u32> = self.runs.iter().map(|run| run.number).collect();
        if runs.iter().copied().ne(0..self.runs.len() as u32) {
            wrong.push(("runs".to_owned(), "their numbers have a hole"));
        }
        for (expected, segment) in self.segments.iter().enumerate() {
            if u32::try_from(expected) != Ok(segment.number) {
                wrong.push((format!("segment {}", segment.number), "a number before it is missing"));
                break;
            }
        }
        for (before, after) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            let part = || format!("segment {}", after.number);
            if after.start < before.start + before.duration {
                wrong.push((part(), "it begins before the one before it ends"));
            }
            if after.run < before.run {
                wrong.push((part(), "its run is before that of the one before it"));
            }
        }
        let inits = self.runs.iter().map(|run| run.init.clone());
        let mut ranges: Vec<_> =
            inits.chain(self.segments.iter().map(|segment| segment.range.clone())).collect();
        ranges.sort_by_key(|range| range.start);
        for (before, after) in ranges.iter().zip(ranges.iter().skip(1)) {
            if before.end > after.start {
                wrong.push((format!("byte {}", after.start), "two ranges overlap"));
            }
        }
        for (part, what) in wrong {
            self.broken("S7", &part, what);
        }
    }

    /// Where a gap is, no segment is, and only the last one of a running recording is open.
    fn nothing_in_gaps(&mut self) {
        let mut wrong = Vec::new();
        for gap in &self.gaps {
            let end = gap.start + gap.duration;
            let inside = |row: &&Segment| row.start < end && row.start + row.duration > gap.start;
            if let Some(row) = self.segments.iter().find(inside) {
                wrong.push((gap.number, format!("segment {} lies in it", row.number)));
            }
            if gap.open && self.finished {
                wrong.push((gap.number, "it is open".to_owned()));
            }
        }
        for (number, what) in wrong {
            self.broken("S12", &format!("gap {number}"), what);
        }
    }

    /// What holds once a recording has ended: nothing lies behind the last row, and the index is whole.
    async fn ends(&mut self, len: u64) -> Result<(), storage::Error> {
        let inits = self.runs.iter().map(|run| run.init.end);
        let end = inits.chain(self.segments.iter().map(|segment| segment.range.end)).max().unwrap_or(0);
        if len > end {
            self.broken("S8", "", format!("{} bytes behind its last row", len - end));
        }
        let samples: u64 = self.segments.iter().map(|segment| u64::from(segment.samples)).sum();
        match self.store.len(&Key::index(self.recording, self.track.id)).await {
            Ok(found) if found == samples * ENTRY as u64 => {}
            Ok(found) => {
                let what = format!("the index has {found} bytes for {samples} samples");
                self.broken("S9", "", what);
            }
            Err(storage::Error::Missing { .. }) => self.broken("S9", "", "the index is missing"),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether a segment's row says what its bytes are: whole fragments, from its first tick on, without a hole.
fn agrees(row: &Segment, bytes: &[u8]) -> Result<(), String> {
    let scan = read::scan(bytes);
    if scan.valid != bytes.len() as u64 || !scan.inits.is_empty() {
        return Err(format!("its bytes are not whole fragments: broken at {}", row.range.start + scan.valid));
    }
    let mut at = row.start;
    for fragment in &scan.fragments {
        if fragment.start != at {
            return Err(format!("a fragment begins at tick {}, not at {}", fragment.start.0, at.0));
        }
        at = at + fragment.duration;
    }
    let length = at - row.start;
    if length != row.duration {
        return Err(format!("it lasts {} ticks, its row says {}", length.0, row.duration.0));
    }
    let samples: usize = scan.fragments.iter().map(|fragment| fragment.samples.len()).sum();
    if samples as u64 != u64::from(row.samples) {
        return Err(format!("it has {samples} samples, its row says {}", row.samples));
    }
    if scan.fragments.first().is_some_and(|fragment| fragment.sync != row.sync) {
        return Err("its row is wrong about its first sample being a sync sample".to_owned());
    }
    Ok(())
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
