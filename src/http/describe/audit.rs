//! Rows of the audit in answers, as people read them. Salts are only in exports.

use super::stamp::Stamp;
use super::words;
use crate::catalog::AuditRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What was done, with from where.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(in crate::http) struct Entry {
    #[serde(flatten)]
    deed: Deed,
    address: Option<String>,
    user_agent: Option<String>,
    /// The request's `X-Request-Id`.
    request_id: Option<String>,
}

impl From<&AuditRow> for Entry {
    fn from(row: &AuditRow) -> Self {
        Self {
            deed: Deed::from(row),
            address: row.address.clone(),
            user_agent: row.user_agent.clone(),
            request_id: row.request_id.clone(),
        }
    }
}

/// What was done, by whom, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditDeed)]
pub(in crate::http) struct Deed {
    /// One for each process that writes.
    #[schema(value_type = Uuid)]
    chain: String,
    /// Its number in the chain, from 1 without holes.
    seq: i64,
    at: Stamp,
    #[schema(value_type = words::AuditAction)]
    action: String,
    #[schema(value_type = words::AuditPhase)]
    phase: String,
    #[schema(value_type = words::AuditResult)]
    result: String,
    /// Of the answer.
    status: Option<i64>,
    /// The `user_id` of who did it.
    actor: Option<String>,
    /// A role, `system`, or empty when nobody signed in.
    role: String,
    /// Whom it concerned beside them.
    target: Option<String>,
    /// A person was taken out of it.
    erased: bool,
    recording_id: Option<String>,
    room_id: Option<String>,
    /// Joins `start` and `end`.
    session_id: Option<String>,
    /// The share by which it was reached.
    share_id: Option<String>,
    /// Method and route.
    route: Option<String>,
    /// Of the body that was sent.
    bytes: Option<i64>,
    duration_seconds: Option<f64>,
    /// More of it.
    #[schema(value_type = Option<Object>)]
    detail: Option<Value>,
    /// SHA-256 of the row's canonical encoding, in hexadecimal.
    hash: String,
}

impl From<&AuditRow> for Deed {
    #[expect(clippy::cast_precision_loss, reason = "printed, not calculated with")]
    fn from(row: &AuditRow) -> Self {
        Self {
            chain: row.chain.to_string(),
            seq: row.seq,
            at: row.at.into(),
            action: row.action.clone(),
            phase: row.phase.clone(),
            result: row.result.clone(),
            status: row.status,
            actor: row.who.clone(),
            role: row.role.clone(),
            target: row.target.clone(),
            erased: erased(row),
            recording_id: row.recording_id.clone(),
            room_id: row.room_id.clone(),
            session_id: row.session_id.clone(),
            share_id: row.share_id.clone(),
            route: row.route.clone(),
            bytes: row.bytes,
            duration_seconds: row.duration_micros.map(|micros| micros as f64 / 1e6),
            detail: serde_json::from_str(&row.detail).ok(),
            hash: hex::encode(&row.hash),
        }
    }
}

/// A seal stayed of what is not there any more.
fn erased(row: &AuditRow) -> bool {
    let seals = [&row.who_seal, &row.place_seal, &row.target_seal];
    let there = [row.who.is_some(), row.address.is_some() || row.user_agent.is_some(), row.target.is_some()];
    seals.iter().zip(there).any(|(seal, there)| seal.is_some() && !there)
}
