//! A set of intervals against a naive bitmap of 64 milliseconds.

use super::*;
use proptest::prelude::*;

const SIZE: i64 = 64;

fn set(list: &[(i64, i64)]) -> Ranges {
    list.iter().map(|(start, end)| Interval { start: *start, end: *end }).collect()
}

fn bitmap(list: &[(i64, i64)]) -> Vec<bool> {
    (0..SIZE).map(|at| list.iter().any(|(start, end)| (*start..*end).contains(&at))).collect()
}

fn bits(ranges: &Ranges) -> Vec<bool> {
    (0..SIZE).map(|at| ranges.contains(at)).collect()
}

fn is_normal(ranges: &Ranges) -> bool {
    let list: Vec<Interval> = ranges.iter().collect();
    list.iter().all(|interval| 0 <= interval.start && interval.start < interval.end)
        && list.windows(2).all(|pair| pair[0].end < pair[1].start)
}

fn lists() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-5..SIZE, 0..SIZE), 0..12)
}

proptest! {
    #[test]
    fn it_is_the_set_of_what_was_inserted(list in lists()) {
        let ranges = set(&list);
        prop_assert!(is_normal(&ranges));
        prop_assert_eq!(bits(&ranges), bitmap(&list));
        prop_assert_eq!(ranges.total(), bitmap(&list).iter().filter(|bit| **bit).count() as i64);
    }

    #[test]
    fn operations_are_those_of_sets(one in lists(), two in lists(), from in 0..SIZE, to in 0..SIZE) {
        let (a, b) = (set(&one), set(&two));
        let pairs = |op: fn(bool, bool) -> bool| -> Vec<bool> {
            bits(&a).into_iter().zip(bits(&b)).map(|(x, y)| op(x, y)).collect()
        };
        for (found, wanted) in [
            (a.union(&b), pairs(|x, y| x || y)),
            (a.intersect(&b), pairs(|x, y| x && y)),
            (a.subtract(&b), pairs(|x, y| x && !y)),
        ] {
            prop_assert!(is_normal(&found));
            prop_assert_eq!(bits(&found), wanted);
        }
        prop_assert_eq!(a.overlap(from, to), a.intersect(&Ranges::one(from, to)).total());
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(list in lists()) {
        let mut turned = list.clone();
        turned.reverse();
        prop_assert_eq!(set(&list), set(&turned));
    }

    #[test]
    fn what_is_encoded_is_read_again(list in prop::collection::vec((0_i64..1 << 40, 0_i64..1 << 40), 0..20)) {
        let ranges = set(&list);
        prop_assert_eq!(Ranges::decode(&ranges.encode()), Ok(ranges.clone()));
        let json = serde_json::to_string(&ranges).unwrap();
        prop_assert_eq!(serde_json::from_str::<Ranges>(&json).unwrap(), ranges);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for bytes in [bytes.clone(), [&[FORM], bytes.as_slice()].concat()] {
            if let Ok(ranges) = Ranges::decode(&bytes) {
                prop_assert!(is_normal(&ranges));
            }
        }
    }

    #[test]
    fn edges_tell_the_steps_whose_middle_is_in_it(list in lists(), resolution in 1_i64..9) {
        let ranges = set(&list);
        let mut depth = vec![0; SIZE as usize + 2];
        for (at, change) in ranges.edges(resolution) {
            depth[at as usize] += change;
        }
        let mut sum = 0;
        for (step, change) in depth.iter().enumerate() {
            sum += change;
            // The middle of an even step lies between two milliseconds: the one behind it is taken.
            let middle = (step as i64 * 2 + 1) * resolution;
            let seen = ranges.iter().any(|i| 2 * i.start <= middle && middle < 2 * i.end);
            prop_assert_eq!(sum, i32::from(seen));
        }
    }

    #[test]
    fn too_many_intervals_close_the_shortest_gaps(gaps in prop::collection::vec(1_i64..1000, MOST_INTERVALS + 20)) {
        let mut ranges = Ranges::default();
        let (mut at, mut real) = (0, 0);
        for gap in &gaps {
            ranges.insert(at, at + 3);
            real += 3;
            at += 3 + gap;
        }
        prop_assert_eq!(ranges.len(), MOST_INTERVALS);
        prop_assert!(is_normal(&ranges));
        prop_assert!(ranges.total() >= real);
        // The last gap is behind everything.
        let mut shortest = gaps[..gaps.len() - 1].to_vec();
        shortest.sort_unstable();
        prop_assert!(ranges.total() - real <= gaps.iter().max().unwrap() * 20);
        prop_assert!(ranges.total() - real >= shortest[..20].iter().sum());
    }
}

#[test]
fn an_interval_is_cut_at_zero_and_empty_ones_are_ignored() {
    assert_eq!(set(&[(-10, 5)]), Ranges::one(0, 5));
    assert!(set(&[(5, 5), (9, 3), (-9, -3), (i64::MAX, i64::MIN)]).is_empty());
    assert_eq!(Ranges::one(0, i64::MAX).total(), i64::MAX);
}

#[test]
fn touching_intervals_become_one() {
    assert_eq!(set(&[(0, 5), (5, 9), (20, 30)]).len(), 2);
    assert_eq!(set(&[(0, 5), (20, 30), (5, 20)]), Ranges::one(0, 30));
}

#[test]
fn the_encoding_never_changes() {
    assert_eq!(set(&[(0, 300), (1000, 61_000)]).encode(), [1, 0, 172, 2, 188, 5, 224, 212, 3]);
    assert_eq!(Ranges::default().encode(), [1]);
    assert_eq!(Ranges::decode(&[]), Ok(Ranges::default()));
    assert_eq!(serde_json::to_string(&set(&[(0, 3), (5, 6)])).unwrap(), "[[0,3],[5,6]]");
}

#[test]
fn what_was_never_written_is_refused() {
    assert_eq!(Ranges::decode(&[2, 1, 1]), Err(BadRanges::Form));
    assert_eq!(Ranges::decode(&[1, 1]), Err(BadRanges::Number));
    assert_eq!(Ranges::decode(&[1, 1, 0]), Err(BadRanges::Order));
    assert_eq!(Ranges::decode(&[1, 1, 1, 0, 1]), Err(BadRanges::Order));
    assert_eq!(
        Ranges::decode(&[1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]),
        Err(BadRanges::Number)
    );
    assert_eq!(Ranges::decode(&vec![1; MOST_BYTES + 1]), Err(BadRanges::TooLong));
    let most = [vec![1], vec![0xff; 8], vec![0x7f, 1]].concat();
    assert_eq!(Ranges::decode(&most), Err(BadRanges::Number));
}
