-- Which states may follow which, kept by the database itself; restoring what was hidden; holds; which process runs a
-- recording and which folder has its bytes; files that are to be removed; and indexes for lists of 100,000 recordings.

-- A recording goes from a state to another one only as said here (docs/design/catalog.md).
CREATE TABLE recording_moves (
    from_status      TEXT COLLATE "C" NOT NULL,
    to_status        TEXT COLLATE "C" NOT NULL,
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
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    started_at       BIGINT NOT NULL,
    beats            BIGINT NOT NULL
);

-- Files that are to be removed, with nothing left that names them. Written before the first of them goes, removed when
-- all are gone. An empty track_id is the whole recording.
CREATE TABLE garbage (
    recording_id     TEXT COLLATE "C" NOT NULL,
    track_id         TEXT COLLATE "C" NOT NULL,
    created_at       BIGINT NOT NULL,
    PRIMARY KEY (recording_id, track_id)
);

-- The process that runs it, and the folder that its bytes are in; NULL of recordings of earlier versions.
ALTER TABLE recordings ADD COLUMN recorder_id TEXT COLLATE "C";
ALTER TABLE recordings ADD COLUMN folder TEXT COLLATE "C";
-- The state that a hidden recording is restored to.
ALTER TABLE recordings ADD COLUMN deleted_from TEXT COLLATE "C";
-- Nothing of it may be deleted.
ALTER TABLE recordings ADD COLUMN legal_hold BOOLEAN NOT NULL DEFAULT FALSE;
-- Title, description and room in small letters.
ALTER TABLE recordings ADD COLUMN search_text TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE recordings SET search_text = LOWER(title || CHR(10) || COALESCE(description, '') || CHR(10) || room_id);
UPDATE recordings SET deleted_from = CASE WHEN duration_micros > 0 THEN 'completed' ELSE 'failed' END,
                      deleted_at = COALESCE(deleted_at, updated_at)
    WHERE status = 'deleted';

-- Who is delivering it.
ALTER TABLE webhook_deliveries ADD COLUMN claimed_by TEXT COLLATE "C";

DROP INDEX recordings_by_status;
CREATE INDEX recordings_by_status ON recordings (status, started_at, id);
CREATE INDEX recordings_by_room ON recordings (room_id, started_at, id);
CREATE INDEX recordings_by_starter ON recordings (started_by, started_at, id);
DROP INDEX recording_participants_by_user;
CREATE INDEX recording_participants_by_user ON recording_participants (user_id, recording_id);

CREATE FUNCTION recording_state() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status NOT IN ('pending', 'recording') THEN
            RAISE EXCEPTION 'recording state: it begins as pending or recording' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.legal_hold THEN
            RAISE EXCEPTION 'recording hold: it may not be deleted' USING ERRCODE = 'check_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF NEW.status <> OLD.status
        AND NOT EXISTS (SELECT 1 FROM recording_moves WHERE from_status = OLD.status AND to_status = NEW.status)
    THEN
        RAISE EXCEPTION 'recording state: there is no such move' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'deleted' AND (NEW.deleted_at IS NULL OR NEW.deleted_from IS NULL
        OR NEW.deleted_from <> CASE WHEN OLD.status = 'deleted' THEN OLD.deleted_from ELSE OLD.status END)
    THEN
        RAISE EXCEPTION 'recording state: a deleted one says when and from which state'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status = 'deleted' AND NEW.status <> 'deleted'
        AND (NEW.status <> OLD.deleted_from OR NEW.deleted_at IS NOT NULL
             OR EXISTS (SELECT 1 FROM garbage WHERE recording_id = OLD.id AND track_id = ''))
    THEN
        RAISE EXCEPTION 'recording state: a deleted one becomes what it was, unless its removal has begun'
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.legal_hold AND NEW.status = 'deleted' AND OLD.status <> 'deleted' THEN
        RAISE EXCEPTION 'recording hold: it may not be deleted' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER recording_state BEFORE INSERT OR DELETE OR UPDATE OF status, deleted_at, deleted_from ON recordings
    FOR EACH ROW EXECUTE FUNCTION recording_state();
