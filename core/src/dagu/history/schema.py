"""The tables of history, and the steps from one version of them to the next."""

from __future__ import annotations

import sqlite3

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            "id" INTEGER PRIMARY KEY,
            "run_id" TEXT NOT NULL UNIQUE,
            "workflow" TEXT NOT NULL,
            "status" TEXT NOT NULL,
            "started_at" REAL NOT NULL,
            "attempt" INTEGER NOT NULL,
            "attempt_id" TEXT NOT NULL,
            "trigger" TEXT NOT NULL,
            "finished_at" REAL,
            "scheduled_at" REAL,
            "params" TEXT NOT NULL,
            "error" TEXT NOT NULL,
            "file" TEXT NOT NULL,
            "source" TEXT NOT NULL,
            "root_id" TEXT NOT NULL,
            "root_name" TEXT NOT NULL,
            "parent_step" TEXT NOT NULL,
            "labels" TEXT NOT NULL,
            "worker_id" TEXT NOT NULL
        )""",
        'CREATE INDEX runs_by_time ON runs ("root_id", "started_at", "id")',
        'CREATE INDEX runs_by_workflow ON runs ("root_id", "workflow", "started_at", "id")',
        'CREATE INDEX runs_by_status ON runs ("status", "started_at")',
        """CREATE TABLE steps (
            "run_id" TEXT NOT NULL REFERENCES runs ("run_id") ON DELETE CASCADE,
            "name" TEXT NOT NULL,
            "index" INTEGER NOT NULL,
            "id" TEXT NOT NULL,
            "kind" TEXT NOT NULL,
            "status" TEXT NOT NULL,
            "started_at" REAL,
            "finished_at" REAL,
            "exit_code" INTEGER,
            "error" TEXT NOT NULL,
            "outputs" TEXT NOT NULL,
            PRIMARY KEY ("run_id", "name")
        ) WITHOUT ROWID""",
        """CREATE TABLE attempts (
            "run_id" TEXT NOT NULL REFERENCES runs ("run_id") ON DELETE CASCADE,
            "step" TEXT NOT NULL,
            "number" INTEGER NOT NULL,
            "status" TEXT NOT NULL,
            "started_at" REAL NOT NULL,
            "finished_at" REAL,
            "exit_code" INTEGER,
            "reason" TEXT NOT NULL,
            "place" TEXT NOT NULL,
            "provider" TEXT NOT NULL,
            "model" TEXT NOT NULL,
            "session_id" TEXT NOT NULL,
            "input" INTEGER,
            "cached" INTEGER,
            "output" INTEGER,
            "cost_usd" REAL,
            PRIMARY KEY ("run_id", "step", "number")
        ) WITHOUT ROWID""",
        'CREATE INDEX attempts_by_usage ON attempts ("started_at") WHERE "input" IS NOT NULL',
        """CREATE TABLE agent_events (
            "id" INTEGER PRIMARY KEY,
            "run_id" TEXT NOT NULL REFERENCES runs ("run_id") ON DELETE CASCADE,
            "step" TEXT NOT NULL,
            "attempt" INTEGER NOT NULL,
            "kind" TEXT NOT NULL,
            "payload" TEXT NOT NULL,
            "at" REAL NOT NULL
        )""",
        'CREATE INDEX agent_events_by_step ON agent_events ("run_id", "step", "attempt")',
    ),
    (
        """ALTER TABLE runs ADD COLUMN "queue" TEXT NOT NULL DEFAULT ''""",
        """CREATE INDEX runs_by_queue ON runs ("queue", "started_at", "id") WHERE "status" = 'queued'""",
    ),
    ('ALTER TABLE runs ADD COLUMN "priority" INTEGER NOT NULL DEFAULT 0',),
)
"""Entry N brings a database from version N to N + 1. An entry that was released is never changed."""


def version(connection: sqlite3.Connection) -> int:
    """The version of a database; 0 for an empty one."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version, in one transaction. Several processes may do so at once."""
    if version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[version(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
