-- The local push service's database. Times are milliseconds since 1970, UTC.

-- One subscription of one browser. A browser exists as long as it has one.
CREATE TABLE channels (
    channel_id TEXT    PRIMARY KEY,
    uaid       TEXT    NOT NULL,
    -- The secret part of its endpoint.
    token      TEXT    NOT NULL UNIQUE,
    -- Only this sender may push, if there is one: base64url.
    sender_key TEXT,
    -- Kept for a while after unsubscribing, to answer 410.
    gone_at    INTEGER
) WITHOUT ROWID;
CREATE INDEX channels_of_browser ON channels (uaid);

-- Messages that no browser has acknowledged.
CREATE TABLE messages (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    version    TEXT    NOT NULL UNIQUE,
    channel_id TEXT    NOT NULL,
    uaid       TEXT    NOT NULL,
    topic      TEXT,
    body       BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX messages_of_browser ON messages (uaid, id);
CREATE INDEX messages_of_topic ON messages (channel_id, topic) WHERE topic IS NOT NULL;
