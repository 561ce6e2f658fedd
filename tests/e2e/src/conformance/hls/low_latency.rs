//! Partial segments by the playlist's text (RFC 8216bis 4.4.3.7, 4.4.3.8, 4.4.4.9, 4.4.5, appendix B).

use super::playlist::{Media, Part};
use super::{Findings, Options};

/// Durations are printed to the microsecond, and a part may end with a longer sample than its segment's sum shows.
const ROUNDING: f64 = 0.000_01;
/// Longer holes are filled.
const SHORT_HOLE: f64 = 0.2;

/// Rules on parts where there are any, or where they are demanded.
pub(super) fn rules(media: &Media, options: &Options, found: &mut Findings<'_>) {
    let any = media.part_target.is_some() || !media.parts().is_empty();
    if !any {
        let demanded = options.low_latency && !media.ended && !media.iframes_only;
        found.want(!demanded, "parts-missing", 0, || "a running recording without parts".to_owned());
        return;
    }
    let Some(target) = media.part_target else {
        return found.add("part-inf", 0, "parts without EXT-X-PART-INF");
    };
    control(media, target, found);
    for segment in &media.segments {
        lengths(&segment.parts, true, target, found);
        if segment.parts.is_empty() {
            continue;
        }
        let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
        let slack = ROUNDING * (segment.parts.len() + 1) as f64;
        // A hole too short to be filled belongs to the segment behind it, and to none of its parts.
        let within = sum <= segment.duration + slack && sum >= segment.duration - slack - SHORT_HOLE;
        found.want(within, "part-sum", segment.line, || {
            format!("{} s, its parts {sum:.6} s", segment.duration)
        });
    }
    lengths(&media.open, false, target, found);
    recent(media, found);
    let hinted = media.ended || media.hints.iter().any(|hint| hint.raw("TYPE") == Some("PART"));
    found.want(hinted || !options.low_latency, "hint-missing", 0, || "no EXT-X-PRELOAD-HINT".to_owned());
}

/// Rule `part-duration`: at most the target, and at least 85 % of it but for the last one of a segment.
fn lengths(parts: &[Part], closed: bool, target: f64, found: &mut Findings<'_>) {
    for (at, part) in parts.iter().enumerate() {
        let last = closed && at + 1 == parts.len();
        let long = part.duration <= target + ROUNDING;
        let short = part.duration < target * 0.85 - ROUNDING && !last;
        found.want(long && !short, "part-duration", part.line, || {
            format!("{} s with a target of {target} s", part.duration)
        });
    }
}

/// Rules `server-control`, `part-hold-back`, `can-skip-until`, `hold-back`.
fn control(media: &Media, part_target: f64, found: &mut Findings<'_>) {
    let Some(control) = &media.control else {
        return found.add("server-control", 0, "parts without EXT-X-SERVER-CONTROL");
    };
    let line = control.line;
    found.want(control.yes("CAN-BLOCK-RELOAD"), "server-control", line, || "no CAN-BLOCK-RELOAD".to_owned());
    let hold = control.float("PART-HOLD-BACK").unwrap_or(0.0);
    found.want(hold >= part_target * 3.0 - ROUNDING, "part-hold-back", line, || {
        format!("PART-HOLD-BACK {hold} is less than three parts of {part_target} s")
    });
    let target = media.target.unwrap_or(0) as f64;
    if let Some(skip) = control.float("CAN-SKIP-UNTIL") {
        found.want(skip >= target * 6.0, "can-skip-until", line, || {
            format!("CAN-SKIP-UNTIL {skip} is less than six times {target} s")
        });
    }
    if let Some(hold) = control.float("HOLD-BACK") {
        found.want(hold >= target * 3.0, "hold-back", line, || {
            format!("HOLD-BACK {hold} is less than three times {target} s")
        });
    }
}

/// Rule `old-parts`: further than three target durations from the end, parts should be left out (4.4.4.9).
fn recent(media: &Media, found: &mut Findings<'_>) {
    let target = media.target.unwrap_or(0) as f64;
    let open: f64 = media.open.iter().map(|part| part.duration).sum();
    let mut behind = open;
    for segment in media.segments.iter().rev() {
        // One that reaches into the last three target durations is still recent.
        let old = behind > target * 3.0 + segment.duration;
        found.want(!old || segment.parts.is_empty(), "old-parts", segment.line, || {
            format!("parts {behind:.1} s before the end")
        });
        behind += segment.duration;
    }
}

/// Rule `rendition-report`: each other rendition is reported, no further than it was listed afterwards, and no less
/// than it was listed before (4.4.5.4).
///
/// `others` are its URI as a report would have it resolved, its place when it was read before and after this playlist.
pub(super) fn reports(
    media: &Media,
    resolve: impl Fn(&str) -> String,
    others: &[(String, &Media, &Media)],
    found: &mut Findings<'_>,
) {
    for (url, before, after) in others {
        let report = media.reports.iter().find(|own| own.text("URI").map(&resolve).as_ref() == Some(url));
        let Some(report) = report else {
            found.add("rendition-report", 0, format!("none of {url}"));
            continue;
        };
        let said = (report.whole("LAST-MSN"), report.whole("LAST-PART"));
        // Where a camera is off for long no part is left to be told of.
        if said.1.is_none() && said.0.is_some() && (before.parts().is_empty() || after.parts().is_empty()) {
            continue;
        }
        let (Some(msn), Some(part)) = said else {
            found.add("rendition-report", report.line, "LAST-MSN or LAST-PART is missing");
            continue;
        };
        let (low, high) = (last(before), last(after));
        found.want(low <= (msn, part) && (msn, part) <= high, "rendition-report", report.line, || {
            format!("says {msn}.{part} of {url}, which was at {low:?} before and {high:?} behind it")
        });
    }
}

/// Media sequence number and part of the last part that is listed.
pub(super) fn last(media: &Media) -> (u64, u64) {
    media.parts().last().map_or((0, 0), |(msn, part, _)| (*msn, *part))
}

/// Rule `delta`: what is skipped and what is left are the whole (4.4.5.2), and of date ranges nothing is skipped.
pub(super) fn delta(full: &Media, delta: &Media, found: &mut Findings<'_>) {
    let Some(skipped) = delta.skipped else {
        return found.add("delta", 0, "_HLS_skip=YES is answered without EXT-X-SKIP");
    };
    found.want(delta.version >= 9, "version", 0, || format!("EXT-X-SKIP in version {}", delta.version));
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let rest = full.segments.get(skipped..).unwrap_or_default();
    let alike = rest.iter().zip(&delta.segments).all(|(a, b)| (&a.uri, a.duration) == (&b.uri, b.duration));
    found.want(alike && !rest.is_empty() && delta.segments.len() >= rest.len(), "delta", 0, || {
        format!("{skipped} skipped and {} listed of {}", delta.segments.len(), full.segments.len())
    });
    let target = full.target.unwrap_or(0) as f64;
    let until = full.control.as_ref().and_then(|control| control.float("CAN-SKIP-UNTIL")).unwrap_or(0.0);
    let open: f64 = full.open.iter().map(|part| part.duration).sum();
    let left = rest.iter().map(|segment| segment.duration).sum::<f64>() + open;
    found.want(left + target >= until, "delta", 0, || {
        format!("what is skipped ends {left:.1} s before the end, CAN-SKIP-UNTIL is {until}")
    });
    // Only `_HLS_skip=v2`, which nobody asks for here, may leave them out (6.2.5.1).
    for range in full.date_ranges() {
        let told = delta.date_ranges().any(|own| own == range);
        found.want(told, "delta", 0, || format!("EXT-X-DATERANGE:{range} is left out"));
    }
}
