-- Who else than its owner and who was in the room may do what with a recording. A share is never changed but by being
-- used and revoked, and goes with its recording.
CREATE TABLE recording_sharing (
    id               TEXT    NOT NULL PRIMARY KEY,
    recording_id     TEXT    NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    shared_by        TEXT    NOT NULL,
    -- A user's identifier or a role's name.
    shared_with      TEXT,
    share_type       TEXT    NOT NULL CHECK (share_type IN ('user', 'role', 'public', 'link')),
    access_level     TEXT    NOT NULL CHECK (access_level IN ('view', 'download', 'share', 'delete')),
    expiry_at        BIGINT,
    -- SHA-256 of a link's token, in hexadecimal. The token itself is kept nowhere.
    share_link_token TEXT,
    -- Argon2id, in the form of PHC strings.
    password_hash    TEXT,
    max_uses         BIGINT  CHECK (max_uses > 0),
    use_count        BIGINT  NOT NULL DEFAULT 0 CHECK (max_uses IS NULL OR use_count <= max_uses),
    last_used_at     BIGINT,
    -- The share by which the sharer may share: it is revoked with that.
    parent_id        TEXT    REFERENCES recording_sharing (id) ON DELETE CASCADE,
    is_revoked       BOOLEAN NOT NULL DEFAULT FALSE,
    revoked_at       BIGINT,
    revoked_by       TEXT,
    metadata         TEXT    NOT NULL DEFAULT '{}',
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL,
    CHECK ((share_type IN ('user', 'role')) = (shared_with IS NOT NULL)),
    CHECK ((share_type = 'link') = (share_link_token IS NOT NULL)),
    CHECK (is_revoked = (revoked_at IS NOT NULL))
);
CREATE INDEX recording_sharing_by_recording ON recording_sharing (recording_id);
CREATE INDEX recording_sharing_by_whom ON recording_sharing (share_type, shared_with, recording_id);
CREATE INDEX recording_sharing_by_parent ON recording_sharing (parent_id);
CREATE UNIQUE INDEX recording_sharing_by_link ON recording_sharing (share_link_token);

-- What somebody may see begins with what they started.
CREATE INDEX recordings_by_owner ON recordings (started_by, started_at);
