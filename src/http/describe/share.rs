//! Shares in answers: without the secret of a link, which is not kept, and without the password.

use super::stamp::Stamp;
use super::words;
use crate::catalog::{Share, Shared};
use crate::id::{RecordingId, ShareId};
use crate::level::Level;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A recording is shared with somebody.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Share)]
pub(in crate::http) struct ShareTold {
    #[schema(value_type = Uuid)]
    id: ShareId,
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    shared_by: String,
    /// A user or a role; null of other types.
    shared_with: Option<String>,
    #[schema(value_type = words::ShareType)]
    share_type: &'static str,
    #[schema(value_type = words::AccessLevel)]
    access_level: Level,
    expires_at: Option<Stamp>,
    has_password: bool,
    max_uses: Option<u32>,
    use_count: u64,
    last_used_at: Option<Stamp>,
    /// The share by which its sharer may share.
    #[schema(value_type = Option<Uuid>)]
    by_share: Option<ShareId>,
    /// The sharer's own.
    #[schema(value_type = Object)]
    metadata: Value,
    created_at: Stamp,
}

impl From<&Share> for ShareTold {
    fn from(share: &Share) -> Self {
        let new = &share.new;
        Self {
            id: new.id,
            recording_id: new.recording,
            shared_by: new.shared_by.clone(),
            shared_with: new.with.whom().map(ToOwned::to_owned),
            share_type: new.with.name(),
            access_level: new.level,
            expires_at: new.expires_at.map(Stamp::from),
            has_password: new.password_hash.is_some(),
            max_uses: new.max_uses,
            use_count: share.use_count,
            last_used_at: share.last_used_at.map(Stamp::from),
            by_share: new.parent,
            metadata: new.metadata.clone(),
            created_at: share.created_at.into(),
        }
    }
}

/// A share that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct NewlyShared {
    #[serde(flatten)]
    pub(in crate::http) share: ShareTold,
    /// Of a link the page that opens it, told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) url: Option<String>,
    /// Of a link its secret, told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) token: Option<String>,
}

/// Shares of one recording.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shares)]
pub(in crate::http) struct SharesTold {
    pub(in crate::http) shares: Vec<ShareTold>,
}

/// It has ended.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Revoked {
    #[schema(value_type = Uuid)]
    pub(in crate::http) recording_id: RecordingId,
    #[schema(value_type = Uuid)]
    pub(in crate::http) share_id: ShareId,
    /// How many ended with it, itself too.
    pub(in crate::http) revoked: u64,
    pub(in crate::http) revoked_at: Stamp,
    #[schema(value_type = String)]
    pub(in crate::http) message: &'static str,
}

/// A page of what is shared with whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct MinePage {
    pub(in crate::http) shares: Vec<SharedWithMe>,
    /// The `after` of the next page; null on the last.
    #[schema(value_type = Option<Uuid>)]
    pub(in crate::http) next: Option<ShareId>,
}

/// A recording that is shared with whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SharedWithMe {
    #[schema(value_type = Uuid)]
    id: ShareId,
    #[schema(value_type = Uuid)]
    recording_id: RecordingId,
    room_id: String,
    title: String,
    started_at: Stamp,
    shared_by: String,
    #[schema(value_type = words::ShareType)]
    share_type: &'static str,
    #[schema(value_type = words::AccessLevel)]
    access_level: Level,
    expires_at: Option<Stamp>,
    created_at: Stamp,
}

impl From<&Shared> for SharedWithMe {
    fn from(row: &Shared) -> Self {
        let new = &row.share.new;
        Self {
            id: new.id,
            recording_id: new.recording,
            room_id: row.room_id.clone(),
            title: row.title.clone(),
            started_at: row.started_at.into(),
            shared_by: new.shared_by.clone(),
            share_type: new.with.name(),
            access_level: new.level,
            expires_at: new.expires_at.map(Stamp::from),
            created_at: row.share.created_at.into(),
        }
    }
}
