-- Which states may follow which, kept by the database itself; restoring what was hidden; holds; which process runs a
-- recording and which folder has its bytes; files that are to be removed; and indexes for lists of 100,000 recordings.

-- A recording goes from a state to another one only as said here (docs/design/catalog.md).
CREATE TABLE recording_moves (
    from_status      TEXT NOT NULL,
    to_status        TEXT NOT NULL,
    PRIMARY KEY (from_status, to_status)
);
INSERT INTO recording_moves (from_status, to_status) VALUES
    ('pending', 'recording'), ('pending', 'failed'),
    ('recording', 'processing'), ('recording', 'completed'), ('recording', 'failed'),
    ('processing', 'completed'), ('processing', 'failed'),
    ('completed', 'archived'), ('completed', 'deleted'),
    ('failed', 'archived'), ('failed', 'deleted'),
    ('archived', 'completed'), ('archived', 'failed'), ('archived', 'deleted'),
    ('deleted', 'completed'), ('deleted', 'failed'), ('deleted', 'archived');

-- Processes that run recordings. Each counts while it lives.
CREATE TABLE recorders (
    id               TEXT NOT NULL PRIMARY KEY,
    started_at       BIGINT NOT NULL,
    beats            BIGINT NOT NULL
);

-- Files that are to be removed, with nothing left that names them. Written before the first of them goes, removed when
-- all are gone. An empty track_id is the whole recording.
CREATE TABLE garbage (
    recording_id     TEXT NOT NULL,
    track_id         TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    PRIMARY KEY (recording_id, track_id)
);

-- The process that runs it, and the folder that its bytes are in; NULL of recordings of earlier versions.
ALTER TABLE recordings ADD COLUMN recorder_id TEXT;
ALTER TABLE recordings ADD COLUMN folder TEXT;
-- The state that a hidden recording is restored to.
ALTER TABLE recordings ADD COLUMN deleted_from TEXT;
-- Nothing of it may be deleted.
ALTER TABLE recordings ADD COLUMN legal_hold INTEGER NOT NULL DEFAULT 0 CHECK (legal_hold IN (0, 1));
-- Title, description and room in small letters.
ALTER TABLE recordings ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE recordings SET search_text = LOWER(title || CHAR(10) || COALESCE(description, '') || CHAR(10) || room_id);
UPDATE recordings SET deleted_from = CASE WHEN duration_micros > 0 THEN 'completed' ELSE 'failed' END,
                      deleted_at = COALESCE(deleted_at, updated_at)
    WHERE status = 'deleted';

-- Who is delivering it.
ALTER TABLE webhook_deliveries ADD COLUMN claimed_by TEXT;

DROP INDEX recordings_by_status;
CREATE INDEX recordings_by_status ON recordings (status, started_at, id);
CREATE INDEX recordings_by_room ON recordings (room_id, started_at, id);
-- A search reads it from end to end instead of the table. PostgreSQL's indexes cannot hold long texts.
CREATE INDEX recordings_by_search ON recordings (started_at, id, status, search_text);
CREATE INDEX recordings_by_starter ON recordings (started_by, started_at, id);
DROP INDEX recording_participants_by_user;
CREATE INDEX recording_participants_by_user ON recording_participants (user_id, recording_id);

CREATE TRIGGER recordings_begin BEFORE INSERT ON recordings
WHEN NEW.status NOT IN ('pending', 'recording')
BEGIN
    SELECT RAISE(ABORT, 'recording state: it begins as pending or recording');
END;

CREATE TRIGGER recordings_move BEFORE UPDATE OF status ON recordings
WHEN NEW.status <> OLD.status
    AND NOT EXISTS (SELECT 1 FROM recording_moves WHERE from_status = OLD.status AND to_status = NEW.status)
BEGIN
    SELECT RAISE(ABORT, 'recording state: there is no such move');
END;

CREATE TRIGGER recordings_hide BEFORE UPDATE OF status, deleted_at, deleted_from ON recordings
WHEN NEW.status = 'deleted' AND (NEW.deleted_at IS NULL OR NEW.deleted_from IS NULL
    OR NEW.deleted_from <> CASE WHEN OLD.status = 'deleted' THEN OLD.deleted_from ELSE OLD.status END)
BEGIN
    SELECT RAISE(ABORT, 'recording state: a deleted one says when and from which state');
END;

CREATE TRIGGER recordings_restore BEFORE UPDATE OF status ON recordings
WHEN OLD.status = 'deleted' AND NEW.status <> 'deleted'
    AND (NEW.status <> OLD.deleted_from OR NEW.deleted_at IS NOT NULL
         OR EXISTS (SELECT 1 FROM garbage WHERE recording_id = OLD.id AND track_id = ''))
BEGIN
    SELECT RAISE(ABORT, 'recording state: a deleted one becomes what it was, unless its removal has begun');
END;

CREATE TRIGGER recordings_hold BEFORE UPDATE OF status ON recordings
WHEN OLD.legal_hold AND NEW.status = 'deleted' AND OLD.status <> 'deleted'
BEGIN
    SELECT RAISE(ABORT, 'recording hold: it may not be deleted');
END;

CREATE TRIGGER recordings_hold_for_good BEFORE DELETE ON recordings WHEN OLD.legal_hold
BEGIN
    SELECT RAISE(ABORT, 'recording hold: it may not be deleted');
END;
