//! Signed heads: how far a chain had come, and when.
//!
//! A head that is kept elsewhere shows that rows up to it were there as they were. The signature is Ed25519 (RFC 8032) over
//! a fixed encoding; nobody who can write to the database can make one without the key.

use super::chain::Tip;
use super::key::{Key, PublicKey};
use crate::catalog::AuditHead;
use crate::time::WallTime;

/// A chain that goes on.
pub(super) const RUNNING: &str = "running";
/// A chain whose process ended in order.
pub(super) const ENDED: &str = "ended";
/// Rows up to here were removed because of their age.
pub(super) const CUT: &str = "cut";

/// The signature is not of this head by this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is wrong")]
pub struct BadSignature;

/// Signs where a chain stands.
pub(super) fn sign(key: &Key, tip: Tip, at: WallTime, kind: &str) -> AuditHead {
    let mut head = AuditHead {
        chain: tip.chain,
        seq: tip.seq,
        hash: tip.hash.to_vec(),
        at,
        kind: kind.to_owned(),
        key: key.public().0.to_vec(),
        signature: Vec::new(),
    };
    head.signature = key.sign(&signed(&head));
    head
}

/// Whether a head was signed by the key that it names.
pub(super) fn check(head: &AuditHead) -> Result<PublicKey, BadSignature> {
    let key = PublicKey(head.key.as_slice().try_into().map_err(|_| BadSignature)?);
    if key.verifies(&signed(head), &head.signature) { Ok(key) } else { Err(BadSignature) }
}

fn signed(head: &AuditHead) -> Vec<u8> {
    let mut out = b"tureen audit head 1".to_vec();
    out.extend_from_slice(head.chain.as_bytes());
    out.extend_from_slice(&head.seq.to_be_bytes());
    out.extend_from_slice(&head.at.0.to_be_bytes());
    for bytes in [head.hash.as_slice(), head.kind.as_bytes()] {
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_head_that_was_changed_is_not_signed() {
        let key = Key::from_seed(&[1; 32]).unwrap();
        let head = sign(&key, Tip::new(Uuid::from_u128(1)), WallTime(5), RUNNING);
        assert_eq!(check(&head), Ok(key.public()));
        let other = Key::from_seed(&[2; 32]).unwrap().public().0.to_vec();
        for spoil in [
            |head: &mut AuditHead| head.seq += 1,
            |head: &mut AuditHead| head.at = WallTime(6),
            |head: &mut AuditHead| head.kind = CUT.to_owned(),
            |head: &mut AuditHead| head.chain = Uuid::from_u128(2),
            |head: &mut AuditHead| head.hash.push(0),
            |head: &mut AuditHead| head.signature.clear(),
            |head: &mut AuditHead| head.key.clear(),
        ] {
            let mut head = head.clone();
            spoil(&mut head);
            assert_eq!(check(&head), Err(BadSignature), "{head:?}");
        }
        assert_eq!(check(&AuditHead { key: other, ..head }), Err(BadSignature));
    }
}
