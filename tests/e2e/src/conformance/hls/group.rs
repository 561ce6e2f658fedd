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
        // They were fetched one after the other: one may have ended meanwhile.
        if other.media.ended == first.media.ended {
            found.want(other.media.kind == first.media.kind, "type-equal", 0, || {
                format!("{name}: types {:?} and {:?}", other.media.kind, first.media.kind)
            });
        }
        breaks(first, other, found);
        dates(first, other, found);
    }
}

fn breaks(first: &Member<'_>, other: &Member<'_>, found: &mut Findings<'_>) {
    let target = first.media.target.unwrap_or(0) as f64;
    // What one of them does not list yet cannot be compared.
    let known = first.media.length().min(other.media.length()) - target;
    let until = if first.media.ended && other.media.ended { f64::INFINITY } else { known };
    let of = |member: &Member<'_>| {
        let all = member.media.breaks().into_iter();
        all.filter(|at| *at < until).collect::<Vec<_>>()
    };
    let (ours, theirs) = (of(first), of(other));
    let apart = if first.video && other.video { PICTURES_APART } else { target };
    let together =
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() <= apart);
    found.want(together, "discontinuities", 0, || {
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
