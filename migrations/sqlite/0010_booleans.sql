-- Columns declared as BOOLEAN become INTEGER, 0 or 1: SQLite never knew more than that, and the driver that serves both
-- databases refuses the name. PostgreSQL has them as BOOLEAN.
DROP INDEX recordings_one_running_per_room;
ALTER TABLE recordings ADD COLUMN beside INTEGER NOT NULL DEFAULT 0 CHECK (beside IN (0, 1));
UPDATE recordings SET beside = 1 WHERE parallel;
ALTER TABLE recordings DROP COLUMN parallel;
ALTER TABLE recordings RENAME COLUMN beside TO parallel;
CREATE UNIQUE INDEX recordings_one_running_per_room ON recordings (room_id)
    WHERE status IN ('pending', 'recording') AND NOT parallel;

ALTER TABLE segments ADD COLUMN begins_in_sync INTEGER NOT NULL DEFAULT 0 CHECK (begins_in_sync IN (0, 1));
UPDATE segments SET begins_in_sync = 1 WHERE sync;
ALTER TABLE segments DROP COLUMN sync;
ALTER TABLE segments RENAME COLUMN begins_in_sync TO sync;

ALTER TABLE gaps ADD COLUMN goes_on INTEGER NOT NULL DEFAULT 0 CHECK (goes_on IN (0, 1));
UPDATE gaps SET goes_on = 1 WHERE open;
ALTER TABLE gaps DROP COLUMN open;
ALTER TABLE gaps RENAME COLUMN goes_on TO open;
