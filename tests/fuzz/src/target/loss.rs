//! Sequence numbers as hostile as they come: what is asked for again stays bounded, and nothing is delivered twice.

use crate::media::Kind;
use crate::media::rtp::loss::Stream;
use crate::time::Moment;
use std::collections::HashSet;

/// More is never missing at once.
const MOST_ASKED: usize = 2000;

pub fn run(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let kind = if flags & 1 == 0 { Kind::Video } else { Kind::Audio };
    let mut stream = Stream::new(kind, flags & 2 == 0);
    let mut delivered = HashSet::new();
    let (mut now, mut sequence) = (Moment(1_000_000), 65_000_u16);
    let (steps, _) = data.as_chunks::<4>();
    for [flags, millis, high, low] in steps {
        now = now.plus(i64::from(*millis) * if flags & 1 == 0 { 1000 } else { 20_000 });
        let number = u16::from_be_bytes([*high, *low]);
        sequence = match flags >> 1 & 3 {
            0 => sequence.wrapping_add(1),
            1 => sequence.wrapping_add(number & 0x3ff),
            2 => sequence.wrapping_sub(number & 0x3ff),
            _ => number,
        };
        if flags & 8 == 0
            && let Some(taken) = stream.push(sequence, flags & 16 != 0, now)
        {
            assert_eq!(taken.sequence as u16, sequence);
            assert!(delivered.insert(taken.sequence), "{} is delivered twice", taken.sequence);
        }
        let asked = stream.due(now);
        assert!(asked.len() <= MOST_ASKED);
        assert!(stream.deadline().is_none_or(|next| next > now), "there is nothing left to do now");
    }
    let statistics = stream.statistics();
    assert_eq!(statistics.received, delivered.len() as u64);
    assert!(statistics.recovered <= statistics.received);
}

/// Loss that is repaired, and a restart.
pub fn seeds() -> Vec<Vec<u8>> {
    let step = |flags: u8, number: u16| [&[flags, 10][..], &number.to_be_bytes()].concat();
    let repaired = [step(0, 0), step(2, 3), step(20, 1), step(20, 1), step(0, 0)].concat();
    let restarted = [step(0, 0), step(6, 9), step(6, 10), step(6, 10)].concat();
    vec![[&[0][..], &repaired].concat(), [&[1][..], &restarted].concat()]
}
