-- What viewing sessions come to, kept with each change of theirs (docs/design/analytics.md). All of it can be made of
-- view_sessions again: `tureen analytics rebuild`. A day counts from 1970 in UTC and is that of a session's first event.
-- Sessions count from their first event on (next_number > 0).

-- By day, recording and source.
CREATE TABLE view_days (
    day              BIGINT NOT NULL,
    recording_id     TEXT COLLATE "C" NOT NULL,
    source           TEXT COLLATE "C" NOT NULL,
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
);
CREATE INDEX view_days_by_recording ON view_days (recording_id, day);

-- The same of all recordings.
CREATE TABLE view_totals (
    day              BIGINT NOT NULL,
    source           TEXT COLLATE "C" NOT NULL,
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
);

-- Who watched on a day; who asked not to be tracked is 'n:' and the session. And how many that are.
CREATE TABLE view_day_viewers (
    day              BIGINT NOT NULL,
    viewer           TEXT COLLATE "C" NOT NULL,
    sessions         BIGINT NOT NULL,
    PRIMARY KEY (day, viewer)
);
CREATE TABLE view_day_counts (
    day              BIGINT NOT NULL PRIMARY KEY,
    viewers          BIGINT NOT NULL
);

-- What a viewer saw of a recording, as far as it was asked for: the union of what their sessions saw.
CREATE TABLE view_viewers (
    recording_id     TEXT COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    viewer           TEXT COLLATE "C" NOT NULL,
    seen             BYTEA NOT NULL,
    permille         BIGINT NOT NULL,
    PRIMARY KEY (recording_id, viewer)
);

-- What all of them saw, of the media and the length that it was made of.
CREATE TABLE view_recordings (
    recording_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    media            BYTEA NOT NULL,
    length_ms        BIGINT NOT NULL,
    viewers          BIGINT NOT NULL,
    completed        BIGINT NOT NULL,
    permille         BIGINT NOT NULL,
    curve            BYTEA NOT NULL,
    seen             BYTEA NOT NULL,
    -- A viewer is gone whose part in it is not known any more: it is to be made of view_viewers again.
    dirty            BOOLEAN NOT NULL DEFAULT FALSE
);

-- The most sessions at one moment of a day, and the last event of those that began on it.
CREATE TABLE view_peaks (
    recording_id     TEXT COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    day              BIGINT NOT NULL,
    sessions         BIGINT NOT NULL,
    at_ms            BIGINT NOT NULL,
    last_at          BIGINT NOT NULL,
    PRIMARY KEY (recording_id, day)
);

-- Viewers and days of a recording whose rows above are to be made again before anybody is told of them.
CREATE TABLE view_stale_viewers (
    recording_id     TEXT COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    viewer           TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (recording_id, viewer)
);
CREATE TABLE view_stale_days (
    recording_id     TEXT COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    first_day        BIGINT NOT NULL,
    last_day         BIGINT NOT NULL,
    PRIMARY KEY (recording_id, first_day, last_day)
);

CREATE INDEX view_sessions_by_startup ON view_sessions (recording_id, startup_ms) WHERE startup_ms IS NOT NULL;
DROP INDEX view_sessions_by_recording;
CREATE INDEX view_sessions_by_recording ON view_sessions (recording_id, first_at, viewer, id);
CREATE INDEX view_sessions_by_time ON view_sessions (first_at, recording_id, viewer);

CREATE FUNCTION view_key(s view_sessions) RETURNS TEXT LANGUAGE SQL IMMUTABLE
    AS $$ SELECT CASE WHEN s.viewer = 'n' THEN 'n:' || CAST(s.id AS TEXT) ELSE s.viewer END $$;

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
CREATE FUNCTION view_day_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO view_day_counts (day, viewers) VALUES (NEW.day, 1)
        ON CONFLICT (day) DO UPDATE SET viewers = view_day_counts.viewers + 1;
    ELSE
        UPDATE view_day_counts SET viewers = viewers - 1 WHERE day = OLD.day;
        DELETE FROM view_day_counts WHERE day = OLD.day AND viewers = 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER view_day_counted AFTER INSERT OR DELETE ON view_day_viewers
    FOR EACH ROW EXECUTE FUNCTION view_day_counted();

-- Puts a session into the sums, or takes it out with sign -1.
CREATE FUNCTION view_put(s view_sessions, sign BIGINT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO view_days (day, recording_id, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls,
        stalled_ms, seeks, pauses, errors, ended, longest_micros)
    VALUES (s.first_at / 86400000000, s.recording_id, s.source, sign, sign * s.seen_ms, sign * s.played_ms,
        sign * s.playing_ms, sign * (CASE WHEN s.startup_ms IS NULL THEN 0 ELSE 1 END), sign * s.stalls,
        sign * s.stalled_ms, sign * s.seeks, sign * s.pauses, sign * s.errors, sign * (CASE WHEN s.ended THEN 1 ELSE 0 END),
        s.last_at - s.first_at)
    ON CONFLICT (day, recording_id, source) DO UPDATE SET sessions = view_days.sessions + excluded.sessions,
        seen_ms = view_days.seen_ms + excluded.seen_ms, played_ms = view_days.played_ms + excluded.played_ms,
        playing_ms = view_days.playing_ms + excluded.playing_ms, startups = view_days.startups + excluded.startups,
        stalls = view_days.stalls + excluded.stalls, stalled_ms = view_days.stalled_ms + excluded.stalled_ms,
        seeks = view_days.seeks + excluded.seeks, pauses = view_days.pauses + excluded.pauses,
        errors = view_days.errors + excluded.errors, ended = view_days.ended + excluded.ended,
        longest_micros = GREATEST(view_days.longest_micros, excluded.longest_micros);
    INSERT INTO view_totals (day, source, sessions, seen_ms, played_ms, playing_ms, startups, stalls, stalled_ms, seeks,
        pauses, errors, ended)
    VALUES (s.first_at / 86400000000, s.source, sign, sign * s.seen_ms, sign * s.played_ms, sign * s.playing_ms,
        sign * (CASE WHEN s.startup_ms IS NULL THEN 0 ELSE 1 END), sign * s.stalls, sign * s.stalled_ms, sign * s.seeks,
        sign * s.pauses, sign * s.errors, sign * (CASE WHEN s.ended THEN 1 ELSE 0 END))
    ON CONFLICT (day, source) DO UPDATE SET sessions = view_totals.sessions + excluded.sessions,
        seen_ms = view_totals.seen_ms + excluded.seen_ms, played_ms = view_totals.played_ms + excluded.played_ms,
        playing_ms = view_totals.playing_ms + excluded.playing_ms, startups = view_totals.startups + excluded.startups,
        stalls = view_totals.stalls + excluded.stalls, stalled_ms = view_totals.stalled_ms + excluded.stalled_ms,
        seeks = view_totals.seeks + excluded.seeks, pauses = view_totals.pauses + excluded.pauses,
        errors = view_totals.errors + excluded.errors, ended = view_totals.ended + excluded.ended;
    INSERT INTO view_day_viewers (day, viewer, sessions) VALUES (s.first_at / 86400000000, view_key(s), sign)
    ON CONFLICT (day, viewer) DO UPDATE SET sessions = view_day_viewers.sessions + excluded.sessions;
    IF sign < 0 THEN
        DELETE FROM view_days v
        WHERE v.day = s.first_at / 86400000000 AND v.recording_id = s.recording_id AND v.source = s.source
        AND v.sessions = 0;
        DELETE FROM view_totals v WHERE v.day = s.first_at / 86400000000 AND v.source = s.source AND v.sessions = 0;
        DELETE FROM view_day_viewers v WHERE v.day = s.first_at / 86400000000 AND v.viewer = view_key(s) AND v.sessions = 0;
    END IF;
END $$;

-- A viewer has a session less.
CREATE FUNCTION view_leave(s view_sessions) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM view_sessions o WHERE o.recording_id = s.recording_id AND o.viewer = s.viewer
                  AND s.viewer <> 'n' AND o.next_number > 0) THEN
        INSERT INTO view_stale_viewers (recording_id, viewer) SELECT s.recording_id, view_key(s)
        WHERE EXISTS (SELECT 1 FROM recordings r WHERE r.id = s.recording_id)
        ON CONFLICT (recording_id, viewer) DO NOTHING;
    ELSE
        DELETE FROM view_viewers v WHERE v.recording_id = s.recording_id AND v.viewer = view_key(s);
        IF FOUND THEN
            UPDATE view_recordings SET dirty = TRUE WHERE recording_id = s.recording_id;
        END IF;
        DELETE FROM view_stale_viewers v WHERE v.recording_id = s.recording_id AND v.viewer = view_key(s);
    END IF;
END $$;

-- Days of a recording on which a session ran.
CREATE FUNCTION view_ran(s view_sessions) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO view_stale_days (recording_id, first_day, last_day)
    SELECT s.recording_id, s.first_at / 86400000000, s.last_at / 86400000000
    WHERE EXISTS (SELECT 1 FROM recordings r WHERE r.id = s.recording_id)
    ON CONFLICT (recording_id, first_day, last_day) DO NOTHING;
END $$;

CREATE FUNCTION view_session_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was BOOLEAN := FALSE;
    is_now BOOLEAN := FALSE;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        was := OLD.next_number > 0;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        is_now := NEW.next_number > 0;
    END IF;
    IF was AND is_now AND NEW.first_at / 86400000000 = OLD.first_at / 86400000000 AND NEW.source = OLD.source
        AND NEW.viewer = OLD.viewer
        AND NEW.recording_id = OLD.recording_id
    THEN
        -- Its numbers change: what most events do.
        IF (NEW.seen_ms, NEW.played_ms, NEW.playing_ms, NEW.startup_ms, NEW.stalls, NEW.stalled_ms, NEW.seeks, NEW.pauses,
        NEW.errors, NEW.ended, NEW.first_at, NEW.last_at)
            IS DISTINCT FROM
            (OLD.seen_ms, OLD.played_ms, OLD.playing_ms, OLD.startup_ms, OLD.stalls, OLD.stalled_ms, OLD.seeks, OLD.pauses,
            OLD.errors, OLD.ended, OLD.first_at, OLD.last_at)
        THEN
            UPDATE view_days SET seen_ms = seen_ms + NEW.seen_ms - OLD.seen_ms,
            played_ms = played_ms + NEW.played_ms - OLD.played_ms,
            playing_ms = playing_ms + NEW.playing_ms - OLD.playing_ms,
            startups = startups + (CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END)
            - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END),
            stalls = stalls + NEW.stalls - OLD.stalls, stalled_ms = stalled_ms + NEW.stalled_ms - OLD.stalled_ms,
            seeks = seeks + NEW.seeks - OLD.seeks, pauses = pauses + NEW.pauses - OLD.pauses,
            errors = errors + NEW.errors - OLD.errors, ended = ended + (CASE WHEN NEW.ended THEN 1 ELSE 0 END)
            - (CASE WHEN OLD.ended THEN 1 ELSE 0 END),
                longest_micros = GREATEST(longest_micros, NEW.last_at - NEW.first_at)
            WHERE day = NEW.first_at / 86400000000 AND recording_id = NEW.recording_id AND source = NEW.source;
            UPDATE view_totals SET seen_ms = seen_ms + NEW.seen_ms - OLD.seen_ms,
            played_ms = played_ms + NEW.played_ms - OLD.played_ms,
            playing_ms = playing_ms + NEW.playing_ms - OLD.playing_ms,
            startups = startups + (CASE WHEN NEW.startup_ms IS NULL THEN 0 ELSE 1 END)
            - (CASE WHEN OLD.startup_ms IS NULL THEN 0 ELSE 1 END),
            stalls = stalls + NEW.stalls - OLD.stalls, stalled_ms = stalled_ms + NEW.stalled_ms - OLD.stalled_ms,
            seeks = seeks + NEW.seeks - OLD.seeks, pauses = pauses + NEW.pauses - OLD.pauses,
            errors = errors + NEW.errors - OLD.errors, ended = ended + (CASE WHEN NEW.ended THEN 1 ELSE 0 END)
            - (CASE WHEN OLD.ended THEN 1 ELSE 0 END)
            WHERE day = NEW.first_at / 86400000000 AND source = NEW.source;
        END IF;
    ELSE
        IF was THEN
            PERFORM view_put(OLD, -1);
        END IF;
        IF is_now THEN
            PERFORM view_put(NEW, 1);
        END IF;
    END IF;
    IF is_now AND (NOT was OR NEW.viewer <> OLD.viewer OR NEW.seen <> OLD.seen) THEN
        INSERT INTO view_stale_viewers (recording_id, viewer) VALUES (NEW.recording_id, view_key(NEW))
        ON CONFLICT (recording_id, viewer) DO NOTHING;
    END IF;
    IF was AND (NOT is_now OR NEW.viewer <> OLD.viewer) THEN
        PERFORM view_leave(OLD);
    END IF;
    IF is_now AND (NOT was OR NEW.first_at <> OLD.first_at OR NEW.last_at <> OLD.last_at) THEN
        PERFORM view_ran(NEW);
    END IF;
    IF was AND (NOT is_now OR NEW.first_at <> OLD.first_at OR NEW.last_at <> OLD.last_at) THEN
        PERFORM view_ran(OLD);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER view_session_changed AFTER INSERT OR UPDATE OR DELETE ON view_sessions
    FOR EACH ROW EXECUTE FUNCTION view_session_changed();
