"""What is known of a stored workflow: enough for lists, forms and the scheduler, without the file's whole tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import tzinfo
from pathlib import Path
from typing import Any

from dagu.contracts.container import EMPTY
from dagu.errors import DaguError, Problem, WorkflowInvalid
from dagu.frozen import dataclass
from dagu.service.schedule import Schedule, read_schedule
from dagu.workflow.graph import order
from dagu.workflow.load import load_file
from dagu.workflow.model import Param, Step, Workflow
from dagu.workflow.values.text import parse_json


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A stored workflow.

    Attributes:
        name: What it is called.
        steps: ``name``, ``id``, ``depends`` and more of each, as JSON values.
        params_schema: JSON Schema of its named parameters.
        problems: Its mistakes; with any of them, it can't be started.
    """

    name: str
    file: Path
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    schedule: Schedule = field(default_factory=Schedule)
    params_schema: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    steps: Sequence[Mapping[str, Any]] = ()
    problems: tuple[Problem, ...] = ()


def read_stored(name: str, file: Path, base: Path | None, zone: tzinfo) -> Stored:
    """Read a workflow's file."""
    try:
        workflow = load_file(file, base=base)
        order(workflow)
    except WorkflowInvalid as error:
        return Stored(name=name, file=file, problems=error.problems)
    except DaguError as error:
        return Stored(name=name, file=file, problems=(Problem(str(file), 1, 1, error.message),))
    schedule = read_schedule(workflow, zone)
    return Stored(
        name=name,
        file=file,
        title=workflow.name,
        description=workflow.description,
        tags=workflow.tags,
        labels=labels_of(workflow),
        schedule=schedule,
        params_schema=params_schema(workflow),
        steps=tuple(described(step) for step in workflow.steps),
        problems=schedule.problems,
    )


def labels_of(workflow: Workflow) -> dict[str, str]:
    """Labels and tags, as runs carry them."""
    return {**dict.fromkeys(workflow.tags, ""), **dict(workflow.labels)}


def described(step: Step) -> dict[str, Any]:
    """A step for lists and graphs."""
    kind = "foreach" if step.foreach is not None else step.action or ("run" if step.run else "container")
    return {
        "name": step.name,
        "id": step.id,
        "description": step.description,
        "depends": list(step.depends),
        "kind": kind,
        "line": step.line,
    }


def params_schema(workflow: Workflow) -> dict[str, Any]:
    """JSON Schema of the named parameters; empty without any, or where its file can't be read."""
    params = workflow.params
    given: Any = params.schema
    if isinstance(given, str):
        given = _beside(workflow, given)
    if isinstance(given, Mapping):
        return _with_values(plain(given), params.values)
    named = [param for param in params.declared if param.name]
    if not named:
        return {}
    return {
        "type": "object",
        "properties": {param.name: _property(param) for param in named},
        "required": [
            param.name for param in named if param.required and not param.has_default and not param.eval
        ],
    }


def _property(param: Param) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string", **plain(param.schema)}
    if param.description:
        found["description"] = param.description
    if param.has_default:
        found["default"] = plain(param.default)
    return found


def _with_values(schema: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    for name, value in values.items():
        if isinstance(properties, dict) and isinstance(properties.get(name), dict):
            properties[name]["default"] = plain(value)
    return schema


def _beside(workflow: Workflow, named: str) -> Any:
    if workflow.file is None or named.startswith(("http://", "https://")):
        return None  # a form is not worth asking another machine
    try:
        return parse_json((workflow.file.parent / named).read_text())
    except (OSError, ValueError):
        return None  # the run tells it


def plain(value: Any) -> Any:
    """A value of a file as JSON has it: dicts and lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
