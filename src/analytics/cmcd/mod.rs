//! Common Media Client Data (CTA-5004, and version 2: CTA-5004-B): what players tell of themselves without a script.
//!
//! A payload is a dictionary of structured fields (RFC 9651 3.2), short keys and values: `bl=21300,br=3200,ot=v,su`. It
//! comes percent-encoded as the query argument `CMCD`, in the four headers [`HEADERS`], or, in version 2, many of them
//! on lines of a report (`application/cmcd`). Version 2 writes some values as inner lists with the kind of object as a
//! parameter: `bl=(21300;v 20100;a)`.
//!
//! Everything is bounded, and read leniently: a pair that cannot be read is left out and counted, the others are kept.

mod keys;
mod report;
mod value;

pub use keys::{EventKind, Format, Object, State, Stream};
pub use report::{BadReport, CONTENT_TYPE, MOST_RECORDS, MOST_REPORT_BYTES, Report};

use serde::{Deserialize, Serialize};
use value::{Pairs, Value};

/// Longest payload that is read, of a request (all its headers together) or of a line of a report.
pub const MOST_BYTES: usize = 8 * 1024;
/// Pairs of one payload that are read; CTA-5004-B has fewer than sixty keys.
const MOST_PAIRS: usize = 128;
/// The headers of a request (CTA-5004 3.2).
pub const HEADERS: [&str; 4] = ["cmcd-request", "cmcd-object", "cmcd-session", "cmcd-status"];
/// Entries of an inner list that are kept: there are fewer kinds of objects.
const MOST_ITEMS: usize = 8;
/// Characters of a text that are kept. The longest that CTA-5004-B allows (`cid`, `h`) is 128; addresses are longer.
const MOST_TEXT: usize = 128;
const MOST_ADDRESS: usize = 2048;
/// `sid` may have so many; a longer one is refused, as half of it would name another session.
const MOST_SID: usize = 64;

/// Why a payload is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCmcd {
    /// It is longer than [`MOST_BYTES`].
    #[error("a CMCD payload is longer than {MOST_BYTES} bytes")]
    TooLong,
}

/// A whole number with the kind of object it is of, where that was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, Option<Object>)", into = "(i64, Option<Object>)")]
pub struct Item {
    /// The number.
    pub number: i64,
    /// Of which kind of object.
    pub object: Option<Object>,
}

impl From<(i64, Option<Object>)> for Item {
    fn from((number, object): (i64, Option<Object>)) -> Self {
        Self { number, object }
    }
}

impl From<Item> for (i64, Option<Object>) {
    fn from(item: Item) -> Self {
        (item.number, item.object)
    }
}

macro_rules! payload {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// What a payload says. Members are named by its keys; lengths of time are milliseconds, rates kbit/s. Whole
        /// numbers only: fractions are rounded. Serialised without what was not told.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Cmcd {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_default")] pub $name: $type,)*
        }
    };
}

payload! {
    /// Version; version 1 need not tell it.
    v: Option<i64>,
    /// The playback session, up to 64 characters.
    sid: Option<String>,
    /// The content.
    cid: Option<String>,
    /// HLS, DASH or another.
    sf: Option<Format>,
    /// Recorded or live.
    st: Option<Stream>,
    /// What the player does.
    sta: Option<State>,
    /// Of a report: what happened.
    e: Option<EventKind>,
    /// Of a report: when, by the sender's wall clock, ms since 1970. Only differences of it mean something.
    ts: Option<i64>,
    /// Number of this payload among those of its mode and target.
    sn: Option<i64>,
    /// What is asked for.
    ot: Option<Object>,
    /// Length of what is asked for.
    d: Option<i64>,
    /// Media buffered in front of the playhead.
    bl: Vec<Item>,
    /// Encoded bitrate of what is asked for; in a report of what is selected.
    br: Vec<Item>,
    /// Encoded bitrate of what is shown.
    pb: Vec<Item>,
    /// Highest and lowest encoded bitrate there is, and the highest that this player can play.
    tb: Vec<Item>,
    #[allow(missing_docs, reason = "see tb")]
    lb: Vec<Item>,
    #[allow(missing_docs, reason = "see tb")]
    tpb: Vec<Item>,
    /// Measured throughput.
    mtp: Vec<Item>,
    /// The same bitrates where only sums of sound and picture are known.
    ab: Vec<Item>,
    #[allow(missing_docs, reason = "see ab")]
    tab: Vec<Item>,
    #[allow(missing_docs, reason = "see ab")]
    lab: Vec<Item>,
    /// The buffer that the player aims at.
    tbl: Vec<Item>,
    /// Until when the object is needed, from the request.
    dl: Option<i64>,
    /// Throughput that is enough.
    rtp: Option<i64>,
    /// Playback rate in thousandths.
    pr: Option<i64>,
    /// The playhead, on the player's timeline.
    pt: Option<i64>,
    /// Needed at once: start, seek or an empty buffer.
    su: bool,
    /// The buffer ran empty since the last payload.
    bs: bool,
    /// Nobody sees the player. `Some(false)` only in a report that says so.
    bg: Option<bool>,
    /// It is not shown or heard.
    nr: bool,
    /// How often the buffer ran empty in the session; how long each time; how long in all.
    bsa: Vec<Item>,
    #[allow(missing_docs, reason = "see bsa")]
    bsd: Vec<Item>,
    #[allow(missing_docs, reason = "see bsa")]
    bsda: Vec<Item>,
    /// Behind live.
    ltc: Option<i64>,
    /// From the wish to play to the first picture.
    msd: Option<i64>,
    /// Frames dropped in the session.
    dfa: Option<i64>,
    /// The player's codes of errors.
    ec: Vec<String>,
    /// Of a response: its status; when its first byte, its first byte of the body and its last byte came.
    rc: Option<i64>,
    #[allow(missing_docs, reason = "see rc")]
    ttfb: Option<i64>,
    #[allow(missing_docs, reason = "see rc")]
    ttfbb: Option<i64>,
    #[allow(missing_docs, reason = "see rc")]
    ttlb: Option<i64>,
    /// Of a response: what was asked for.
    url: Option<String>,
    /// Of a report: the name of an event of the application's own.
    cen: Option<String>,
    /// The host that media comes from.
    h: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What of a payload was not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Pairs that are not of the syntax, or behind the last that is read.
    pub malformed: u32,
    /// Pairs with a value that their key cannot have: of another type, negative, too large, an unknown token.
    pub refused: u32,
    /// Keys that nothing here knows, custom ones too.
    pub unknown: u32,
}

impl Skipped {
    /// The sums.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            malformed: self.malformed.saturating_add(other.malformed),
            refused: self.refused.saturating_add(other.refused),
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }
}

impl Cmcd {
    /// Reads a payload: the query argument with its percent-encoding undone, or a line of a report.
    ///
    /// # Errors
    /// [`BadCmcd::TooLong`].
    pub fn read(text: &str) -> Result<(Self, Skipped), BadCmcd> {
        Self::read_all([text])
    }

    /// Reads a payload that is spread over headers ([`HEADERS`]), in any order.
    ///
    /// # Errors
    /// [`BadCmcd::TooLong`] when they are that together.
    pub fn read_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(Self, Skipped), BadCmcd> {
        let (mut out, mut skipped, mut bytes, mut count) = (Self::default(), Skipped::default(), 0_usize, 0);
        for text in texts {
            bytes = bytes.saturating_add(text.len());
            if bytes > MOST_BYTES {
                return Err(BadCmcd::TooLong);
            }
            for pair in Pairs::new(text) {
                count += 1;
                match pair {
                    Ok((key, value)) if count <= MOST_PAIRS => match out.set(key, value) {
                        keys::Set::Kept => {}
                        keys::Set::Refused => skipped.refused += 1,
                        keys::Set::Unknown => skipped.unknown += 1,
                    },
                    _ => skipped.malformed += 1,
                }
            }
        }
        Ok((out, skipped))
    }

    /// Nothing was told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        is_default(self)
    }

    /// What [`super::session`] reads, for keeping: without names and addresses, and without `sid`, which is kept beside
    /// all events of its session.
    #[must_use]
    pub fn kept(self) -> Self {
        Self {
            sid: None,
            cid: None,
            url: None,
            h: None,
            cen: None,
            dl: None,
            rtp: None,
            mtp: Vec::new(),
            tb: Vec::new(),
            lb: Vec::new(),
            tpb: Vec::new(),
            ab: Vec::new(),
            tab: Vec::new(),
            lab: Vec::new(),
            tbl: Vec::new(),
            ..self
        }
    }

    /// The number of a list that is of a kind of object: the one that says so, else one that says nothing, else none.
    #[must_use]
    pub fn of(list: &[Item], object: Option<Object>) -> Option<i64> {
        let exact = list.iter().find(|item| object.is_some() && item.object == object);
        let any = || list.iter().find(|item| item.object.is_none() || object.is_none());
        exact.or_else(any).map(|item| item.number)
    }

    /// The largest number of a list: of bitrates that of the picture.
    #[must_use]
    pub fn most(list: &[Item]) -> Option<i64> {
        list.iter().map(|item| item.number).max()
    }
}

#[cfg(test)]
mod tests;
