-- The push service's own database. Times are milliseconds since 1970, UTC.

-- One browser of one user. An endpoint that changes its user gets a new seq, so that a push which
-- was meant for the user before never reaches the user after.
CREATE TABLE subscriptions (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq   INTEGER NOT NULL,
    endpoint   TEXT    NOT NULL UNIQUE,
    public_key TEXT    NOT NULL,
    auth       TEXT    NOT NULL,
    create_at  INTEGER NOT NULL,
    -- Until then its push service asked to be left alone.
    not_before INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX subscriptions_of_user ON subscriptions (user_seq);

-- An event whose pushes are under way or done, with what is needed to try them again.
CREATE TABLE events (
    event_id     TEXT    PRIMARY KEY,
    notified     INTEGER NOT NULL,
    comment_id   INTEGER,
    console_name TEXT,
    notification TEXT    NOT NULL,
    record       TEXT    NOT NULL,
    received_at  INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- When the last push was accepted or given up.
    settled_at   INTEGER,
    -- Pushes that a repeated event asked for and that were not sent again.
    folded       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX events_settled ON events (settled_at);

-- One push: an event for a subscription. The primary key is what makes a repeat harmless.
--   waiting → claimed → accepted | gone | dead, or back to waiting
CREATE TABLE processed (
    event_id        TEXT    NOT NULL,
    subscription_id INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    tries           INTEGER NOT NULL DEFAULT 0,
    -- waiting: when to try; claimed: when the claim is void.
    next_at         INTEGER NOT NULL,
    PRIMARY KEY (event_id, subscription_id)
) WITHOUT ROWID;
CREATE INDEX processed_due ON processed (next_at) WHERE state IN ('waiting', 'claimed');
CREATE INDEX processed_of_subscription ON processed (subscription_id)
    WHERE state IN ('waiting', 'claimed');

-- Every try, for the journey of an event.
CREATE TABLE deliveries (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id        TEXT    NOT NULL,
    subscription_id INTEGER NOT NULL,
    claimed_at      INTEGER NOT NULL,
    sent_at         INTEGER NOT NULL,
    answered_at     INTEGER NOT NULL,
    status          INTEGER,
    result          TEXT    NOT NULL
);
CREATE INDEX deliveries_of_event ON deliveries (event_id);

-- Records that must be published; removed after Kafka's acknowledgement.
CREATE TABLE outbox (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    record TEXT    NOT NULL
);
