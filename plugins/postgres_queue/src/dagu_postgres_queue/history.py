"""The history of all machines that share a database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from dagu.contracts import rows
from dagu.contracts.history import GONE, HistoryStore, RunQuery
from dagu.contracts.records import (
    AgentEventRecord,
    AttemptRecord,
    RunRecord,
    Status,
    StepRecord,
    UsageSum,
)
from dagu.errors import RunNotFound, UsageError
from dagu_postgres_queue.database import Connection, Database, value
from dagu_postgres_queue.listening import listen
from dagu_postgres_queue.queries import where

CHANGES = "dagu_changes"
"""The channel on which changes of history are told."""

_LISTED = ", ".join(f'"{column}"' for column in rows.LISTED_COLUMNS)


class PostgresHistory(HistoryStore):
    """The history.

    Args:
        place: The home directory of this process, by an id of its own: only runs of it are judged here.
        alive: Whether a process of this home owns a run.
    """

    def __init__(self, database: Database, place: str, alive: Callable[[str], bool]) -> None:
        self._database = database
        self._place = place
        self._alive = alive

    def close(self) -> None:
        self._database.close()

    def transaction(self) -> AbstractContextManager[object]:
        return self._database.transaction()

    # Writing

    def add_run(self, run: RunRecord) -> None:
        with self._database.transaction() as connection:
            row = rows.run_row(run) | {"place": self._place}
            if not put(connection, "dagu_runs", row, key=("run_id",), replace=False):
                raise UsageError(f"run id {run.run_id} is taken", hint="choose another --run-id")
            for step in run.steps:
                self.save_step(step)
                for attempt in step.attempts:
                    self.save_attempt(attempt)

    def save_run(self, run: RunRecord) -> None:
        changes = {name: getattr(run, name) for name in rows.RUN_COLUMNS if name != "run_id"}
        self.update_run(run.run_id, **changes)

    def update_run(self, run_id: str, **changes: Any) -> None:
        if unknown := changes.keys() - set(rows.RUN_COLUMNS):
            raise TypeError(f"a run has no field {', '.join(sorted(unknown))}")
        row = {column: rows.encode(column, given) for column, given in changes.items()} | {
            "place": self._place
        }
        settings = ", ".join(f'"{column}" = %s' for column in row)
        with self._database.transaction() as connection:
            query = f"UPDATE dagu_runs SET {settings} WHERE run_id = %s"
            if not connection.execute(query.encode(), [*row.values(), run_id]).rowcount:
                raise _not_found(run_id)

    def end_queued(self, run_id: str, status: Status, error: str, at: float) -> bool:
        with self._database.transaction() as connection:
            done = connection.execute(
                "UPDATE dagu_runs SET status = %s, error = %s, finished_at = %s"
                " WHERE run_id = %s AND status = %s",
                (status.value, rows.encode("error", error), at, run_id, Status.QUEUED.value),
            )
            return bool(done.rowcount)

    def remove_runs(self, run_ids: Iterable[str]) -> None:
        ids = list(run_ids)
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM dagu_runs WHERE run_id = ANY(%(ids)s) OR root_id = ANY(%(ids)s)", {"ids": ids}
            )

    def save_step(self, step: StepRecord) -> None:
        with self._database.transaction() as connection:
            put(connection, "dagu_steps", rows.step_row(step), key=("run_id", "name"))

    def save_attempt(self, attempt: AttemptRecord) -> None:
        with self._database.transaction() as connection:
            put(connection, "dagu_attempts", rows.attempt_row(attempt), key=("run_id", "step", "number"))

    def add_agent_event(
        self,
        run_id: str,
        step: str,
        attempt: int,
        kind: str,
        payload_json: str,
        at: float,
        *,
        again: bool = False,
    ) -> None:
        given = {"run_id": run_id, "step": step, "attempt": attempt, "kind": kind, "payload": payload_json}
        row = {column: rows.encode(column, each) for column, each in given.items()} | {"at": at}
        with self._database.transaction() as connection:
            if again:
                # A server that was cut off may be storing the first one yet; that transaction refers to this row.
                connection.execute("SELECT 1 FROM dagu_runs WHERE run_id = %s FOR UPDATE", (run_id,))
                same = " AND ".join(f'"{column}" = %s' for column in row)
                query = f"SELECT 1 FROM dagu_agent_events WHERE {same}"
                if connection.execute(query.encode(), list(row.values())).fetchone() is not None:
                    return
            put(connection, "dagu_agent_events", row)

    # Reading

    def run(self, run_id: str) -> RunRecord:
        run_id = rows.asked(run_id)
        with self._reading() as connection:
            row = connection.execute("SELECT * FROM dagu_runs WHERE run_id = %s", (run_id,)).fetchone()
            if row is None:
                raise _not_found(run_id)
            attempts: dict[str, list[AttemptRecord]] = {}
            for found in connection.execute(
                "SELECT * FROM dagu_attempts WHERE run_id = %s ORDER BY number", (run_id,)
            ):
                attempts.setdefault(found["step"], []).append(rows.to_attempt(found))
            steps = connection.execute(
                'SELECT * FROM dagu_steps WHERE run_id = %s ORDER BY "index", name', (run_id,)
            )
            return rows.to_run(
                row, tuple(rows.to_step(step, tuple(attempts.get(step["name"], ()))) for step in steps)
            )

    def status(self, run_id: str) -> Status:
        run_id = rows.asked(run_id)
        with self._reading() as connection:
            row = connection.execute("SELECT status FROM dagu_runs WHERE run_id = %s", (run_id,)).fetchone()
        if row is None:
            raise _not_found(run_id)
        return Status(row["status"])

    def runs(self, limit: int | None = 100, offset: int = 0, **wanted: Any) -> list[RunRecord]:
        return [rows.to_run(row) for row in self._listed(limit, offset, wanted)]

    def listed(self, limit: int | None = 100, offset: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        return [rows.to_listed(row) for row in self._listed(limit, offset, wanted)]

    def _listed(self, limit: int | None, offset: int, wanted: dict[str, Any]) -> list[rows.Row]:
        condition, values = where(RunQuery(**wanted))
        query = (
            f"SELECT {_LISTED} FROM dagu_runs WHERE {condition}"
            " ORDER BY started_at DESC, id DESC LIMIT %s OFFSET %s"
        )
        with self._reading() as connection:
            return connection.execute(query.encode(), [*values, limit, offset]).fetchall()

    def count(self, **wanted: Any) -> int:
        condition, values = where(RunQuery(**wanted))
        query = f"SELECT count(*) FROM dagu_runs WHERE {condition}"
        with self._reading() as connection:
            return int(value(connection.execute(query.encode(), values).fetchone()))

    def agent_events(
        self, run_id: str, step: str | None = None, attempt: int | None = None, *, after: int = 0
    ) -> list[AgentEventRecord]:
        parts, values = ["run_id = %s", "id > %s"], [rows.asked(run_id), after]
        for column, given in (("step", step), ("attempt", attempt)):
            if given is not None:
                parts.append(f"{column} = %s")
                values.append(rows.asked(given))
        query = (
            "SELECT id, run_id, step, attempt, kind, payload, at FROM dagu_agent_events"
            f" WHERE {' AND '.join(parts)} ORDER BY id"
        )
        with self._reading() as connection:
            return [AgentEventRecord(**row) for row in connection.execute(query.encode(), values)]

    def usage(self, since: float | None = None, workflow: str | None = None) -> list[UsageSum]:
        with self._reading() as connection:
            found = connection.execute(
                'SELECT r.workflow, provider, model, count(*) AS attempts, sum("input")::bigint AS "input",'
                ' sum(cached)::bigint AS cached, sum("output")::bigint AS "output", sum(cost_usd) AS cost_usd,'
                " count(*) FILTER (WHERE cost_usd IS NULL) AS without_cost"
                ' FROM dagu_attempts JOIN dagu_runs AS r USING (run_id) WHERE "input" IS NOT NULL'
                " AND dagu_attempts.started_at >= %(since)s"
                " AND (%(workflow)s::text IS NULL OR r.workflow = %(workflow)s)"
                " GROUP BY r.workflow, provider, model ORDER BY r.workflow, provider, model",
                {"since": since or 0.0, "workflow": rows.asked(workflow)},
            )
            return [UsageSum(**row) for row in found]

    def watch(self, stop: threading.Event, ready: Callable[[], object], tell: Callable[[], object]) -> None:
        listen(self._database.environ, (CHANGES,), stop, ready=ready, tell=lambda _channels: tell())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._database.transaction() as connection:
            running = connection.execute(
                "SELECT run_id, root_id, attempt, attempt_id FROM dagu_runs"
                " WHERE status = %s AND worker_id = '' AND place = %s",
                (Status.RUNNING.value, self._place),
            ).fetchall()
            for row in running:
                # A child may run inside the process of its root, without a lock of its own.
                if not self._alive(row["run_id"]) and not (row["root_id"] and self._alive(row["root_id"])):
                    # If the owner ended well in between, or a retry began, the record differs now.
                    interrupt(connection, row, GONE)
            yield connection


def interrupt(connection: Connection, run: dict[str, Any], reason: str) -> None:
    """Store that a run was interrupted, unless its record is another one by now."""
    done = connection.execute(
        "UPDATE dagu_runs SET status = %s, error = %s"
        " WHERE run_id = %s AND status = %s AND attempt = %s AND attempt_id = %s",
        (
            Status.INTERRUPTED.value,
            reason,
            run["run_id"],
            Status.RUNNING.value,
            run["attempt"],
            run["attempt_id"],
        ),
    )
    if not done.rowcount:
        return
    for table, column in (("dagu_steps", "error"), ("dagu_attempts", "reason")):
        query = f"UPDATE {table} SET status = %s, {column} = %s WHERE run_id = %s AND status = ANY(%s)"
        states = [Status.RUNNING.value, Status.RETRYING.value]
        connection.execute(query.encode(), (Status.INTERRUPTED.value, reason, run["run_id"], states))


def put(
    connection: Connection, table: str, row: rows.Row, *, key: tuple[str, ...] = (), replace: bool = True
) -> bool:
    """Store a row, in place of one of the same key unless that is to stay; False if it stayed."""
    names = ", ".join(f'"{column}"' for column in row)
    statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(row))})"
    if key:
        changes = ", ".join(f'"{column}" = excluded."{column}"' for column in row if column not in key)
        action = f"UPDATE SET {changes}" if replace else "NOTHING"
        statement += f" ON CONFLICT ({', '.join(key)}) DO {action}"
    return bool(connection.execute(statement.encode(), list(row.values())).rowcount)


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"no run {run_id!r} in history", hint="list runs with `dagu history`")
