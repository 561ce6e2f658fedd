-- What happened in recordings, in the order in which it was written: position is the order over all recordings, sequence
-- that within one, without holes. There is no foreign key to recordings: what must still be delivered outlives them.
CREATE TABLE events (
    position         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    recording_id     TEXT    NOT NULL,
    sequence         BIGINT  NOT NULL CHECK (sequence > 0),
    type             TEXT    NOT NULL,
    at               BIGINT  NOT NULL,
    data             TEXT    NOT NULL DEFAULT '{}',
    UNIQUE (recording_id, sequence)
);

-- Who is told of events. Without a recording: the target of the configuration, which is told of all.
CREATE TABLE webhook_targets (
    id               TEXT    NOT NULL PRIMARY KEY,
    recording_id     TEXT,
    url              TEXT    NOT NULL,
    secret           TEXT,
    -- Names between commas, such as ',recording.started,recording.completed,'; NULL for all.
    types            TEXT,
    -- It told us that it is gone, or the configuration does not name it any more.
    ended_at         BIGINT,
    created_at       BIGINT  NOT NULL
);
CREATE INDEX webhook_targets_by_recording ON webhook_targets (recording_id);

-- One row for each event and target, written with the event. Those of one target and recording are delivered in the
-- order of their ids.
CREATE TABLE webhook_deliveries (
    id               INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    target_id        TEXT    NOT NULL REFERENCES webhook_targets (id) ON DELETE CASCADE,
    recording_id     TEXT    NOT NULL,
    position         BIGINT  NOT NULL REFERENCES events (position) ON DELETE CASCADE,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts         BIGINT  NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at       BIGINT  NOT NULL,
    due_at           BIGINT  NOT NULL,
    ended_at         BIGINT,
    status           BIGINT,
    error            TEXT
);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (target_id, recording_id, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (id) WHERE state = 'dead';
CREATE INDEX webhook_deliveries_by_position ON webhook_deliveries (position);
