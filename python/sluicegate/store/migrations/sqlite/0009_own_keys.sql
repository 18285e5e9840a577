-- Whether an attempt was made with a tenant's own credential.
ALTER TABLE ledger ADD COLUMN "is_byok" INTEGER;
-- Tenants' own credentials for providers, sealed under the master key.
CREATE TABLE provider_keys (
    "id" TEXT PRIMARY KEY,
    "provider" TEXT NOT NULL,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "key_name" TEXT NOT NULL,
    "sealed" TEXT NOT NULL,
    "hint" TEXT NOT NULL,
    "made_by" TEXT NOT NULL,
    "created_at_ms" INTEGER NOT NULL,
    "updated_at_ms" INTEGER NOT NULL,
    UNIQUE (provider, organisation, team, key_name)
);
