-- Times are microseconds since the Unix epoch, UTC. Identifiers are UUIDs as text. Media times are ticks of the
-- track's timescale since the recording's start. JSON is text.

CREATE TABLE recordings (
    id               TEXT   NOT NULL PRIMARY KEY,
    room_id          TEXT   NOT NULL,
    title            TEXT   NOT NULL,
    description      TEXT,
    started_by       TEXT   NOT NULL,
    started_at       BIGINT NOT NULL,
    stopped_at       BIGINT,
    duration_micros  BIGINT,
    duration_seconds BIGINT GENERATED ALWAYS AS (duration_micros / 1000000) STORED,
    status           TEXT   NOT NULL CHECK (status IN
                     ('pending', 'recording', 'processing', 'completed', 'failed', 'archived', 'deleted')),
    format           TEXT   NOT NULL,
    file_path        TEXT,
    file_size_bytes  BIGINT NOT NULL DEFAULT 0 CHECK (file_size_bytes >= 0),
    mime_type        TEXT,
    bitrate_kbps     BIGINT,
    frame_rate_fps   BIGINT,
    resolution       TEXT,
    codecs           TEXT,
    error_message    TEXT,
    source           TEXT   NOT NULL DEFAULT '{}',
    metadata         TEXT   NOT NULL DEFAULT '{}',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    deleted_at       BIGINT
);

-- Two starts at once in one room: the second one fails here, whatever the callers checked before.
CREATE UNIQUE INDEX recordings_one_running_per_room ON recordings (room_id)
    WHERE status IN ('pending', 'recording');
CREATE INDEX recordings_by_time ON recordings (started_at, id);
CREATE INDEX recordings_by_status ON recordings (status);

CREATE TABLE recording_participants (
    id               TEXT   NOT NULL PRIMARY KEY,
    recording_id     TEXT   NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    user_id          TEXT,
    peer_id          TEXT   NOT NULL,
    display_name     TEXT   NOT NULL DEFAULT '',
    joined_at        BIGINT NOT NULL,
    left_at          BIGINT,
    producer_count   BIGINT NOT NULL DEFAULT 0,
    consumer_count   BIGINT NOT NULL DEFAULT 0,
    bytes_sent       BIGINT NOT NULL DEFAULT 0,
    bytes_received   BIGINT NOT NULL DEFAULT 0,
    packets_sent     BIGINT NOT NULL DEFAULT 0,
    packets_lost     BIGINT NOT NULL DEFAULT 0,
    metadata         TEXT   NOT NULL DEFAULT '{}',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE INDEX recording_participants_by_recording ON recording_participants (recording_id, joined_at);
CREATE INDEX recording_participants_by_user ON recording_participants (user_id);

CREATE TABLE tracks (
    id               TEXT   NOT NULL PRIMARY KEY,
    recording_id     TEXT   NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    participant_id   TEXT   NOT NULL REFERENCES recording_participants (id) ON DELETE CASCADE,
    kind             TEXT   NOT NULL CHECK (kind IN ('audio', 'video')),
    source           TEXT   NOT NULL,
    codec            TEXT   NOT NULL CHECK (codec IN ('h264', 'vp8', 'vp9', 'av1', 'opus')),
    timescale        BIGINT NOT NULL CHECK (timescale > 0),
    producer_id      TEXT   NOT NULL,
    started_at       BIGINT,
    start_ticks      BIGINT,
    ended_at         BIGINT,
    error_message    TEXT,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE INDEX tracks_by_recording ON tracks (recording_id);
CREATE INDEX tracks_by_participant ON tracks (participant_id);

-- A stretch of a track with one set of codec parameters: one init segment.
CREATE TABLE runs (
    track_id         TEXT   NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    number           BIGINT NOT NULL CHECK (number >= 0),
    init_offset      BIGINT NOT NULL CHECK (init_offset >= 0),
    init_length      BIGINT NOT NULL CHECK (init_length > 0),
    first_ticks      BIGINT NOT NULL,
    wall             BIGINT NOT NULL,
    codecs           TEXT   NOT NULL,
    width            BIGINT NOT NULL,
    height           BIGINT NOT NULL,
    channels         BIGINT NOT NULL,
    timescale        BIGINT NOT NULL CHECK (timescale > 0),
    PRIMARY KEY (track_id, number)
) WITHOUT ROWID;

-- One row per closed segment. Its bytes were durable before its row was written.
CREATE TABLE segments (
    track_id         TEXT   NOT NULL,
    number           BIGINT NOT NULL CHECK (number >= 0),
    run              BIGINT NOT NULL,
    start_ticks      BIGINT NOT NULL,
    duration_ticks   BIGINT NOT NULL CHECK (duration_ticks > 0),
    byte_offset      BIGINT NOT NULL CHECK (byte_offset >= 0),
    byte_length      BIGINT NOT NULL CHECK (byte_length > 0),
    samples          BIGINT NOT NULL CHECK (samples > 0),
    sync             BOOLEAN NOT NULL,
    wall             BIGINT NOT NULL,
    PRIMARY KEY (track_id, number),
    FOREIGN KEY (track_id, run) REFERENCES runs (track_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
