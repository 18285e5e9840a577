-- Who may ask, within which bounds, and what was decided about them. Times are milliseconds since
-- 1970; lists and objects are JSON.
CREATE TABLE identities (
    "id" TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    "kind" TEXT COLLATE "C" NOT NULL,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "team" TEXT COLLATE "C" NOT NULL,
    "project" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "metadata" TEXT COLLATE "C" NOT NULL,
    "created_at_ms" BIGINT NOT NULL,
    "updated_at_ms" BIGINT NOT NULL,
    UNIQUE (kind, organisation, team, project, name)
);
CREATE TABLE keys (
    "id" TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    "name" TEXT COLLATE "C" NOT NULL UNIQUE,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "team" TEXT COLLATE "C" NOT NULL,
    "project" TEXT COLLATE "C" NOT NULL,
    "user" TEXT COLLATE "C" NOT NULL,
    "role" TEXT COLLATE "C" NOT NULL,
    "made_by" TEXT COLLATE "C" NOT NULL,
    "models" TEXT COLLATE "C",
    "providers" TEXT COLLATE "C",
    "metadata" TEXT COLLATE "C" NOT NULL,
    "created_at_ms" BIGINT NOT NULL,
    "updated_at_ms" BIGINT NOT NULL,
    "expires_at_ms" BIGINT,
    "revoked_at_ms" BIGINT
);
-- A key has one credential, and while it is rotated two. The digest is keyed: without the master
-- key this table tells nothing.
CREATE TABLE credentials (
    "digest" TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    "key_id" TEXT COLLATE "C" NOT NULL,
    "hint" TEXT COLLATE "C" NOT NULL,
    "created_at_ms" BIGINT NOT NULL,
    "expires_at_ms" BIGINT
);
CREATE INDEX credentials_key ON credentials (key_id);
CREATE TABLE limits (
    "name" TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    "rule" TEXT COLLATE "C" NOT NULL,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "team" TEXT COLLATE "C" NOT NULL,
    "made_by" TEXT COLLATE "C" NOT NULL,
    "created_at_ms" BIGINT NOT NULL,
    "updated_at_ms" BIGINT NOT NULL,
    "reset_at_ms" BIGINT NOT NULL
);
-- Runs that were ended. An empty organisation or team means any.
CREATE TABLE killed_runs (
    "run" TEXT COLLATE "C" NOT NULL,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "team" TEXT COLLATE "C" NOT NULL,
    "killed_at_ms" BIGINT NOT NULL,
    "reason" TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, organisation, team)
);
-- Persons and keys that were deleted: what they left in the ledger carries these names instead,
-- also rows that are still on their way.
CREATE TABLE redactions (
    "id" TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    "key_name" TEXT COLLATE "C",
    "user" TEXT COLLATE "C",
    "organisation" TEXT COLLATE "C" NOT NULL,
    "team" TEXT COLLATE "C" NOT NULL,
    "project" TEXT COLLATE "C" NOT NULL,
    "until" TEXT COLLATE "C" NOT NULL
);
CREATE TABLE audit (
    "id" TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    "at_ms" BIGINT NOT NULL,
    "actor" TEXT COLLATE "C" NOT NULL,
    "action" TEXT COLLATE "C" NOT NULL,
    "kind" TEXT COLLATE "C" NOT NULL,
    "object" TEXT COLLATE "C" NOT NULL,
    "organisation" TEXT COLLATE "C" NOT NULL,
    "team" TEXT COLLATE "C" NOT NULL,
    "before" TEXT COLLATE "C",
    "after" TEXT COLLATE "C"
);
CREATE INDEX audit_object ON audit (kind, object);
CREATE TABLE meta ("name" TEXT COLLATE "C" NOT NULL PRIMARY KEY, "value" TEXT COLLATE "C" NOT NULL);
CREATE TABLE changes ("one" BIGINT NOT NULL PRIMARY KEY, "counter" BIGINT NOT NULL);
INSERT INTO changes VALUES (1, 1);
-- A client names its run and may do so at length: too long for a B-tree.
CREATE INDEX ledger_run ON ledger USING hash (run) WHERE run IS NOT NULL;
