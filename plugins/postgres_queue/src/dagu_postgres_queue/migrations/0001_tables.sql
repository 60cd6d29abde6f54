CREATE TABLE dagu_meta (version integer NOT NULL, queue_step text NOT NULL DEFAULT '');
INSERT INTO dagu_meta (version) VALUES (0);

CREATE TABLE dagu_runs (
    "id" bigint GENERATED ALWAYS AS IDENTITY,
    "run_id" text COLLATE "C" PRIMARY KEY,
    "workflow" text COLLATE "C" NOT NULL,
    "status" text NOT NULL,
    "started_at" double precision NOT NULL,
    "attempt" integer NOT NULL,
    "attempt_id" text NOT NULL,
    "trigger" text NOT NULL,
    "finished_at" double precision,
    "scheduled_at" double precision,
    "params" text NOT NULL,
    "error" text NOT NULL,
    "file" text NOT NULL,
    "source" text NOT NULL,
    "root_id" text NOT NULL,
    "root_name" text NOT NULL,
    "parent_step" text NOT NULL,
    "labels" text NOT NULL,
    "worker_id" text NOT NULL,
    "queue" text NOT NULL,
    "priority" integer NOT NULL,
    -- Which machine and home directory tells whether it lives; of runs without a worker.
    "place" text NOT NULL
);
CREATE INDEX dagu_runs_by_time ON dagu_runs ("root_id", "started_at" DESC, "id" DESC);
CREATE INDEX dagu_runs_by_workflow ON dagu_runs ("root_id", "workflow", "started_at" DESC, "id" DESC);
CREATE INDEX dagu_runs_unended ON dagu_runs ("status", "started_at")
    WHERE "status" IN ('queued', 'running', 'waiting', 'not_started', 'retrying');

CREATE TABLE dagu_steps (
    "run_id" text COLLATE "C" NOT NULL REFERENCES dagu_runs ("run_id") ON DELETE CASCADE,
    "name" text COLLATE "C" NOT NULL,
    "index" integer NOT NULL,
    "id" text NOT NULL,
    "kind" text NOT NULL,
    "status" text NOT NULL,
    "started_at" double precision,
    "finished_at" double precision,
    "exit_code" integer,
    "error" text NOT NULL,
    "outputs" text NOT NULL,
    PRIMARY KEY ("run_id", "name")
);

CREATE TABLE dagu_attempts (
    "run_id" text COLLATE "C" NOT NULL REFERENCES dagu_runs ("run_id") ON DELETE CASCADE,
    "step" text COLLATE "C" NOT NULL,
    "number" integer NOT NULL,
    "status" text NOT NULL,
    "started_at" double precision NOT NULL,
    "finished_at" double precision,
    "exit_code" integer,
    "reason" text NOT NULL,
    "place" text NOT NULL,
    "provider" text COLLATE "C" NOT NULL,
    "model" text COLLATE "C" NOT NULL,
    "session_id" text NOT NULL,
    "input" bigint,
    "cached" bigint,
    "output" bigint,
    "cost_usd" double precision,
    PRIMARY KEY ("run_id", "step", "number")
);
CREATE INDEX dagu_attempts_by_usage ON dagu_attempts ("started_at") WHERE "input" IS NOT NULL;

CREATE TABLE dagu_agent_events (
    "id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "run_id" text COLLATE "C" NOT NULL REFERENCES dagu_runs ("run_id") ON DELETE CASCADE,
    "step" text NOT NULL,
    "attempt" integer NOT NULL,
    "kind" text NOT NULL,
    "payload" text NOT NULL,
    "at" double precision NOT NULL
);
CREATE INDEX dagu_agent_events_by_step ON dagu_agent_events ("run_id", "step", "attempt");

-- One row for each run that waits for a worker, that one has, or that a lost one may have still.
CREATE SEQUENCE dagu_fence;
CREATE TABLE dagu_orders (
    "run_id" text COLLATE "C" PRIMARY KEY REFERENCES dagu_runs ("run_id") ON DELETE CASCADE,
    -- Grows with every owner; a write that carries an old one changes nothing.
    "fence" bigint NOT NULL DEFAULT nextval('dagu_fence'),
    "state" text NOT NULL DEFAULT 'waiting' CHECK ("state" IN ('waiting', 'taken', 'lost')),
    "command" text NOT NULL,
    "selector" text[] NOT NULL,
    "on_lost" text NOT NULL,
    "again" boolean NOT NULL DEFAULT false,
    "worker" text COLLATE "C" NOT NULL DEFAULT '',
    "incarnation" text NOT NULL DEFAULT '',
    "lease_at" timestamptz,
    "desired" text NOT NULL DEFAULT '',
    "ordered_at" timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX dagu_orders_by_worker ON dagu_orders ("worker");

CREATE TABLE dagu_workers (
    "name" text COLLATE "C" PRIMARY KEY,
    "incarnation" text NOT NULL,
    "labels" text[] NOT NULL,
    "runtime" text NOT NULL,
    "host" text NOT NULL,
    "place" text NOT NULL,
    "version" text NOT NULL,
    "limit" integer NOT NULL,
    "active" integer NOT NULL,
    "draining" boolean NOT NULL DEFAULT false,
    "started_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "seen_at" timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Output on its way home; the server removes what it has written to its files.
CREATE TABLE dagu_chunks (
    "id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "run_id" text COLLATE "C" NOT NULL,
    "path" text NOT NULL,
    "offset" bigint NOT NULL,
    "size" integer NOT NULL,
    "data" bytea NOT NULL
);
ALTER TABLE dagu_chunks ALTER COLUMN "data" SET STORAGE EXTERNAL;
CREATE INDEX dagu_chunks_by_run ON dagu_chunks ("run_id");

-- How much of each file was sent, by whichever worker.
CREATE TABLE dagu_files (
    "run_id" text COLLATE "C" NOT NULL REFERENCES dagu_runs ("run_id") ON DELETE CASCADE,
    "path" text COLLATE "C" NOT NULL,
    "size" bigint NOT NULL,
    PRIMARY KEY ("run_id", "path")
);

CREATE FUNCTION dagu_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END;
$$;
CREATE TRIGGER dagu_runs_told AFTER INSERT OR UPDATE OR DELETE ON dagu_runs
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_changes');
CREATE TRIGGER dagu_steps_told AFTER INSERT OR UPDATE ON dagu_steps
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_changes');
CREATE TRIGGER dagu_attempts_told AFTER INSERT OR UPDATE ON dagu_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_changes');
CREATE TRIGGER dagu_agent_events_told AFTER INSERT ON dagu_agent_events
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_changes');
CREATE TRIGGER dagu_orders_gone AFTER DELETE ON dagu_orders
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_changes');
CREATE TRIGGER dagu_chunks_home AFTER DELETE ON dagu_chunks
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_home');
CREATE TRIGGER dagu_chunks_told AFTER INSERT ON dagu_chunks
    FOR EACH STATEMENT EXECUTE FUNCTION dagu_tell('dagu_chunks');
