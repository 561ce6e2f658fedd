-- How true a track is to what was sent, as the recorder counted it: an object in JSON. Written while it is recorded.
ALTER TABLE tracks ADD COLUMN integrity TEXT NOT NULL DEFAULT '{}';
