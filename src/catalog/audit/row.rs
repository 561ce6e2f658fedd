//! Rows of the audit as they are stored. What they mean, and how one leads to the next, is known to [`crate::audit`];
//! here they are text and numbers, so that a row which somebody has changed can still be read, and named.

use crate::time::WallTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One record. Its chain and its number say where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditRow {
    /// The chain: one for each process that writes.
    pub chain: Uuid,
    /// The row's number in its chain, from 1 without holes.
    pub seq: i64,
    /// [`AuditRow::hash`] of the row before it.
    #[serde(with = "hex")]
    pub prev_hash: Vec<u8>,
    /// SHA-256 of the row's canonical encoding.
    #[serde(with = "hex")]
    pub hash: Vec<u8>,
    /// When it happened, in microseconds.
    pub at: WallTime,
    /// What was done.
    pub action: String,
    /// `once`; or `start` and `end`, two rows of one `session`.
    pub phase: String,
    /// `success`, `failed` or `partial`.
    pub result: String,
    /// Status of the answer (RFC 9110 15).
    pub status: Option<i64>,
    /// What the one who did it is: a role, `system`, or empty when nobody signed in.
    pub role: String,
    /// On which recording.
    pub recording_id: Option<String>,
    /// The room of the recording.
    pub room_id: Option<String>,
    /// Joins `start` and `end`.
    pub session_id: Option<String>,
    /// The share by which it was reached.
    pub share_id: Option<String>,
    /// The request's `X-Request-Id`.
    pub request_id: Option<String>,
    /// Method and route, never a path or a query.
    pub route: Option<String>,
    /// Bytes of the body that were sent.
    pub bytes: Option<i64>,
    /// How long it took, in microseconds.
    pub duration_micros: Option<i64>,
    /// More of it: an object in JSON, or empty. Nothing of a person.
    pub detail: String,
    /// Who did it.
    pub who: Option<String>,
    /// 16 bytes, the salt of `who`; or 32, the commitment that stays when it was erased.
    #[serde(with = "optional_hex")]
    pub who_seal: Option<Vec<u8>>,
    /// From which address.
    pub address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// Like `who_seal`, of address and user agent together.
    #[serde(with = "optional_hex")]
    pub place_seal: Option<Vec<u8>>,
    /// Whom it concerns beside the one who did it.
    pub target: Option<String>,
    /// Like `who_seal`, of the target.
    #[serde(with = "optional_hex")]
    pub target_seal: Option<Vec<u8>>,
}

impl Default for AuditRow {
    fn default() -> Self {
        Self {
            chain: Uuid::nil(),
            seq: 0,
            prev_hash: Vec::new(),
            hash: Vec::new(),
            at: WallTime(0),
            action: String::new(),
            phase: "once".to_owned(),
            result: "success".to_owned(),
            status: None,
            role: String::new(),
            recording_id: None,
            room_id: None,
            session_id: None,
            share_id: None,
            request_id: None,
            route: None,
            bytes: None,
            duration_micros: None,
            detail: String::new(),
            who: None,
            who_seal: None,
            address: None,
            user_agent: None,
            place_seal: None,
            target: None,
            target_seal: None,
        }
    }
}

/// A chain, as it was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditChain {
    /// Its identifier.
    pub id: Uuid,
    /// The folder whose process wrote it.
    pub place: Uuid,
    /// When.
    pub began_at: WallTime,
    /// When it was ended in order.
    pub ended_at: Option<WallTime>,
    /// Where other chains stood then, as the detail of its first row says it too.
    pub previous: String,
}

/// A statement, signed, that a chain had come to a row at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The chain.
    pub chain: Uuid,
    /// Its last row; 0 when there was none.
    pub seq: i64,
    /// That row's hash.
    #[serde(with = "hex")]
    pub hash: Vec<u8>,
    /// When it was signed.
    pub at: WallTime,
    /// `running`, `ended`, or `cut`: rows up to this one were removed because of their age.
    pub kind: String,
    /// The public key (Ed25519) that checks it.
    #[serde(with = "hex")]
    pub key: Vec<u8>,
    /// The signature.
    #[serde(with = "hex")]
    pub signature: Vec<u8>,
}

mod optional_hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => to.serialize_some(&hex::encode(bytes)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text: Option<String> = Option::deserialize(from)?;
        text.map(|text| hex::decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}
