-- The answer's id, where its client can ask for it again: it tells who made a response, and for whom.
ALTER TABLE ledger ADD COLUMN "response_id" TEXT;
CREATE INDEX ledger_response ON ledger (response_id) WHERE response_id IS NOT NULL;
-- Responses that the gateway keeps, where the provider keeps none. What they hold stands last, so that sizes are summed
-- without reading it.
CREATE TABLE responses (
    "tenant" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "created_at_ms" INTEGER NOT NULL,
    "bytes" INTEGER NOT NULL,
    "items" TEXT NOT NULL,
    "response" TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX responses_created ON responses (created_at_ms);
