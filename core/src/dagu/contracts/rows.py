"""Records as rows of a database, and back: for stores of history, which have a table for each kind of record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from dagu.contracts.records import AttemptRecord, RunRecord, Status, StepRecord, UsageRecord

Row = dict[str, Any]


def _columns(record: type, *without: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record) if field.name not in without)


RUN_COLUMNS = _columns(RunRecord, "steps")
LISTED_COLUMNS = tuple(column for column in RUN_COLUMNS if column != "source")
STEP_COLUMNS = _columns(StepRecord, "attempts")
ATTEMPT_COLUMNS = _columns(AttemptRecord, "usage")
USAGE_COLUMNS = _columns(UsageRecord)
_JSON_COLUMNS = {"labels", "outputs"}


def encode(column: str, value: Any) -> Any:
    """The value as a database keeps it: a number, None, or text, whose odd characters have escapes."""
    if column in _JSON_COLUMNS:
        text = json.dumps(value, default=_plain, separators=(",", ":"))
        # A database looks into labels, and its text has no such character.
        return text.replace("\\u0000", "") if column == "labels" else text
    if isinstance(value, Status):
        return value.value
    return asked(value)


def asked(value: Any) -> Any:
    """A value as a database takes it in a question: what it would keep."""
    if isinstance(value, str):
        # Half a character, cut out of one, or given on the command line, is no text for a database; nor is this one.
        return value.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
    return value


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


def to_run(row: Mapping[str, Any], steps: tuple[StepRecord, ...] = ()) -> RunRecord:
    """The run of a row; a column that was not asked for keeps its default."""
    return RunRecord(**_values(row, RUN_COLUMNS), steps=steps)


def to_listed(row: Mapping[str, Any]) -> Row:
    """The columns of a run's row as JSON values. Lists are long, and a record takes three times as long."""
    return {**row, "labels": json.loads(row["labels"])}


def to_step(row: Mapping[str, Any], attempts: tuple[AttemptRecord, ...]) -> StepRecord:
    """The step of a row."""
    return StepRecord(**_values(row, STEP_COLUMNS), attempts=attempts)


def to_attempt(row: Mapping[str, Any]) -> AttemptRecord:
    """The attempt of a row."""
    usage = None
    if row["input"] is not None:
        usage = UsageRecord(**{column: row[column] for column in USAGE_COLUMNS})
    return AttemptRecord(**_values(row, ATTEMPT_COLUMNS), usage=usage)


def _values(row: Mapping[str, Any], columns: tuple[str, ...]) -> Row:
    return {column: _decode(column, row[column]) for column in columns if column in row}


def _decode(column: str, value: Any) -> Any:
    if column in _JSON_COLUMNS:
        return MappingProxyType(json.loads(value))
    return Status(value) if column == "status" else value


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
