-- Playback analytics (docs/analytics.md): what players told, as it came, and the numbers of each viewing session, which can
-- always be made of that again.

CREATE TABLE view_sessions (
    id               INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    recording_id     TEXT    NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    -- 'u:' and a user's identifier; 'g:' and a hash that is salted anew every day; 'n', who asked not to be tracked; 'x:' and
    -- a random token, who was erased.
    viewer           TEXT    NOT NULL,
    -- The client's own id of the session.
    client_id        TEXT    NOT NULL,
    device           TEXT    NOT NULL,
    -- Of the next event. Whoever keeps what was made of the events before it knows by this whether it still holds.
    next_number      BIGINT  NOT NULL DEFAULT 0,
    -- Made when the recording had ended, so that what of it is media was known.
    settled          INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    first_at         BIGINT  NOT NULL,
    last_at          BIGINT  NOT NULL,
    source           TEXT    NOT NULL CHECK (source IN ('beacon', 'reports', 'progress', 'requests')),
    -- Watched ranges, as Ranges::encode writes them.
    seen             BLOB    NOT NULL,
    seen_ms          BIGINT  NOT NULL DEFAULT 0,
    played_ms        BIGINT  NOT NULL DEFAULT 0,
    playing_ms       BIGINT  NOT NULL DEFAULT 0,
    startup_ms       BIGINT,
    stalls           BIGINT  NOT NULL DEFAULT 0,
    stalled_ms       BIGINT  NOT NULL DEFAULT 0,
    seeks            BIGINT  NOT NULL DEFAULT 0,
    pauses           BIGINT  NOT NULL DEFAULT 0,
    errors           BIGINT  NOT NULL DEFAULT 0,
    kbps             BIGINT,
    position_ms      BIGINT,
    ended            INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1)),
    participant      TEXT,
    player           TEXT,
    UNIQUE (recording_id, viewer, client_id)
);
CREATE INDEX view_sessions_by_recording ON view_sessions (recording_id, first_at);
CREATE INDEX view_sessions_by_viewer ON view_sessions (viewer, first_at);
CREATE INDEX view_sessions_unsettled ON view_sessions (recording_id, id) WHERE NOT settled;

-- Raw events, in the order in which they arrived. Only added; erasing a person takes texts out of bodies.
CREATE TABLE view_events (
    session_id       BIGINT  NOT NULL REFERENCES view_sessions (id) ON DELETE CASCADE,
    number           BIGINT  NOT NULL,
    -- What is sent again has the same, and is not kept again. NULL of events that have no number of their own.
    event_key        TEXT,
    body             TEXT    NOT NULL,
    PRIMARY KEY (session_id, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX view_events_by_key ON view_events (session_id, event_key) WHERE event_key IS NOT NULL;

-- What the hashes of a day are salted with; a day counts from 1970 in UTC. After two days it is removed, and nobody can find
-- out any more whose hash one is.
CREATE TABLE view_salts (
    day              BIGINT  NOT NULL PRIMARY KEY,
    salt             TEXT    NOT NULL
);
