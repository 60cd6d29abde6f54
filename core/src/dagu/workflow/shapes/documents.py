"""A document: the root keys of a workflow."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from dagu.workflow.model import EMPTY, Artifacts, Shell, Workflow
from dagu.workflow.place import INVALID, Place
from dagu.workflow.quantities import parse_cpus, parse_size
from dagu.workflow.shapes.actions import SHELL
from dagu.workflow.shapes.base import ByKind, Definitions, ListOf, MapOf, Named, Schema, Shape
from dagu.workflow.shapes.conditions import Preconditions
from dagu.workflow.shapes.containers import Container, quantity
from dagu.workflow.shapes.declarations import SECRETS, Consts
from dagu.workflow.shapes.env import Env
from dagu.workflow.shapes.harnesses import HARNESS_DEFAULTS, HARNESSES
from dagu.workflow.shapes.params import ParamsShape
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.registry import REGISTRY_AUTHS
from dagu.workflow.shapes.scalars import Anything, Bool, Const, Number, Text
from dagu.workflow.shapes.steps import DEFAULTS_FIELDS, STEP, STEPS
from dagu.workflow.tree import Node

HANDLERS = {
    "init": "onInit",
    "success": "onSuccess",
    "failure": "onFailure",
    "abort": "onAbort",
    "exit": "onExit",
    "wait": "onWait",
}

_REFUSED_TYPES = {
    "agent": "agent workflows are not supported; write steps with action: harness.run",
    "build": "build workflows are not supported; order steps with 'depends'",
}


class _Type(Shape):
    """``graph`` or ``chain``; told to the reading at once, for the steps."""

    def read(self, node: Node, place: Place) -> Any:
        if node.value in ("graph", "chain"):
            place.reading.chain = node.value == "chain"
            return node.value
        hint = _REFUSED_TYPES.get(node.value, "") if node.is_text else ""
        return place.refuse(node, f"must be graph or chain, not {node.described}", hint)

    def schema(self, definitions: Definitions) -> Schema:
        return {"enum": ["graph", "chain"]}


class _Noted(Shape):
    """A shape whose value others are checked against."""

    def __init__(self, key: str, shape: Shape) -> None:
        self.key = key
        self.shape = shape

    def read(self, node: Node, place: Place) -> Any:
        value = self.shape.read(node, place)
        place.reading.facts[self.key] = value
        return value

    def schema(self, definitions: Definitions) -> Schema:
        return self.shape.schema(definitions)


class _Defaults(Shape):
    """What fills absent step keys; told to the reading at once."""

    _shape = Object(
        DEFAULTS_FIELDS, refused={"agent": "agents take their defaults from the root key 'harness'"}
    )

    def read(self, node: Node, place: Place) -> Any:
        value = self._shape.read(node, place)
        if value is not INVALID:
            place.reading.defaults = value
        return value

    def schema(self, definitions: Definitions) -> Schema:
        return self._shape.schema(definitions)


class _Handlers(Shape):
    """One step for each event."""

    _shape = Object(
        dict.fromkeys(HANDLERS, STEP),
        refused={"cancel": "write 'abort'"},
        what="a mapping of events to steps",
    )

    def read(self, node: Node, place: Place) -> Any:
        from dataclasses import replace

        chain, place.reading.chain = place.reading.chain, False
        value = self._shape.read(node, place)
        place.reading.chain = chain
        for event, step in node.value if node.kind == "map" else ():
            depends = step.get("depends")
            if depends is not None:
                here = place.key(event.text).key("depends")
                value = here.refuse(depends, "depends field is not allowed: handlers are outside the graph")
        if value is INVALID:
            return INVALID
        return MappingProxyType(
            {
                event: replace(step, name=step.name or step.id or HANDLERS[event])
                for event, step in value.items()
            }
        )

    def schema(self, definitions: Definitions) -> Schema:
        return self._shape.schema(definitions)


class _Labels(Shape):
    """``labels`` and ``tags``: a text, a list or a mapping; read into pairs of name and value."""

    def read(self, node: Node, place: Place) -> Any:
        if node.is_text:
            parts = node.text.split(",") if "," in node.text else node.text.split()
            return tuple(_pair(part) for part in parts if part.strip())
        if node.kind == "map":
            return self._pairs(node, place)
        if node.kind != "list":
            return place.refuse(node, f"must be a text, a list or a mapping, not {node.described}")
        result: list[tuple[str, str]] = []
        for index, item in enumerate(node.value):
            if item.kind == "map":
                pairs = self._pairs(item, place.item(index))
                if pairs is INVALID:
                    return INVALID
                result += pairs
            elif item.kind == "scalar" and item.text.strip():
                result.append(_pair(item.text))
            else:
                return place.item(index).refuse(
                    item, f"must be text or a mapping of scalars, not {item.described}"
                )
        return tuple(result)

    @staticmethod
    def _pairs(node: Node, place: Place) -> Any:
        for key, value in node.value:
            if value.kind != "scalar":
                return place.key(key.text).refuse(
                    value, f"must be text, a number or a boolean, not {value.described}"
                )
        return tuple((key.text, value.text) for key, value in node.value)

    def schema(self, definitions: Definitions) -> Schema:
        scalar = {"type": ["string", "number", "boolean", "null"]}
        mapping = {"type": "object", "additionalProperties": scalar}
        return {
            "anyOf": [
                {"type": "string"},
                mapping,
                {"type": "array", "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, mapping]}},
            ]
        }


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


_RESOURCES = Object({"limits": Object({"cpu": quantity(parse_cpus), "memory": quantity(parse_size)})})
_SECONDS = Number(minimum=0, maximum=10**9, integer=False)
_COUNT = Number(minimum=0, maximum=10**9)
_TEXT = Text(scalars=True, blank=True)
_SCHEDULE = ByKind(
    what="a cron expression, a list of them, or a mapping with start, stop and restart",
    text=Text(),
    items=Anything("list"),
    mapping=Anything("map"),
)

_ELSEWHERE: dict[str, Shape] = {
    "ssh": Anything("map"),
    "kubernetes": Anything("map"),
    "llm": Anything("map"),
    "tools": Anything("map", "list"),
    "retry_policy": Anything("map"),
    "group": _TEXT,
    "schedule": _SCHEDULE,
    "catchup_window": _TEXT,
    "overlap_policy": Text(choices=("skip", "all", "latest", "queue"), literal=True),
    "skip_if_successful": Bool(),
    "restart_wait_sec": _SECONDS,
    "hist_retention_days": Number(minimum=-1, maximum=10**6),
    "hist_retention_runs": Number(minimum=-1, maximum=10**9),
    "max_active_runs": Number(minimum=-1, maximum=10**9),
    "queue": _TEXT,
    "run_config": Anything("map"),
    "worker_selector": ByKind(
        what="a mapping of labels, or local",
        text=Text(choices=("local",), literal=True),
        mapping=MapOf(Text(scalars=True, blank=True)),
    ),
    "workspace": Text(choices=("copy",), literal=True),
    "on_worker_lost": Text(choices=("interrupt", "retry"), literal=True),
    "smtp": Anything("map"),
    "mail_on": Anything("map"),
    "error_mail": Anything("map"),
    "info_mail": Anything("map"),
    "wait_mail": Anything("map"),
    "log_dir": Text(),
    "log_output": Text(choices=("separate", "merged"), literal=True),
}

FIELDS: dict[str, Shape] = {
    "name": Text(literal=True, scalars=True, strip=True, blank=True),
    "description": Text(literal=True, scalars=True, blank=True),
    "type": _Type(),
    "working_dir": Text(),
    "shell": _Noted("shell", SHELL),
    "shell_args": ListOf(Text(scalars=True, blank=True), single=True),
    "params": ParamsShape(),
    "consts": Consts(),
    "env": Env(),
    "dotenv": ListOf(Text(), single=True, what="a path or a list of paths"),
    "secrets": _Noted("secrets", SECRETS),
    "defaults": _Defaults(),
    "container": _Noted("container", Container()),
    "registry_auths": REGISTRY_AUTHS,
    "harnesses": _Noted("harnesses", HARNESSES),
    "harness": _Noted("harness", HARNESS_DEFAULTS),
    "steps": STEPS,
    "handler_on": _Handlers(),
    "preconditions": Preconditions(),
    "timeout_sec": _SECONDS,
    "delay_sec": _SECONDS,
    "max_active_steps": _COUNT,
    "max_clean_up_time_sec": _SECONDS,
    "max_output_size": Number(minimum=1, maximum=2**40),
    "artifacts": ByKind(
        what="a mapping with enabled and dir",
        boolean=Const(lambda on: {"enabled": on}, {"type": "boolean"}),
        mapping=Object({"enabled": Bool(), "dir": Text()}),
    ),
    "resources": _RESOURCES,
    "labels": _Labels(),
    "tags": _Labels(),
    **_ELSEWHERE,
}

_PLAIN = (
    "name", "description", "type", "working_dir", "params", "consts", "env", "dotenv", "secrets", "container",
    "registry_auths", "harnesses", "harness", "steps", "preconditions", "timeout_sec", "delay_sec",
    "max_active_steps", "max_clean_up_time_sec", "max_output_size", "labels",
)  # fmt: skip

_REFUSED = {
    "tasks": "agent tasks are not supported; write steps with action: harness.run",
    "agent": "agents are driven by steps with action: harness.run",
    "inputs": "build workflows are not supported",
    "functions": "write steps with 'action'",
    "handlerOn": "write 'handler_on'",
    "precondition": "write 'preconditions'",
    "mcp": "not supported",
    "jobs": "write 'steps'",
    "on": "write 'schedule'",
}


def _document(record: Record) -> Any:
    if "shell_args" in record.nodes and "shell" not in record.nodes:
        record.refuse("shell_args", "needs shell beside it")
    if not record.whole:
        return INVALID
    given = record.select(*_PLAIN)
    if record.has("shell"):
        given["shell"] = Shell(text=record.get("shell"), args=record.get("shell_args", ()))
    if record.has("handler_on"):
        given["handlers"] = record.get("handler_on")
    if record.has("artifacts"):
        given["artifacts"] = Artifacts(**record.get("artifacts"))
    limits = record.get("resources", EMPTY).get("limits", EMPTY)
    tags = tuple(f"{name}={value}" if value else name for name, value in record.get("tags", ()))
    return Workflow(
        **given,
        cpu_limit=limits.get("cpu"),
        memory_limit=limits.get("memory"),
        tags=tags,
        rest=MappingProxyType(record.select(*_ELSEWHERE)),
    )


DOCUMENT = Named(
    "workflow",
    lambda: Object(FIELDS, _document, required=("steps",), refused=_REFUSED, what="a mapping of keys"),
)
