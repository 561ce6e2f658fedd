-- How long the parts of a recording's low-latency playlists may be: they promise it, so it never changes.
ALTER TABLE recordings ADD COLUMN part_micros BIGINT NOT NULL DEFAULT 500000;
