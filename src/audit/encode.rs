//! The canonical encoding of a row, version 1, and its hash.
//!
//! The encoding is a fixed order of members. A member that is absent is the byte 0; one that is there is the byte 1, its
//! length in eight bytes, and its bytes; numbers are eight bytes, big-endian, in two's complement. So no two rows have one
//! encoding. The words in front of it, `tureen audit row 1`, are its version: another order or another member would be
//! another version, and both would stay readable.

use super::seal::{BadSeal, commitments};
use crate::catalog::AuditRow;
use aws_lc_rs::digest::{self, SHA256};
use uuid::Uuid;

/// Length of a hash in bytes.
pub(super) const HASH: usize = 32;
/// A hash.
pub(super) type Hash = [u8; HASH];

/// What stands before the first row of a chain.
pub(super) fn genesis(chain: Uuid) -> Hash {
    sha256(&[b"tureen audit chain 1".as_slice(), chain.as_bytes()].concat())
}

/// The hash that a row must have.
pub(super) fn hash(row: &AuditRow) -> Result<Hash, BadSeal> {
    Ok(sha256(&canonical(row)?))
}

/// See the module.
pub(super) fn canonical(row: &AuditRow) -> Result<Vec<u8>, BadSeal> {
    let [who, place, target] = commitments(row)?;
    let mut out = Encoding(Vec::with_capacity(640));
    out.0.extend_from_slice(b"tureen audit row 1");
    out.0.extend_from_slice(row.chain.as_bytes());
    out.number(Some(row.seq));
    out.bytes(Some(&row.prev_hash));
    out.number(Some(row.at.0));
    for text in [&row.action, &row.phase, &row.result, &row.role, &row.detail] {
        out.text(Some(text));
    }
    for text in [&row.recording_id, &row.room_id, &row.session_id, &row.share_id, &row.request_id, &row.route]
    {
        out.text(text.as_deref());
    }
    for number in [row.status, row.bytes, row.duration_micros] {
        out.number(number);
    }
    for commitment in [who, place, target] {
        out.bytes(commitment.as_ref().map(<[u8; HASH]>::as_slice));
    }
    Ok(out.0)
}

struct Encoding(Vec<u8>);

impl Encoding {
    fn bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.0.push(0),
            Some(bytes) => {
                self.0.push(1);
                self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                self.0.extend_from_slice(bytes);
            }
        }
    }

    fn text(&mut self, text: Option<&str>) {
        self.bytes(text.map(str::as_bytes));
    }

    fn number(&mut self, number: Option<i64>) {
        self.bytes(number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    }
}

pub(super) fn sha256(bytes: &[u8]) -> Hash {
    let mut out = [0; HASH];
    out.copy_from_slice(digest::digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;
    use proptest::prelude::*;

    #[test]
    fn the_encoding_never_changes() {
        let row = AuditRow {
            chain: Uuid::from_u128(1),
            seq: 2,
            prev_hash: vec![3; HASH],
            at: WallTime(4),
            action: "view".to_owned(),
            status: Some(200),
            recording_id: Some("r".to_owned()),
            who: Some("anna".to_owned()),
            who_seal: Some(vec![5; 16]),
            ..AuditRow::default()
        };
        insta::assert_snapshot!(hex::encode(canonical(&row).unwrap()));
        insta::assert_snapshot!(hex::encode(hash(&row).unwrap()));
        insta::assert_snapshot!(hex::encode(genesis(row.chain)));
    }

    prop_compose! {
        fn rows()(
            texts in prop::collection::vec("[ab]{0,2}", 5),
            options in prop::collection::vec(prop::option::of("[ab]{0,2}"), 6),
            numbers in prop::collection::vec(prop::option::of(0i64..3), 3),
            seq in 0i64..3, at in 0i64..3,
        ) -> AuditRow {
            let text = |at: usize| texts[at].clone();
            let option = |at: usize| options[at].clone();
            AuditRow {
                seq,
                at: WallTime(at),
                action: text(0),
                phase: text(1),
                result: text(2),
                role: text(3),
                detail: text(4),
                recording_id: option(0),
                room_id: option(1),
                session_id: option(2),
                share_id: option(3),
                request_id: option(4),
                route: option(5),
                status: numbers[0],
                bytes: numbers[1],
                duration_micros: numbers[2],
                ..AuditRow::default()
            }
        }
    }

    proptest! {
        /// Small alphabets, so that what could be taken for one another often meets.
        #[test]
        fn two_rows_have_one_encoding_only_if_they_are_equal(one in rows(), other in rows()) {
            prop_assert_eq!(canonical(&one).unwrap() == canonical(&other).unwrap(), one == other);
        }
    }
}
