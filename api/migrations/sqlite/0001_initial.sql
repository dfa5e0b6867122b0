-- The API service's own database. Times are milliseconds since the epoch.

CREATE TABLE users (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT    NOT NULL,
    email             TEXT    NOT NULL UNIQUE,
    passwd            TEXT    NOT NULL,
    profile_image_url TEXT,
    login_count       INTEGER NOT NULL DEFAULT 0,
    last_login_at     INTEGER,
    create_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE profile_images (
    name       TEXT    PRIMARY KEY,
    media_type TEXT    NOT NULL,
    bytes      BLOB    NOT NULL
) STRICT;

-- A token's SHA-256: who reads this table cannot log in with it.
CREATE TABLE sessions (
    token_hash BLOB    PRIMARY KEY,
    user_seq   INTEGER NOT NULL REFERENCES users (seq),
    create_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_seq);

CREATE TABLE connections (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq   INTEGER NOT NULL REFERENCES users (seq),
    target_seq INTEGER NOT NULL REFERENCES users (seq),
    granted_at INTEGER,
    create_at  INTEGER NOT NULL,
    UNIQUE (user_seq, target_seq)
) STRICT;
CREATE INDEX connections_to ON connections (target_seq);

CREATE TABLE posts (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq      INTEGER NOT NULL REFERENCES users (seq),
    contents      TEXT    NOT NULL,
    like_count    INTEGER NOT NULL DEFAULT 0,
    comment_count INTEGER NOT NULL DEFAULT 0,
    create_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX posts_of_user ON posts (user_seq, seq);

CREATE TABLE likes (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq  INTEGER NOT NULL REFERENCES users (seq),
    post_seq  INTEGER NOT NULL REFERENCES posts (seq),
    create_at INTEGER NOT NULL,
    UNIQUE (user_seq, post_seq)
) STRICT;

CREATE TABLE comments (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq  INTEGER NOT NULL REFERENCES users (seq),
    post_seq  INTEGER NOT NULL REFERENCES posts (seq),
    contents  TEXT    NOT NULL,
    create_at INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_of_post ON comments (post_seq, seq);

-- Events that happened, written with what they are about; the relay brings them to Kafka.
-- A row is pending until it has a published_at or a refusal.
CREATE TABLE outbox (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id      TEXT    NOT NULL UNIQUE,
    event_type    TEXT    NOT NULL,
    event_version INTEGER NOT NULL,
    event_time    INTEGER NOT NULL,
    traceparent   TEXT    NOT NULL,
    topic         TEXT    NOT NULL,
    record_key    TEXT    NOT NULL,
    payload       TEXT    NOT NULL,
    comment_seq   INTEGER UNIQUE REFERENCES comments (seq),
    published_at  INTEGER,
    partition     INTEGER,
    record_offset INTEGER,
    refusal       TEXT
) STRICT;
CREATE INDEX outbox_pending ON outbox (seq) WHERE published_at IS NULL AND refusal IS NULL;

-- What the push service said about an event; the latest word counts.
CREATE TABLE push_outcomes (
    event_id      TEXT    PRIMARY KEY,
    comment_seq   INTEGER,
    accepted      INTEGER NOT NULL,
    gone          INTEGER NOT NULL,
    dead_lettered INTEGER NOT NULL,
    folded        INTEGER NOT NULL,
    steps         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
