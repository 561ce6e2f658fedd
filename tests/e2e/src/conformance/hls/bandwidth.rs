//! Bit rates as RFC 8216bis defines them (4.4.6.2, and 1.1 for the peak).

use super::Findings;
use super::playlist::{Attributes, Media};
use super::segments::Bytes;

/// How far above the measured a declared rate may lie, and an average to either side.
const SLACK: f64 = 1.10;

/// Bits in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub peak: f64,
    pub average: f64,
}

/// The peak is the largest rate of any neighbouring segments that last between 0.5 and 1.5 target durations together.
pub(super) fn measure(segments: &[(u64, f64)], target: f64) -> Rates {
    let bits = |part: &[(u64, f64)]| part.iter().map(|(bytes, _)| *bytes as f64 * 8.0).sum::<f64>();
    let seconds = |part: &[(u64, f64)]| part.iter().map(|(_, seconds)| seconds).sum::<f64>();
    let whole = seconds(segments);
    let average = if whole > 0.0 { bits(segments) / whole } else { 0.0 };
    let mut peak = 0.0_f64;
    for first in 0..segments.len() {
        for last in first..segments.len() {
            let stretch = &segments[first..=last];
            let length = seconds(stretch);
            if length > target * 1.5 {
                break;
            }
            if length >= target * 0.5 {
                peak = peak.max(bits(stretch) / length);
            }
        }
    }
    Rates { peak: if peak > 0.0 { peak } else { average }, average }
}

pub(super) fn of(media: &Media, bytes: &Bytes) -> Rates {
    let all = media.segments.iter().zip(&bytes.segments);
    let sizes: Vec<(u64, f64)> =
        all.filter_map(|(segment, content)| Some((content.as_ref().ok()?.size, segment.duration))).collect();
    measure(&sizes, media.target.unwrap_or(1) as f64)
}

/// Rules `bandwidth`, `average-bandwidth`. `parts` are the rates of the variant's playlist and of its rendition with
/// the highest ones.
pub(super) fn rules(variant: &Attributes, parts: &[Rates], found: &mut Findings<'_>) {
    let peak: f64 = parts.iter().map(|rates| rates.peak).sum();
    let average: f64 = parts.iter().map(|rates| rates.average).sum();
    let said = variant.float("BANDWIDTH").unwrap_or(0.0);
    // Rates are whole numbers, and there may be two of them.
    found.want(said >= peak - 2.0 && said <= peak * SLACK, "bandwidth", variant.line, || {
        format!("BANDWIDTH is {said}, the measured peak {peak:.0}")
    });
    if let Some(said) = variant.float("AVERAGE-BANDWIDTH") {
        let good = said <= average * SLACK && said >= average / SLACK;
        found.want(good, "average-bandwidth", variant.line, || {
            format!("AVERAGE-BANDWIDTH is {said}, measured are {average:.0}")
        });
    }
}
