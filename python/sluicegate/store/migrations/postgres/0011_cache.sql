-- What the response cache keeps beyond a worker's memory. "body" is the whole record, signed; the
-- columns before it are what is looked for. Large columns stand last.
CREATE TABLE cache_entries (
    "key" BYTEA PRIMARY KEY,
    "tenant" TEXT NOT NULL,
    "namespace" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "tags" TEXT NOT NULL,
    "epoch" BIGINT NOT NULL,
    "made_ms" BIGINT NOT NULL,
    "expires_ms" BIGINT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "body" BYTEA NOT NULL
);
CREATE INDEX cache_entries_expires ON cache_entries (expires_ms, bytes);
-- What must not be served any more: every entry that matches and whose epoch is below.
CREATE TABLE cache_purges (
    "kind" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "epoch" BIGINT NOT NULL,
    "made_ms" BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX cache_purges_epoch ON cache_purges (epoch);
-- The vectors of the semantic cache; "seq" is higher for each that is put.
CREATE TABLE cache_vectors (
    "seq" BIGINT PRIMARY KEY,
    "model_id" TEXT NOT NULL,
    "scope" BYTEA NOT NULL,
    "key" BYTEA NOT NULL,
    "expires_ms" BIGINT NOT NULL,
    "text" TEXT NOT NULL,
    "vector" BYTEA NOT NULL,
    UNIQUE (model_id, key)
);
CREATE INDEX cache_vectors_expires ON cache_vectors (expires_ms);
-- Numbers that only grow. Whoever takes one holds its row until the transaction ends, so that
-- numbers are seen in their order.
CREATE TABLE cache_counters (
    "name" TEXT PRIMARY KEY,
    "value" BIGINT NOT NULL
);
INSERT INTO cache_counters VALUES ('epoch', 0);
INSERT INTO cache_counters VALUES ('vector', 0);
INSERT INTO cache_counters VALUES ('forgotten', 0);
INSERT INTO cache_counters VALUES ('swept_until_ms', 0);
