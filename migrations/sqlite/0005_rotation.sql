-- How the pictures of a run must be turned clockwise to be upright, in degrees. Width and height are as coded.
ALTER TABLE runs ADD COLUMN rotation BIGINT NOT NULL DEFAULT 0 CHECK (rotation IN (0, 90, 180, 270));
