-- Rows of the journal that no column can hold: kept as they came, so that one of them does not
-- hold up all others.
CREATE TABLE unreadable (
    "request_id" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "payload" BLOB NOT NULL,
    PRIMARY KEY (request_id, attempt)
) WITHOUT ROWID;
