//! Whether what a player showed is what was recorded.

use super::expected::Picture;
use super::rows::Row;
use serde_json::Value;

/// A stall that a person would see, in seconds.
const STALL: f64 = 0.3;
/// How far a seek may land from where it was sent.
const SEEK: f64 = 0.2;

/// A shorter picture cannot be seen, and dash.js drops it: where an SFU changes layers, the last picture of one stands for a
/// tick before the first of the next.
const UNSEEN: f64 = 0.001;

/// What came of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is wrong; nothing when it plays.
    pub faults: Vec<String>,
    /// Figures.
    pub note: String,
}

impl Verdict {
    /// One line.
    #[must_use]
    pub fn tell(&self) -> String {
        if self.faults.is_empty() { format!("plays, {}", self.note) } else { self.faults.join("; ") }
    }
}

/// Judges what the page saw.
#[must_use]
pub fn verdict(row: &Row, seen: &Value) -> Verdict {
    let mut faults = Vec::new();
    for fault in seen["faults"].as_array().into_iter().flatten() {
        faults.push(fault.as_str().unwrap_or("a fault").to_owned());
    }
    if seen["opened"] != true {
        faults.push("does not open".to_owned());
        return Verdict { faults, note: String::new() };
    }
    if seen["ended"] != true {
        faults.push(format!(
            "stands still at {:.2} s of {:.2}",
            number(&seen["stoodAt"]),
            number(&seen["duration"])
        ));
    }
    let (total, wanted) = (number(&seen["total"]), row.pictures.len() as f64);
    // Layers switch on segments: a picture at a bound may be in both or in neither.
    let slack = if row.switches { wanted * 0.02 } else { 0.0 };
    let [least, most] = again(seen);
    let unseen = row.pictures.iter().filter(|picture| picture.to - picture.from < UNSEEN).count() as f64;
    if total < wanted + least - slack - unseen || total > wanted + most + slack {
        faults.push(format!("{total} pictures decoded of {wanted}, {least} to {most} of them twice"));
    }
    let longest = seen["stalls"].as_array().into_iter().flatten().map(|stall| number(&stall[1]));
    let longest = longest.fold(0.0, f64::max);
    if longest > STALL {
        faults.push(format!("stands still for {longest:.2} s"));
    }
    faults.extend(numbers(&row.pictures, seen));
    if seen["ended"] == true {
        faults.extend(seeks(&row.pictures, seen));
    }
    let note = format!("{total} pictures, longest stall {longest:.2} s");
    Verdict { faults, note }
}

/// How many pictures were decoded twice, at least and at most. A player that steps over the milliseconds in front of the
/// first picture seeks, and what the decoder held is decoded once more. The browser counts a moment late, so what was held is
/// between what it told when the seek began and when it was over.
fn again(seen: &Value) -> [f64; 2] {
    let jumps = seen["jumps"].as_array().into_iter().flatten();
    let mut first = jumps.filter(|jump| number(&jump[2]) < SEEK);
    first.next_back().map_or([0.0, 0.0], |jump| [number(&jump[0]), number(&jump[1])])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Whether that number may be read at that time. A canvas may be a picture ahead or behind of what the callback says.
fn right(pictures: &[Picture], time: f64, read: &Value) -> bool {
    let read = read.as_u64();
    let at = pictures.partition_point(|picture| picture.to <= time + 0.002);
    let near = at.saturating_sub(1)..(at + 2).min(pictures.len());
    let mut near = pictures.get(near).unwrap_or_default().iter();
    near.any(|picture| picture.number.map(u64::from) == read)
}

/// The numbers of all pictures that were shown are those of their times; enough of them were read.
fn numbers(pictures: &[Picture], seen: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let shown: Vec<(f64, &Value)> =
        seen["frames"].as_array().into_iter().flatten().map(|frame| (number(&frame[0]), &frame[1])).collect();
    let wrong: Vec<_> = shown.iter().filter(|(time, read)| !right(pictures, *time, read)).collect();
    if wrong.len() * 100 > shown.len() {
        let (time, read) = wrong[0];
        faults.push(format!("{} of {} numbers are wrong, at {time:.2} s {read}", wrong.len(), shown.len()));
    }
    if shown.len() * 3 < pictures.len() {
        faults.push(format!("{} pictures shown of {}", shown.len(), pictures.len()));
    }
    let widths: std::collections::BTreeSet<_> =
        seen["frames"].as_array().into_iter().flatten().filter_map(|frame| frame[2].as_u64()).collect();
    if number(&seen["levels"]) > 1.0 && widths.len() < 2 {
        faults.push("layers did not switch".to_owned());
    }
    faults
}

fn seeks(pictures: &[Picture], seen: &Value) -> Vec<String> {
    let all = seen["seeks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut faults = Vec::new();
    if all.len() != 3 {
        faults.push(format!("{} seeks of 3", all.len()));
    }
    for seek in all {
        let (to, landed) = (number(&seek["to"]), number(&seek["landed"]));
        let there = (to - landed).abs() < SEEK && seek["arrived"] == true;
        if !there || seek["playsOn"] != true || !right(pictures, landed, &seek["n"]) {
            faults.push(format!(
                "a seek to {to:.2} lands at {landed:.2} on {}, plays on: {}, ready {}, buffered {}",
                seek["n"], seek["playsOn"], seek["readyState"], seek["buffered"]
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row() -> Row {
        let picture = |n: u32| Picture {
            from: f64::from(n) * 0.04,
            to: f64::from(n + 1) * 0.04,
            number: (n < 50).then_some(n % 25),
        };
        Row {
            name: "row".into(),
            recording: "r".into(),
            participant: "p".into(),
            pictures: (0..100).map(picture).collect(),
            switches: false,
            screen: None,
        }
    }

    fn seen() -> Value {
        let frames: Vec<Value> = (0..100u32)
            .map(|n| json!([f64::from(n) * 0.04, if n < 50 { json!(n % 25) } else { Value::Null }, 320]))
            .collect();
        let seek = |to: f64, n: Value| json!({"to": to, "landed": to, "arrived": true, "mediaTime": to, "n": n, "playsOn": true});
        json!({
            "opened": true, "ended": true, "total": 100, "stalls": [[1.0, 0.28]], "frames": frames, "levels": 1,
            "seeks": [seek(0.4, json!(10)), seek(3.0, Value::Null), seek(1.2, json!(5))], "faults": [],
        })
    }

    #[test]
    fn what_was_recorded_is_what_was_shown() {
        assert_eq!(verdict(&row(), &seen()).faults, [""; 0]);
    }

    #[test]
    fn what_the_player_had_decoded_twice_is_not_held_against_it() {
        for total in [105, 106, 107] {
            let mut seen = seen();
            seen["total"] = json!(total);
            seen["jumps"] = json!([[3, 3, 0.01], [5, 7, 0.02]]);
            assert_eq!(verdict(&row(), &seen).faults, [""; 0], "{total}");
        }
    }

    #[test]
    fn a_picture_that_nobody_can_see_may_be_left_out() {
        let mut row = row();
        row.pictures[40].to = row.pictures[40].from + 0.000_011;
        for (total, plays) in [(100, true), (99, true), (98, false)] {
            let mut seen = seen();
            seen["total"] = json!(total);
            assert_eq!(verdict(&row, &seen).faults.is_empty(), plays, "{total}");
        }
    }

    #[test]
    fn each_fault_is_told() {
        let of = |change: &dyn Fn(&mut Value)| {
            let mut seen = seen();
            change(&mut seen);
            verdict(&row(), &seen).faults.join("; ")
        };
        for (expected, change) in [
            ("does not open", &(|seen: &mut Value| seen["opened"] = json!(false)) as &dyn Fn(&mut Value)),
            ("stands still at", &|seen| seen["ended"] = json!(false)),
            ("99 pictures decoded of 100", &|seen| seen["total"] = json!(99)),
            ("104 pictures decoded of 100", &|seen| seen["total"] = json!(104)),
            ("104 pictures decoded of 100", &|seen| {
                seen["total"] = json!(104);
                seen["jumps"] = json!([[5, 7, 0.02]]);
            }),
            ("108 pictures decoded of 100", &|seen| {
                seen["total"] = json!(108);
                seen["jumps"] = json!([[5, 7, 0.02], [90, 95, 2.0]]);
            }),
            ("stands still for", &|seen| seen["stalls"] = json!([[1.0, 0.31]])),
            ("numbers are wrong", &|seen| {
                for n in 10..14 {
                    seen["frames"][n][1] = json!(200);
                }
            }),
            ("pictures shown of 100", &|seen| seen["frames"].as_array_mut().unwrap().truncate(20)),
            ("layers did not switch", &|seen| seen["levels"] = json!(3)),
            ("a seek to 0.40", &|seen| seen["seeks"][0]["n"] = json!(17)),
            ("a seek to 0.40", &|seen| seen["seeks"][0]["landed"] = json!(0.7)),
            ("a seek to 0.40", &|seen| seen["seeks"][0]["playsOn"] = json!(false)),
            ("2 seeks of 3", &|seen| drop(seen["seeks"].as_array_mut().unwrap().pop())),
            ("fatal", &|seen| seen["faults"] = json!(["fatal"])),
        ] {
            let told = of(change);
            assert!(told.contains(expected), "{expected:?} is not in {told:?}");
        }
    }
}
