-- The tables as SQLite has them after its migration 0009, in PostgreSQL's words. From here on both have the same numbers.
--
-- Times are microseconds since the Unix epoch, UTC; people find them as timestamptz in the views of migration 0010.
-- Identifiers are UUIDs as text. Media times are ticks of the track's timescale since the recording's start. JSON is text.
-- Text is compared byte by byte, as SQLite does.

CREATE TABLE recordings (
    id               TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    room_id          TEXT   COLLATE "C" NOT NULL,
    title            TEXT   COLLATE "C" NOT NULL,
    description      TEXT   COLLATE "C",
    started_by       TEXT   COLLATE "C" NOT NULL,
    started_at       BIGINT NOT NULL,
    stopped_at       BIGINT,
    duration_micros  BIGINT,
    duration_seconds BIGINT GENERATED ALWAYS AS (duration_micros / 1000000) STORED,
    status           TEXT   COLLATE "C" NOT NULL CHECK (status IN
                     ('pending', 'recording', 'processing', 'completed', 'failed', 'archived', 'deleted')),
    format           TEXT   COLLATE "C" NOT NULL,
    file_path        TEXT   COLLATE "C",
    file_size_bytes  BIGINT NOT NULL DEFAULT 0 CHECK (file_size_bytes >= 0),
    mime_type        TEXT   COLLATE "C",
    bitrate_kbps     BIGINT,
    frame_rate_fps   BIGINT,
    resolution       TEXT   COLLATE "C",
    codecs           TEXT   COLLATE "C",
    error_message    TEXT   COLLATE "C",
    source           TEXT   COLLATE "C" NOT NULL DEFAULT '{}',
    metadata         TEXT   COLLATE "C" NOT NULL DEFAULT '{}',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    deleted_at       BIGINT,
    parallel         BOOLEAN NOT NULL DEFAULT FALSE,
    idempotency_key  TEXT   COLLATE "C",
    -- How long the parts of low-latency playlists may be: they promise it, so it never changes.
    part_micros      BIGINT NOT NULL DEFAULT 500000
);

-- Two starts at once in one room: the second one fails here, whatever the callers checked before.
CREATE UNIQUE INDEX recordings_one_running_per_room ON recordings (room_id)
    WHERE status IN ('pending', 'recording') AND NOT parallel;
CREATE UNIQUE INDEX recordings_by_key ON recordings (started_by, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX recordings_by_time ON recordings (started_at, id);
CREATE INDEX recordings_by_status ON recordings (status);

CREATE TABLE recording_participants (
    id               TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    recording_id     TEXT   COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    user_id          TEXT   COLLATE "C",
    peer_id          TEXT   COLLATE "C" NOT NULL,
    display_name     TEXT   COLLATE "C" NOT NULL DEFAULT '',
    joined_at        BIGINT NOT NULL,
    left_at          BIGINT,
    producer_count   BIGINT NOT NULL DEFAULT 0,
    consumer_count   BIGINT NOT NULL DEFAULT 0,
    bytes_sent       BIGINT NOT NULL DEFAULT 0,
    bytes_received   BIGINT NOT NULL DEFAULT 0,
    packets_sent     BIGINT NOT NULL DEFAULT 0,
    packets_lost     BIGINT NOT NULL DEFAULT 0,
    metadata         TEXT   COLLATE "C" NOT NULL DEFAULT '{}',
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE INDEX recording_participants_by_recording ON recording_participants (recording_id, joined_at);
CREATE INDEX recording_participants_by_user ON recording_participants (user_id);

CREATE TABLE tracks (
    id               TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    recording_id     TEXT   COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    participant_id   TEXT   COLLATE "C" NOT NULL REFERENCES recording_participants (id) ON DELETE CASCADE,
    kind             TEXT   COLLATE "C" NOT NULL CHECK (kind IN ('audio', 'video')),
    source           TEXT   COLLATE "C" NOT NULL,
    codec            TEXT   COLLATE "C" NOT NULL CHECK (codec IN ('h264', 'vp8', 'vp9', 'av1', 'opus')),
    timescale        BIGINT NOT NULL CHECK (timescale > 0),
    producer_id      TEXT   COLLATE "C" NOT NULL,
    started_at       BIGINT,
    start_ticks      BIGINT,
    ended_at         BIGINT,
    error_message    TEXT   COLLATE "C",
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    -- Spatial layers that are tracks of their own: layer counts from 0, the smallest; picture_id is the id of the first
    -- track of the picture that they are layers of. Both are NULL for a track that is not one of several layers.
    layer            BIGINT CHECK (layer >= 0),
    picture_id       TEXT   COLLATE "C",
    -- How true a track is to what was sent, as the recorder counted it: an object in JSON. Written while it is recorded.
    integrity        TEXT   COLLATE "C" NOT NULL DEFAULT '{}'
);
CREATE INDEX tracks_by_recording ON tracks (recording_id);
CREATE INDEX tracks_by_participant ON tracks (participant_id);

-- A stretch of a track with one set of codec parameters: one init segment.
CREATE TABLE runs (
    track_id         TEXT   COLLATE "C" NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    number           BIGINT NOT NULL CHECK (number >= 0),
    init_offset      BIGINT NOT NULL CHECK (init_offset >= 0),
    init_length      BIGINT NOT NULL CHECK (init_length > 0),
    first_ticks      BIGINT NOT NULL,
    wall             BIGINT NOT NULL,
    codecs           TEXT   COLLATE "C" NOT NULL,
    width            BIGINT NOT NULL,
    height           BIGINT NOT NULL,
    channels         BIGINT NOT NULL,
    timescale        BIGINT NOT NULL CHECK (timescale > 0),
    -- How far the sound of the same participant was listed when this was told, in microseconds of the timeline.
    listed_micros    BIGINT NOT NULL DEFAULT 0,
    -- How its pictures must be turned clockwise to be upright, in degrees. Width and height are as coded.
    rotation         BIGINT NOT NULL DEFAULT 0 CHECK (rotation IN (0, 90, 180, 270)),
    PRIMARY KEY (track_id, number)
);

-- One row per closed segment. Its bytes were durable before its row was written.
CREATE TABLE segments (
    track_id         TEXT   COLLATE "C" NOT NULL,
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
);

-- A stretch of a track in which nothing came, and what is shown there: a fill, made when it is served. While a gap is
-- open, its duration is how far it is sure that nothing will come any more; it only grows.
CREATE TABLE gaps (
    track_id         TEXT    COLLATE "C" NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    number           BIGINT  NOT NULL CHECK (number >= 0),
    -- The segment before it, whose last key frame a still repeats.
    after_segment    BIGINT  NOT NULL CHECK (after_segment >= 0),
    cause            TEXT    COLLATE "C" NOT NULL CHECK (cause IN ('off', 'loss', 'pause')),
    kind             TEXT    COLLATE "C" NOT NULL CHECK (kind IN ('black', 'still', 'silence')),
    start_ticks      BIGINT  NOT NULL,
    duration_ticks   BIGINT  NOT NULL CHECK (duration_ticks >= 0),
    open             BOOLEAN NOT NULL,
    -- As in runs: a discontinuity in the playlist of the sound cannot come before.
    listed_micros    BIGINT  NOT NULL,
    PRIMARY KEY (track_id, number)
);

-- The whole recording was paused: its timeline stands still, the wall clock goes on.
CREATE TABLE pauses (
    recording_id     TEXT   COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    number           BIGINT NOT NULL CHECK (number >= 0),
    at_micros        BIGINT NOT NULL CHECK (at_micros >= 0),
    began_at         BIGINT NOT NULL,
    ended_at         BIGINT,
    PRIMARY KEY (recording_id, number)
);

-- Who spoke when, as the SFU told: from a place on the recording's timeline until another one; open while it lasts.
CREATE TABLE speaker_turns (
    recording_id     TEXT   COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    start_micros     BIGINT NOT NULL CHECK (start_micros >= 0),
    end_micros       BIGINT CHECK (end_micros >= start_micros),
    participant_id   TEXT   COLLATE "C" NOT NULL REFERENCES recording_participants (id) ON DELETE CASCADE,
    PRIMARY KEY (recording_id, start_micros)
);

-- What happened in recordings, in the order in which it was written: position is the order over all recordings, sequence
-- that within one, without holes. There is no foreign key to recordings: what must still be delivered outlives them.
-- Whoever appends holds a lock until the commit, so that positions become visible in their order.
CREATE TABLE events (
    position         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               TEXT   COLLATE "C" NOT NULL UNIQUE,
    recording_id     TEXT   COLLATE "C" NOT NULL,
    sequence         BIGINT NOT NULL CHECK (sequence > 0),
    type             TEXT   COLLATE "C" NOT NULL,
    at               BIGINT NOT NULL,
    data             TEXT   COLLATE "C" NOT NULL DEFAULT '{}',
    UNIQUE (recording_id, sequence)
);

-- Who is told of events. Without a recording: the target of the configuration, which is told of all.
CREATE TABLE webhook_targets (
    id               TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    recording_id     TEXT   COLLATE "C",
    url              TEXT   COLLATE "C" NOT NULL,
    secret           TEXT   COLLATE "C",
    -- Names between commas, such as ',recording.started,recording.completed,'; NULL for all.
    types            TEXT   COLLATE "C",
    -- It told us that it is gone, or the configuration does not name it any more.
    ended_at         BIGINT,
    created_at       BIGINT NOT NULL
);
CREATE INDEX webhook_targets_by_recording ON webhook_targets (recording_id);

-- One row for each event and target, written with the event. Those of one target and recording are delivered in the
-- order of their ids.
CREATE TABLE webhook_deliveries (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id        TEXT   COLLATE "C" NOT NULL REFERENCES webhook_targets (id) ON DELETE CASCADE,
    recording_id     TEXT   COLLATE "C" NOT NULL,
    position         BIGINT NOT NULL REFERENCES events (position) ON DELETE CASCADE,
    state            TEXT   COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts         BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at       BIGINT NOT NULL,
    due_at           BIGINT NOT NULL,
    ended_at         BIGINT,
    status           BIGINT,
    error            TEXT   COLLATE "C"
);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (target_id, recording_id, id) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (id) WHERE state = 'dead';
CREATE INDEX webhook_deliveries_by_position ON webhook_deliveries (position);
