-- What an answer from the cache saved, beside `saved_usd`; what a provider's own cache of prompts did;
-- how the cache serves a key.
ALTER TABLE ledger ADD COLUMN "saved_input_tokens" BIGINT;
ALTER TABLE ledger ADD COLUMN "saved_output_tokens" BIGINT;
ALTER TABLE ledger ADD COLUMN "saved_ms" BIGINT;
ALTER TABLE ledger ADD COLUMN "prompt_cache_saved_usd" NUMERIC;
ALTER TABLE keys ADD COLUMN "cache" TEXT COLLATE "C";
