"""Records to rows and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import Field, fields
from types import MappingProxyType
from typing import Any

from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord, UsageRecord

Row = dict[str, str | int | float | None]


def _columns(record: type, *without: str) -> tuple[str, ...]:
    all_fields: tuple[Field[Any], ...] = fields(record)
    return tuple(field.name for field in all_fields if field.name not in without)


RUN_COLUMNS = _columns(RunRecord, "steps")
STEP_COLUMNS = _columns(StepRecord, "attempts")
ATTEMPT_COLUMNS = _columns(AttemptRecord, "usage")
USAGE_COLUMNS = _columns(UsageRecord)
_JSON_COLUMNS = {"labels", "outputs"}


def encode(column: str, value: Any) -> str | int | float | None:
    """The value as SQLite keeps it."""
    if column in _JSON_COLUMNS:
        return json.dumps(value, default=_plain, separators=(",", ":"))
    if isinstance(value, Status):
        return value.value
    if isinstance(value, str):
        # Half a character, cut out of one, or given on the command line, is no text for SQLite.
        return value.encode(errors="backslashreplace").decode()
    return value  # type: ignore[no-any-return]


def run_row(run: RunRecord) -> Row:
    """The columns of a run."""
    return {column: encode(column, getattr(run, column)) for column in RUN_COLUMNS}


def step_row(step: StepRecord) -> Row:
    """The columns of a step."""
    return {column: encode(column, getattr(step, column)) for column in STEP_COLUMNS}


def attempt_row(attempt: AttemptRecord) -> Row:
    """The columns of an attempt, those of its usage included."""
    row = {column: encode(column, getattr(attempt, column)) for column in ATTEMPT_COLUMNS}
    for column in USAGE_COLUMNS:
        row[column] = getattr(attempt.usage, column) if attempt.usage else None
    return row


def to_run(row: sqlite3.Row, steps: tuple[StepRecord, ...] = ()) -> RunRecord:
    """The run of a row; a column that was not asked for keeps its default."""
    return RunRecord(**_values(row, RUN_COLUMNS), steps=steps)


def to_listed(row: sqlite3.Row) -> dict[str, Any]:
    """The columns of a run's row as JSON values. Lists are long, and a record takes three times as long."""
    found = dict(zip(row.keys(), row, strict=True))
    found["labels"] = json.loads(found["labels"])
    return found


def to_step(row: sqlite3.Row, attempts: tuple[AttemptRecord, ...]) -> StepRecord:
    """The step of a row."""
    return StepRecord(**_values(row, STEP_COLUMNS), attempts=attempts)


def to_attempt(row: sqlite3.Row) -> AttemptRecord:
    """The attempt of a row."""
    usage = None
    if row["input"] is not None:
        usage = UsageRecord(**{column: row[column] for column in USAGE_COLUMNS})
    return AttemptRecord(**_values(row, ATTEMPT_COLUMNS), usage=usage)


def _values(row: sqlite3.Row, columns: tuple[str, ...]) -> dict[str, Any]:
    present = set(row.keys())
    return {column: _decode(column, row[column]) for column in columns if column in present}


def _decode(column: str, value: Any) -> Any:
    if column in _JSON_COLUMNS:
        return MappingProxyType(json.loads(value))
    return Status(value) if column == "status" else value


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
