-- Lists of viewing sessions, who watches now, and the shares of renditions, devices and players.

-- Playing time by rendition: pairs such as ["720p", milliseconds].
ALTER TABLE view_sessions ADD COLUMN renditions TEXT COLLATE "C" NOT NULL DEFAULT '[]';

-- Sessions that go on now. (All by time: view_sessions_by_time.)
CREATE INDEX view_sessions_by_last ON view_sessions (last_at);
CREATE INDEX view_sessions_by_recording_last ON view_sessions (recording_id, last_at);

-- Sums over the sessions of a recording: how many, and for how long in all. Of 'rendition' that is playing time, of the others
-- media that was watched. Kept by triggers, so that they are right whatever wrote a session. 'all' is changed first and
-- always: two transactions that count for one recording wait for each other there, and nowhere else.
CREATE TABLE view_shares (
    recording_id     TEXT COLLATE "C" NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    kind             TEXT COLLATE "C" NOT NULL CHECK (kind IN ('all', 'device', 'player', 'rendition')),
    name             TEXT COLLATE "C" NOT NULL,
    sessions         BIGINT  NOT NULL,
    ms               BIGINT  NOT NULL,
    PRIMARY KEY (recording_id, kind, name)
);
-- Of what was there before no renditions are known until `tureen analytics rebuild`.
INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
SELECT recording_id, 'all', '', COUNT(*), SUM(played_ms) FROM view_sessions GROUP BY recording_id
UNION ALL
SELECT recording_id, 'device', device, COUNT(*), SUM(played_ms) FROM view_sessions GROUP BY recording_id, device
UNION ALL
SELECT recording_id, 'player', player, COUNT(*), SUM(played_ms) FROM view_sessions
WHERE player IS NOT NULL GROUP BY recording_id, player;

CREATE FUNCTION view_sessions_share() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    known BIGINT := 0;
    played BIGINT := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        known := 1;
        played := OLD.played_ms;
    END IF;
    -- Before any other row of the recording.
    INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
    VALUES (NEW.recording_id, 'all', '', 1 - known, NEW.played_ms - played)
    ON CONFLICT (recording_id, kind, name) DO UPDATE
    SET sessions = view_shares.sessions + excluded.sessions, ms = view_shares.ms + excluded.ms;
    INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
    SELECT NEW.recording_id, changed.kind, changed.name, SUM(changed.sessions), SUM(changed.ms) FROM (
        SELECT 'device' AS kind, NEW.device AS name, 1 AS sessions, NEW.played_ms AS ms
        UNION ALL SELECT 'device', OLD.device, -1, -played WHERE known = 1
        UNION ALL SELECT 'player', NEW.player, 1, NEW.played_ms WHERE NEW.player IS NOT NULL
        UNION ALL SELECT 'player', OLD.player, -1, -played WHERE known = 1 AND OLD.player IS NOT NULL
        UNION ALL SELECT 'rendition', one ->> 0, 1, CAST(one ->> 1 AS BIGINT)
            FROM jsonb_array_elements(CAST(NEW.renditions AS jsonb)) AS one
        UNION ALL SELECT 'rendition', one ->> 0, -1, -CAST(one ->> 1 AS BIGINT)
            FROM jsonb_array_elements(CAST(CASE WHEN known = 1 THEN OLD.renditions ELSE '[]' END AS jsonb)) AS one
    ) AS changed GROUP BY changed.kind, changed.name HAVING SUM(changed.sessions) <> 0 OR SUM(changed.ms) <> 0
    ON CONFLICT (recording_id, kind, name) DO UPDATE
    SET sessions = view_shares.sessions + excluded.sessions, ms = view_shares.ms + excluded.ms;
    -- What only an erased viewer's player was called is kept nowhere.
    IF known = 1 THEN
        DELETE FROM view_shares
        WHERE recording_id = NEW.recording_id AND kind = 'player' AND name = OLD.player AND sessions <= 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER view_sessions_shares_new AFTER INSERT ON view_sessions
FOR EACH ROW EXECUTE FUNCTION view_sessions_share();
CREATE TRIGGER view_sessions_shares AFTER UPDATE OF played_ms, device, player, renditions ON view_sessions
FOR EACH ROW WHEN (OLD.played_ms <> NEW.played_ms OR OLD.device <> NEW.device OR OLD.player IS DISTINCT FROM NEW.player
    OR OLD.renditions <> NEW.renditions)
EXECUTE FUNCTION view_sessions_share();
