//! Media playlists beside each other (RFC 8216bis 6.2.4).

use super::Findings;
use super::playlist::Media;

/// How far breaks of two pictures may lie apart, in seconds: two frames at 25 a second.
const PICTURES_APART: f64 = 0.081;

/// A playlist with what it holds.
pub(super) struct Member<'a> {
    pub place: String,
    pub media: &'a Media,
    /// It has pictures.
    pub video: bool,
    /// Where its first sample lies, in seconds of its media's clock, if that is known.
    pub begins: Option<f64>,
}

/// Rules `target-equal`, `type-equal`, `discontinuities`, `dates-apart`; the first one is the measure of the others.
pub(super) fn rules(members: &[Member<'_>], found: &mut Findings<'_>) {
    let Some((first, others)) = members.split_first() else { return };
    for other in others {
        let name = &other.place;
        found.want(other.media.target == first.media.target, "target-equal", 0, || {
            format!("{name}: target durations {:?} and {:?}", other.media.target, first.media.target)
        });
        beside(first, other, found);
    }
}

/// What a playlist and the measure of it have in common, be it of sound, pictures or I-frames.
fn beside(first: &Member<'_>, other: &Member<'_>, found: &mut Findings<'_>) {
    // They were fetched one after the other: one may have ended meanwhile.
    if other.media.ended == first.media.ended {
        found.want(other.media.kind == first.media.kind, "type-equal", 0, || {
            format!("{}: types {:?} and {:?}", other.place, other.media.kind, first.media.kind)
        });
    }
    breaks(first, other, found);
    dates(first, other, found);
}

/// An I-frame playlist beside the variant whose pictures it lists: rules `target-equal`, `type-equal`, `discontinuities`,
/// `dates-apart`, and `iframe-begin`, `iframe-length`: it begins where the variant does, and is as long.
pub(super) fn iframes(variant: &Member<'_>, own: &Member<'_>, found: &mut Findings<'_>) {
    let (name, target) = (&own.place, own.media.target);
    let free = own.media.kind.as_deref() == Some("VOD");
    found.want(free || target == variant.media.target, "target-equal", 0, || {
        format!("{name}: target durations {target:?} and {:?}", variant.media.target)
    });
    beside(variant, own, found);
    if let (Some(ours), Some(theirs)) = (variant.begins, own.begins) {
        found.want((ours - theirs).abs() <= PICTURES_APART, "iframe-begin", 0, || {
            format!("{name} begins at {theirs:.3} s, {} at {ours:.3}", variant.place)
        });
    }
    if variant.media.ended && own.media.ended {
        let longest = variant.media.segments.iter().map(|segment| segment.duration).fold(0.0, f64::max);
        let (ours, theirs) = (variant.media.length(), own.media.length());
        found.want((ours - theirs).abs() <= longest, "iframe-length", 0, || {
            format!("{name} lasts {theirs:.3} s, {} {ours:.3}", variant.place)
        });
    }
}

/// Rule `discontinuities`: as many in each, and at the same times. While a recording runs one list may be behind, and the
/// last of them may be listed in one alone.
fn breaks(first: &Member<'_>, other: &Member<'_>, found: &mut Findings<'_>) {
    let target = first.media.target.unwrap_or(0) as f64;
    let (ours, theirs) = (first.media.breaks(), other.media.breaks());
    let apart = if first.video && other.video { PICTURES_APART } else { target };
    let paired = ours.len().min(theirs.len());
    let together = ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= apart);
    let ended = first.media.ended && other.media.ended;
    let known = first.media.length().min(other.media.length()) - 2.0 * target;
    let mut alone = ours[paired..].iter().chain(&theirs[paired..]);
    let late = alone.all(|at| !ended && *at >= known);
    found.want(together && late, "discontinuities", 0, || {
        format!("{} at {ours:.2?}, {} at {theirs:.2?}", first.place, other.place)
    });
}

/// The date of the media clock's zero is one in all of them.
fn dates(first: &Member<'_>, other: &Member<'_>, found: &mut Findings<'_>) {
    let zero = |member: &Member<'_>| {
        let date = member.media.segments.first()?.date?;
        Some(date as f64 - entry_begins(member)? * 1e6)
    };
    if let (Some(ours), Some(theirs)) = (zero(first), zero(other)) {
        let off = (ours - theirs).abs();
        found.want(off <= 2_500.0, "dates-apart", 0, || {
            format!("{}: its clock's zero is dated {off:.0} us apart", other.place)
        });
    }
}

/// A list that nothing has left begins at the clock's zero, though its first sample may lie a little behind.
fn entry_begins(member: &Member<'_>) -> Option<f64> {
    let begins = member.begins?;
    Some(if member.media.sequence == 0 && begins < 1.0 { 0.0 } else { begins })
}
