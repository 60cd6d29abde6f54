"""The history of runs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from dagu.contracts import rows
from dagu.contracts.history import GONE, HistoryStore, RunQuery
from dagu.errors import RunNotFound, UsageError
from dagu.history.database import Database
from dagu.history.ownership import RunLocks
from dagu.history.queries import where
from dagu.history.records import (
    AgentEventRecord,
    AttemptRecord,
    RunRecord,
    Status,
    StepRecord,
    UsageSum,
)
from dagu.history.watch import watch_file

_LISTED = ", ".join(f'"{column}"' for column in rows.LISTED_COLUMNS)


class History(HistoryStore):
    """The history of a home directory, in SQLite.

    A run is added while its :class:`~dagu.history.ownership.RunLock` is held, and the lock is released after its last
    change.
    """

    def __init__(self, home: Path) -> None:
        self._database = Database(home / "history.db")
        self._locks = RunLocks(home)

    def close(self) -> None:
        self._database.close()

    def transaction(self) -> AbstractContextManager[object]:
        return self._database.transaction()

    # Writing

    def add_run(self, run: RunRecord) -> None:
        with self._database.transaction() as connection:
            try:
                _put(connection, "runs", rows.run_row(run))
            except sqlite3.IntegrityError as error:
                raise UsageError(f"run id {run.run_id} is taken", hint="choose another --run-id") from error
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
        values = [rows.encode(column, value) for column, value in changes.items()]
        settings = ", ".join(f'"{column}" = ?' for column in changes)
        with self._database.transaction() as connection:
            done = connection.execute(f"UPDATE runs SET {settings} WHERE run_id = ?", [*values, run_id])
            if not done.rowcount:
                raise _not_found(run_id)

    def end_queued(self, run_id: str, status: Status, error: str, at: float) -> bool:
        with self._database.transaction() as connection:
            done = connection.execute(
                "UPDATE runs SET status = ?, error = ?, finished_at = ? WHERE run_id = ? AND status = ?",
                (status.value, rows.encode("error", error), at, run_id, Status.QUEUED.value),
            )
            return bool(done.rowcount)

    def remove_runs(self, run_ids: Iterable[str]) -> None:
        with self._database.transaction() as connection:
            for run_id in run_ids:
                connection.execute("DELETE FROM runs WHERE run_id = ?1 OR root_id = ?1", (run_id,))

    def save_step(self, step: StepRecord) -> None:
        with self._database.transaction() as connection:
            _put(connection, "steps", rows.step_row(step), key=("run_id", "name"))

    def save_attempt(self, attempt: AttemptRecord) -> None:
        with self._database.transaction() as connection:
            _put(connection, "attempts", rows.attempt_row(attempt), key=("run_id", "step", "number"))

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
                same = " AND ".join(f'"{column}" = ?' for column in row)
                query = f"SELECT 1 FROM agent_events WHERE {same}"
                if connection.execute(query, list(row.values())).fetchone() is not None:
                    return
            _put(connection, "agent_events", row)

    # Reading

    def run(self, run_id: str) -> RunRecord:
        run_id = rows.asked(run_id)
        with self._reading() as connection:
            row = connection.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,)).fetchone()
            if row is None:
                raise _not_found(run_id)
            attempts: dict[str, list[AttemptRecord]] = {}
            for found in connection.execute(
                "SELECT * FROM attempts WHERE run_id = ? ORDER BY number", (run_id,)
            ):
                attempts.setdefault(found["step"], []).append(rows.to_attempt(found))
            steps = connection.execute(
                'SELECT * FROM steps WHERE run_id = ? ORDER BY "index", name', (run_id,)
            )
            return rows.to_run(
                row, tuple(rows.to_step(step, tuple(attempts.get(step["name"], ()))) for step in steps)
            )

    def status(self, run_id: str) -> Status:
        run_id = rows.asked(run_id)
        with self._reading() as connection:
            row = connection.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise _not_found(run_id)
        return Status(row["status"])

    def runs(self, limit: int | None = 100, offset: int = 0, **wanted: Any) -> list[RunRecord]:
        return [rows.to_run(row) for row in self._listed(limit, offset, wanted)]

    def listed(self, limit: int | None = 100, offset: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        return [rows.to_listed(row) for row in self._listed(limit, offset, wanted)]

    def count(self, **wanted: Any) -> int:
        condition, values = where(RunQuery(**wanted))
        with self._reading() as connection:
            found = connection.execute(f"SELECT count(*) AS number FROM runs WHERE {condition}", values)
            return int(found.fetchone()["number"])

    def agent_events(
        self, run_id: str, step: str | None = None, attempt: int | None = None, *, after: int = 0
    ) -> list[AgentEventRecord]:
        with self._reading() as connection:
            found = connection.execute(
                "SELECT id, run_id, step, attempt, kind, payload, at FROM agent_events WHERE run_id = ?1"
                " AND (?2 IS NULL OR step = ?2) AND (?3 IS NULL OR attempt = ?3) AND id > ?4 ORDER BY id",
                [rows.asked(each) for each in (run_id, step, attempt, after)],
            )
            return [AgentEventRecord(**row) for row in found]

    def usage(self, since: float | None = None, workflow: str | None = None) -> list[UsageSum]:
        with self._reading() as connection:
            found = connection.execute(
                'SELECT runs.workflow, provider, model, count(*) AS attempts, sum("input") AS "input",'
                ' sum(cached) AS cached, sum("output") AS "output", sum(cost_usd) AS cost_usd,'
                " sum(cost_usd IS NULL) AS without_cost"
                ' FROM attempts JOIN runs USING (run_id) WHERE "input" IS NOT NULL'
                " AND attempts.started_at >= ?1 AND (?2 IS NULL OR runs.workflow = ?2)"
                " GROUP BY runs.workflow, provider, model ORDER BY runs.workflow, provider, model",
                (since or 0.0, rows.asked(workflow)),
            )
            return [UsageSum(**row) for row in found]

    def watch(self, stop: threading.Event, ready: Callable[[], object], tell: Callable[[], object]) -> None:
        watch_file(self._database.path, stop, ready, tell)

    def _listed(self, limit: int | None, offset: int, wanted: dict[str, Any]) -> list[rows.Row]:
        condition, values = where(RunQuery(**wanted))
        query = (
            f"SELECT {_LISTED} FROM runs WHERE {condition} ORDER BY started_at DESC, id DESC LIMIT ? OFFSET ?"
        )
        with self._reading() as connection:
            return connection.execute(query, [*values, -1 if limit is None else limit, offset]).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._database.transaction(write=False) as connection:
            running = connection.execute(
                "SELECT run_id, root_id, attempt, attempt_id FROM runs WHERE status = ?",
                (Status.RUNNING.value,),
            ).fetchall()
        gone = [row for row in running if not self._alive(row)]
        if gone:
            with self._database.transaction() as connection:
                for row in gone:
                    _interrupt(connection, row)
        with self._database.transaction(write=False) as connection:
            yield connection

    def _alive(self, run: rows.Row) -> bool:
        # A child may run inside the process of its root, without a lock of its own.
        owned = self._locks.is_alive(run["run_id"])
        return owned or (bool(run["root_id"]) and self._locks.is_alive(run["root_id"]))


def _interrupt(connection: sqlite3.Connection, run: rows.Row) -> None:
    # The lock was seen free after the record was read. If the owner ended well in between, or a retry began,
    # the record differs now.
    done = connection.execute(
        "UPDATE runs SET status = ?, error = ? WHERE run_id = ? AND status = ? AND attempt = ? AND attempt_id = ?",
        (
            Status.INTERRUPTED.value,
            GONE,
            run["run_id"],
            Status.RUNNING.value,
            run["attempt"],
            run["attempt_id"],
        ),
    )
    if not done.rowcount:
        return
    for table, column in (("steps", "error"), ("attempts", "reason")):
        connection.execute(
            f"UPDATE {table} SET status = ?, {column} = ? WHERE run_id = ? AND status IN (?, ?)",
            (
                Status.INTERRUPTED.value,
                GONE,
                run["run_id"],
                Status.RUNNING.value,
                Status.RETRYING.value,
            ),
        )


def _put(connection: sqlite3.Connection, table: str, row: rows.Row, *, key: tuple[str, ...] = ()) -> None:
    names = ", ".join(f'"{column}"' for column in row)
    statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})"
    if key:
        changes = ", ".join(f'"{column}" = excluded."{column}"' for column in row if column not in key)
        statement += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    connection.execute(statement, tuple(row.values()))


def _not_found(run_id: str) -> RunNotFound:
    return RunNotFound(f"no run {run_id!r} in history", hint="list runs with `dagu history`")
