-- What people and tools for reports read: the same rows with times as timestamptz and media times as seconds.
CREATE FUNCTION wall_time(micros BIGINT) RETURNS TIMESTAMPTZ
    LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT TIMESTAMPTZ 'epoch' + micros * INTERVAL '1 microsecond' $$;

CREATE VIEW report_recordings AS
SELECT id, room_id, title, description, started_by, wall_time(started_at) AS started_at,
       wall_time(stopped_at) AS stopped_at, duration_micros / 1e6 AS duration_seconds, status, format,
       file_size_bytes, mime_type, resolution, codecs, error_message, CAST(source AS JSON) AS source,
       CAST(metadata AS JSON) AS metadata, wall_time(created_at) AS created_at,
       wall_time(updated_at) AS updated_at, wall_time(deleted_at) AS deleted_at
FROM recordings;

CREATE VIEW report_participants AS
SELECT id, recording_id, user_id, peer_id, display_name, wall_time(joined_at) AS joined_at,
       wall_time(left_at) AS left_at
FROM recording_participants;

CREATE VIEW report_tracks AS
SELECT t.id, t.recording_id, t.participant_id, t.kind, t.source, t.codec, t.layer, t.picture_id,
       wall_time(t.started_at) AS started_at, CAST(t.start_ticks AS NUMERIC) / t.timescale AS offset_seconds,
       wall_time(t.ended_at) AS ended_at, t.error_message, CAST(t.integrity AS JSON) AS integrity,
       COALESCE(s.segments, 0) AS segments, COALESCE(s.bytes, 0) AS bytes,
       COALESCE(s.ticks, 0) / t.timescale AS media_seconds
FROM tracks t
LEFT JOIN (SELECT track_id, COUNT(*) AS segments, SUM(byte_length) AS bytes, SUM(duration_ticks) AS ticks
           FROM segments GROUP BY track_id) s ON s.track_id = t.id;

CREATE VIEW report_gaps AS
SELECT t.recording_id, g.track_id, g.number, g.cause, g.kind,
       CAST(g.start_ticks AS NUMERIC) / t.timescale AS offset_seconds,
       CAST(g.duration_ticks AS NUMERIC) / t.timescale AS duration_seconds, g.open
FROM gaps g JOIN tracks t ON t.id = g.track_id;

CREATE VIEW report_pauses AS
SELECT recording_id, number, at_micros / 1e6 AS offset_seconds, wall_time(began_at) AS began_at,
       wall_time(ended_at) AS ended_at
FROM pauses;

CREATE VIEW report_speaker_turns AS
SELECT recording_id, participant_id, start_micros / 1e6 AS offset_seconds,
       (end_micros - start_micros) / 1e6 AS duration_seconds
FROM speaker_turns;

CREATE VIEW report_events AS
SELECT position, id, recording_id, sequence, type, wall_time(at) AS at, CAST(data AS JSON) AS data FROM events;

CREATE VIEW report_webhook_deliveries AS
SELECT d.id, d.target_id, t.url, d.recording_id, d.position, d.state, d.attempts,
       wall_time(d.created_at) AS created_at, wall_time(d.due_at) AS due_at, wall_time(d.ended_at) AS ended_at,
       d.status, d.error
FROM webhook_deliveries d JOIN webhook_targets t ON t.id = d.target_id;
