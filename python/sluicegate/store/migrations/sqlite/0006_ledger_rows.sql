-- The same table with numbered rows: in one without, a row of more than a quarter of a page takes
-- pages of its own, and metadata soon makes it one.
CREATE TABLE ledger_of_rows (
    "request_id" TEXT NOT NULL,
    "client_ref" TEXT,
    "attempt" INTEGER NOT NULL,
    "parent_run" TEXT,
    "run" TEXT,
    "key_name" TEXT,
    "organisation" TEXT,
    "team" TEXT,
    "project" TEXT,
    "user" TEXT,
    "tags" TEXT,
    "metadata" TEXT,
    "time" TEXT NOT NULL,
    "operation" TEXT,
    "dialect" TEXT,
    "provider" TEXT,
    "requested_model" TEXT,
    "routed_model" TEXT,
    "response_model" TEXT,
    "upstream_request_id" TEXT,
    "upstream_dialect" TEXT,
    "stream" INTEGER,
    "status" INTEGER,
    "client_status" INTEGER,
    "outcome" TEXT,
    "error_code" TEXT,
    "basis" TEXT,
    "input_tokens" INTEGER,
    "cached_input_tokens" INTEGER,
    "cache_write_tokens" INTEGER,
    "cache_write_1h_tokens" INTEGER,
    "output_tokens" INTEGER,
    "reasoning_tokens" INTEGER,
    "audio_tokens" INTEGER,
    "image_tokens" INTEGER,
    "counted_output_tokens" INTEGER,
    "cost_usd" TEXT,
    "saved_usd" TEXT,
    "price_version" TEXT,
    "latency_ms" INTEGER,
    "first_token_ms" INTEGER,
    "cache" TEXT,
    "tool" TEXT,
    "host" TEXT,
    PRIMARY KEY (request_id, attempt)
);
INSERT INTO ledger_of_rows SELECT * FROM ledger;
DROP TABLE ledger;
ALTER TABLE ledger_of_rows RENAME TO ledger;
CREATE INDEX ledger_time ON ledger (time);
CREATE INDEX ledger_run ON ledger (run) WHERE run IS NOT NULL;
