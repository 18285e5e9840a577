-- What ends a question of the semantic cache: what its answer belongs to, and the highest epoch of a
-- purge when its request began. What was kept without is asked anew.
DELETE FROM cache_vectors;
ALTER TABLE cache_vectors ADD COLUMN "tenant" TEXT NOT NULL DEFAULT '';
ALTER TABLE cache_vectors ADD COLUMN "namespace" TEXT NOT NULL DEFAULT '';
ALTER TABLE cache_vectors ADD COLUMN "model" TEXT NOT NULL DEFAULT '';
ALTER TABLE cache_vectors ADD COLUMN "target" TEXT NOT NULL DEFAULT '';
ALTER TABLE cache_vectors ADD COLUMN "tags" TEXT NOT NULL DEFAULT '[]';
ALTER TABLE cache_vectors ADD COLUMN "epoch" INTEGER NOT NULL DEFAULT 0;
