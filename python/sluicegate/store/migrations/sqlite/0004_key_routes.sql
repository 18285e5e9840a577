-- Paths that a key may use, as a JSON list; NULL is all.
ALTER TABLE keys ADD COLUMN "routes" TEXT;
