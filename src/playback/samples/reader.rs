//! Samples of a view, one segment or fill at a time.

use super::index::Entries;
use super::{Data, Place, Sample, Stretch, View, What};
use crate::media::fmp4::index::Entry;
use crate::playback::{Error, fill};
use crate::storage::{Key, Store};
use crate::time::{Ticks, Timescale};

/// Reads the samples of a view in order. Holds those of one segment, and 64 KiB of index for each file.
#[derive(Debug)]
pub struct Reader<'a> {
    view: &'a View,
    store: &'a Store,
    next: usize,
    /// In the order of the view's files.
    indexes: Vec<Option<Entries>>,
    /// The key frame that was shown last: of which file and segment, which one, and its entry.
    still: Option<(u16, u32, bool, Entry)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(view: &'a View, store: &'a Store) -> Self {
        let indexes = view.files.iter().map(|_| None).collect();
        Self { view, store, next: 0, indexes, still: None }
    }

    /// The samples of the next segment or fill, at least one; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Index`] when rows and index do not agree, [`Error::Storage`].
    pub async fn next(&mut self) -> Result<Option<Vec<Sample>>, Error> {
        while let Some(stretch) = self.view.stretches.get(self.next) {
            if stretch.at >= self.view.end {
                break;
            }
            self.next += 1;
            if stretch.end <= self.view.first {
                continue;
            }
            let mut samples = self.samples(stretch).await?;
            let first = self.view.first;
            samples.retain(|sample| sample.end() > first && sample.at < self.view.end);
            if let Some(early) = samples.first_mut().filter(|sample| sample.at < first) {
                (early.at, early.duration) = (first, length(early.end() - first));
            }
            if !samples.is_empty() {
                return Ok(Some(samples));
            }
        }
        Ok(None)
    }

    /// The last key frame at or before `wanted`; `None` when there is none.
    pub(super) async fn key_before(&mut self, wanted: Ticks) -> Result<Option<Sample>, Error> {
        let behind = self.view.stretches.partition_point(|stretch| stretch.at <= wanted);
        for stretch in self.view.stretches.iter().take(behind).rev() {
            let samples = self.samples(stretch).await?;
            let key = samples.iter().rev().find(|sample| sample.sync && sample.at <= wanted);
            if key.is_some() {
                return Ok(key.copied());
            }
        }
        Ok(None)
    }

    async fn samples(&mut self, stretch: &Stretch) -> Result<Vec<Sample>, Error> {
        let picture = Ticks::from_micros(fill::STILL_MICROS, Timescale::VIDEO);
        match &stretch.what {
            What::Segment(place) => {
                let entries = self.entries(stretch.file, place).await?;
                Ok(stored(stretch, &entries))
            }
            What::Silence => {
                let size = View::silence().len();
                Ok(repeated(stretch, Ticks(fill::SILENCE_TICKS), size, Data::Silence))
            }
            What::Black => Ok(repeated(stretch, picture, self.view.black().len(), Data::Black)),
            What::Still { of, last } => {
                let key = self.key(stretch.file, of, *last).await?;
                let data = Data::Again { file: stretch.file, offset: key.offset };
                Ok(repeated(stretch, picture, usize::try_from(key.size).unwrap_or(0), data))
            }
        }
    }

    /// The last or the first key frame of a segment.
    async fn key(&mut self, file: u16, of: &Place, last: bool) -> Result<Entry, Error> {
        if let Some((known, number, end, entry)) = self.still
            && (known, number, end) == (file, of.number, last)
        {
            return Ok(entry);
        }
        let entries = self.entries(file, of).await?;
        let mut keys = entries.into_iter().filter(Entry::sync);
        let key = if last { keys.next_back() } else { keys.next() };
        let key = key.ok_or_else(|| self.disagree(file, of))?;
        self.still = Some((file, of.number, last, key));
        Ok(key)
    }

    async fn entries(&mut self, file: u16, place: &Place) -> Result<Vec<Entry>, Error> {
        let wrong = self.disagree(file, place);
        let track = self.view.files.get(usize::from(file)).copied();
        let (Some(track), Some(slot)) = (track, self.indexes.get_mut(usize::from(file))) else {
            return Err(wrong);
        };
        let index = match slot {
            Some(index) => index,
            None => {
                let key = Key::index(self.view.recording, track);
                slot.insert(Entries::open(self.store, key).await?)
            }
        };
        let entries = index.within(self.store, &place.range, place.samples).await?;
        let fits = |entry: &Entry| entry.duration > 0 && entry.end() <= place.range.end;
        if entries.len() as u64 != u64::from(place.samples) || !entries.iter().all(fits) {
            return Err(wrong);
        }
        Ok(entries)
    }

    fn disagree(&self, file: u16, place: &Place) -> Error {
        let track = self.view.files.get(usize::from(file)).copied();
        Error::Index { track: track.unwrap_or(self.view.track), segment: place.number }
    }
}

impl Sample {
    /// When the next one begins.
    fn end(&self) -> Ticks {
        self.at + Ticks(self.duration.into())
    }
}

/// The samples of a segment: each lasts until the next, and the last one until the next stretch.
fn stored(stretch: &Stretch, entries: &[Entry]) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::with_capacity(entries.len());
    let mut at = stretch.at;
    for entry in entries {
        if at >= stretch.end {
            break;
        }
        samples.push(Sample {
            at,
            duration: entry.duration,
            size: entry.size,
            sync: entry.sync(),
            parameters: stretch.parameters,
            data: Data::Stored { file: stretch.file, offset: entry.offset },
        });
        at = at + Ticks(entry.duration.into());
    }
    if let Some(last) = samples.last_mut() {
        last.duration = length(stretch.end - last.at);
    }
    samples
}

/// The same sample again and again, each `step` long, the last one as long as is left.
fn repeated(stretch: &Stretch, step: Ticks, size: usize, data: Data) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut at = stretch.at;
    while at < stretch.end {
        let duration = step.min(stretch.end - at);
        samples.push(Sample {
            at,
            duration: length(duration),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            sync: true,
            parameters: stretch.parameters,
            data,
        });
        at = at + duration;
    }
    samples
}

fn length(ticks: Ticks) -> u32 {
    u32::try_from(ticks.0).unwrap_or(u32::MAX)
}
