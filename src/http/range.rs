//! Byte ranges and conditions (RFC 9110 13, 14).

use super::error::Problem;
use crate::playback::fetch::Fetched;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::ops::Range;

/// Browsers may keep what never changes. It is of one bearer, so shared caches may not.
const SETTLED: &str = "private, max-age=31536000, immutable";
/// See [`Fetched::settled`].
const UNSETTLED: &str = "private, max-age=60";

/// The whole, a part, or that nothing changed.
pub(super) fn respond(
    fetched: Fetched,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let tag = format!("\"{}\"", fetched.tag);
    let cache = if fetched.settled { SETTLED } else { UNSETTLED };
    let common = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_TYPE, content_type.to_owned()),
    ];
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if value(header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    // A part of another version would be no use (RFC 9110 13.1.5).
    let same = value(header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let len = fetched.bytes.len();
    match value(header::RANGE).filter(|_| same).map_or(Asked::Whole, |text| parse(text, len)) {
        Asked::Whole => Ok((common, Body::from(fetched.bytes)).into_response()),
        Asked::Part(range) => {
            let described = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            let body = Body::from(fetched.bytes.slice(range));
            Ok((StatusCode::PARTIAL_CONTENT, common, [(header::CONTENT_RANGE, described)], body)
                .into_response())
        }
        Asked::Unsatisfiable => Err(Problem::unsatisfiable(len)),
    }
}

pub(super) fn matches(tags: &str, own: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == own)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<usize>),
    Unsatisfiable,
}

/// What is no single range of bytes is ignored, as RFC 9110 14.2 allows.
fn parse(text: &str, len: usize) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(usize::MAX))
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
    }
}
