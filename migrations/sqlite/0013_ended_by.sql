-- By what a recording ended: stopped, one of its limits, the room, a failure. NULL while it runs, and of those that ended
-- before this was kept.
ALTER TABLE recordings ADD COLUMN ended_by TEXT CHECK (ended_by IN
    ('stop', 'max_duration', 'alone_timeout', 'idle_timeout', 'reconnect_timeout', 'room', 'storage', 'interruption'));
