//! Byte ranges and conditions (RFC 9110 13, 14).

use super::error::Problem;
use crate::playback::fetch::Fetched;
use crate::playback::file::{self, File};
use crate::storage::Store;
use crate::time::WallTime;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// Browsers may keep what never changes. It is of one bearer, so shared caches may not.
const SETTLED: &str = "private, max-age=31536000, immutable";
/// What may be another one next time is asked for anew each time, and answered with 304 if it is not: texts that grow, files
/// that are computed, since the way may change in which they are, and media whose zero may still move
/// ([`Fetched::settled`]): kept for however short a time, segments would lie beside others that count from another zero.
const ASKED_ANEW: &str = "private, no-cache";

/// The whole, a part, or that nothing changed.
pub(super) fn respond(
    fetched: Fetched,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", fetched.tag);
    let cache = if fetched.settled { SETTLED } else { ASKED_ANEW };
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_TYPE, content_type.to_owned()),
    ];
    let value = |name| text(headers, name);
    if value(header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    // A part of another version would be no use (RFC 9110 13.1.5).
    let same = value(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let len = fetched.bytes.len() as u64;
    match value(header::RANGE).filter(|_| same).map_or(Asked::Whole, |text| parse(text, len)) {
        Asked::Whole => Ok((common, Body::from(fetched.bytes)).into_response()),
        Asked::Part(range) => {
            let described = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let body = Body::from(fetched.bytes.slice(place(range.start)..place(range.end)));
            Ok((StatusCode::PARTIAL_CONTENT, common, [(header::CONTENT_RANGE, described)], body)
                .into_response())
        }
        Asked::Unsatisfiable => Err(Problem::unsatisfiable(len)),
    }
}

/// A text that was made for this request, or that nothing changed.
pub(super) fn document(text: String, content_type: &'static str, headers: &HeaderMap) -> Response {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    versioned(text, hasher.finish(), content_type, headers)
}

/// The same, where not every other text is another version. Its tag is weak: it may be compressed on its way.
pub(super) fn versioned(
    text: String,
    version: u64,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Response {
    let tag = format!("\"{version:016x}\"");
    let common = [
        (header::ETAG, format!("W/{tag}")),
        (header::CACHE_CONTROL, ASKED_ANEW.to_owned()),
        (header::CONTENT_TYPE, content_type.to_owned()),
    ];
    let known = self::text(headers, header::IF_NONE_MATCH);
    if known.is_some_and(|tags| matches(tags, &tag)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, text).into_response()
}

/// A file that is put together while it is sent; one that breaks off ends the connection, as its length was told.
pub(super) fn respond_file(file: &File, store: Store, headers: &HeaderMap) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", file.tag);
    let value = |name| text(headers, name);
    if value(header::IF_MATCH).is_some_and(|tags| !matches_strongly(tags, &tag)) {
        return Err(Problem::changed());
    }
    let common = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, ASKED_ANEW.to_owned())];
    let dated = file.modified.and_then(date).map(|date| [(header::LAST_MODIFIED, date)]);
    if value(header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common, dated, ()).into_response());
    }
    // Not by a date: when somebody is erased, or files are made in another way, that stays as it was.
    let same = value(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let len = file.layout.len();
    let asked = value(header::RANGE).filter(|_| same).map_or(Asked::Whole, |text| parse(text, len));
    let (status, range) = match asked {
        Asked::Whole => (StatusCode::OK, 0..len),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Unsatisfiable => return Err(Problem::unsatisfiable(len)),
    };
    let described = (status == StatusCode::PARTIAL_CONTENT)
        .then(|| [(header::CONTENT_RANGE, format!("bytes {}-{}/{len}", range.start, range.end - 1))]);
    let told = [
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_TYPE, file.media_type.to_owned()),
        (header::CONTENT_LENGTH, (range.end - range.start).to_string()),
    ];
    let bytes = file::stream(Arc::clone(&file.layout), store, range);
    // The client sees only that the bytes end too soon.
    let bytes = bytes.inspect_err(|error| {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(%error, cause, "a download broke off");
    });
    Ok((status, common, dated, described, told, Body::from_stream(bytes)).into_response())
}

/// The tags of what a client has already and wants more of, without quotes.
pub(super) fn tags(headers: &HeaderMap) -> Vec<&str> {
    let lists = [header::IF_RANGE, header::IF_MATCH].into_iter().filter_map(|name| text(headers, name));
    let tags = lists.flat_map(|list| list.split(',').take(8));
    tags.filter_map(|tag| tag.trim().strip_prefix('"')?.strip_suffix('"')).collect()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// RFC 9110 5.6.7.
fn date(at: WallTime) -> Option<String> {
    let stamp = jiff::Timestamp::from_microsecond(at.0).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&stamp).ok()
}

/// Weak tags never match strongly (RFC 9110 8.8.3.2).
fn matches_strongly(tags: &str, own: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag == own)
}

pub(super) fn matches(tags: &str, own: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == own)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

/// What is no single range of bytes is ignored, as RFC 9110 14.2 allows.
fn parse(text: &str, len: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.is_empty() => first..len,
        (None, Some(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
        _ => return Asked::Whole,
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Unsatisfiable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=2-5", Asked::Part(2..6)),
            ("bytes=2-", Asked::Part(2..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-30", Asked::Part(0..10)),
            ("bytes=5-99999999999999999999999", Asked::Part(5..10)),
            ("bytes=10-", Asked::Unsatisfiable),
            ("bytes=99999999999999999999999-", Asked::Unsatisfiable),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=5-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=--1", Asked::Whole),
            ("seconds=0-1", Asked::Whole),
        ] {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Asked::Unsatisfiable);
    }

    #[test]
    fn tags_match_weakly_and_in_lists() {
        assert!(matches("\"a\", W/\"b\"", "\"b\"") && matches("*", "\"b\""));
        assert!(!matches("\"a\"", "\"b\""));
        assert!(matches_strongly("\"a\", \"b\"", "\"b\"") && !matches_strongly("W/\"b\"", "\"b\""));
        assert_eq!(date(WallTime(784_111_777_000_000)).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
