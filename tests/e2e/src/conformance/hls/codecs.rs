//! `CODECS` (RFC 8216bis 4.4.6.2, RFC 6381) beside the formats of the media.

use super::Findings;
use super::playlist::Attributes;

/// A sample entry, and what it takes to decode what is behind it.
#[derive(Clone, Debug, PartialEq)]
struct Format {
    kind: String,
    /// Profile, level and the like: each is the more demanding the larger it is. None for sound.
    needs: Vec<u32>,
}

impl Format {
    fn of(text: &str) -> Self {
        let (kind, rest) = text.split_once('.').unwrap_or((text, ""));
        let needs = match kind {
            "avc1" | "avc3" => h264(rest),
            "vp09" => decimals(rest, 3),
            "av01" => av1(rest),
            _ => Some(Vec::new()),
        };
        Self { kind: kind.to_owned(), needs: needs.unwrap_or_default() }
    }

    /// Who takes this takes the other too.
    fn covers(&self, other: &Self) -> bool {
        let enough = || self.needs.iter().zip(&other.needs).all(|(own, need)| own >= need);
        self.kind == other.kind && self.needs.len() == other.needs.len() && enough()
    }

    /// What takes both, of one kind.
    fn join(mut self, other: &Self) -> Self {
        for (own, need) in self.needs.iter_mut().zip(&other.needs) {
            *own = (*own).max(*need);
        }
        self
    }
}

/// `PPCCLL` in hexadecimal: profile, level, and a 1 for each constraint that is not kept.
fn h264(text: &str) -> Option<Vec<u32>> {
    let own = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6)?;
    let [_, profile, constraints, level] = own.to_be_bytes();
    let free = (0..8).map(|bit| u32::from((!constraints >> bit) & 1));
    Some([profile.into(), level.into()].into_iter().chain(free).collect())
}

/// The first numbers of those between dots.
fn decimals(text: &str, count: usize) -> Option<Vec<u32>> {
    let numbers: Vec<u32> = text.split('.').take(count).map_while(|part| part.parse().ok()).collect();
    (numbers.len() == count).then_some(numbers)
}

/// `P.LLT.DD`: profile, level, tier, depth.
fn av1(text: &str) -> Option<Vec<u32>> {
    let parts: Vec<&str> = text.split('.').collect();
    let [profile, level, depth, ..] = parts.as_slice() else { return None };
    let high = level.ends_with('h');
    let level = level.strip_suffix(['m', 'h'])?;
    let mut numbers = decimals(&format!("{profile}.{level}.{depth}"), 3)?;
    numbers.push(high.into());
    Some(numbers)
}

/// Rule `codecs`: each of the formats is listed, with a profile and a level that are enough for it; and no more is listed
/// than all of them need together.
pub(super) fn rules<'a>(
    of: &Attributes,
    formats: impl Iterator<Item = &'a str> + Clone,
    found: &mut Findings<'_>,
) {
    // Hexadecimal digits of H264 are of either case (RFC 6381 3.4).
    let text = of.text("CODECS").unwrap_or_default().to_ascii_lowercase();
    let listed: Vec<Format> = text.split(',').map(Format::of).collect();
    let there = || formats.clone().map(|format| (format, Format::of(&format.to_ascii_lowercase())));
    for (name, format) in there() {
        found.want(listed.iter().any(|own| own.covers(&format)), "codecs", of.line, || {
            format!("{name} of an init segment is not covered by {text:?}")
        });
    }
    for own in &listed {
        let alike = there().map(|(_, format)| format).filter(|format| format.kind == own.kind);
        let most = alike.reduce(|most, format| most.join(&format));
        found.want(most.is_none_or(|most| most.covers(own)), "codecs", of.line, || {
            format!("{text:?} says more of {} than any init segment needs", own.kind)
        });
    }
}
