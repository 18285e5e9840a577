-- Which host sent an attempt: hosts that share limits must know what each of them spent.
ALTER TABLE ledger ADD COLUMN "host" TEXT;
