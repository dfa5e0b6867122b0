-- The journey of a comment, told to the microsecond, and the verdict over all of them. Columns
-- whose names end in _us are microseconds since the epoch.

-- When the request that caused the event was read, when its transaction was committed, which
-- handlers of the in-process bus got the event (JSON), and when and how it was answered.
ALTER TABLE outbox ADD COLUMN requested_us BIGINT;
ALTER TABLE outbox ADD COLUMN committed_us BIGINT;
ALTER TABLE outbox ADD COLUMN raised_us BIGINT;
ALTER TABLE outbox ADD COLUMN handlers TEXT;
ALTER TABLE outbox ADD COLUMN answered_us BIGINT;
ALTER TABLE outbox ADD COLUMN answer_status INTEGER;
-- From sending the record to its acknowledgement.
ALTER TABLE outbox ADD COLUMN sent_us BIGINT;
ALTER TABLE outbox ADD COLUMN acked_us BIGINT;
-- What became of the event: delivered, dead or lost; it is waiting as long as there is none.
ALTER TABLE outbox ADD COLUMN fate TEXT;
CREATE INDEX outbox_of_trace ON outbox (substr(traceparent, 4, 32));
CREATE INDEX outbox_fates ON outbox (fate) WHERE comment_seq IS NOT NULL;
CREATE INDEX outbox_records ON outbox (topic, partition, record_offset);

-- The journey in the push service (JSON), and when its outcome was read.
ALTER TABLE push_outcomes ADD COLUMN journey TEXT;
ALTER TABLE push_outcomes ADD COLUMN read_us BIGINT;

UPDATE outbox SET fate = CASE
    WHEN refusal IS NOT NULL THEN 'dead'
    ELSE (SELECT CASE WHEN p.accepted = 0 AND p.dead_lettered > 0 THEN 'dead' ELSE 'delivered' END
          FROM push_outcomes p WHERE p.event_id = outbox.event_id) END;

-- A browser showed a notification. Each device counts once: it is known by its session.
CREATE TABLE push_receipts (
    event_id    TEXT   NOT NULL,
    session     BYTEA  NOT NULL,
    tag         TEXT   NOT NULL,
    shown_us    BIGINT NOT NULL,
    received_us BIGINT NOT NULL,
    PRIMARY KEY (event_id, session)
);

-- The sums of what was forgotten with its outbox row, so that the verdict still counts it.
CREATE TABLE forgotten (
    id        BIGINT PRIMARY KEY CHECK (id = 1),
    delivered BIGINT NOT NULL,
    dead      BIGINT NOT NULL,
    folded    BIGINT NOT NULL
);
INSERT INTO forgotten (id, delivered, dead, folded) VALUES (1, 0, 0, 0);
