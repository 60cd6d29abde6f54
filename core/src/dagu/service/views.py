"""Records as JSON values, as services pass them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from dagu.errors import DaguError, Problem
from dagu.history.records import RunRecord
from dagu.workflow.load import load_text


def as_json(value: Any) -> Any:
    """A record, or anything in one, as dicts, lists and scalars."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def full_run(run: RunRecord, depends: Mapping[str, list[str]]) -> dict[str, Any]:
    """A run with its steps.

    Args:
        depends: The steps that each step waits for, by name.
    """
    found: dict[str, Any] = as_json(run)
    for step in found["steps"]:
        step["depends"] = depends.get(step["name"], [])
    return found


def problem_json(problem: Problem) -> dict[str, Any]:
    """A mistake of a file."""
    return {"line": problem.line, "column": problem.column, "message": problem.message}


def dependencies(run: RunRecord, base: Path | None) -> dict[str, list[str]]:
    """What each step of a run waits for, as its file was when it started; empty if that can't be read any more."""
    try:
        found = load_text(run.source, name=run.file, file=Path(run.file) if run.file else None, base=base)
    except DaguError:
        return {}
    if run.parent_step:
        found = found.documents.get(run.workflow, found)
    return {step.name: list(step.depends) for step in found.steps}
