-- Recordings of one room beside each other, where that is asked for, and requests that may be made twice.
ALTER TABLE recordings ADD COLUMN parallel BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE recordings ADD COLUMN idempotency_key TEXT;

DROP INDEX recordings_one_running_per_room;
CREATE UNIQUE INDEX recordings_one_running_per_room ON recordings (room_id)
    WHERE status IN ('pending', 'recording') AND NOT parallel;
CREATE UNIQUE INDEX recordings_by_key ON recordings (started_by, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
