-- The audit (docs/design/audit.md). Rows are only added: triggers refuse the rest, but for the two ways that are named in
-- audit_unlocked within one transaction.

-- One row for each process that wrote: its rows in audit_rows follow each other without a hole.
CREATE TABLE audit_chains (
    number           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    -- The folder whose process it was. Of each there is one at a time.
    place            TEXT    NOT NULL,
    began_at         BIGINT  NOT NULL,
    -- It was there then at the latest.
    seen_at          BIGINT  NOT NULL,
    ended_at         BIGINT,
    previous         TEXT    NOT NULL
);

CREATE TABLE audit_rows (
    id               INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    chain            BIGINT  NOT NULL REFERENCES audit_chains (number),
    seq              BIGINT  NOT NULL CHECK (seq > 0),
    prev_hash        BLOB    NOT NULL CHECK (LENGTH(prev_hash) = 32),
    hash             BLOB    NOT NULL CHECK (LENGTH(hash) = 32),
    at               BIGINT  NOT NULL,
    action           TEXT    NOT NULL,
    phase            TEXT    NOT NULL CHECK (phase IN ('once', 'start', 'end')),
    result           TEXT    NOT NULL CHECK (result IN ('success', 'failed', 'partial')),
    status           BIGINT,
    role             TEXT    NOT NULL,
    recording_id     TEXT,
    room_id          TEXT,
    session_id       TEXT,
    share_id         TEXT,
    request_id       TEXT,
    route            TEXT,
    bytes            BIGINT,
    duration_micros  BIGINT,
    detail           TEXT    NOT NULL,
    -- Of a person. A seal of 16 bytes is the salt of the value; of 32 bytes, what stays of one that was erased.
    who              TEXT,
    who_seal         BLOB,
    address          TEXT,
    user_agent       TEXT,
    place_seal       BLOB,
    target           TEXT,
    target_seal      BLOB,
    UNIQUE (chain, seq)
);
-- Each page of the audit is a walk along one of these, newest first. The row's own number ends each of them.
CREATE INDEX audit_rows_by_time ON audit_rows (at);
CREATE INDEX audit_rows_by_who ON audit_rows (who, at) WHERE who IS NOT NULL;
CREATE INDEX audit_rows_by_target ON audit_rows (target, at) WHERE target IS NOT NULL;
CREATE INDEX audit_rows_by_recording ON audit_rows (recording_id, at) WHERE recording_id IS NOT NULL;
CREATE INDEX audit_rows_by_room ON audit_rows (room_id, at) WHERE room_id IS NOT NULL;
CREATE INDEX audit_rows_by_action ON audit_rows (action, result, at);
CREATE INDEX audit_rows_by_address ON audit_rows (address, at) WHERE address IS NOT NULL;

CREATE TABLE audit_heads (
    chain            BIGINT  NOT NULL REFERENCES audit_chains (number),
    seq              BIGINT  NOT NULL,
    hash             BLOB    NOT NULL,
    at               BIGINT  NOT NULL,
    kind             TEXT    NOT NULL CHECK (kind IN ('running', 'ended', 'cut')),
    key              BLOB    NOT NULL,
    signature        BLOB    NOT NULL,
    PRIMARY KEY (chain, at, kind, seq)
) WITHOUT ROWID;

-- What began and has not ended: written with the row of its start, removed with that of its end.
CREATE TABLE audit_open (
    session_id       TEXT    NOT NULL PRIMARY KEY,
    chain            BIGINT  NOT NULL REFERENCES audit_chains (number),
    seq              BIGINT  NOT NULL
) WITHOUT ROWID;

-- Sums, kept with the rows in one transaction. A day counts from 1970 in UTC; day -1 is all of them.
CREATE TABLE audit_actions (
    day              BIGINT  NOT NULL,
    action           TEXT    NOT NULL,
    result           TEXT    NOT NULL,
    phase            TEXT    NOT NULL,
    entries          BIGINT  NOT NULL,
    bytes            BIGINT  NOT NULL,
    PRIMARY KEY (day, action, result, phase)
) WITHOUT ROWID;
CREATE TABLE audit_actors (
    day              BIGINT  NOT NULL,
    who              TEXT    NOT NULL,
    entries          BIGINT  NOT NULL,
    bytes            BIGINT  NOT NULL,
    PRIMARY KEY (day, who)
) WITHOUT ROWID;
-- What is left of sums whose rows went.
CREATE INDEX audit_actors_of_nothing ON audit_actors (day) WHERE entries <= 0;

-- A row is here only within the transaction that erases or removes.
CREATE TABLE audit_unlocked (
    way              TEXT    NOT NULL PRIMARY KEY CHECK (way IN ('erase', 'retention'))
) WITHOUT ROWID;

-- Erasing takes values of persons away, and changes nothing else.
CREATE TRIGGER audit_rows_stay BEFORE UPDATE ON audit_rows
WHEN NOT EXISTS (SELECT 1 FROM audit_unlocked WHERE way = 'erase')
    OR NEW.id <> OLD.id OR NEW.chain <> OLD.chain OR NEW.seq <> OLD.seq OR NEW.prev_hash <> OLD.prev_hash
    OR NEW.hash <> OLD.hash OR NEW.at <> OLD.at OR NEW.action <> OLD.action OR NEW.phase <> OLD.phase
    OR NEW.result <> OLD.result OR NEW.status IS NOT OLD.status OR NEW.role <> OLD.role
    OR NEW.recording_id IS NOT OLD.recording_id OR NEW.room_id IS NOT OLD.room_id
    OR NEW.session_id IS NOT OLD.session_id OR NEW.share_id IS NOT OLD.share_id
    OR NEW.request_id IS NOT OLD.request_id OR NEW.route IS NOT OLD.route OR NEW.bytes IS NOT OLD.bytes
    OR NEW.duration_micros IS NOT OLD.duration_micros OR NEW.detail <> OLD.detail
    OR (NEW.who IS NOT OLD.who AND NEW.who IS NOT NULL)
    OR (NEW.address IS NOT OLD.address AND NEW.address IS NOT NULL)
    OR (NEW.user_agent IS NOT OLD.user_agent AND NEW.user_agent IS NOT NULL)
    OR (NEW.target IS NOT OLD.target AND NEW.target IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are only added');
END;
CREATE TRIGGER audit_rows_are_not_removed BEFORE DELETE ON audit_rows
WHEN NOT EXISTS (SELECT 1 FROM audit_unlocked WHERE way = 'retention')
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are only added');
END;
CREATE TRIGGER audit_heads_stay BEFORE UPDATE ON audit_heads
BEGIN
    SELECT RAISE(ABORT, 'heads of the audit are only added');
END;
CREATE TRIGGER audit_heads_are_not_removed BEFORE DELETE ON audit_heads
WHEN NOT EXISTS (SELECT 1 FROM audit_unlocked WHERE way = 'retention')
BEGIN
    SELECT RAISE(ABORT, 'heads of the audit are only added');
END;
CREATE TRIGGER audit_chains_are_not_removed BEFORE DELETE ON audit_chains
BEGIN
    SELECT RAISE(ABORT, 'chains of the audit are only added');
END;
