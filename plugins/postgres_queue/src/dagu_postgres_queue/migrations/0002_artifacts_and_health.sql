-- Artifacts come home while a run lives: they may be replaced, and removed.
ALTER TABLE dagu_chunks ADD COLUMN "kind" text NOT NULL DEFAULT 'more' CHECK ("kind" IN ('more', 'whole', 'gone'));

-- Compressed by the server, where it was built with the fast method.
ALTER TABLE dagu_chunks ALTER COLUMN "data" SET STORAGE EXTENDED;
DO $$
BEGIN
    EXECUTE 'ALTER TABLE dagu_chunks ALTER COLUMN "data" SET COMPRESSION lz4';
EXCEPTION WHEN feature_not_supported OR syntax_error OR invalid_parameter_value THEN
    NULL;
END;
$$;

-- Rows come and go by thousands, in a table that is small at any moment.
ALTER TABLE dagu_chunks SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 2000
);

-- Working directories that go along with their runs.
CREATE TABLE dagu_workspaces (
    "run_id" text COLLATE "C" NOT NULL REFERENCES dagu_orders ("run_id") ON DELETE CASCADE,
    "number" integer NOT NULL,
    "data" bytea NOT NULL,
    PRIMARY KEY ("run_id", "number")
);
ALTER TABLE dagu_workspaces ALTER COLUMN "data" SET STORAGE EXTERNAL; -- it is compressed

-- What is wrong with a worker's engine, and how busy its machine is: processes that want to run, for each processor.
ALTER TABLE dagu_workers ADD COLUMN "health" text NOT NULL DEFAULT '';
-- Runs in containers go to workers whose engine answers.
ALTER TABLE dagu_orders ADD COLUMN "engine" boolean NOT NULL DEFAULT false;
ALTER TABLE dagu_workers ADD COLUMN "load" double precision NOT NULL DEFAULT 0;
