-- Files of tenants: those that the gateway keeps itself, and whose those are that a provider keeps.
CREATE TABLE files (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_key" TEXT NOT NULL,
    "upstream_id" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "bytes" BIGINT NOT NULL,
    "created_at_ms" BIGINT NOT NULL,
    "expires_at_ms" BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX files_created ON files (created_at_ms);
-- What the gateway keeps of them, in pieces.
CREATE TABLE file_pieces (
    "file_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "content" BYTEA NOT NULL,
    PRIMARY KEY (file_id, number)
);
-- Batches, and what is held for those that run. Large columns stand last.
CREATE TABLE batches (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_key" TEXT NOT NULL,
    "upstream_id" TEXT NOT NULL,
    "form" TEXT NOT NULL,
    "dialect" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "created_at_ms" BIGINT NOT NULL,
    "state" TEXT NOT NULL,
    "is_corrected" INTEGER NOT NULL,
    "host" TEXT NOT NULL,
    "leased_until_ms" BIGINT NOT NULL,
    "next_look_ms" BIGINT NOT NULL,
    "held" TEXT NOT NULL,
    "used" TEXT NOT NULL,
    "shown" TEXT NOT NULL,
    "open_row" TEXT NOT NULL,
    "bearer" TEXT NOT NULL,
    "lines" TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX batches_created ON batches (created_at_ms);
CREATE INDEX batches_open ON batches (next_look_ms) WHERE state <> 'over';
CREATE INDEX batches_uncorrected ON batches (host) WHERE state = 'over' AND is_corrected = 0;
