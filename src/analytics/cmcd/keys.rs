//! The keys of CMCD and what each may hold (CTA-5004 3.1, CTA-5004-B 3).

use super::{Cmcd, Item, MOST_ADDRESS, MOST_ITEMS, MOST_SID, MOST_TEXT, Value};
use serde::{Deserialize, Serialize};

macro_rules! tokens {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $token:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $token)] $variant,)*
        }

        impl $name {
            /// From its token.
            #[must_use]
            pub fn read(token: &str) -> Option<Self> {
                match token {
                    $($token => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

tokens! {
    /// What a player does (`sta`).
    State {
        /// It has been told to play.
        Starting = "s",
        /// Media is shown.
        Playing = "p",
        /// The playhead is being moved.
        Seeking = "k",
        /// Media stopped because the buffer ran empty.
        Rebuffering = "r",
        /// It stands still because somebody wanted so.
        Paused = "a",
        /// It waits, before playback or in a seek (dash.js).
        Waiting = "w",
        /// The end was reached.
        Ended = "e",
        /// It cannot go on.
        Failed = "f",
        /// The viewer left.
        Quit = "q",
        /// It loads before it has been told to play.
        Preloading = "d",
    }
}

tokens! {
    /// What happened (`e`).
    EventKind {
        /// Another bitrate.
        Bitrate = "bc",
        /// Another state, which `sta` tells.
        PlayState = "ps",
        /// Another playback rate, which `pr` tells.
        Rate = "pr",
        /// An error, which `ec` tells.
        Error = "e",
        /// Time has passed.
        Interval = "t",
        /// Other content.
        Content = "c",
        /// Out of sight, or back.
        Background = "b",
        /// Sound off.
        Mute = "m",
        /// Sound on.
        Unmute = "um",
        /// The player became larger.
        Expand = "pe",
        /// The player became smaller.
        Collapse = "pc",
        /// A response came.
        Response = "rr",
        /// Another host.
        Host = "h",
        /// Advertisements, which we have none of.
        AdStart = "as",
        /// See [`EventKind::AdStart`].
        AdEnd = "ae",
        /// See [`EventKind::AdStart`].
        AdBreakStart = "abs",
        /// See [`EventKind::AdStart`].
        AdBreakEnd = "abe",
        /// See [`EventKind::AdStart`].
        Skip = "sk",
        /// One of the application's own.
        Custom = "ce",
    }
}

tokens! {
    /// A kind of object (`ot`).
    Object {
        /// A playlist or manifest.
        Manifest = "m",
        /// Sound.
        Audio = "a",
        /// Pictures.
        Video = "v",
        /// Both in one.
        Muxed = "av",
        /// An init segment.
        Init = "i",
        /// Captions.
        Caption = "c",
        /// Captions in MP4.
        TimedText = "tt",
        /// A key.
        Key = "k",
        /// Something else.
        Other = "o",
    }
}

tokens! {
    /// A way of streaming (`sf`).
    Format {
        /// MPEG-DASH.
        Dash = "d",
        /// HLS.
        Hls = "h",
        /// HESP.
        Hesp = "e",
        /// Smooth Streaming.
        Smooth = "s",
        /// Another.
        Other = "o",
    }
}

tokens! {
    /// Whether all segments are there (`st`).
    Stream {
        /// They are.
        Recorded = "v",
        /// They come.
        Live = "l",
        /// They come part by part.
        LowLatency = "ll",
    }
}

/// What became of a pair.
#[derive(Debug, PartialEq)]
pub(super) enum Set {
    Kept,
    Refused,
    Unknown,
}

impl Cmcd {
    /// Keeps a pair. The last of several with one key counts (RFC 9651 3.2).
    pub(super) fn set(&mut self, key: &str, value: Value<'_>) -> Set {
        let is_kept = match key {
            "v" => put(&mut self.v, number(&value)),
            "ts" => put(&mut self.ts, number(&value)),
            "sn" => put(&mut self.sn, number(&value)),
            "d" => put(&mut self.d, number(&value)),
            "dl" => put(&mut self.dl, number(&value)),
            "rtp" => put(&mut self.rtp, number(&value)),
            "pt" => put(&mut self.pt, number(&value)),
            "ltc" => put(&mut self.ltc, number(&value)),
            "msd" => put(&mut self.msd, number(&value)),
            "dfa" => put(&mut self.dfa, number(&value)),
            "rc" => put(&mut self.rc, number(&value)),
            "ttfb" => put(&mut self.ttfb, number(&value)),
            "ttfbb" => put(&mut self.ttfbb, number(&value)),
            "ttlb" => put(&mut self.ttlb, number(&value)),
            "pr" => put(&mut self.pr, thousandths(&value)),
            "sf" => put(&mut self.sf, token(&value).and_then(Format::read)),
            "st" => put(&mut self.st, token(&value).and_then(Stream::read)),
            "sta" => put(&mut self.sta, token(&value).and_then(State::read)),
            "e" => put(&mut self.e, token(&value).and_then(EventKind::read)),
            "ot" => put(&mut self.ot, token(&value).and_then(Object::read)),
            "su" => flag(&mut self.su, &value),
            "bs" => flag(&mut self.bs, &value),
            "nr" => flag(&mut self.nr, &value),
            "bg" => put(&mut self.bg, boolean(&value)),
            "sid" => put(&mut self.sid, text(value).filter(|sid| sid.chars().count() <= MOST_SID)),
            "cid" => put(&mut self.cid, text(value).map(|text| cut(&text, MOST_TEXT))),
            "cen" => put(&mut self.cen, text(value).map(|text| cut(&text, MOST_TEXT))),
            "h" => put(&mut self.h, text(value).map(|text| cut(&text, MOST_TEXT))),
            "url" => put(&mut self.url, text(value).map(|text| cut(&text, MOST_ADDRESS))),
            "ec" => fill(&mut self.ec, texts(value)),
            _ => match self.list(key) {
                Some(list) => fill(list, items(&value)),
                // Known, and of no use to us.
                None if ["nor", "nrr", "cdn", "cs", "cmsdd", "cmsds", "smrt"].contains(&key) => true,
                None => return Set::Unknown,
            },
        };
        if is_kept { Set::Kept } else { Set::Refused }
    }

    /// The member of a key whose value is an inner list in version 2 and a number in version 1.
    fn list(&mut self, key: &str) -> Option<&mut Vec<Item>> {
        Some(match key {
            "bl" => &mut self.bl,
            "br" => &mut self.br,
            "pb" => &mut self.pb,
            "tb" => &mut self.tb,
            "lb" => &mut self.lb,
            "tpb" => &mut self.tpb,
            "mtp" => &mut self.mtp,
            "ab" => &mut self.ab,
            "tab" => &mut self.tab,
            "lab" => &mut self.lab,
            "tbl" => &mut self.tbl,
            "bsa" => &mut self.bsa,
            "bsd" => &mut self.bsd,
            "bsda" => &mut self.bsda,
            _ => return None,
        })
    }
}

fn put<T>(member: &mut Option<T>, value: Option<T>) -> bool {
    let is_kept = value.is_some();
    if is_kept {
        *member = value;
    }
    is_kept
}

fn fill<T>(member: &mut Vec<T>, value: Option<Vec<T>>) -> bool {
    value.map(|value| *member = value).is_some()
}

fn flag(member: &mut bool, value: &Value<'_>) -> bool {
    boolean(value).map(|value| *member = value).is_some()
}

fn boolean(value: &Value<'_>) -> Option<bool> {
    if let Value::Boolean(value) = value { Some(*value) } else { None }
}

fn thousandths(value: &Value<'_>) -> Option<i64> {
    if let Value::Number(value) = value { Some(*value).filter(|value| *value >= 0) } else { None }
}

/// A whole number that is not negative; also one that a sender of version 2 put into a list.
fn number(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::List(list) => list.first().and_then(|(value, _)| thousandths(value)),
        value => thousandths(value),
    }
    .map(|value| (value + 500) / 1000)
}

fn token<'a>(value: &'a Value<'_>) -> Option<&'a str> {
    match value {
        Value::Token(token) => Some(token),
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A string, or what stands for one without quotes: only version 1 of some senders.
fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        Value::Token(token) => Some(token.to_owned()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

fn texts(value: Value<'_>) -> Option<Vec<String>> {
    let of = |value| match value {
        // dash.js sends its codes as a number.
        Value::Number(number) => Some((number / 1000).to_string()),
        value => text(value),
    };
    match value {
        Value::List(list) => list.into_iter().map(|(value, _)| Some(cut(&of(value)?, MOST_TEXT))).collect(),
        value => Some(vec![cut(&of(value)?, MOST_TEXT)]),
    }
}

/// All of a list, or none: half a list would be another fact.
fn items(value: &Value<'_>) -> Option<Vec<Item>> {
    let item = |value: &Value<'_>, object| Some(Item { number: number(value)?, object });
    match value {
        Value::List(list) => {
            list.iter().take(MOST_ITEMS).map(|(value, object)| item(value, *object)).collect()
        }
        value => Some(vec![item(value, None)?]),
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}
