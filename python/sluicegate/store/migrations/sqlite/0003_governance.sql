-- Who may ask, within which bounds, and what was decided about them. Times are milliseconds since
-- 1970; lists and objects are JSON.
CREATE TABLE identities (
    "id" TEXT NOT NULL PRIMARY KEY,
    "kind" TEXT NOT NULL,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "metadata" TEXT NOT NULL,
    "created_at_ms" INTEGER NOT NULL,
    "updated_at_ms" INTEGER NOT NULL,
    UNIQUE (kind, organisation, team, project, name)
);
CREATE TABLE keys (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL UNIQUE,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "user" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "made_by" TEXT NOT NULL,
    "models" TEXT,
    "providers" TEXT,
    "metadata" TEXT NOT NULL,
    "created_at_ms" INTEGER NOT NULL,
    "updated_at_ms" INTEGER NOT NULL,
    "expires_at_ms" INTEGER,
    "revoked_at_ms" INTEGER
);
-- A key has one credential, and while it is rotated two. The digest is keyed: without the master
-- key this table tells nothing.
CREATE TABLE credentials (
    "digest" TEXT NOT NULL PRIMARY KEY,
    "key_id" TEXT NOT NULL,
    "hint" TEXT NOT NULL,
    "created_at_ms" INTEGER NOT NULL,
    "expires_at_ms" INTEGER
);
CREATE INDEX credentials_key ON credentials (key_id);
CREATE TABLE limits (
    "name" TEXT NOT NULL PRIMARY KEY,
    "rule" TEXT NOT NULL,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "made_by" TEXT NOT NULL,
    "created_at_ms" INTEGER NOT NULL,
    "updated_at_ms" INTEGER NOT NULL,
    "reset_at_ms" INTEGER NOT NULL
);
-- Runs that were ended. An empty organisation or team means any.
CREATE TABLE killed_runs (
    "run" TEXT NOT NULL,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "killed_at_ms" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    PRIMARY KEY (run, organisation, team)
);
-- Persons and keys that were deleted: what they left in the ledger carries these names instead,
-- also rows that are still on their way.
CREATE TABLE redactions (
    "id" TEXT NOT NULL PRIMARY KEY,
    "key_name" TEXT,
    "user" TEXT,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "project" TEXT NOT NULL,
    "until" TEXT NOT NULL
);
CREATE TABLE audit (
    "id" TEXT NOT NULL PRIMARY KEY,
    "at_ms" INTEGER NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "object" TEXT NOT NULL,
    "organisation" TEXT NOT NULL,
    "team" TEXT NOT NULL,
    "before" TEXT,
    "after" TEXT
);
CREATE INDEX audit_object ON audit (kind, object);
CREATE TABLE meta ("name" TEXT NOT NULL PRIMARY KEY, "value" TEXT NOT NULL);
CREATE TABLE changes ("one" INTEGER NOT NULL PRIMARY KEY, "counter" INTEGER NOT NULL);
INSERT INTO changes VALUES (1, 1);
CREATE INDEX ledger_run ON ledger (run) WHERE run IS NOT NULL;
