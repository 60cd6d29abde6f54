"""``action: sqlite.query``: a query on a SQLite database, with named parameters."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

from dagu.errors import UsageError
from dagu.run.context import StepContext
from dagu.run.log import AttemptLog
from dagu.run.plan import Plan
from dagu.workflow.values.resolve import Expand, resolve_value


def plan(context: StepContext) -> Plan:
    """Rows come out as JSON: one compact object a line (``output_format: jsonl``), else one array."""
    if context.target.contained:
        raise UsageError("sqlite.query runs on the host, and this step runs in a container")

    def query(log: AttemptLog) -> int:
        given: Any = resolve_value(context.step.with_, context.scope, expand=Expand.SCOPE)
        dsn = str(given["dsn"]).removeprefix("sqlite://").removeprefix("file:")
        path = dsn if dsn == ":memory:" else str(context.directory / dsn)
        try:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.row_factory = sqlite3.Row
                rows = connection.execute(str(given["query"]), dict(given.get("params") or {}))
                _print(rows, log, lines=given.get("output_format") == "jsonl")
        except sqlite3.Error as error:
            log.stderr.write(f"sqlite: {error}\n".encode())
            return 1
        return 0

    return Plan(target=context.target, inside=query)


def _print(rows: sqlite3.Cursor, log: AttemptLog, *, lines: bool) -> None:
    if lines:
        for row in rows:
            text = json.dumps(dict(row), separators=(",", ":"), ensure_ascii=False)
            log.stdout.write(text.encode() + b"\n")
    elif rows.description is not None:
        text = json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False)
        log.stdout.write(text.encode() + b"\n")
