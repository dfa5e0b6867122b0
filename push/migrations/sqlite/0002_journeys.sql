-- The journey of an event through this service, told to the microsecond; and outcomes that wait
-- for the commit of their record's offset.

-- How the record was read: JSON.
ALTER TABLE events ADD COLUMN reading TEXT;

-- From here on the times of a try are microseconds since 1970, UTC.
UPDATE deliveries SET claimed_at = claimed_at * 1000, sent_at = sent_at * 1000,
                      answered_at = answered_at * 1000;
-- Where it was sent; the subscription itself may be gone by the time it is told.
ALTER TABLE deliveries ADD COLUMN endpoint TEXT;

-- The record whose offset must be committed before this one goes; none for a dead letter.
ALTER TABLE outbox ADD COLUMN source_topic TEXT;
ALTER TABLE outbox ADD COLUMN source_partition INTEGER;
ALTER TABLE outbox ADD COLUMN source_offset INTEGER;
-- Milliseconds; what has waited too long goes without.
ALTER TABLE outbox ADD COLUMN create_at INTEGER NOT NULL DEFAULT 0;

-- How far the group has committed, as far as it was told to anyone here.
CREATE TABLE commits (
    topic        TEXT    NOT NULL,
    partition    INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL,
    -- Microseconds.
    committed_at INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
