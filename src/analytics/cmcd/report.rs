//! Reports of CMCD version 2's event mode: many payloads in one body, one on each line (CTA-5004-B 5.3).

use super::{Cmcd, Skipped};

/// The content type of a report.
pub const CONTENT_TYPE: &str = "application/cmcd";
/// Longest body that is read.
pub const MOST_REPORT_BYTES: usize = 64 * 1024;
/// Records of one body that are read.
pub const MOST_RECORDS: usize = 256;

/// Why a body is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReport {
    /// It is longer than [`MOST_REPORT_BYTES`].
    #[error("a CMCD report is longer than {MOST_REPORT_BYTES} bytes")]
    TooLong,
}

/// A body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines that say what happened and when, in their order. Such are at most [`MOST_RECORDS`].
    pub records: Vec<Cmcd>,
    /// Lines that do not: no text, too long, without `e` or `ts`, or behind the last that is read.
    pub refused: u32,
    /// Of the lines that are kept.
    pub skipped: Skipped,
}

impl Report {
    /// Reads a body.
    ///
    /// # Errors
    /// [`BadReport::TooLong`].
    pub fn read(body: &[u8]) -> Result<Self, BadReport> {
        if body.len() > MOST_REPORT_BYTES {
            return Err(BadReport::TooLong);
        }
        let mut report = Self::default();
        for line in body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
        {
            let read = std::str::from_utf8(line).ok().and_then(|line| Cmcd::read(line).ok());
            match read {
                // Both are a must (CTA-5004-B 3, `e` and `ts`); without them nothing can be said.
                Some((cmcd, skipped)) if cmcd.e.is_some() && cmcd.ts.is_some() && report.has_room() => {
                    report.records.push(cmcd);
                    report.skipped = report.skipped.plus(skipped);
                }
                _ => report.refused = report.refused.saturating_add(1),
            }
        }
        Ok(report)
    }

    fn has_room(&self) -> bool {
        self.records.len() < MOST_RECORDS
    }
}
