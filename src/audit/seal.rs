//! What is known of a person, kept so that it can be erased.
//!
//! The hash of a row takes in a commitment, SHA-256 over a random salt and the value, in place of the value. While the
//! value is there its salt stands beside it, and the commitment is computed; when the value is erased its salt goes too,
//! and the commitment stays in their place. Without the salt nobody can find out by trying which value it was of.

use crate::catalog::AuditRow;
use aws_lc_rs::digest::{Context, SHA256};

/// Length of a salt in bytes.
pub(super) const SALT: usize = 16;
/// Length of a commitment in bytes.
pub(super) const COMMITMENT: usize = 32;

/// What a commitment is of. The number enters it, so that one cannot stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Personal {
    Who = 1,
    /// Address and user agent.
    Place = 2,
    Target = 3,
}

/// A seal that does not fit its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadSeal;

/// The commitment of a value that was erased or is there; none when there never was one.
pub(super) fn commitment(
    kind: Personal,
    values: &[Option<&str>],
    seal: Option<&[u8]>,
) -> Result<Option<[u8; COMMITMENT]>, BadSeal> {
    let there = values.iter().any(Option::is_some);
    match (there, seal) {
        (false, None) => Ok(None),
        (true, Some(salt)) if salt.len() == SALT => Ok(Some(commit(kind, values, salt))),
        (false, Some(kept)) => kept.try_into().map(Some).map_err(|_| BadSeal),
        _ => Err(BadSeal),
    }
}

fn commit(kind: Personal, values: &[Option<&str>], salt: &[u8]) -> [u8; COMMITMENT] {
    let mut context = Context::new(&SHA256);
    context.update(b"tureen audit value 1");
    context.update(&[kind as u8]);
    context.update(salt);
    for value in values {
        match value {
            None => context.update(&[0]),
            Some(text) => {
                context.update(&[1]);
                context.update(&(text.len() as u64).to_be_bytes());
                context.update(text.as_bytes());
            }
        }
    }
    let mut out = [0; COMMITMENT];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The commitments of a row, in the order in which they enter its hash.
pub(super) fn commitments(row: &AuditRow) -> Result<[Option<[u8; COMMITMENT]>; 3], BadSeal> {
    let place = [row.address.as_deref(), row.user_agent.as_deref()];
    Ok([
        commitment(Personal::Who, &[row.who.as_deref()], row.who_seal.as_deref())?,
        commitment(Personal::Place, &place, row.place_seal.as_deref())?,
        commitment(Personal::Target, &[row.target.as_deref()], row.target_seal.as_deref())?,
    ])
}

/// Gives each value a salt of its own.
pub(super) fn seal(row: &mut AuditRow, salts: &[u8; 3 * SALT]) {
    let (who, rest) = salts.split_at(SALT);
    let (place, target) = rest.split_at(SALT);
    row.who_seal = row.who.is_some().then(|| who.to_vec());
    row.place_seal = (row.address.is_some() || row.user_agent.is_some()).then(|| place.to_vec());
    row.target_seal = row.target.is_some().then(|| target.to_vec());
}

/// Erases who did it, and from where.
pub(super) fn erase_actor(row: &mut AuditRow) -> Result<(), BadSeal> {
    let [who, place, _] = commitments(row)?;
    (row.who, row.address, row.user_agent) = (None, None, None);
    row.who_seal = who.map(Vec::from);
    row.place_seal = place.map(Vec::from);
    Ok(())
}

/// Erases whom it concerned.
pub(super) fn erase_target(row: &mut AuditRow) -> Result<(), BadSeal> {
    let [_, _, target] = commitments(row)?;
    row.target = None;
    row.target_seal = target.map(Vec::from);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALTS: [u8; 3 * SALT] = [7; 3 * SALT];

    fn row() -> AuditRow {
        let mut row = AuditRow {
            who: Some("anna".to_owned()),
            address: Some("192.0.2.1".to_owned()),
            target: Some("ben".to_owned()),
            ..AuditRow::default()
        };
        seal(&mut row, &SALTS);
        row
    }

    #[test]
    fn erasing_keeps_the_commitments() {
        let full = row();
        let mut erased = full.clone();
        erase_actor(&mut erased).unwrap();
        erase_target(&mut erased).unwrap();
        assert_eq!(commitments(&erased), commitments(&full));
        let text = serde_json::to_string(&erased).unwrap();
        assert!(!text.contains("anna") && !text.contains("192.0.2.1") && !text.contains("ben"), "{text}");
        assert!(!text.contains(&hex::encode([7; SALT])), "{text}");
        // Again changes nothing.
        let once = erased.clone();
        erase_actor(&mut erased).unwrap();
        assert_eq!(erased, once);
    }

    #[test]
    fn equal_values_have_other_commitments_in_another_place_and_by_another_salt() {
        let commit = |kind, salt| commit(kind, &[Some("x")], &[salt; SALT]);
        assert_ne!(commit(Personal::Who, 1), commit(Personal::Target, 1));
        assert_ne!(commit(Personal::Who, 1), commit(Personal::Who, 2));
        let place = |values: &[Option<&str>]| super::commit(Personal::Place, values, &[0; SALT]);
        assert_ne!(place(&[Some("ab"), None]), place(&[Some("a"), Some("b")]));
        assert_ne!(place(&[Some("a"), None]), place(&[None, Some("a")]));
    }

    #[test]
    fn seals_that_do_not_fit_are_refused() {
        for spoil in [
            |row: &mut AuditRow| row.who_seal = None,
            |row: &mut AuditRow| row.who = None,
            |row: &mut AuditRow| row.who_seal = Some(vec![0; COMMITMENT]),
            |row: &mut AuditRow| row.place_seal = Some(Vec::new()),
        ] {
            let mut row = row();
            spoil(&mut row);
            assert_eq!(commitments(&row), Err(BadSeal), "{row:?}");
        }
    }
}
