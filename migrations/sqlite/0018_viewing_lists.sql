-- Lists of viewing sessions, who watches now, and the shares of renditions, devices and players.

-- Playing time by rendition: pairs such as ["720p", milliseconds].
ALTER TABLE view_sessions ADD COLUMN renditions TEXT NOT NULL DEFAULT '[]';

-- Sessions that go on now. (All by time: view_sessions_by_time.)
CREATE INDEX view_sessions_by_last ON view_sessions (last_at);
CREATE INDEX view_sessions_by_recording_last ON view_sessions (recording_id, last_at);

-- Sums over the sessions of a recording: how many, and for how long in all. Of 'rendition' that is playing time, of the others
-- media that was watched. Kept by triggers, so that they are right whatever wrote a session. 'all' is changed first and
-- always: two transactions that count for one recording wait for each other there, and nowhere else.
CREATE TABLE view_shares (
    recording_id     TEXT    NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    kind             TEXT    NOT NULL CHECK (kind IN ('all', 'device', 'player', 'rendition')),
    name             TEXT    NOT NULL,
    sessions         BIGINT  NOT NULL,
    ms               BIGINT  NOT NULL,
    PRIMARY KEY (recording_id, kind, name)
) WITHOUT ROWID;
-- Of what was there before no renditions are known until `tureen analytics rebuild`.
INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
SELECT recording_id, 'all', '', COUNT(*), SUM(played_ms) FROM view_sessions GROUP BY recording_id
UNION ALL
SELECT recording_id, 'device', device, COUNT(*), SUM(played_ms) FROM view_sessions GROUP BY recording_id, device
UNION ALL
SELECT recording_id, 'player', player, COUNT(*), SUM(played_ms) FROM view_sessions
WHERE player IS NOT NULL GROUP BY recording_id, player;

CREATE TRIGGER view_sessions_shares_new AFTER INSERT ON view_sessions
BEGIN
    INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
    SELECT NEW.recording_id, kind, name, 1, ms FROM (
        SELECT 'all' AS kind, '' AS name, NEW.played_ms AS ms
        UNION ALL SELECT 'device', NEW.device, NEW.played_ms
        UNION ALL SELECT 'player', NEW.player, NEW.played_ms WHERE NEW.player IS NOT NULL
        UNION ALL SELECT 'rendition', json_extract(value, '$[0]'), json_extract(value, '$[1]')
            FROM json_each(NEW.renditions)
    ) added WHERE TRUE
    ON CONFLICT (recording_id, kind, name) DO UPDATE
    SET sessions = view_shares.sessions + excluded.sessions, ms = view_shares.ms + excluded.ms;
END;

CREATE TRIGGER view_sessions_shares AFTER UPDATE OF played_ms, device, player, renditions ON view_sessions
WHEN OLD.played_ms <> NEW.played_ms OR OLD.device <> NEW.device OR OLD.player IS NOT NEW.player
    OR OLD.renditions <> NEW.renditions
BEGIN
    INSERT INTO view_shares (recording_id, kind, name, sessions, ms)
    SELECT NEW.recording_id, kind, name, SUM(sessions), SUM(ms) FROM (
        SELECT 'all' AS kind, '' AS name, 0 AS sessions, NEW.played_ms - OLD.played_ms AS ms
        UNION ALL SELECT 'device', NEW.device, 1, NEW.played_ms
        UNION ALL SELECT 'device', OLD.device, -1, -OLD.played_ms
        UNION ALL SELECT 'player', NEW.player, 1, NEW.played_ms WHERE NEW.player IS NOT NULL
        UNION ALL SELECT 'player', OLD.player, -1, -OLD.played_ms WHERE OLD.player IS NOT NULL
        UNION ALL SELECT 'rendition', json_extract(value, '$[0]'), 1, json_extract(value, '$[1]')
            FROM json_each(NEW.renditions)
        UNION ALL SELECT 'rendition', json_extract(value, '$[0]'), -1, -json_extract(value, '$[1]')
            FROM json_each(OLD.renditions)
    ) changed GROUP BY kind, name HAVING SUM(sessions) <> 0 OR SUM(ms) <> 0
    ON CONFLICT (recording_id, kind, name) DO UPDATE
    SET sessions = view_shares.sessions + excluded.sessions, ms = view_shares.ms + excluded.ms;
    -- What only an erased viewer's player was called is kept nowhere.
    DELETE FROM view_shares
    WHERE recording_id = NEW.recording_id AND kind = 'player' AND name = OLD.player AND sessions <= 0;
END;
