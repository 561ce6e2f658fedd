//! An export of the audit: records in JSON Lines, which verify offline, and rows in CSV (RFC 4180), for people.
//!
//! The first record says what the export holds. Chains and heads follow, then the rows of each chain in order: so it is
//! verified in one pass, and its length does not matter.

use crate::catalog::{AuditChain, AuditHead, AuditRow};
use serde::{Deserialize, Serialize};

/// Version of the format.
pub(super) const VERSION: u32 = 1;

/// One line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Record {
    /// The first.
    Export {
        /// Version of the format.
        version: u32,
        /// Every row of every chain is in it. Otherwise it is what some filter found.
        complete: bool,
    },
    /// A chain.
    Chain(AuditChain),
    /// A head that was signed.
    Head(AuditHead),
    /// A row.
    Row(Box<AuditRow>),
}

impl Record {
    /// One line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Reads a line back.
///
/// # Errors
/// What is wrong with it.
pub fn read_record(line: &str) -> Result<Record, serde_json::Error> {
    serde_json::from_str(line)
}

/// Names of the columns of [`csv`].
pub const CSV_HEADER: &str = "chain,seq,at,action,phase,result,status,role,who,address,user_agent,target,recording_id,\
                              room_id,session_id,share_id,request_id,route,bytes,duration_micros,detail,hash\r\n";

/// A row as a line of CSV, with its end.
#[must_use]
pub fn csv(row: &AuditRow) -> String {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        row.chain.to_string(),
        row.seq.to_string(),
        row.at.to_string(),
        row.action.clone(),
        row.phase.clone(),
        row.result.clone(),
        number(row.status),
        row.role.clone(),
        text(&row.who),
        text(&row.address),
        text(&row.user_agent),
        text(&row.target),
        text(&row.recording_id),
        text(&row.room_id),
        text(&row.session_id),
        text(&row.share_id),
        text(&row.request_id),
        text(&row.route),
        number(row.bytes),
        number(row.duration_micros),
        row.detail.clone(),
        hex::encode(&row.hash),
    ];
    crate::csv::line(&cells.map(|text| crate::csv::text(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    #[test]
    fn records_read_back() {
        let row = AuditRow {
            prev_hash: vec![1; 32],
            hash: vec![2; 32],
            who: Some("anna".to_owned()),
            who_seal: Some(vec![3; 16]),
            ..AuditRow::default()
        };
        let chain = AuditChain {
            id: row.chain,
            place: row.chain,
            began_at: WallTime(1),
            ended_at: None,
            previous: "[]".to_owned(),
        };
        for record in [
            Record::Export { version: VERSION, complete: true },
            Record::Chain(chain),
            Record::Row(Box::new(row)),
        ] {
            assert_eq!(read_record(&record.line()).unwrap(), record, "{}", record.line());
        }
        assert!(read_record("{}").is_err() && read_record("").is_err());
        assert!(read_record(r#"{"type":"row","hash":"xyz"}"#).is_err());
    }

    #[test]
    fn a_line_has_a_cell_for_each_name() {
        let line = csv(&AuditRow::default());
        assert_eq!(line.matches(',').count(), CSV_HEADER.matches(',').count());
        assert!(line.ends_with("\r\n") && CSV_HEADER.ends_with("\r\n"));
    }
}
