//! I-frame playlists (RFC 8216bis 4.4.3.6): each entry is the range of a `moof` and of one key frame.

use super::Findings;
use super::playlist::Media;
use super::segments::Bytes;

/// Rules `iframes-only`, `iframe-range`, `iframe-clock`.
pub(super) fn rules(media: &Media, bytes: &Bytes, found: &mut Findings<'_>) {
    found.want(media.iframes_only, "iframes-only", 0, || "no EXT-X-I-FRAMES-ONLY".to_owned());
    let mut listed: Option<f64> = None;
    for (segment, content) in media.segments.iter().zip(&bytes.segments) {
        let content = match content {
            Ok(content) => content,
            Err(why) => {
                found.add("iframe-range", segment.line, why);
                continue;
            }
        };
        let first = content.samples.first();
        found.want(first.is_some_and(|first| first.sync), "iframe-range", segment.line, || {
            "its first sample is no sync sample".to_owned()
        });
        let end = first.map_or(0, |first| first.end);
        found.want(content.size == end, "iframe-range", segment.line, || {
            format!("{} bytes, the key frame ends at {end}", content.size)
        });
        let Some(init) = bytes.init_of(segment) else { continue };
        let starts = content.start as f64 / f64::from(init.timescale);
        let due = listed.unwrap_or(starts);
        let slack = content.longest() as f64 / f64::from(init.timescale);
        found.want((starts - due).abs() <= slack.max(0.25), "iframe-clock", segment.line, || {
            format!("lies at {starts:.3} s, the durations before it say {due:.3}")
        });
        listed = Some(due + segment.duration);
    }
}
