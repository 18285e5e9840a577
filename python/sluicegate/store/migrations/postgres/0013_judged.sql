-- What the shadow mode of the semantic cache found: of answers that it would have given, how many
-- were another than the model's. "bucket" is the likeness of the questions in hundredths.
CREATE TABLE cache_judged (
    "model" TEXT NOT NULL,
    "tenant" TEXT NOT NULL,
    "embedder" TEXT NOT NULL,
    "bucket" INTEGER NOT NULL,
    "judged" BIGINT NOT NULL,
    "wrong" BIGINT NOT NULL,
    PRIMARY KEY (model, tenant, embedder, bucket)
);
