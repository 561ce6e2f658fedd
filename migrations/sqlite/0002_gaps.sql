-- A stretch of a track in which nothing came, and what is shown there: a fill, made when it is served. While a gap is
-- open, its duration is how far it is sure that nothing will come any more; it only grows.
CREATE TABLE gaps (
    track_id         TEXT    NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    number           BIGINT  NOT NULL CHECK (number >= 0),
    -- The segment before it, whose last key frame a still repeats.
    after_segment    BIGINT  NOT NULL CHECK (after_segment >= 0),
    cause            TEXT    NOT NULL CHECK (cause IN ('off', 'loss', 'pause')),
    kind             TEXT    NOT NULL CHECK (kind IN ('black', 'still', 'silence')),
    start_ticks      BIGINT  NOT NULL,
    duration_ticks   BIGINT  NOT NULL CHECK (duration_ticks >= 0),
    open             BOOLEAN NOT NULL,
    -- How far the sound of the same participant was listed when this was told, in microseconds of the timeline: a
    -- discontinuity in its playlist cannot come before.
    listed_micros    BIGINT  NOT NULL,
    PRIMARY KEY (track_id, number)
) WITHOUT ROWID;

-- The same for a run that changes the picture's parameters.
ALTER TABLE runs ADD COLUMN listed_micros BIGINT NOT NULL DEFAULT 0;

-- The whole recording was paused: its timeline stands still, the wall clock goes on.
CREATE TABLE pauses (
    recording_id     TEXT   NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    number           BIGINT NOT NULL CHECK (number >= 0),
    at_micros        BIGINT NOT NULL CHECK (at_micros >= 0),
    began_at         BIGINT NOT NULL,
    ended_at         BIGINT,
    PRIMARY KEY (recording_id, number)
) WITHOUT ROWID;
