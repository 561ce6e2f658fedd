//! HLS as RFC 8216bis wants it, from the URL of a multivariant playlist.
//!
//! ```text
//! Site (fetches, keeps) -> text rules: media, multivariant        one playlist by its text
//!                       -> group                                  playlists beside each other
//!                       -> segments, iframes, codecs, bandwidth   playlists beside their bytes
//!                       -> reload                                 a playlist beside itself, later
//!                       -> low_latency, http                      parts; how the server answers
//! ```
//!
//! Each rule is a function that adds [`Violation`]s; a rule that finds nothing to check says nothing. Rules on text and
//! bytes are pure, and `tests` breaks playlists to prove that each of them is able to fail.

mod bandwidth;
mod boxes;
mod codecs;
mod group;
mod http;
mod iframes;
mod low_latency;
mod media;
mod multivariant;
mod playlist;
mod reload;
mod segments;
mod site;
mod tags;
#[cfg(test)]
mod tests;

pub use site::Watch;
use std::fmt;

/// What is asked for beyond that which is there being right.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Parts, blocking reloads, delta updates, playlists with `ETag`: while the recording runs.
    pub low_latency: bool,
    /// An I-frame playlist for each picture.
    pub iframes: bool,
    /// Sees a running recording twice at least, this many playlist reloads apart.
    pub reloads: u32,
}

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub rule: &'static str,
    /// Which file, by the last parts of its path.
    pub place: String,
    /// The line of the playlist, counted from 1; 0 is the whole.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{} {}", self.rule, self.place, self.line, self.what)
    }
}

/// What was found, and how much was looked at.
#[derive(Debug, Default)]
pub struct Report {
    /// All violations.
    pub violations: Vec<Violation>,
    /// Media playlists that were read.
    pub playlists: usize,
    /// Segments whose bytes were read.
    pub segments: usize,
    /// Parts that were listed.
    pub parts: usize,
    /// I-frame playlists that were read.
    pub iframe_playlists: usize,
    /// Segments that delta updates left out.
    pub skipped: u64,
}

impl Report {
    /// Violations of other rules than these.
    #[must_use]
    pub fn besides(&self, known: &[&str]) -> Vec<String> {
        self.violations.iter().filter(|found| !known.contains(&found.rule)).map(ToString::to_string).collect()
    }

    /// The names of the rules that do not hold.
    #[must_use]
    pub fn rules(&self) -> Vec<&'static str> {
        let mut rules: Vec<_> = self.violations.iter().map(|found| found.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// Collects violations of one file.
struct Findings<'a> {
    place: String,
    into: &'a mut Vec<Violation>,
}

impl<'a> Findings<'a> {
    fn new(place: &str, into: &'a mut Vec<Violation>) -> Self {
        Self { place: place.to_owned(), into }
    }

    fn add(&mut self, rule: &'static str, line: usize, what: impl Into<String>) {
        self.into.push(Violation { rule, place: self.place.clone(), line, what: what.into() });
    }

    /// Adds it unless `good`.
    fn want(&mut self, good: bool, rule: &'static str, line: usize, what: impl FnOnce() -> String) {
        if !good {
            self.add(rule, line, what());
        }
    }
}

/// Checks the multivariant playlist at `url` and all that it leads to.
///
/// # Errors
/// What keeps it from being read at all: no connection, no multivariant playlist.
pub async fn check(url: &str, options: Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let site = site::Site::new()?;
    let shown = site.read(url, &mut report.violations).await?;
    shown.rules(&options, &mut report);
    if options.reloads > 0 {
        site.again(url, &shown, &options, &mut report).await?;
    }
    report.skipped = http::rules(&site, url, &shown, &options, &mut report.violations).await?;
    Ok(report)
}
