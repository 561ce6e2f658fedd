//! Table `recording_sharing`, and what is known of somebody and a recording.

use super::row::{Row, boolean, corrupt, integer, json, now, parsed, wall, wall_option};
use super::statement::sql;
use super::{Catalog, Error};
use crate::id::{RecordingId, ShareId};
use crate::level::Level;
use crate::time::WallTime;
use serde_json::Value;
use sqlx::Row as _;

/// Shares of one recording that are not revoked.
pub const MOST_SHARES: u32 = 1000;
/// Shares that are looked at for one who asks, those that give most first.
const MOST_LOOKED_AT: i64 = 100;
/// Orders levels, highest first.
const BY_LEVEL: &str =
    "CASE access_level WHEN 'delete' THEN 0 WHEN 'share' THEN 1 WHEN 'download' THEN 2 ELSE 3 END";

/// With whom a recording is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum With {
    /// A user, by the application's identifier.
    User(String),
    /// All of a role, by its name.
    Role(String),
    /// Everybody.
    Public,
    /// Who has a link: the hash of its secret.
    Link(String),
}

impl With {
    /// As the tables and the API write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Role(_) => "role",
            Self::Public => "public",
            Self::Link(_) => "link",
        }
    }

    /// The user's identifier, or the role's name.
    #[must_use]
    pub fn whom(&self) -> Option<&str> {
        match self {
            Self::User(name) | Self::Role(name) => Some(name),
            Self::Public | Self::Link(_) => None,
        }
    }
}

/// A recording is shared.
#[derive(Clone, Debug)]
pub struct NewShare {
    /// The share.
    pub id: ShareId,
    /// The recording.
    pub recording: RecordingId,
    /// The `user_id` of who shares it.
    pub shared_by: String,
    /// With whom.
    pub with: With,
    /// What it gives.
    pub level: Level,
    /// Until then.
    pub expires_at: Option<WallTime>,
    /// What must be known besides: its hash.
    pub password_hash: Option<String>,
    /// How often it may be opened.
    pub max_uses: Option<u32>,
    /// The share by which the sharer may share; none for owners and administrators.
    pub parent: Option<ShareId>,
    /// The application's own.
    pub metadata: Value,
}

/// A recording that is, or was, shared.
#[derive(Clone, Debug)]
pub struct Share {
    /// What was asked for.
    pub new: NewShare,
    /// How often it was opened.
    pub use_count: u64,
    /// When last.
    pub last_used_at: Option<WallTime>,
    /// When it was revoked.
    pub revoked_at: Option<WallTime>,
    /// When it was made.
    pub created_at: WallTime,
}

impl Share {
    /// It gives what it gives at a time, however often it was opened.
    #[must_use]
    pub fn is_live(&self, at: WallTime) -> bool {
        self.revoked_at.is_none() && self.new.expires_at.is_none_or(|end| at < end)
    }

    /// It may not be opened once more.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.new.max_uses.is_some_and(|most| self.use_count >= u64::from(most))
    }
}

/// What the rows tell of somebody and a recording.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The `user_id` of who started it.
    pub owner: String,
    /// It was hidden.
    pub deleted: bool,
    /// Whoever asks was in the room.
    pub participant: bool,
    /// Of the shares that reach them: which, how much, until when, and whether it must be opened first.
    pub shares: Vec<(ShareId, Level, Option<WallTime>, bool)>,
}

/// A share with the recording that it is of.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The share.
    pub share: Share,
    /// The room.
    pub room_id: String,
    /// Of the recording, for people.
    pub title: String,
    /// When it began.
    pub started_at: WallTime,
}

impl Catalog {
    /// Changes when it may have changed who may see a recording.
    #[must_use]
    pub fn generation(&self, recording: RecordingId) -> u64 {
        self.generations.of(recording)
    }

    /// What is known of a user, or of who opened a share, and a recording; `None` when there is no such recording.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn standing(
        &self,
        recording: RecordingId,
        user: &str,
        role: &str,
        share: Option<ShareId>,
    ) -> Result<Option<Standing>, Error> {
        let mut select = sql(
            "SELECT r.started_by, r.deleted_at, s.id AS share_id, s.access_level, s.expiry_at, s.share_type,
                    s.password_hash, CAST(CASE WHEN EXISTS (SELECT 1 FROM recording_participants p
                        WHERE p.recording_id = r.id AND p.user_id = $2) THEN 1 ELSE 0 END AS BIGINT) AS participant
             FROM recordings r LEFT JOIN recording_sharing s ON s.recording_id = r.id AND s.revoked_at IS NULL
                 AND (s.expiry_at IS NULL OR s.expiry_at > $5)
                 AND ((s.share_type = 'user' AND s.shared_with = $2) OR (s.share_type = 'role' AND s.shared_with = $3)
                     OR s.share_type = 'public' OR s.id = $4)
             WHERE r.id = $1 ORDER BY ",
        )
        .bind(recording.to_string())
        .bind(user)
        .bind(role)
        .bind(share.map(|share| share.to_string()))
        .bind(now());
        select.push(BY_LEVEL).push(" LIMIT ").push_bind(MOST_LOOKED_AT);
        let rows = select.fetch_all(&self.reader).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        Ok(Some(Standing {
            owner: first.try_get("started_by")?,
            deleted: wall_option(first, "deleted_at")?.is_some(),
            participant: boolean(first, "participant")?,
            shares: rows.iter().filter_map(|row| reaching(row).transpose()).collect::<Result<_, _>>()?,
        }))
    }

    /// Shares a recording; `false` when there are [`MOST_SHARES`] already.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_share(&self, new: &NewShare) -> Result<bool, Error> {
        let hash = if let With::Link(hash) = &new.with { Some(hash.as_str()) } else { None };
        let added = sql(
            "INSERT INTO recording_sharing (id, recording_id, shared_by, shared_with, share_type, access_level, expiry_at,
                                            share_link_token, password_hash, max_uses, parent_id, metadata, created_at,
                                            updated_at)
             SELECT $1, $2, $3, $4, $5, $6, CAST($7 AS BIGINT), $8, $9, CAST($10 AS BIGINT), $11, $12, $13, $13
             WHERE (SELECT COUNT(*) FROM recording_sharing WHERE recording_id = $2 AND revoked_at IS NULL) < $14",
        )
        .bind(new.id.to_string())
        .bind(new.recording.to_string())
        .bind(&new.shared_by)
        .bind(new.with.whom())
        .bind(new.with.name())
        .bind(new.level.name())
        .bind(new.expires_at.map(|at| at.0))
        .bind(hash)
        .bind(new.password_hash.as_deref())
        .bind(new.max_uses.map(i64::from))
        .bind(new.parent.map(|parent| parent.to_string()))
        .bind(new.metadata.to_string())
        .bind(now())
        .bind(i64::from(MOST_SHARES))
        .execute(&self.writer)
        .await?;
        self.generations.changed(new.recording);
        Ok(added > 0)
    }

    /// The shares of a recording that were not revoked, the newest first; only those by one user, if that is given.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn shares(&self, recording: RecordingId, by: Option<&str>) -> Result<Vec<Share>, Error> {
        let mut select =
            sql("SELECT * FROM recording_sharing WHERE revoked_at IS NULL AND recording_id = $1")
                .bind(recording.to_string());
        if let Some(by) = by {
            select.push(" AND shared_by = ").push_bind(by);
        }
        select.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(i64::from(MOST_SHARES));
        select.fetch_all(&self.reader).await?.iter().map(share).collect()
    }

    /// Ends a share and all that were made by it; only one by `by`, if that is given. How many ended.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn revoke_share(
        &self,
        recording: RecordingId,
        id: ShareId,
        by: Option<&str>,
        revoker: &str,
    ) -> Result<u64, Error> {
        let mut revoke = sql(
            "WITH RECURSIVE gone (id) AS (
                 SELECT id FROM recording_sharing WHERE id = $1 AND recording_id = $2 AND revoked_at IS NULL",
        )
        .bind(id.to_string())
        .bind(recording.to_string())
        .bind(now())
        .bind(revoker);
        if let Some(by) = by {
            revoke.push(" AND shared_by = ").push_bind(by);
        }
        revoke.push(
            " UNION SELECT s.id FROM recording_sharing s JOIN gone g ON s.parent_id = g.id)
              UPDATE recording_sharing SET is_revoked = TRUE, revoked_at = $3, revoked_by = $4, updated_at = $3
              WHERE revoked_at IS NULL AND id IN (SELECT id FROM gone)",
        );
        let ended = revoke.execute(&self.writer).await?;
        self.generations.changed(recording);
        Ok(ended)
    }

    /// The share of a link, by the hash of its secret.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn share_of_link(&self, hash: &str) -> Result<Option<Share>, Error> {
        let select = sql("SELECT s.* FROM recording_sharing s JOIN recordings r ON r.id = s.recording_id
             WHERE s.share_link_token = $1 AND r.deleted_at IS NULL");
        select.bind(hash).fetch_optional(&self.reader).await?.as_ref().map(share).transpose()
    }

    /// The share of a recording with everybody that gives most.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn public_share(&self, recording: RecordingId) -> Result<Option<Share>, Error> {
        let mut select = sql(
            "SELECT s.* FROM recording_sharing s JOIN recordings r ON r.id = s.recording_id
             WHERE s.recording_id = $1 AND s.share_type = 'public' AND s.revoked_at IS NULL AND r.deleted_at IS NULL
                 AND (s.expiry_at IS NULL OR s.expiry_at > $2) ORDER BY ",
        )
        .bind(recording.to_string())
        .bind(now());
        select.push(BY_LEVEL).push(" LIMIT 1");
        select.fetch_optional(&self.reader).await?.as_ref().map(share).transpose()
    }

    /// Counts that a share is opened; `false` when it is revoked, over or used up by now.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn use_share(&self, id: ShareId) -> Result<bool, Error> {
        let used =
            sql("UPDATE recording_sharing SET use_count = use_count + 1, last_used_at = $2, updated_at = $2
             WHERE id = $1 AND revoked_at IS NULL AND (expiry_at IS NULL OR expiry_at > $2)
                 AND (max_uses IS NULL OR use_count < max_uses)")
            .bind(id.to_string())
            .bind(now())
            .execute(&self.writer)
            .await?;
        Ok(used > 0)
    }

    /// What is shared with a user or their role, the newest first, behind a share.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Corrupt`].
    pub async fn shared_with(
        &self,
        user: &str,
        role: &str,
        after: Option<ShareId>,
        limit: u32,
    ) -> Result<Vec<Shared>, Error> {
        let mut select = sql(
            "SELECT s.*, r.room_id, r.title, r.started_at
             FROM recording_sharing s JOIN recordings r ON r.id = s.recording_id
             WHERE ((s.share_type = 'user' AND s.shared_with = $1) OR (s.share_type = 'role' AND s.shared_with = $2))
                 AND s.revoked_at IS NULL AND r.deleted_at IS NULL AND (s.expiry_at IS NULL OR s.expiry_at > $3)",
        )
        .bind(user)
        .bind(role)
        .bind(now());
        if let Some(after) = after {
            // Identifiers are sorted by time (RFC 9562 5.7).
            select.push(" AND s.id < ").push_bind(after.to_string());
        }
        select.push(" ORDER BY s.id DESC LIMIT ").push_bind(i64::from(limit));
        select.fetch_all(&self.reader).await?.iter().map(shared).collect()
    }
}

/// A share, what it gives, until when, and whether it must be opened first.
type Reaching = (ShareId, Level, Option<WallTime>, bool);

fn reaching(row: &Row) -> Result<Option<Reaching>, Error> {
    if row.try_get::<Option<String>, _>("share_id")?.is_none() {
        return Ok(None);
    }
    let kind: String = row.try_get("share_type")?;
    let password: Option<String> = row.try_get("password_hash")?;
    let opened = kind == "link" || password.is_some();
    Ok(Some((parsed(row, "share_id")?, parsed(row, "access_level")?, wall_option(row, "expiry_at")?, opened)))
}

fn share(row: &Row) -> Result<Share, Error> {
    let kind: String = row.try_get("share_type")?;
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column).map(Option::unwrap_or_default);
    let with = match kind.as_str() {
        "user" => With::User(text("shared_with")?),
        "role" => With::Role(text("shared_with")?),
        "public" => With::Public,
        "link" => With::Link(text("share_link_token")?),
        _ => return Err(corrupt("share_type", kind)),
    };
    let max_uses: Option<i64> = row.try_get("max_uses")?;
    let parent: Option<String> = row.try_get("parent_id")?;
    let new = NewShare {
        id: parsed(row, "id")?,
        recording: parsed(row, "recording_id")?,
        shared_by: row.try_get("shared_by")?,
        with,
        level: parsed(row, "access_level")?,
        expires_at: wall_option(row, "expiry_at")?,
        password_hash: row.try_get("password_hash")?,
        max_uses: max_uses
            .map(|most| u32::try_from(most).map_err(|_| corrupt("max_uses", most)))
            .transpose()?,
        parent: parent.map(|id| id.parse().map_err(|_| corrupt("parent_id", id))).transpose()?,
        metadata: json(row, "metadata")?,
    };
    Ok(Share {
        new,
        use_count: integer(row, "use_count")?,
        last_used_at: wall_option(row, "last_used_at")?,
        revoked_at: wall_option(row, "revoked_at")?,
        created_at: wall(row, "created_at")?,
    })
}

fn shared(row: &Row) -> Result<Shared, Error> {
    Ok(Shared {
        share: share(row)?,
        room_id: row.try_get("room_id")?,
        title: row.try_get("title")?,
        started_at: wall(row, "started_at")?,
    })
}
