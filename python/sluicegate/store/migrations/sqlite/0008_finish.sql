-- Why the model stopped. `response_id` is the answer's id of every attempt from here on.
ALTER TABLE ledger ADD COLUMN "finish_reason" TEXT;
