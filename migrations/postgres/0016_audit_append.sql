-- One row of the audit with all that is kept with it, in one statement: what a statement costs on its way to the database is
-- more than the row costs there. Several rows are added by statements of their own, with their sums made before. Sums are
-- locked in the order in which those are, the older first, so that nobody waits for each other.

CREATE VIEW audit_append AS
SELECT chain, seq, prev_hash, hash, at, action, phase, result, status, role, recording_id, room_id, session_id, share_id,
       request_id, route, bytes, duration_micros, detail, who, who_seal, address, user_agent, place_seal, target,
       target_seal
FROM audit_rows;

CREATE FUNCTION audit_append_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_rows (chain, seq, prev_hash, hash, at, action, phase, result, status, role, recording_id, room_id,
                            session_id, share_id, request_id, route, bytes, duration_micros, detail, who, who_seal,
                            address, user_agent, place_seal, target, target_seal)
    VALUES (NEW.chain, NEW.seq, NEW.prev_hash, NEW.hash, NEW.at, NEW.action, NEW.phase, NEW.result, NEW.status, NEW.role,
            NEW.recording_id, NEW.room_id, NEW.session_id, NEW.share_id, NEW.request_id, NEW.route, NEW.bytes,
            NEW.duration_micros, NEW.detail, NEW.who, NEW.who_seal, NEW.address, NEW.user_agent, NEW.place_seal,
            NEW.target, NEW.target_seal);
    IF NEW.session_id IS NOT NULL THEN
        IF NEW.phase = 'start' THEN
            INSERT INTO audit_open (session_id, chain, seq) VALUES (NEW.session_id, NEW.chain, NEW.seq);
        ELSIF NEW.phase = 'end' THEN
            DELETE FROM audit_open WHERE session_id = NEW.session_id;
        END IF;
    END IF;
    INSERT INTO audit_actions (day, action, result, phase, entries, bytes)
    VALUES (-1, NEW.action, NEW.result, NEW.phase, 1, COALESCE(NEW.bytes, 0)),
           (NEW.at / 86400000000, NEW.action, NEW.result, NEW.phase, 1, COALESCE(NEW.bytes, 0))
    ON CONFLICT (day, action, result, phase) DO UPDATE
    SET entries = audit_actions.entries + excluded.entries, bytes = audit_actions.bytes + excluded.bytes;
    IF NEW.who IS NOT NULL THEN
        INSERT INTO audit_actors (day, who, entries, bytes)
        VALUES (-1, NEW.who, 1, COALESCE(NEW.bytes, 0)), (NEW.at / 86400000000, NEW.who, 1, COALESCE(NEW.bytes, 0))
        ON CONFLICT (day, who) DO UPDATE
        SET entries = audit_actors.entries + excluded.entries, bytes = audit_actors.bytes + excluded.bytes;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_append_row INSTEAD OF INSERT ON audit_append FOR EACH ROW EXECUTE FUNCTION audit_append_row();
