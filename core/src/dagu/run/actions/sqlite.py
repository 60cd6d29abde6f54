"""``action: sqlite.query``: a query on a SQLite database, with named parameters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from textwrap import indent
from typing import Any

from dagu.errors import UsageError
from dagu.run.cancel import Cancellation
from dagu.run.context import StepContext
from dagu.run.records.log import AttemptLog
from dagu.run.steps.ending import Ended, failed
from dagu.run.steps.plan import Plan
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.text import to_text

_EVERY = 100_000
"""Steps of SQLite's machine between two looks at whether the query is still wanted."""


def plan(context: StepContext) -> Plan:
    """Rows come out as JSON: one compact object a line (``output_format: jsonl``), else one array."""
    if context.target.contained:
        raise UsageError("sqlite.query runs on the host, and this step runs in a container")

    def query(log: AttemptLog, cancellation: Cancellation) -> Ended:
        given: Any = resolve_value(context.step.with_, context.scope, expand=Expand.SCOPE)
        dsn = to_text(given["dsn"]).removeprefix("sqlite://").removeprefix("file:")
        path = dsn if dsn == ":memory:" else str(context.directory / dsn)
        values = {key: _bindable(value) for key, value in (given.get("params") or {}).items()}
        try:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.row_factory = sqlite3.Row
                connection.set_progress_handler(cancellation.stopped.is_set, _EVERY)
                for statement in _statements(to_text(given["query"])):
                    rows = connection.execute(statement, values)
                    _print(rows, log, lines=given.get("output_format") == "jsonl")
        except (sqlite3.Error, ValueError) as error:  # a NUL, or what is no text
            return failed(f"sqlite: {error}")
        return Ended()

    return Plan(target=context.target, inside=query)


def _bindable(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bytes) else to_text(value)


def _statements(text: str) -> Iterator[str]:
    statement = ""
    for piece in text.split(";"):
        statement += piece
        if sqlite3.complete_statement(f"{statement};"):
            if statement.strip():
                yield statement
            statement = ""
        else:  # the semicolon stands in a text or a trigger
            statement += ";"
    if statement.strip(" \t\r\n;"):
        yield statement.removesuffix(";")


def _print(rows: sqlite3.Cursor, log: AttemptLog, *, lines: bool) -> None:
    if rows.description is None:
        return
    if lines:
        for row in rows:
            log.stdout.line(
                json.dumps(dict(row), separators=(",", ":"), ensure_ascii=False, default=bytes.hex)
            )
        return
    before = "["
    for row in rows:
        text = json.dumps(dict(row), indent=2, ensure_ascii=False, default=bytes.hex)
        log.stdout.write((before + "\n" + indent(text, "  ")).encode())
        before = ","
    log.stdout.line("[]" if before == "[" else "\n]")
