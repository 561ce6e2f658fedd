use super::*;
use crate::audit::chain::Tip;
use crate::audit::entry::{Action, Entry};
use crate::audit::head::{CUT, ENDED, RUNNING, sign};
use crate::audit::key::Key;
use crate::audit::seal;
use crate::time::WallTime;
use proptest::prelude::*;

/// Chains as they are written, and the heads that were signed.
#[derive(Clone)]
struct Written {
    chains: Vec<AuditChain>,
    heads: Vec<AuditHead>,
    rows: Vec<AuditRow>,
    tips: Vec<Tip>,
    key: Key,
}

const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

fn chain(id: Uuid, previous: &str) -> AuditChain {
    AuditChain {
        id,
        place: Uuid::nil(),
        began_at: WallTime(0),
        ended_at: None,
        previous: previous.to_owned(),
    }
}

fn add(tip: &mut Tip, rows: &mut Vec<AuditRow>, n: usize) {
    for index in 0..n {
        let mut entry = Entry::new(WallTime(rows.len() as i64), Action::View);
        entry.who = Some(format!("user-{}", index % 3));
        entry.address = Some("192.0.2.1".to_owned());
        entry.target = (index % 2 == 0).then(|| "somebody".to_owned());
        let mut row = entry.row();
        tip.link(&mut row, &[index as u8; 3 * seal::SALT]).unwrap();
        rows.push(row);
    }
}

/// A chain of `first` rows that was left, and one of `second` that began behind it.
fn written(first: usize, second: usize) -> Written {
    let key = Key::from_seed(&[9; 32]).unwrap();
    let (mut rows, mut one, mut two) = (Vec::new(), Tip::new(FIRST), Tip::new(SECOND));
    add(&mut one, &mut rows, first);
    let previous = serde_json::json!([{ "chain": FIRST, "seq": one.seq, "hash": hex::encode(one.hash) }]);
    let detail = serde_json::json!({ "previous": previous }).to_string();
    let mut begin = Entry::system(WallTime(0), Action::AuditBegin).row();
    begin.detail = detail.clone();
    two.link(&mut begin, &[0; 48]).unwrap();
    rows.push(begin);
    add(&mut two, &mut rows, second);
    let heads = vec![sign(&key, two, WallTime(99), RUNNING)];
    Written { chains: vec![chain(FIRST, ""), chain(SECOND, &detail)], heads, rows, tips: vec![one, two], key }
}

impl Written {
    fn records(&self, complete: bool) -> Vec<Record> {
        let mut records = vec![Record::Export { version: 1, complete }];
        records.extend(self.chains.iter().cloned().map(Record::Chain));
        records.extend(self.heads.iter().cloned().map(Record::Head));
        records.extend(self.rows.iter().cloned().map(|row| Record::Row(Box::new(row))));
        records
    }

    fn verify_with(&self, heads: &[AuditHead]) -> Result<Report, Fault> {
        run(Verifier::new(&[self.key.public()], heads)?, &self.records(true))
    }

    fn verify(&self) -> Result<Report, Fault> {
        self.verify_with(&[])
    }

    fn fault(&self) -> (Uuid, i64, Why) {
        let Fault { chain, seq, why } = self.verify().unwrap_err();
        (chain, seq, why)
    }
}

fn run(mut verifier: Verifier, records: &[Record]) -> Result<Report, Fault> {
    for record in records {
        verifier.push(record)?;
    }
    verifier.finish()
}

/// What somebody does who can compute hashes: the row and all behind it in its chain follow each other again.
fn relink(rows: &mut [AuditRow], from: usize) {
    let id = rows[from].chain;
    let mut tip = if from == 0 || rows[from - 1].chain != id {
        Tip::new(id)
    } else {
        let before = &rows[from - 1];
        Tip { chain: id, seq: before.seq, hash: before.hash.clone().try_into().unwrap() }
    };
    for row in rows[from..].iter_mut().take_while(|row| row.chain == id) {
        tip.link(row, &[1; 48]).unwrap();
    }
}

#[test]
fn what_was_written_verifies() {
    let report = written(7, 5).verify().unwrap();
    assert_eq!((report.rows, report.chains, report.heads, report.unheld), (13, 2, 1, 0));
    assert!(report.complete && report.keys_given);
    assert!(report.to_string().contains("--head"));
    assert!(written(0, 0).verify().is_ok());
    // Behind the last head.
    let mut all = written(7, 5);
    let mut tip = all.tips[1];
    add(&mut tip, &mut all.rows, 2);
    let report = all.verify().unwrap();
    assert!(report.unheld == 2 && report.to_string().contains("2 rows lie behind"), "{report}");
}

#[test]
fn a_changed_row_is_named() {
    let mut all = written(7, 5);
    all.rows[3].result = "failed".to_owned();
    assert_eq!(all.fault(), (FIRST, 4, Why::Changed));
    all.rows[3].hash = crate::audit::encode::hash(&all.rows[3]).unwrap().to_vec();
    assert_eq!(all.fault(), (FIRST, 5, Why::Unlinked));
    // All that follow are hashed anew: the chain that began later knew where this one stood.
    relink(&mut all.rows, 3);
    assert_eq!(all.fault(), (FIRST, 7, Why::Rewritten));
    // And where nothing began later, the head.
    let mut all = written(7, 5);
    all.rows[9].result = "failed".to_owned();
    relink(&mut all.rows, 9);
    assert_eq!(all.fault(), (SECOND, 6, Why::Rewritten));
}

#[test]
fn a_changed_person_is_named() {
    for (spoil, why) in [
        ((|row: &mut AuditRow| row.who = Some("eve".to_owned())) as fn(&mut AuditRow), Why::Changed),
        (|row| row.who_seal = Some(vec![1; 16]), Why::Changed),
        (|row| row.user_agent = Some("other".to_owned()), Why::Changed),
        (|row| row.who = None, Why::Seal),
        (|row| row.target_seal = None, Why::Seal),
    ] {
        let mut all = written(7, 5);
        spoil(&mut all.rows[2]);
        assert_eq!(all.fault(), (FIRST, 3, why));
    }
}

#[test]
fn removed_rows_are_named() {
    let mut all = written(7, 5);
    all.rows.drain(2..4);
    assert_eq!(all.fault(), (FIRST, 3, Why::Missing(4)));
    let mut all = written(7, 5);
    all.rows.remove(0);
    assert_eq!(all.fault(), (FIRST, 1, Why::Missing(1)));
    // Numbered and hashed anew.
    let mut all = written(7, 5);
    all.rows.remove(8);
    relink(&mut all.rows, 8);
    assert_eq!(all.fault(), (SECOND, 6, Why::Truncated(6)));
}

#[test]
fn moved_and_added_rows_are_named() {
    let mut all = written(7, 5);
    all.rows.swap(2, 4);
    assert_eq!(all.fault(), (FIRST, 4, Why::Moved(5)));
    // In the database an order is that of the numbers.
    let mut all = written(7, 5);
    (all.rows[2].seq, all.rows[4].seq) = (5, 3);
    all.rows.swap(2, 4);
    assert_eq!(all.fault(), (FIRST, 3, Why::Changed));
    let mut all = written(7, 5);
    let copy = all.rows[3].clone();
    all.rows.insert(4, copy);
    assert_eq!(all.fault(), (FIRST, 4, Why::Twice));
    let mut all = written(7, 5);
    let foreign = AuditRow { chain: Uuid::from_u128(3), ..all.rows[3].clone() };
    all.rows.push(foreign);
    assert_eq!(all.fault(), (Uuid::from_u128(3), 4, Why::NoChain));
    // Put in with a hash of its own, the others numbered anew.
    let mut all = written(7, 5);
    let mut extra = all.rows[3].clone();
    extra.action = "delete".to_owned();
    all.rows.insert(3, extra);
    relink(&mut all.rows, 3);
    assert_eq!(all.fault(), (FIRST, 7, Why::Rewritten));
}

#[test]
fn a_cut_tail_is_found_by_a_head_and_otherwise_said_to_be_possible() {
    let all = written(7, 5);
    let kept = all.heads.clone();
    let mut cut = all.clone();
    cut.rows.truncate(10);
    assert_eq!(cut.fault(), (SECOND, 4, Why::Truncated(6)));
    // With the head beside it, nobody can tell; with one that was kept elsewhere, everybody.
    cut.heads.clear();
    let limits = cut.verify().unwrap().limits().join("\n");
    assert!(limits.contains("--head"), "{limits}");
    let fault = cut.verify_with(&kept).unwrap_err();
    assert_eq!((fault.chain, fault.seq, fault.why), (SECOND, 4, Why::Truncated(6)));
    // A whole chain.
    cut.rows.truncate(7);
    cut.chains.pop();
    assert!(cut.verify().is_ok());
    let fault = cut.verify_with(&kept).unwrap_err();
    assert_eq!((fault.chain, fault.seq, fault.why), (SECOND, 1, Why::Truncated(6)));
    assert!(!all.verify_with(&kept).unwrap().limits().join("").contains("--head"));
}

#[test]
fn a_chain_that_was_there_when_a_later_one_began_cannot_go() {
    let mut all = written(7, 5);
    all.rows.drain(0..7);
    all.chains.remove(0);
    all.heads.clear();
    assert_eq!(all.fault(), (FIRST, 1, Why::Truncated(7)));
    // What the second says of the first is held by its own first row.
    all.chains[0].previous = "{\"previous\":[]}".to_owned();
    assert_eq!(all.fault(), (SECOND, 1, Why::Beginning));
}

#[test]
fn nothing_follows_an_end_and_heads_are_checked() {
    let mut all = written(7, 5);
    all.heads[0] = sign(&all.key, all.tips[1], WallTime(99), ENDED);
    let mut tip = all.tips[1];
    add(&mut tip, &mut all.rows, 1);
    assert_eq!(all.fault(), (SECOND, 7, Why::AfterEnd));
    let mut all = written(7, 5);
    all.heads[0].seq = 5;
    assert_eq!(all.fault(), (SECOND, 5, Why::Head));
    // A head of another key is no head.
    let mut all = written(7, 5);
    let stranger = Key::from_seed(&[8; 32]).unwrap();
    all.heads[0] = sign(&stranger, Tip::new(SECOND), WallTime(0), CUT);
    let report = all.verify().unwrap();
    assert_eq!((report.heads, report.strange_heads), (0, 1));
    assert!(Verifier::new(&[all.key.public()], &all.heads).is_err());
}

#[test]
fn rows_that_grew_old_leave_a_signed_cut() {
    let mut all = written(7, 5);
    let cut = &all.rows[3];
    let tip = Tip { chain: FIRST, seq: cut.seq, hash: cut.hash.clone().try_into().unwrap() };
    all.rows.drain(0..4);
    assert_eq!(all.fault(), (FIRST, 1, Why::Missing(4)));
    all.heads.push(sign(&all.key, tip, WallTime(100), CUT));
    assert_eq!(all.verify().unwrap().rows, 9);
    all.rows.remove(0);
    assert_eq!(all.fault(), (FIRST, 5, Why::Missing(5)));
}

#[test]
fn a_part_of_an_export_is_verified_as_far_as_it_goes() {
    let mut all = written(7, 5);
    all.rows = [1, 3, 4, 9].map(|index| all.rows[index].clone()).into();
    let verify =
        |all: &Written| run(Verifier::new(&[], &[]).unwrap(), &all.records(false)).map(|report| report.rows);
    assert_eq!(verify(&all), Ok(4));
    all.rows[2].result = "failed".to_owned();
    assert_eq!(verify(&all).unwrap_err().why, Why::Changed);
    let mut all = written(7, 5);
    all.rows[4].prev_hash = vec![0; 32];
    all.rows[4].hash = crate::audit::encode::hash(&all.rows[4]).unwrap().to_vec();
    all.rows.remove(0);
    assert_eq!(verify(&all).unwrap_err().why, Why::Unlinked);
}

proptest! {
    /// Whatever one does to the rows of a chain that a head holds, it is seen; erasing is not.
    #[test]
    fn nothing_is_done_to_rows_unseen(at in 0usize..12, other in 0usize..12, kind in 0u8..7, again in any::<bool>()) {
        let mut all = written(6, 5);
        let before = all.rows.clone();
        match kind {
            0 => all.rows[at].status = Some(500),
            1 => { all.rows.remove(at); }
            2 => all.rows.swap(at, other),
            3 => { let copy = all.rows[at].clone(); all.rows.insert(other, copy); }
            4 => all.rows.truncate(at),
            5 => all.rows[at].prev_hash = vec![0; 32],
            _ => {
                seal::erase_actor(&mut all.rows[at]).unwrap();
                seal::erase_target(&mut all.rows[at]).unwrap();
            }
        }
        if again && kind < 6 && at < all.rows.len() {
            relink(&mut all.rows, at);
        }
        // Salts are random, so a row that is linked again with its own is as good as its first.
        let seen = all.verify().is_err();
        let same = all.rows.iter().map(|row| &row.hash).eq(before.iter().map(|row| &row.hash))
            && all.rows.iter().zip(&before).all(|(row, old)| row.seq == old.seq && row.status == old.status
                && row.prev_hash == old.prev_hash);
        prop_assert_eq!(seen, !same, "kind {} at {} and {}", kind, at, other);
    }
}
