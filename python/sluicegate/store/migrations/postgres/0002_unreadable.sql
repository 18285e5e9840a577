-- Rows of the journal that no column can hold: kept as they came, so that one of them does not
-- hold up all others.
CREATE TABLE unreadable (
    "request_id" TEXT COLLATE "C" NOT NULL,
    "attempt" BIGINT NOT NULL,
    "payload" BYTEA NOT NULL,
    PRIMARY KEY (request_id, attempt)
);
