-- Who spoke when, as the SFU told: from a place on the recording's timeline until another one; open while it lasts.
CREATE TABLE speaker_turns (
    recording_id     TEXT   NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    start_micros     BIGINT NOT NULL CHECK (start_micros >= 0),
    end_micros       BIGINT CHECK (end_micros >= start_micros),
    participant_id   TEXT   NOT NULL REFERENCES recording_participants (id) ON DELETE CASCADE,
    PRIMARY KEY (recording_id, start_micros)
) WITHOUT ROWID;
