-- Spatial layers that are tracks of their own: layer counts from 0, the smallest; picture_id is the id of the first
-- track of the picture that they are layers of. Both are NULL for a track that is not one of several layers.
ALTER TABLE tracks ADD COLUMN layer BIGINT CHECK (layer >= 0);
ALTER TABLE tracks ADD COLUMN picture_id TEXT;
