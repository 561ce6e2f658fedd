//! What holds of every track, whatever order, loss, duplicates, timestamps and pauses its packets come with.

use super::testing::{START, Stored, opus, stored, track, vp8};
use crate::media::fmp4::read;
use crate::media::rtp::packet::Packet;
use crate::media::{Codec, Rotation};
use crate::time::Ticks;
use proptest::prelude::*;

/// One packet, by how it differs from the one before.
#[derive(Clone, Debug)]
struct Step {
    sequence: i64,
    timestamp: i64,
    millis: i64,
    key: bool,
    garbage: Option<Vec<u8>>,
    rotation: Option<Rotation>,
    detach: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let sequence = prop_oneof![20 => Just(1_i64), 2 => 2..5_i64, 2 => -4..=0_i64, 1 => -70_000..70_000_i64];
    let timestamp = prop_oneof![20 => Just(3600_i64), 2 => -7200..7200_i64, 1 => Just(0_i64), 1 => any::<i32>().prop_map(i64::from)];
    let millis = prop_oneof![20 => 30..50_i64, 2 => Just(0_i64), 1 => 0..20_000_i64];
    let rotation =
        prop::sample::select(vec![Rotation::None, Rotation::Right, Rotation::Half, Rotation::Left]);
    (
        sequence,
        timestamp,
        millis,
        prop::bool::weighted(0.1),
        prop::option::weighted(0.02, prop::collection::vec(any::<u8>(), 0..40)),
        prop::option::weighted(0.1, rotation),
        prop::bool::weighted(0.01),
    )
        .prop_map(|(sequence, timestamp, millis, key, garbage, rotation, detach)| Step {
            sequence,
            timestamp,
            millis,
            key,
            garbage,
            rotation,
            detach,
        })
}

fn record(codec: Codec, steps: Vec<Step>) -> Stored {
    let mut track = track(codec);
    let mut out = Vec::new();
    let (mut sequence, mut timestamp, mut now) = (100_000_i64, 0xffff_0000_i64, START);
    for step in steps {
        sequence += step.sequence;
        timestamp += step.timestamp;
        now = now.plus(step.millis * 1000);
        let mut packet = if codec == Codec::Opus { opus(0, 0) } else { vp8(0, 0, step.key) };
        packet = Packet {
            sequence: sequence as u64,
            timestamp: timestamp as u32,
            arrival: now,
            rotation: step.rotation,
            ..packet
        };
        if let Some(garbage) = step.garbage {
            packet.payload = garbage.into();
        }
        track.push(packet, &mut out).unwrap();
        track.poll(now, &mut out).unwrap();
        if step.detach {
            track.detach(&mut out).unwrap();
            track.attach();
        }
    }
    track.detach(&mut out).unwrap();
    stored(out)
}

/// The rules. `stored` has checked that bytes lie where they are said to lie.
fn holds(stored: &Stored) {
    let scan = read::scan(&stored.file);
    assert_eq!(scan.valid, stored.file.len() as u64, "all of the file reads back");
    assert_eq!(scan.inits.len(), stored.runs.len());
    let mut end = Ticks(0);
    let mut gaps = stored.gaps.iter();
    for run in &stored.runs {
        // Between runs lies a gap that was told, or nothing.
        if run.number > 0 && run.first > end {
            assert_eq!(gaps.next(), Some(&(end, run.first - end)));
        }
        assert!(run.number == 0 || run.first >= end, "decode time rewinds between runs");
        end = run.first;
        let own = |fragment: &&read::Scanned| fragment.run == run.number as usize + 1;
        for fragment in scan.fragments.iter().filter(own) {
            assert_eq!(fragment.start, end, "a hole or an overlap inside a run");
            assert!(fragment.samples.iter().all(|sample| sample.duration > 0));
            end = end + fragment.duration;
        }
        let mut at = run.first;
        for (_, segment) in stored.segments.iter().filter(|(number, _)| *number == run.number) {
            assert_eq!(segment.start, at, "segments tile their run");
            at = at + segment.duration;
        }
        assert_eq!(at, end, "segments end where samples do");
        assert!(end > run.first, "a run has media");
    }
    assert_eq!(gaps.next(), None);
    let found = scan.fragments.iter().flat_map(|fragment| &fragment.samples);
    let read = found.map(|sample| (sample.offset, sample.size, sample.duration, sample.sync));
    let index = stored.entries.iter().map(|entry| (entry.offset, entry.size, entry.duration, entry.sync()));
    assert!(read.eq(index), "the index says what the media says");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn failure_34_whatever_pictures_come_durations_tile_and_time_never_rewinds(
        steps in prop::collection::vec(step(), 1..300)
    ) {
        let stored = record(Codec::Vp8, steps);
        holds(&stored);
        for run in &stored.runs {
            let first = stored.entries.iter().find(|entry| entry.offset >= run.range.end);
            prop_assert!(first.is_some_and(|entry| entry.sync()), "a run begins with a key frame");
        }
    }

    #[test]
    fn failure_34_whatever_sound_comes_durations_tile_and_time_never_rewinds(
        steps in prop::collection::vec(step(), 1..300)
    ) {
        holds(&record(Codec::Opus, steps));
    }
}
