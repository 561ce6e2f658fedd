-- What viewing sessions come to, kept with each change of theirs (docs/design/analytics.md). All of it can be made of
-- view_sessions again: `tureen analytics rebuild`. A day counts from 1970 in UTC and is that of a session's first event.
-- Sessions count from their first event on (next_number > 0).

-- By day, recording and source.
CREATE TABLE view_days (
    day              BIGINT NOT NULL,
    recording_id     TEXT NOT NULL,
    source           TEXT NOT NULL,
    sessions         BIGINT NOT NULL DEFAULT 0,
    seen_ms          BIGINT NOT NULL DEFAULT 0,
    played_ms        BIGINT NOT NULL DEFAULT 0,
    playing_ms       BIGINT NOT NULL DEFAULT 0,
    startups         BIGINT NOT NULL DEFAULT 0,
    stalls           BIGINT NOT NULL DEFAULT 0,
    stalled_ms       BIGINT NOT NULL DEFAULT 0,
    seeks            BIGINT NOT NULL DEFAULT 0,
    pauses           BIGINT NOT NULL DEFAULT 0,
    errors           BIGINT NOT NULL DEFAULT 0,
    ended            BIGINT NOT NULL DEFAULT 0,
    -- No session of it was ever longer, from its first event to its last.
    longest_micros   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, recording_id, source)
) WITHOUT ROWID;
CREATE INDEX view_days_by_recording ON view_days (recording_id, day);

-- The same of all recordings.
CREATE TABLE view_totals (
    day              BIGINT NOT NULL,
    source           TEXT NOT NULL,
    sessions         BIGINT NOT NULL DEFAULT 0,
    seen_ms          BIGINT NOT NULL DEFAULT 0,
    played_ms        BIGINT NOT NULL DEFAULT 0,
    playing_ms       BIGINT NOT NULL DEFAULT 0,
    startups         BIGINT NOT NULL DEFAULT 0,
    stalls           BIGINT NOT NULL DEFAULT 0,
    stalled_ms       BIGINT NOT NULL DEFAULT 0,
    seeks            BIGINT NOT NULL DEFAULT 0,
    pauses           BIGINT NOT NULL DEFAULT 0,
    errors           BIGINT NOT NULL DEFAULT 0,
    ended            BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, source)
) WITHOUT ROWID;

-- Who watched on a day; who asked not to be tracked is 'n:' and the session. And how many that are.
CREATE TABLE view_day_viewers (
    day              BIGINT NOT NULL,
    viewer           TEXT NOT NULL,
    sessions         BIGINT NOT NULL,
    PRIMARY KEY (day, viewer)
) WITHOUT ROWID;
CREATE TABLE view_day_counts (
    day              BIGINT NOT NULL PRIMARY KEY,
    viewers          BIGINT NOT NULL
);

-- What a viewer saw of a recording, as far as it was asked for: the union of what their sessions saw.
CREATE TABLE view_viewers (
    recording_id     TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    viewer           TEXT NOT NULL,
    seen             BLOB NOT NULL,
    permille         BIGINT NOT NULL,
    PRIMARY KEY (recording_id, viewer)
) WITHOUT ROWID;

-- What all of them saw, of the media and the length that it was made of.
CREATE TABLE view_recordings (
    recording_id     TEXT NOT NULL PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    media            BLOB NOT NULL,
    length_ms        BIGINT NOT NULL,
    viewers          BIGINT NOT NULL,
    completed        BIGINT NOT NULL,
    permille         BIGINT NOT NULL,
    curve            BLOB NOT NULL,
    seen             BLOB NOT NULL,
    -- A viewer is gone whose part in it is not known any more: it is to be made of view_viewers again.
    dirty            INTEGER NOT NULL DEFAULT 0 CHECK (dirty IN (0, 1))
);

-- The most sessions at one moment of a day, and the last event of those that began on it.
CREATE TABLE view_peaks (
    recording_id     TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    day              BIGINT NOT NULL,
    sessions         BIGINT NOT NULL,
    at_ms            BIGINT NOT NULL,
    last_at          BIGINT NOT NULL,
    PRIMARY KEY (recording_id, day)
) WITHOUT ROWID;

-- Viewers and days of a recording whose rows above are to be made again before anybody is told of them.
CREATE TABLE view_stale_viewers (
    recording_id     TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    viewer           TEXT NOT NULL,
    PRIMARY KEY (recording_id, viewer)
) WITHOUT ROWID;
CREATE TABLE view_stale_days (
    recording_id     TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    first_day        BIGINT NOT NULL,
    last_day         BIGINT NOT NULL,
    PRIMARY KEY (recording_id, first_day, last_day)
) WITHOUT ROWID;

CREATE INDEX view_sessions_by_startup ON view_sessions (recording_id, startup_ms) WHERE startup_ms IS NOT NULL;
DROP INDEX view_sessions_by_recording;
CREATE INDEX view_sessions_by_recording ON view_sessions (recording_id, first_at, viewer);
CREATE INDEX view_sessions_by_time ON view_sessions (first_at, recording_id, viewer);

-- What there is already.
INSERT INTO view_days (day, recording_id, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls, stalled_ms,
    seeks, pauses, errors, ended, longest_micros)
SELECT s.first_at / 86400000000, s.recording_id, s.source, COUNT(*), CAST(SUM(s.seen_ms) AS BIGINT),
    CAST(SUM(s.played_ms) AS BIGINT), CAST(SUM(s.playing_ms) AS BIGINT),
    CAST(SUM(CASE WHEN s.startup_ms IS NULL THEN 0 ELSE 1 END) AS BIGINT), CAST(SUM(s.stalls) AS BIGINT),
    CAST(SUM(s.stalled_ms) AS BIGINT), CAST(SUM(s.seeks) AS BIGINT), CAST(SUM(s.pauses) AS BIGINT),
    CAST(SUM(s.errors) AS BIGINT), CAST(SUM(CASE WHEN s.ended THEN 1 ELSE 0 END) AS BIGINT), MAX(s.last_at - s.first_at)
FROM view_sessions s WHERE s.next_number > 0 GROUP BY 1, 2, 3;
INSERT INTO view_totals (day, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls, stalled_ms, seeks, pauses,
    errors, ended)
SELECT day, source, CAST(SUM(sessions) AS BIGINT), CAST(SUM(seen_ms) AS BIGINT), CAST(SUM(played_ms) AS BIGINT),
    CAST(SUM(playing_ms) AS BIGINT), CAST(SUM(startups) AS BIGINT), CAST(SUM(stalls) AS BIGINT),
    CAST(SUM(stalled_ms) AS BIGINT), CAST(SUM(seeks) AS BIGINT), CAST(SUM(pauses) AS BIGINT), CAST(SUM(errors) AS BIGINT),
    CAST(SUM(ended) AS BIGINT) FROM view_days GROUP BY day, source;
INSERT INTO view_day_viewers (day, viewer, sessions)
SELECT s.first_at / 86400000000, CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END,
    COUNT(*) FROM view_sessions s WHERE s.next_number > 0 GROUP BY 1, 2;
INSERT INTO view_day_counts (day, viewers) SELECT day, COUNT(*) FROM view_day_viewers GROUP BY day;
INSERT INTO view_stale_viewers (recording_id, viewer)
SELECT DISTINCT s.recording_id, CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END FROM view_sessions s
    WHERE s.next_number > 0;
INSERT INTO view_stale_days (recording_id, first_day, last_day)
SELECT DISTINCT s.recording_id, s.first_at / 86400000000, s.last_at / 86400000000 FROM view_sessions s
    WHERE s.next_number > 0;

-- How many viewers a day has.
CREATE TRIGGER view_day_viewers_in AFTER INSERT ON view_day_viewers
BEGIN
    INSERT INTO view_day_counts (day, viewers) VALUES (NEW.day, 1)
    ON CONFLICT (day) DO UPDATE SET viewers = view_day_counts.viewers + 1;
END;
CREATE TRIGGER view_day_viewers_out AFTER DELETE ON view_day_viewers
BEGIN
    UPDATE view_day_counts SET viewers = viewers - 1 WHERE day = OLD.day;
    DELETE FROM view_day_counts WHERE day = OLD.day AND viewers = 0;
END;

-- A session comes.
CREATE TRIGGER view_sessions_in AFTER INSERT ON view_sessions WHEN NEW.next_number > 0
BEGIN
    INSERT INTO view_days (day, recording_id, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls,
        stalled_ms, seeks, pauses, errors, ended, longest_micros)
    SELECT NEW.first_at / 86400000000, NEW.recording_id, NEW.source, 1, NEW.seen_ms, NEW.played_ms, NEW.playing_ms,
        CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END, NEW.stalls, NEW.stalled_ms, NEW.seeks, NEW.pauses, NEW.errors,
        CASE WHEN NEW.ended THEN 1 ELSE 0 END, NEW.last_at - NEW.first_at
    WHERE 1 = 1
    ON CONFLICT (day, recording_id, source) DO UPDATE SET sessions = view_days.sessions + excluded.sessions,
        seen_ms = view_days.seen_ms + excluded.seen_ms, played_ms = view_days.played_ms + excluded.played_ms,
        playing_ms = view_days.playing_ms + excluded.playing_ms, startups = view_days.startups + excluded.startups,
        stalls = view_days.stalls + excluded.stalls, stalled_ms = view_days.stalled_ms + excluded.stalled_ms,
        seeks = view_days.seeks + excluded.seeks, pauses = view_days.pauses + excluded.pauses,
        errors = view_days.errors + excluded.errors, ended = view_days.ended + excluded.ended,
        longest_micros = MAX(view_days.longest_micros, excluded.longest_micros);
    INSERT INTO view_totals (day, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls, stalled_ms, seeks,
        pauses, errors, ended)
    SELECT NEW.first_at / 86400000000, NEW.source, 1, NEW.seen_ms, NEW.played_ms, NEW.playing_ms,
        CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END, NEW.stalls, NEW.stalled_ms, NEW.seeks, NEW.pauses, NEW.errors,
        CASE WHEN NEW.ended THEN 1 ELSE 0 END
    WHERE 1 = 1
    ON CONFLICT (day, source) DO UPDATE SET sessions = view_totals.sessions + excluded.sessions,
        seen_ms = view_totals.seen_ms + excluded.seen_ms, played_ms = view_totals.played_ms + excluded.played_ms,
        playing_ms = view_totals.playing_ms + excluded.playing_ms, startups = view_totals.startups + excluded.startups,
        stalls = view_totals.stalls + excluded.stalls, stalled_ms = view_totals.stalled_ms + excluded.stalled_ms,
        seeks = view_totals.seeks + excluded.seeks, pauses = view_totals.pauses + excluded.pauses,
        errors = view_totals.errors + excluded.errors, ended = view_totals.ended + excluded.ended;
    INSERT INTO view_day_viewers (day, viewer, sessions) SELECT NEW.first_at / 86400000000,
        CASE WHEN NEW.viewer = 'n' THEN 'n:' || CAST(NEW.id AS TEXT) ELSE NEW.viewer END, 1
    WHERE 1 = 1
    ON CONFLICT (day, viewer) DO UPDATE SET sessions = view_day_viewers.sessions + 1;
    INSERT INTO view_stale_viewers (recording_id, viewer) SELECT NEW.recording_id,
        CASE WHEN NEW.viewer = 'n' THEN 'n:' || CAST(NEW.id AS TEXT) ELSE NEW.viewer END
    WHERE 1 = 1 ON CONFLICT (recording_id, viewer) DO NOTHING;
    INSERT INTO view_stale_days (recording_id, first_day, last_day) SELECT NEW.recording_id, NEW.first_at / 86400000000,
        NEW.last_at / 86400000000
    WHERE 1 = 1 ON CONFLICT (recording_id, first_day, last_day) DO NOTHING;
END;

-- A session goes, with its recording or alone.
CREATE TRIGGER view_sessions_out AFTER DELETE ON view_sessions WHEN OLD.next_number > 0
BEGIN
    UPDATE view_days SET sessions = sessions - 1, seen_ms = seen_ms - OLD.seen_ms, played_ms = played_ms - OLD.played_ms,
        playing_ms = playing_ms - OLD.playing_ms,
        startups = startups - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END), stalls = stalls - OLD.stalls,
        stalled_ms = stalled_ms - OLD.stalled_ms, seeks = seeks - OLD.seeks, pauses = pauses - OLD.pauses,
        errors = errors - OLD.errors, ended = ended - (CASE WHEN OLD.ended THEN 1 ELSE 0 END)
    WHERE day = OLD.first_at / 86400000000 AND recording_id = OLD.recording_id AND source = OLD.source;
    DELETE FROM view_days WHERE day = OLD.first_at / 86400000000 AND recording_id = OLD.recording_id
        AND source = OLD.source AND sessions = 0;
    UPDATE view_totals SET sessions = sessions - 1, seen_ms = seen_ms - OLD.seen_ms, played_ms = played_ms - OLD.played_ms,
        playing_ms = playing_ms - OLD.playing_ms,
        startups = startups - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END), stalls = stalls - OLD.stalls,
        stalled_ms = stalled_ms - OLD.stalled_ms, seeks = seeks - OLD.seeks, pauses = pauses - OLD.pauses,
        errors = errors - OLD.errors, ended = ended - (CASE WHEN OLD.ended THEN 1 ELSE 0 END)
    WHERE day = OLD.first_at / 86400000000 AND source = OLD.source;
    DELETE FROM view_totals WHERE day = OLD.first_at / 86400000000 AND source = OLD.source AND sessions = 0;
    UPDATE view_day_viewers SET sessions = sessions - 1 WHERE day = OLD.first_at / 86400000000
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END;
    DELETE FROM view_day_viewers WHERE day = OLD.first_at / 86400000000
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END AND sessions = 0;
    INSERT INTO view_stale_viewers (recording_id, viewer) SELECT OLD.recording_id,
        CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END
    WHERE EXISTS (SELECT 1 FROM recordings WHERE id = OLD.recording_id)
        AND EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0)
    ON CONFLICT (recording_id, viewer) DO NOTHING;
    UPDATE view_recordings SET dirty = 1 WHERE recording_id = OLD.recording_id
        AND EXISTS (SELECT 1 FROM view_viewers WHERE recording_id = OLD.recording_id
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END)
        AND NOT EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0);
    DELETE FROM view_viewers WHERE recording_id = OLD.recording_id
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END
        AND NOT EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0);
    DELETE FROM view_stale_viewers WHERE recording_id = OLD.recording_id
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END
        AND NOT EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0);
    INSERT INTO view_stale_days (recording_id, first_day, last_day) SELECT OLD.recording_id, OLD.first_at / 86400000000,
        OLD.last_at / 86400000000
    WHERE EXISTS (SELECT 1 FROM recordings WHERE id = OLD.recording_id) ON CONFLICT (recording_id, first_day,
        last_day) DO NOTHING;
END;

-- Its numbers change: what most events do.
CREATE TRIGGER view_sessions_same AFTER UPDATE ON view_sessions
WHEN NEW.next_number > 0 AND OLD.next_number > 0 AND NEW.first_at / 86400000000 = OLD.first_at / 86400000000
    AND NEW.source = OLD.source
    AND NEW.viewer = OLD.viewer AND NEW.recording_id = OLD.recording_id
    AND (NEW.seen_ms IS NOT OLD.seen_ms OR NEW.played_ms IS NOT OLD.played_ms OR NEW.playing_ms IS NOT OLD.playing_ms
        OR NEW.startup_ms IS NOT OLD.startup_ms OR NEW.stalls IS NOT OLD.stalls OR NEW.stalled_ms IS NOT OLD.stalled_ms
        OR NEW.seeks IS NOT OLD.seeks OR NEW.pauses IS NOT OLD.pauses OR NEW.errors IS NOT OLD.errors
        OR NEW.ended IS NOT OLD.ended OR NEW.first_at IS NOT OLD.first_at OR NEW.last_at IS NOT OLD.last_at)
BEGIN
    UPDATE view_days SET seen_ms = seen_ms + NEW.seen_ms - OLD.seen_ms,
        played_ms = played_ms + NEW.played_ms - OLD.played_ms, playing_ms = playing_ms + NEW.playing_ms - OLD.playing_ms,
        startups = startups + (CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END)
        - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END),
        stalls = stalls + NEW.stalls - OLD.stalls, stalled_ms = stalled_ms + NEW.stalled_ms - OLD.stalled_ms,
        seeks = seeks + NEW.seeks - OLD.seeks, pauses = pauses + NEW.pauses - OLD.pauses,
        errors = errors + NEW.errors - OLD.errors, ended = ended + (CASE WHEN NEW.ended THEN 1 ELSE 0 END)
        - (CASE WHEN OLD.ended THEN 1 ELSE 0 END),
        longest_micros = MAX(longest_micros, NEW.last_at - NEW.first_at)
    WHERE day = NEW.first_at / 86400000000 AND recording_id = NEW.recording_id AND source = NEW.source;
    UPDATE view_totals SET seen_ms = seen_ms + NEW.seen_ms - OLD.seen_ms,
        played_ms = played_ms + NEW.played_ms - OLD.played_ms, playing_ms = playing_ms + NEW.playing_ms - OLD.playing_ms,
        startups = startups + (CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END)
        - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END),
        stalls = stalls + NEW.stalls - OLD.stalls, stalled_ms = stalled_ms + NEW.stalled_ms - OLD.stalled_ms,
        seeks = seeks + NEW.seeks - OLD.seeks, pauses = pauses + NEW.pauses - OLD.pauses,
        errors = errors + NEW.errors - OLD.errors, ended = ended + (CASE WHEN NEW.ended THEN 1 ELSE 0 END)
        - (CASE WHEN OLD.ended THEN 1 ELSE 0 END)
    WHERE day = NEW.first_at / 86400000000 AND source = NEW.source;
END;

-- It counts from now on, or of another day, source or viewer.
CREATE TRIGGER view_sessions_move AFTER UPDATE ON view_sessions
WHEN (NEW.next_number > 0) <> (OLD.next_number > 0)
    OR (NEW.next_number > 0 AND (NEW.first_at / 86400000000 <> OLD.first_at / 86400000000 OR NEW.source <> OLD.source
        OR NEW.viewer <> OLD.viewer
        OR NEW.recording_id <> OLD.recording_id))
BEGIN
    UPDATE view_days SET sessions = sessions - 1, seen_ms = seen_ms - OLD.seen_ms, played_ms = played_ms - OLD.played_ms,
        playing_ms = playing_ms - OLD.playing_ms,
        startups = startups - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END), stalls = stalls - OLD.stalls,
        stalled_ms = stalled_ms - OLD.stalled_ms, seeks = seeks - OLD.seeks, pauses = pauses - OLD.pauses,
        errors = errors - OLD.errors, ended = ended - (CASE WHEN OLD.ended THEN 1 ELSE 0 END)
    WHERE day = OLD.first_at / 86400000000 AND recording_id = OLD.recording_id AND source = OLD.source
        AND OLD.next_number > 0;
    DELETE FROM view_days WHERE day = OLD.first_at / 86400000000 AND recording_id = OLD.recording_id
        AND source = OLD.source AND sessions = 0 AND OLD.next_number > 0;
    UPDATE view_totals SET sessions = sessions - 1, seen_ms = seen_ms - OLD.seen_ms, played_ms = played_ms - OLD.played_ms,
        playing_ms = playing_ms - OLD.playing_ms,
        startups = startups - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END), stalls = stalls - OLD.stalls,
        stalled_ms = stalled_ms - OLD.stalled_ms, seeks = seeks - OLD.seeks, pauses = pauses - OLD.pauses,
        errors = errors - OLD.errors, ended = ended - (CASE WHEN OLD.ended THEN 1 ELSE 0 END)
    WHERE day = OLD.first_at / 86400000000 AND source = OLD.source AND OLD.next_number > 0;
    DELETE FROM view_totals WHERE day = OLD.first_at / 86400000000 AND source = OLD.source AND sessions = 0
        AND OLD.next_number > 0;
    UPDATE view_day_viewers SET sessions = sessions - 1 WHERE day = OLD.first_at / 86400000000
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END AND OLD.next_number > 0;
    DELETE FROM view_day_viewers WHERE day = OLD.first_at / 86400000000
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END AND sessions = 0
        AND OLD.next_number > 0;
    INSERT INTO view_days (day, recording_id, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls,
        stalled_ms, seeks, pauses, errors, ended, longest_micros)
    SELECT NEW.first_at / 86400000000, NEW.recording_id, NEW.source, 1, NEW.seen_ms, NEW.played_ms, NEW.playing_ms,
        CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END, NEW.stalls, NEW.stalled_ms, NEW.seeks, NEW.pauses, NEW.errors,
        CASE WHEN NEW.ended THEN 1 ELSE 0 END, NEW.last_at - NEW.first_at
    WHERE NEW.next_number > 0
    ON CONFLICT (day, recording_id, source) DO UPDATE SET sessions = view_days.sessions + excluded.sessions,
        seen_ms = view_days.seen_ms + excluded.seen_ms, played_ms = view_days.played_ms + excluded.played_ms,
        playing_ms = view_days.playing_ms + excluded.playing_ms, startups = view_days.startups + excluded.startups,
        stalls = view_days.stalls + excluded.stalls, stalled_ms = view_days.stalled_ms + excluded.stalled_ms,
        seeks = view_days.seeks + excluded.seeks, pauses = view_days.pauses + excluded.pauses,
        errors = view_days.errors + excluded.errors, ended = view_days.ended + excluded.ended,
        longest_micros = MAX(view_days.longest_micros, excluded.longest_micros);
    INSERT INTO view_totals (day, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls, stalled_ms, seeks,
        pauses, errors, ended)
    SELECT NEW.first_at / 86400000000, NEW.source, 1, NEW.seen_ms, NEW.played_ms, NEW.playing_ms,
        CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END, NEW.stalls, NEW.stalled_ms, NEW.seeks, NEW.pauses, NEW.errors,
        CASE WHEN NEW.ended THEN 1 ELSE 0 END
    WHERE NEW.next_number > 0
    ON CONFLICT (day, source) DO UPDATE SET sessions = view_totals.sessions + excluded.sessions,
        seen_ms = view_totals.seen_ms + excluded.seen_ms, played_ms = view_totals.played_ms + excluded.played_ms,
        playing_ms = view_totals.playing_ms + excluded.playing_ms, startups = view_totals.startups + excluded.startups,
        stalls = view_totals.stalls + excluded.stalls, stalled_ms = view_totals.stalled_ms + excluded.stalled_ms,
        seeks = view_totals.seeks + excluded.seeks, pauses = view_totals.pauses + excluded.pauses,
        errors = view_totals.errors + excluded.errors, ended = view_totals.ended + excluded.ended;
    INSERT INTO view_day_viewers (day, viewer, sessions) SELECT NEW.first_at / 86400000000,
        CASE WHEN NEW.viewer = 'n' THEN 'n:' || CAST(NEW.id AS TEXT) ELSE NEW.viewer END, 1
    WHERE NEW.next_number > 0
    ON CONFLICT (day, viewer) DO UPDATE SET sessions = view_day_viewers.sessions + 1;
END;

-- What it saw, or who saw it.
CREATE TRIGGER view_sessions_saw AFTER UPDATE ON view_sessions
WHEN (NEW.next_number > 0) <> (OLD.next_number > 0) OR NEW.viewer <> OLD.viewer OR NEW.seen <> OLD.seen
BEGIN
    INSERT INTO view_stale_viewers (recording_id, viewer) SELECT NEW.recording_id,
        CASE WHEN NEW.viewer = 'n' THEN 'n:' || CAST(NEW.id AS TEXT) ELSE NEW.viewer END
    WHERE NEW.next_number > 0 ON CONFLICT (recording_id, viewer) DO NOTHING;
    INSERT INTO view_stale_viewers (recording_id, viewer) SELECT OLD.recording_id,
        CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END
    WHERE EXISTS (SELECT 1 FROM recordings WHERE id = OLD.recording_id)
        AND EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0) AND OLD.next_number > 0 AND (NEW.viewer <> OLD.viewer
        OR NEW.next_number = 0)
    ON CONFLICT (recording_id, viewer) DO NOTHING;
    UPDATE view_recordings SET dirty = 1 WHERE recording_id = OLD.recording_id AND OLD.next_number > 0
        AND (NEW.viewer <> OLD.viewer OR NEW.next_number = 0)
        AND EXISTS (SELECT 1 FROM view_viewers WHERE recording_id = OLD.recording_id
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END)
        AND NOT EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0);
    DELETE FROM view_viewers WHERE recording_id = OLD.recording_id
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END AND OLD.next_number > 0
        AND (NEW.viewer <> OLD.viewer OR NEW.next_number = 0)
        AND NOT EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0);
    DELETE FROM view_stale_viewers WHERE recording_id = OLD.recording_id
        AND viewer = CASE WHEN OLD.viewer = 'n' THEN 'n:' || CAST(OLD.id AS TEXT) ELSE OLD.viewer END AND OLD.next_number > 0
        AND (NEW.viewer <> OLD.viewer OR NEW.next_number = 0)
        AND NOT EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = OLD.recording_id AND o.viewer = OLD.viewer
        AND OLD.viewer <> 'n' AND o.next_number > 0);
END;

-- When it was.
CREATE TRIGGER view_sessions_when AFTER UPDATE ON view_sessions
WHEN (NEW.next_number > 0) <> (OLD.next_number > 0) OR NEW.first_at <> OLD.first_at OR NEW.last_at <> OLD.last_at
BEGIN
    INSERT INTO view_stale_days (recording_id, first_day, last_day) SELECT NEW.recording_id, NEW.first_at / 86400000000,
        NEW.last_at / 86400000000
    WHERE NEW.next_number > 0 ON CONFLICT (recording_id, first_day, last_day) DO NOTHING;
    INSERT INTO view_stale_days (recording_id, first_day, last_day) SELECT OLD.recording_id, OLD.first_at / 86400000000,
        OLD.last_at / 86400000000
    WHERE OLD.next_number > 0 ON CONFLICT (recording_id, first_day, last_day) DO NOTHING;
END;
