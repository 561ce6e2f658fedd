-- One row of the audit with all that is kept with it, in one statement: what a statement costs on its way to the database is
-- more than the row costs there. Several rows are added by statements of their own, with their sums made before.

CREATE VIEW audit_append AS
SELECT chain, seq, prev_hash, hash, at, action, phase, result, status, role, recording_id, room_id, session_id, share_id,
       request_id, route, bytes, duration_micros, detail, who, who_seal, address, user_agent, place_seal, target,
       target_seal
FROM audit_rows;

CREATE TRIGGER audit_append_row INSTEAD OF INSERT ON audit_append
BEGIN
    INSERT INTO audit_rows (chain, seq, prev_hash, hash, at, action, phase, result, status, role, recording_id, room_id,
                            session_id, share_id, request_id, route, bytes, duration_micros, detail, who, who_seal,
                            address, user_agent, place_seal, target, target_seal)
    VALUES (NEW.chain, NEW.seq, NEW.prev_hash, NEW.hash, NEW.at, NEW.action, NEW.phase, NEW.result, NEW.status, NEW.role,
            NEW.recording_id, NEW.room_id, NEW.session_id, NEW.share_id, NEW.request_id, NEW.route, NEW.bytes,
            NEW.duration_micros, NEW.detail, NEW.who, NEW.who_seal, NEW.address, NEW.user_agent, NEW.place_seal,
            NEW.target, NEW.target_seal);
    INSERT INTO audit_open (session_id, chain, seq)
    SELECT NEW.session_id, NEW.chain, NEW.seq WHERE NEW.phase = 'start' AND NEW.session_id IS NOT NULL;
    DELETE FROM audit_open WHERE NEW.phase = 'end' AND session_id = NEW.session_id;
    INSERT INTO audit_actions (day, action, result, phase, entries, bytes)
    VALUES (-1, NEW.action, NEW.result, NEW.phase, 1, COALESCE(NEW.bytes, 0)),
           (NEW.at / 86400000000, NEW.action, NEW.result, NEW.phase, 1, COALESCE(NEW.bytes, 0))
    ON CONFLICT (day, action, result, phase) DO UPDATE
    SET entries = audit_actions.entries + excluded.entries, bytes = audit_actions.bytes + excluded.bytes;
    INSERT INTO audit_actors (day, who, entries, bytes)
    SELECT days.day, NEW.who, 1, COALESCE(NEW.bytes, 0)
    FROM (SELECT -1 AS day UNION ALL SELECT NEW.at / 86400000000) days WHERE NEW.who IS NOT NULL
    ON CONFLICT (day, who) DO UPDATE
    SET entries = audit_actors.entries + excluded.entries, bytes = audit_actors.bytes + excluded.bytes;
END;
