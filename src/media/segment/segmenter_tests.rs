use super::*;
use crate::media::fmp4::index::{self, Entry};
use crate::media::fmp4::read::{Scan, scan};
use crate::media::segment::{from_fragments, from_index};
use bytes::Bytes;
use proptest::prelude::*;

/// Where the run's fragments start, as if behind an init segment.
const ORIGIN: u64 = 700;
const FRAME: u32 = 3000;

fn video() -> Segmenter {
    Segmenter::new(Policy::default(), Timescale::VIDEO, Kind::Video, ORIGIN)
}

fn audio() -> Segmenter {
    Segmenter::new(Policy::default(), Timescale::OPUS, Kind::Audio, ORIGIN)
}

fn sample(at: i64, duration: u32, sync: bool) -> Sample {
    Sample { at: Ticks(at), duration, sync, data: Bytes::from_static(b"sample") }
}

/// Pushes samples of these shapes from tick `at` on, and returns what came out.
fn run(segmenter: &mut Segmenter, at: i64, shapes: impl IntoIterator<Item = (u32, bool)>) -> Vec<Output> {
    let mut out = Vec::new();
    let mut next = at;
    for (duration, sync) in shapes {
        segmenter.push(sample(next, duration, sync), &mut out).unwrap();
        next += i64::from(duration);
    }
    out
}

fn segments(out: &[Output]) -> Vec<Segment> {
    let only =
        |output: &Output| if let Output::Segment(segment) = output { Some(segment.clone()) } else { None };
    out.iter().filter_map(only).collect()
}

fn fragments(out: &[Output]) -> Vec<&Fragment> {
    out.iter()
        .filter_map(|output| if let Output::Fragment(fragment) = output { Some(fragment) } else { None })
        .collect()
}

fn millis(segments: &[Segment]) -> Vec<(i64, bool)> {
    segments.iter().map(|s| (s.duration_micros(Timescale::VIDEO) / 1000, s.sync)).collect()
}

/// Frames of 30 a second, key frames at these numbers.
fn frames(count: u32, keys: &[u32]) -> impl Iterator<Item = (u32, bool)> {
    (0..count).map(|number| (FRAME, keys.contains(&number)))
}

#[test]
fn key_frames_at_the_target_make_segments_of_two_seconds() {
    let mut segmenter = video();
    let mut out = run(&mut segmenter, 900, frames(150, &[0, 60, 120]));
    segmenter.flush(&mut out).unwrap();
    assert_eq!(millis(&segments(&out)), [(2000, true), (2000, true), (1000, true)]);
    let lengths: Vec<i64> = fragments(&out).iter().map(|f| f.duration.0).collect();
    assert_eq!(lengths, [45_000; 10], "fragments of half a second");
    assert_eq!(segmenter.position(), None);
}

#[test]
fn a_cut_closes_the_segment_before_the_first_sample_behind_it() {
    let mut segmenter = audio();
    // A fragment of 25 packets, and 10 that are in none yet.
    let mut out = run(&mut segmenter, 0, (0..35).map(|_| (960, true)));
    assert_eq!((segmenter.pending(), segmenter.holds(Ticks(34 * 960))), (Some(Ticks(24_000)), true));
    assert!(!segmenter.holds(Ticks(34 * 960 + 1)));
    segmenter.cut(Ticks(30 * 960 - 1), &mut out).unwrap();
    assert_eq!(segmenter.pending(), Some(Ticks(30 * 960)));
    // Where it begins it is not cut again, nor in front of what is in a fragment.
    segmenter.cut(Ticks(30 * 960), &mut out).unwrap();
    segmenter.cut(Ticks(0), &mut out).unwrap();
    out.extend(run(&mut segmenter, 35 * 960, (0..40).map(|_| (960, true))));
    let from = segmenter.pending().unwrap();
    segmenter.cut(Ticks(0), &mut out).unwrap();
    segmenter.flush(&mut out).unwrap();
    let found = segments(&out);
    let starts: Vec<i64> = found.iter().map(|segment| segment.start.0).collect();
    assert_eq!(starts, [0, 30 * 960, from.0]);
    let samples: u32 = found.iter().map(|segment| segment.samples).sum();
    assert_eq!((samples, found[0].samples), (75, 30));
    let length: i64 = found.iter().map(|segment| segment.duration.0).sum();
    assert_eq!(length, 75 * 960);
    assert!(fragments(&out).iter().all(|fragment| fragment.duration <= Ticks(24_000)));
}

#[test]
fn a_fragment_comes_out_as_soon_as_it_is_long_enough() {
    let mut segmenter = video();
    let out = run(&mut segmenter, 0, frames(14, &[0]));
    assert_eq!(out, []);
    let out = run(&mut segmenter, 14 * 3000, frames(1, &[]));
    let [Output::Fragment(fragment)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(fragment.duration, Ticks(45_000));
    assert_eq!(fragment.entries[0].flags, Flags::SYNC.with(Flags::FRAGMENT).with(Flags::SEGMENT));
    assert_eq!(fragment.entries[0].offset, ORIGIN + fragment::head(15));
    assert_eq!(segmenter.offset(), ORIGIN + fragment.bytes.len() as u64);
}

#[test]
fn no_fragment_of_several_samples_is_longer_than_a_part_may_be() {
    let lengths = |shapes: Vec<(u32, bool)>| {
        let mut segmenter = video();
        let mut out = run(&mut segmenter, 0, shapes);
        segmenter.flush(&mut out).unwrap();
        fragments(&out).iter().map(|fragment| fragment.duration.0).collect::<Vec<_>>()
    };
    // 25 a second: 12 pictures. Timestamps that jitter: the fifteenth would be 10 ticks too much.
    assert_eq!(lengths((0..50).map(|n| (3600, n == 0)).collect())[..3], [43_200; 3]);
    assert_eq!(
        lengths((0..30).map(|n| (3000 + u32::from(n == 14) * 10, n == 0)).collect()),
        [42_000, 42_010, 6000]
    );
    // A picture that stays.
    assert_eq!(
        lengths(vec![(3000, true), (3000, false), (90_000, false), (3000, false)]),
        [6000, 90_000, 3000]
    );
}

#[test]
fn early_key_frames_do_not_cut() {
    let mut segmenter = video();
    let mut out = run(&mut segmenter, 0, frames(75, &[0, 10, 30, 58, 70]));
    segmenter.flush(&mut out).unwrap();
    // Frame 58 is two frames early, frame 70 the first at or past the target.
    assert_eq!(millis(&segments(&out)), [(2333, true), (166, true)]);
}

#[test]
fn a_key_frame_half_its_length_early_counts_as_at_the_target() {
    let early_by = |ticks: u32| {
        let mut segmenter = video();
        let head = std::iter::once((FRAME, true)).chain((1..59).map(|_| (FRAME, false)));
        let out = run(&mut segmenter, 0, head.chain([(FRAME - ticks, false), (FRAME, true)]));
        segments(&out).len()
    };
    assert_eq!((early_by(1500), early_by(1501)), (1, 0));
}

#[test]
fn a_long_picture_is_not_taken_for_one_at_the_target() {
    // A key frame at 1.2 s that stays for 2.2 s: half of that would reach the target.
    let mut segmenter = video();
    let out = run(&mut segmenter, 0, frames(36, &[0]).chain([(198_000, true)]));
    assert_eq!(segments(&out), []);
    assert_eq!(segmenter.position().unwrap().duration, Ticks(306_000));
}

#[test]
fn without_key_frames_segments_are_cut_before_the_longest() {
    let mut segmenter = video();
    let mut out = run(&mut segmenter, 0, frames(300, &[0]));
    segmenter.flush(&mut out).unwrap();
    assert_eq!(millis(&segments(&out)), [(3500, true), (3500, false), (3000, false)]);
    let flags: Vec<Flags> = fragments(&out)
        .iter()
        .map(|f| f.entries[0].flags)
        .filter(|flags| flags.has(Flags::SEGMENT))
        .collect();
    let cut = Flags::FRAGMENT.with(Flags::SEGMENT).with(Flags::CUT);
    assert_eq!(flags, [Flags::SYNC.with(Flags::FRAGMENT).with(Flags::SEGMENT), cut, cut]);
}

#[test]
fn the_first_key_frame_after_a_cut_starts_a_segment_at_once() {
    let mut segmenter = video();
    // Cut at frame 105; key frames at 110 and, in the segment that starts there, at 120, which is early again.
    let mut out = run(&mut segmenter, 0, frames(180, &[0, 110, 120, 170]));
    segmenter.flush(&mut out).unwrap();
    assert_eq!(millis(&segments(&out)), [(3500, true), (166, false), (2000, true), (333, true)]);
}

#[test]
fn a_key_frame_is_wanted_from_the_target_on_until_it_comes() {
    let mut segmenter = video();
    let mut wanted = Vec::new();
    for (number, (duration, sync)) in frames(110, &[0, 70]).enumerate() {
        segmenter.push(sample(number as i64 * i64::from(FRAME), duration, sync), &mut Vec::new()).unwrap();
        wanted.push(segmenter.wants_keyframe());
    }
    let first = wanted.iter().position(|wants| *wants).unwrap();
    assert_eq!(first, 59, "the frame that reaches the target");
    assert!(wanted[59..70].iter().all(|wants| *wants));
    assert!(!wanted[70..].iter().any(|wants| *wants));
}

#[test]
fn a_key_frame_is_wanted_all_through_a_segment_without_one() {
    let mut segmenter = video();
    run(&mut segmenter, 0, frames(106, &[0]));
    assert_eq!(segmenter.position().unwrap().number, 1);
    assert!(segmenter.wants_keyframe());
    segmenter.flush(&mut Vec::new()).unwrap();
    assert!(!segmenter.wants_keyframe());
}

#[test]
fn audio_is_cut_at_the_target() {
    let mut segmenter = audio();
    let mut out = run(&mut segmenter, 0, vec![(960, true); 250]);
    assert!(!segmenter.wants_keyframe());
    segmenter.flush(&mut out).unwrap();
    let lengths: Vec<i64> = segments(&out).iter().map(|s| s.duration.0).collect();
    assert_eq!(lengths, [96_000, 96_000, 48_000]);
}

#[test]
fn audio_with_long_silence_stays_within_the_longest() {
    let mut segmenter = audio();
    let mut out = run(&mut segmenter, 0, [(90_000, true), (144_000, true), (960, true), (48_000, true)]);
    segmenter.flush(&mut out).unwrap();
    let lengths: Vec<i64> = segments(&out).iter().map(|s| s.duration.0).collect();
    assert_eq!(lengths, [90_000, 144_000, 48_960]);
}

#[test]
fn numbers_and_offsets_go_on_across_runs() {
    let mut first = video();
    let mut out = run(&mut first, 0, frames(70, &[0, 60]));
    first.flush(&mut out).unwrap();
    assert_eq!(first.next_number(), 2);
    let mut second = Segmenter::new(Policy::default(), Timescale::VIDEO, Kind::Video, first.offset() + 800)
        .numbered(first.next_number());
    let mut out = run(&mut second, 400_000, frames(5, &[0]));
    second.flush(&mut out).unwrap();
    let [segment] = segments(&out).try_into().unwrap();
    assert_eq!((segment.number, segment.start), (2, Ticks(400_000)));
    assert_eq!(segment.range, first.offset() + 800..second.offset());
}

#[test]
fn a_run_may_go_on_after_a_flush() {
    let mut segmenter = video();
    let mut out = run(&mut segmenter, 0, frames(20, &[0]));
    segmenter.flush(&mut out).unwrap();
    segmenter.flush(&mut out).unwrap();
    assert_eq!(segments(&out).len(), 1, "nothing is open the second time");
    out.extend(run(&mut segmenter, 60_000, frames(20, &[0])));
    segmenter.flush(&mut out).unwrap();
    let numbers: Vec<(u32, i64)> = segments(&out).iter().map(|s| (s.number, s.start.0)).collect();
    assert_eq!(numbers, [(0, 0), (1, 60_000)]);
}

/// All that a refusal must leave alone.
fn state(segmenter: &Segmenter) -> String {
    format!("{segmenter:?}")
}

#[test]
fn a_refused_sample_changes_nothing() {
    let mut segmenter = video();
    run(&mut segmenter, 0, frames(10, &[0]));
    let before = state(&segmenter);
    type Expected = fn(&Error) -> bool;
    let refused: [(Sample, Expected); 5] = [
        (sample(30_000, 0, false), |e| matches!(e, Error::NoDuration { at: 30_000 })),
        (sample(30_000, 315_001, true), |e| {
            matches!(e, Error::SampleTooLong { duration: 315_001, limit: 315_000, .. })
        }),
        (sample(30_001, 3000, true), |e| {
            matches!(e, Error::NotContiguous { expected: 30_000, found: 30_001 })
        }),
        (sample(-3000, 3000, true), |e| matches!(e, Error::Fragment(fmp4::Error::NegativeTime(-3000)))),
        (sample(i64::MAX, 3000, true), |e| matches!(e, Error::Fragment(fmp4::Error::TimeOutOfRange))),
    ];
    for (sample, expected) in refused {
        let mut out = Vec::new();
        let error = segmenter.push(sample, &mut out).unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!((state(&segmenter), out), (before.clone(), vec![]));
    }
}

#[test]
fn a_failure_behind_a_closed_segment_takes_that_back_too() {
    // The file fills up: the segment before can close, the fragment of the next one cannot be placed.
    let mut segmenter = video();
    // 150 and 132 bytes of fragments, then 100 are left.
    segmenter.offset = OFFSET_LIMIT - 382;
    run(&mut segmenter, 0, [(FRAME, true), (FRAME, false), (39_000, false)]);
    let mut out = run(&mut segmenter, 45_000, [(44_000, false), (44_000, false)]);
    let before = state(&segmenter);
    let length = out.len();
    segmenter.lengths.longest = 180_000;
    let error = segmenter.push(sample(133_000, 90_000, true), &mut out).unwrap_err();
    assert!(matches!(error, Error::FileTooLarge), "{error:?}");
    segmenter.lengths.longest = 315_000;
    assert_eq!((state(&segmenter), out.len()), (before, length));
}

#[test]
fn a_fragment_closes_early_when_it_holds_too_much() {
    let mut segmenter = video();
    let mut out = Vec::new();
    let big = Bytes::from(vec![0; 17 << 20]);
    for number in 0..3 {
        let sample =
            Sample { at: Ticks(number * 3000), duration: FRAME, sync: number == 0, data: big.clone() };
        segmenter.push(sample, &mut out).unwrap();
    }
    assert_eq!(fragments(&out).len(), 1);
    let out = run(&mut video(), 0, (0..MANY).map(|number| (1, number == 0)));
    assert_eq!(fragments(&out).iter().map(|f| f.entries.len()).collect::<Vec<_>>(), [MANY]);
}

#[test]
fn printed_durations_never_drift() {
    // 29.97 frames a second do not divide into microseconds.
    let mut segmenter = video();
    let mut out = run(&mut segmenter, 0, (0..30_000).map(|number| (3003, number % 60 == 0)));
    segmenter.flush(&mut out).unwrap();
    let sum: i64 = segments(&out).iter().map(|s| s.duration_micros(Timescale::VIDEO)).sum();
    assert_eq!(sum, Ticks(30_000 * 3003).to_micros(Timescale::VIDEO));
}

/// A file as the recorder would write it, behind a dummy head of `ORIGIN` bytes.
fn file(out: &[Output]) -> (Vec<u8>, Vec<Entry>) {
    let head = [&(ORIGIN as u32).to_be_bytes(), b"free".as_slice(), &vec![0; ORIGIN as usize - 8]].concat();
    let mut bytes = head;
    let mut entries = Vec::new();
    for fragment in fragments(out) {
        bytes.extend_from_slice(&fragment.bytes);
        entries.extend_from_slice(&fragment.entries);
    }
    (bytes, entries)
}

fn stored(out: &[Output]) -> (Scan, Vec<Entry>) {
    let (bytes, entries) = file(out);
    let scan = scan(&bytes);
    assert_eq!(scan.valid, bytes.len() as u64);
    (scan, entries)
}

#[test]
fn segments_are_found_again_without_the_catalogue() {
    let mut segmenter = video().numbered(5);
    let mut out = run(&mut segmenter, 9000, frames(500, &[0, 60, 125, 330, 400]));
    segmenter.flush(&mut out).unwrap();
    let (scan, entries) = stored(&out);
    let written = segments(&out);
    assert_eq!(from_index(&entries, Ticks(9000), 5), written);
    assert_eq!(from_fragments(&scan.fragments, Policy::default(), Timescale::VIDEO, Kind::Video, 5), written);
    // The last one while it was open.
    let last = entries.len() - 10;
    let open = from_index(&entries[..last], Ticks(9000), 5);
    assert_eq!(open[..open.len() - 1], written[..written.len() - 1]);
    assert_eq!(open.last().unwrap().samples, written.last().unwrap().samples - 10);
}

fn shapes() -> impl Strategy<Value = Vec<(u32, bool)>> {
    let duration = prop_oneof![
        4 => 2500..3500_u32,
        2 => 1..50_000_u32,
        1 => 50_000..=315_000_u32,
    ];
    let sync = prop_oneof![1 => Just(true), 15 => Just(false)];
    proptest::collection::vec((duration, sync), 1..400)
}

proptest! {
    #[test]
    fn every_rule_holds_for_any_video(shapes in shapes(), start in 0..1_000_000_i64) {
        let mut segmenter = video();
        let mut out = run(&mut segmenter, start, shapes.iter().copied());
        segmenter.flush(&mut out).unwrap();
        let written = segments(&out);
        let lengths = Policy::default().in_ticks(Timescale::VIDEO);

        // Nothing is lost, nothing comes twice, all in order and side by side.
        let (scan, entries) = stored(&out);
        let stored: Vec<(u32, bool)> = entries.iter().map(|e| (e.duration, e.sync())).collect();
        prop_assert_eq!(&stored, &shapes);
        prop_assert_eq!(written.iter().map(|s| u64::from(s.samples)).sum::<u64>(), shapes.len() as u64);
        let (mut at, mut offset, mut number) = (start, ORIGIN, 0);
        for segment in &written {
            prop_assert_eq!((segment.start.0, segment.range.start, segment.number), (at, offset, number));
            at += segment.duration.0;
            offset = segment.range.end;
            number += 1;
            prop_assert!(segment.duration.0 <= lengths.longest);
        }
        prop_assert_eq!(offset, segmenter.offset());
        let parts = fragments(&out);
        prop_assert!(parts.iter().all(|f| f.duration.0 <= lengths.fragment || f.entries.len() == 1));

        // A segment that ends before the longest ends for a reason.
        for (segment, next) in written.iter().zip(written.iter().skip(1)) {
            let index: usize = written[..next.number as usize].iter().map(|s| s.samples as usize).sum();
            let (duration, sync) = shapes[index];
            let due = segment.duration.0 + lengths.tolerance(duration) >= lengths.target;
            let full = segment.duration.0 + i64::from(duration) > lengths.longest;
            prop_assert!(full || sync && (due || !segment.sync));
        }
        prop_assert_eq!(from_index(&entries, Ticks(start), 0), written.clone());
        prop_assert_eq!(
            from_fragments(&scan.fragments, Policy::default(), Timescale::VIDEO, Kind::Video, 0),
            written
        );

        // The flags tell the same story to whoever has only the index.
        let read_back = index::Index::parse(&index::encode(&entries));
        prop_assert_eq!(read_back.entries, entries);
    }
}
